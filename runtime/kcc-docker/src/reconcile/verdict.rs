//! [`Verdict`]: whether a container that is there does what it should.

use kcc_lower::docker::Container;

use super::Reconciler;
use crate::{
    config,
    observed::{ContainerState, ObservedContainer},
};

/// A container that is there and does not do what it should.
pub(super) enum Verdict {
    Keep,
    Start(String),
    Restart(String),
    Unpause,
    Replace(String),
}

impl Reconciler<'_> {
    pub(super) fn verdict(
        &self,
        container: &Container,
        there: &ObservedContainer,
        job: bool,
    ) -> Verdict {
        if there.config_hash.as_deref() != Some(&container.config_hash()) {
            return Verdict::Replace(config::cause(container, there.config_fields.as_deref()));
        }
        let image = self.observed.images.get(&container.image);
        let built = self
            .docker
            .images
            .get(&container.image)
            .is_some_and(|image| image.build.is_some());
        if self.rebuilt.contains(container.image.as_str()) {
            return Verdict::Replace("its image is built anew".to_owned());
        }
        if built && image.is_none_or(|image| image.id != there.image_id) {
            return Verdict::Replace("it was made from another build of its image".to_owned());
        }
        match there.state {
            ContainerState::Created if !container.on_demand => {
                return Verdict::Replace("an apply was stopped while it was made".to_owned());
            }
            ContainerState::Dead => return Verdict::Replace("it is dead".to_owned()),
            _ => {}
        }
        let lost = container.networks.keys().find(|network| {
            !there.networks.contains(*network) || !self.observed.networks.contains_key(*network)
        });
        let done = job && there.state == ContainerState::Exited(0);
        match there.state {
            _ if done => Verdict::Keep,
            _ if lost.is_some() => {
                let network = lost.map_or("", String::as_str);
                Verdict::Replace(format!("it is not connected to network `{network}`"))
            }
            // It runs when somebody starts it.
            _ if container.on_demand => Verdict::Keep,
            ContainerState::Paused => Verdict::Unpause,
            ContainerState::Exited(code) if job => Verdict::Start(format!(
                "it did not complete (exit code {code}), and runs again"
            )),
            ContainerState::Exited(code) => {
                Verdict::Start(format!("it does not run (exit code {code})"))
            }
            _ => Verdict::Keep,
        }
    }
}
