//! [`View`]: the input of a rule.

use kcc_tree::{ConfigTree, USUAL_TARGETS};

use crate::owners::Owners;
use crate::reporter::Reporter;
use crate::{SystemModel, TargetModel};

/// The input of a rule.
pub(crate) struct View<'a> {
    pub(crate) model: &'a SystemModel,
    pub(crate) target: &'a TargetModel,
    pub(crate) tree: &'a ConfigTree,
    pub(crate) reporter: Reporter<'a>,
    pub(crate) owners: &'a Owners,
}

impl View<'_> {
    /// Returns true if all targets of the system were evaluated, so that a rule may
    /// report something as absent from all of them.
    pub(super) fn all_targets(&self) -> bool {
        all_targets(self.tree, self.model)
    }
}

/// As [`View::all_targets`], for a rule about the whole system.
pub(super) fn all_targets(tree: &ConfigTree, model: &SystemModel) -> bool {
    let declared = tree.system.child("targets");
    let count = declared.map_or(USUAL_TARGETS.len(), |all| all.fields().count());
    model.targets.len() == count
}
