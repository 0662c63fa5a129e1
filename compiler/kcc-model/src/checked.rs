//! [`CheckedModel`]: the proof that every rule held.

use crate::{EngineTarget, SystemModel};

/// A model that passed every rule; only [`crate::check`] makes one.
#[derive(Debug, Clone)]
pub struct CheckedModel(SystemModel);

impl CheckedModel {
    pub(crate) fn new(model: SystemModel) -> Self {
        Self(model)
    }

    /// The same model with all its targets on Kubernetes in another cluster or
    /// namespace, as somebody who runs a command may ask for. No rule depends on
    /// either.
    #[must_use]
    pub fn elsewhere(mut self, new_context: Option<&str>, new_namespace: Option<&str>) -> Self {
        for target in self.0.targets.values_mut() {
            let EngineTarget::Kubernetes {
                context, namespace, ..
            } = &mut target.engine
            else {
                continue;
            };
            if let Some(name) = new_context {
                *context = Some(name.to_owned());
            }
            if let Some(name) = new_namespace {
                name.clone_into(namespace);
            }
        }
        self
    }
}

impl std::ops::Deref for CheckedModel {
    type Target = SystemModel;

    fn deref(&self) -> &SystemModel {
        &self.0
    }
}
