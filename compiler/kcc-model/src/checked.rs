//! [`CheckedModel`]: a model that passed every rule.

use std::collections::BTreeMap;

use kcc_lock::Images;
use kcc_tree::ConfigTree;

use crate::{EngineTarget, Name, SystemModel, TargetModel, Team};

/// A model that passed every rule. [`crate::examine`] and [`crate::check`] are the only
/// ways to get one from fragments; that of a revision has passed them before.
#[derive(Debug, Clone)]
pub struct CheckedModel(SystemModel);

impl CheckedModel {
    /// Reads the system and its targets alone, whatever else is wrong. Without any
    /// component there is nothing that a rule could reject.
    pub fn without_components(tree: &ConfigTree) -> Self {
        Self(crate::build::build_system(tree))
    }

    /// Returns the model of a revision, which passed every rule before it was recorded.
    /// What a copy replaces in it (the engine, the providers of secrets, components by
    /// stand-ins) is lowered as it is, so that nothing hides behind a rule.
    pub fn of_revision(name: Name, teams: BTreeMap<Name, Team>, target: TargetModel) -> Self {
        Self(SystemModel {
            name,
            teams,
            targets: BTreeMap::from([(target.target.clone(), target)]),
            archive: None,
            images: Images::default(),
        })
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
