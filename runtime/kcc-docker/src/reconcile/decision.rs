//! [`Decision`]: compares an existing container with its desired state and decides
//! what happens to it.

use kcc_lower::docker::Container;

use super::Reconciler;
use crate::{
    config, drift,
    observed::{ContainerState, ObservedContainer},
};

/// The most changes that a cause names.
const MAX_CHANGES: usize = 3;

/// The treatment of an existing container.
pub(super) enum Decision {
    Keep,
    Start(String),
    Restart(String),
    Unpause,
    Replace(String),
}

impl Reconciler<'_> {
    pub(super) fn decide(
        &self,
        container: &Container,
        existing: &ObservedContainer,
        job: bool,
    ) -> Decision {
        if existing.config_hash.as_deref() != Some(&container.config_hash()) {
            return Decision::Replace(config::cause(container, existing.config_fields.as_deref()));
        }
        if let Some(cause) = self.changed_image(container, existing) {
            return Decision::Replace(cause);
        }
        match existing.state {
            ContainerState::Created if !container.on_demand => {
                return Decision::Replace("an apply was interrupted while creating it".to_owned());
            }
            ContainerState::Dead => return Decision::Replace("dead".to_owned()),
            _ => {}
        }
        if let Some(cause) = changed_process(existing) {
            return Decision::Replace(cause);
        }
        let done = job && existing.state == ContainerState::Exited(0);
        if done {
            return Decision::Keep;
        }
        if let Some(cause) = self.changed_surroundings(container, existing) {
            return Decision::Replace(cause);
        }
        match existing.state {
            // It runs on demand.
            _ if container.on_demand => Decision::Keep,
            ContainerState::Paused => Decision::Unpause,
            ContainerState::Exited(code) if job => Decision::Start(format!(
                "did not complete (exit code {code}); running it again"
            )),
            ContainerState::Exited(code) => {
                Decision::Start(format!("not running (exit code {code})"))
            }
            _ => Decision::Keep,
        }
    }

    /// Returns the reason if a container's image differs from what its reference
    /// now means.
    fn changed_image(&self, container: &Container, existing: &ObservedContainer) -> Option<String> {
        let reference = &container.image;
        if self.rebuilt.contains(reference.as_str()) {
            return Some(format!("image `{reference}` is rebuilt"));
        }
        // A missing image is pulled, and may turn out to be the same.
        let image = self.observed.images.get(reference)?;
        (image.id != existing.image_id).then(|| {
            let (old, new) = (short(&existing.image_id), short(&image.id));
            format!("image `{reference}` was rebuilt ({old}… → {new}…)")
        })
    }

    /// Describes changes of a container's networks and settings.
    fn changed_surroundings(
        &self,
        container: &Container,
        existing: &ObservedContainer,
    ) -> Option<String> {
        let ids = self.observed.networks.iter();
        let ids = ids.map(|(name, network)| (name.as_str(), network.id.as_str()));
        drift::networks(container, &existing.networks, &ids.collect()).or_else(|| {
            let recorded = existing.recorded.as_ref()?;
            outside(&drift::settings(recorded, &existing.settings))
        })
    }
}

/// Describes how a container's process differs from the desired one although its
/// labels agree.
fn changed_process(existing: &ObservedContainer) -> Option<String> {
    let secrets: Vec<_> = existing.process.secrets.iter().collect();
    let changed = match secrets.as_slice() {
        [] => return outside(&existing.process.changes),
        [secret] => format!("secret `{secret}` changed"),
        [first, rest @ ..] => format!("secret `{first}` and {} more changed", rest.len()),
    };
    Some(changed)
}

/// Names changes that were made outside kcc.
fn outside(changes: &[String]) -> Option<String> {
    let named: Vec<_> = changes
        .iter()
        .take(MAX_CHANGES)
        .map(String::as_str)
        .collect();
    let more = match changes.len().saturating_sub(MAX_CHANGES) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    (!named.is_empty()).then(|| format!("{}{more} (changed outside kcc)", named.join(", ")))
}

/// Returns the first digits of an image's identity.
fn short(id: &str) -> &str {
    let digits = id.strip_prefix("sha256:").unwrap_or(id);
    digits.get(..12).unwrap_or(digits)
}
