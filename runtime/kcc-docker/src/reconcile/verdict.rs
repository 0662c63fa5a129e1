//! [`Verdict`]: whether a container that is there does what it should.

use kcc_lower::docker::Container;

use super::Reconciler;
use crate::{
    config, drift,
    observed::{ContainerState, ObservedContainer},
};

/// Changes that a cause names at most.
const NAMED: usize = 3;

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
        if let Some(cause) = self.other_image(container, there) {
            return Verdict::Replace(cause);
        }
        match there.state {
            ContainerState::Created if !container.on_demand => {
                return Verdict::Replace("an apply was stopped while it was created".to_owned());
            }
            ContainerState::Dead => return Verdict::Replace("dead".to_owned()),
            _ => {}
        }
        if let Some(cause) = other_process(there) {
            return Verdict::Replace(cause);
        }
        let done = job && there.state == ContainerState::Exited(0);
        if done {
            return Verdict::Keep;
        }
        if let Some(cause) = self.other_surroundings(container, there) {
            return Verdict::Replace(cause);
        }
        match there.state {
            // It runs when somebody starts it.
            _ if container.on_demand => Verdict::Keep,
            ContainerState::Paused => Verdict::Unpause,
            ContainerState::Exited(code) if job => {
                Verdict::Start(format!("did not complete (exit code {code}); runs again"))
            }
            ContainerState::Exited(code) => {
                Verdict::Start(format!("not running (exit code {code})"))
            }
            _ => Verdict::Keep,
        }
    }

    /// Why a container runs another image than its reference means now.
    fn other_image(&self, container: &Container, there: &ObservedContainer) -> Option<String> {
        let reference = &container.image;
        if self.rebuilt.contains(reference.as_str()) {
            return Some(format!("image `{reference}` is rebuilt"));
        }
        // One that is absent is pulled, and may be the same.
        let image = self.observed.images.get(reference)?;
        (image.id != there.image_id).then(|| {
            let (old, new) = (short(&there.image_id), short(&image.id));
            format!("image `{reference}` was rebuilt ({old}… → {new}…)")
        })
    }

    /// What somebody changed about the settings and networks of a container.
    fn other_surroundings(
        &self,
        container: &Container,
        there: &ObservedContainer,
    ) -> Option<String> {
        let ids = self.observed.networks.iter();
        let ids = ids.map(|(name, network)| (name.as_str(), network.id.as_str()));
        drift::networks(container, &there.networks, &ids.collect()).or_else(|| {
            let recorded = there.recorded.as_ref()?;
            outside(&drift::settings(recorded, &there.settings))
        })
    }
}

/// Why what runs in a container is not what is desired, though its labels say so.
fn other_process(there: &ObservedContainer) -> Option<String> {
    let secrets: Vec<_> = there.process.secrets.iter().collect();
    let changed = match secrets.as_slice() {
        [] => return outside(&there.process.changes),
        [secret] => format!("secret `{secret}` changed"),
        [first, rest @ ..] => format!("secret `{first}` and {} more changed", rest.len()),
    };
    Some(changed)
}

/// Names changes that nobody made through kcc.
fn outside(changes: &[String]) -> Option<String> {
    let named: Vec<_> = changes.iter().take(NAMED).map(String::as_str).collect();
    let more = match changes.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    (!named.is_empty()).then(|| format!("{}{more} (changed outside kcc)", named.join(", ")))
}

/// The first digits of an image's identity.
fn short(id: &str) -> &str {
    let digits = id.strip_prefix("sha256:").unwrap_or(id);
    digits.get(..12).unwrap_or(digits)
}
