//! [`CheckedModel`]: a model that passed every rule.

use kcc_tree::ConfigTree;

use crate::{EngineTarget, SystemModel};

/// A model that passed every rule. [`crate::examine`] and [`crate::check`] are
/// the only ways to get one.
#[derive(Debug, Clone)]
pub struct CheckedModel(SystemModel);

impl CheckedModel {
    /// Reads the system and its targets alone, whatever else is wrong. Without any
    /// component there is nothing that a rule could reject.
    pub fn without_components(tree: &ConfigTree) -> Self {
        Self(crate::build::build_system(tree))
    }

    pub(crate) fn new(model: SystemModel) -> Self {
        Self(model)
    }

    /// Overrides the context or namespace of every Kubernetes target, as command
    /// line flags do. No rule depends on either, so the model stays checked.
    #[must_use]
    pub fn with_overrides(
        mut self,
        new_context: Option<&str>,
        new_namespace: Option<&str>,
    ) -> Self {
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
