//! [`Decision`]: compares an existing container with its desired state and decides
//! what happens to it.

use kcc_lower::docker::Container;
use kcc_plan::FieldChange;

use super::Reconciler;
use crate::{
    config, drift,
    observed::{ContainerState, Difference, ObservedContainer},
};

/// The most changes that a cause names.
const MAX_CHANGES: usize = 3;

/// The treatment of an existing container.
pub(super) enum Decision {
    Keep,
    Start(Cause),
    Restart(Cause),
    Unpause,
    Replace(Cause),
}

/// The reason for an operation, with the fields that it changes.
pub(super) struct Cause {
    pub(super) text: String,
    pub(super) changes: Vec<FieldChange>,
}

impl From<String> for Cause {
    fn from(text: String) -> Self {
        Self {
            text,
            changes: Vec::new(),
        }
    }
}

impl From<&str> for Cause {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

/// Returns the change back to a running container.
pub(super) fn state(live: String) -> Vec<FieldChange> {
    vec![FieldChange {
        path: "state".to_owned(),
        live: Some(live.into()),
        desired: Some("running".into()),
    }]
}

impl Reconciler<'_> {
    pub(super) fn decide(
        &self,
        container: &Container,
        existing: &ObservedContainer,
        job: bool,
    ) -> Decision {
        if existing.config_hash.as_deref() != Some(&container.config_hash()) {
            return Decision::Replace(Cause {
                text: config::cause(container, existing.config_fields.as_deref()),
                changes: config::changes(container, existing),
            });
        }
        let done = job && existing.state == ContainerState::Exited(0);
        let surroundings = || self.changed_surroundings(container, existing);
        // The first one is the reason, and replacing it removes all.
        let causes = [
            self.changed_image(container, existing),
            (!done).then(|| unusable(container, existing)).flatten(),
            changed_process(existing),
            (!done).then(surroundings).flatten(),
        ];
        let replaces = causes.into_iter().flatten().reduce(|mut first, other| {
            first.changes.extend(other.changes);
            first
        });
        if let Some(mut cause) = replaces {
            match existing.state {
                _ if done || container.on_demand => {}
                ContainerState::Paused => cause.changes.extend(state("paused".to_owned())),
                ContainerState::Exited(code) => {
                    cause.changes.extend(state(format!("exited ({code})")));
                }
                _ => {}
            }
            return Decision::Replace(cause);
        }
        match existing.state {
            _ if done => Decision::Keep,
            // It runs on demand.
            _ if container.on_demand => Decision::Keep,
            ContainerState::Paused => Decision::Unpause,
            ContainerState::Exited(code) if job => Decision::Start(Cause {
                text: format!("did not complete (exit code {code}); running it again"),
                changes: state(format!("exited ({code})")),
            }),
            ContainerState::Exited(code) => Decision::Start(Cause {
                text: format!("not running (exit code {code})"),
                changes: state(format!("exited ({code})")),
            }),
            _ => Decision::Keep,
        }
    }

    /// Returns the reason if a container's image differs from what its reference
    /// now means.
    fn changed_image(&self, container: &Container, existing: &ObservedContainer) -> Option<Cause> {
        let reference = &container.image;
        if self.rebuilt.contains(reference.as_str()) {
            return Some(format!("image `{reference}` is rebuilt").into());
        }
        // A missing image is pulled, and may turn out to be the same.
        let image = self.observed.images.get(reference)?;
        (image.id != existing.image_id).then(|| {
            let (old, new) = (short(&existing.image_id), short(&image.id));
            Cause {
                text: format!("image `{reference}` was rebuilt ({old}… → {new}…)"),
                changes: vec![FieldChange {
                    path: IMAGE_ID.to_owned(),
                    live: Some(existing.image_id.as_str().into()),
                    desired: Some(image.id.as_str().into()),
                }],
            }
        })
    }

    /// Finds changes of a container's networks and settings.
    fn changed_surroundings(
        &self,
        container: &Container,
        existing: &ObservedContainer,
    ) -> Option<Cause> {
        let ids = self.observed.networks.iter();
        let ids = ids.map(|(name, network)| (name.as_str(), network.id.as_str()));
        let shared = self.observed.sharing.networks.iter();
        let ids = ids.chain(shared.map(|(name, id)| (name.as_str(), id.as_str())));
        let networks = drift::networks(container, &existing.networks, &ids.collect());
        let recorded = existing.recorded.as_ref();
        let settings = recorded.map_or_else(Vec::new, |recorded| {
            drift::settings(recorded, &existing.settings)
        });
        let text = match networks.first() {
            Some(first) => first.text.clone(),
            None => outside(&settings)?,
        };
        let all = networks.into_iter().chain(settings);
        Some(Cause {
            text,
            changes: all.map(|difference| difference.change).collect(),
        })
    }
}

/// Returns the reason if a container cannot be started any more.
fn unusable(container: &Container, existing: &ObservedContainer) -> Option<Cause> {
    let interrupted = match existing.state {
        ContainerState::Dead => {
            return Some(Cause {
                text: "dead".to_owned(),
                changes: state("dead".to_owned()),
            });
        }
        ContainerState::Created => true,
        // Somebody may have started it too early, unless an apply has recorded it at its
        // end.
        ContainerState::Exited(_) => existing.recorded.is_none(),
        _ => false,
    };
    // One that runs on demand got its name when it was complete.
    (interrupted && !container.on_demand)
        .then(|| "an apply was interrupted while creating it".into())
}

/// The field of a container with the identity of its image.
pub(crate) const IMAGE_ID: &str = "imageId";

/// Describes how a container's process differs from the desired one although its
/// labels agree.
fn changed_process(existing: &ObservedContainer) -> Option<Cause> {
    let process = &existing.process;
    let secrets: Vec<_> = process.secrets.iter().collect();
    let text = match secrets.as_slice() {
        [] => outside(&process.changes)?,
        [secret] => format!("secret `{secret}` changed"),
        [first, rest @ ..] => format!("secret `{first}` and {} more changed", rest.len()),
    };
    let hidden = process.hidden.iter().map(|path| FieldChange {
        path: path.clone(),
        live: None,
        desired: None,
    });
    let others = process.changes.iter();
    let others = others.map(|difference| difference.change.clone());
    Some(Cause {
        text,
        changes: hidden.chain(others).collect(),
    })
}

/// Names changes that were made outside kcc.
fn outside(changes: &[Difference]) -> Option<String> {
    let named: Vec<_> = changes
        .iter()
        .take(MAX_CHANGES)
        .map(|difference| difference.text.as_str())
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
