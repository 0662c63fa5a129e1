//! [`ConfigTree`]: the evaluated system, every value with its origins.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kcc_diag::{FileId, Files, Span};

use crate::{Blame, Node, Origin, OriginKind, Path, Policy};

/// The lines that declare a component.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Declaration {
    /// The path of the component, such as `services.web`.
    pub path: Path,
    /// The labels in the fragments that give `image`, `build` or `kind`,
    /// themselves or through a reference; empty if none does.
    pub owners: Vec<Span>,
    /// The labels of all other fields of that path.
    pub others: Vec<Span>,
}

/// The result of evaluation: the system, and the whole root of each target.
#[derive(Debug, Clone)]
pub struct ConfigTree {
    /// All files, kcc's schema among them, each with its team.
    pub files: Arc<Files>,
    /// The `system` field of `kcc.cue`.
    pub system: Node,
    /// The root of each target, by the target's name.
    pub targets: BTreeMap<String, Node>,
    /// The components of each target, by the target's name.
    pub declarations: BTreeMap<String, Vec<Declaration>>,
    /// The policies that hold in each target, by the target's name.
    pub policies: BTreeMap<String, Vec<Arc<Policy>>>,
    /// Files that could be read only in part. Nothing that one of them may
    /// declare can be reported as missing.
    pub partial: BTreeSet<FileId>,
    /// The blame of the paths of each target, by the target's name; empty unless
    /// evaluation was asked for it.
    pub blame: BTreeMap<String, BTreeMap<Path, Blame>>,
}

impl ConfigTree {
    /// Returns the node at a path in a target, absent ones too.
    pub fn get(&self, target: &str, path: &Path) -> Option<&Node> {
        path.0
            .iter()
            .try_fold(self.targets.get(target)?, |node, name| node.any_child(name))
    }

    /// Returns the lines behind a path in a target; where the path has none of
    /// its own, those of the nearest node above it.
    pub fn origins(&self, target: &str, path: &Path) -> &[Origin] {
        let Some(mut node) = self.targets.get(target) else {
            return &[];
        };
        let mut found: &[Origin] = &node.origins;
        for name in &path.0 {
            let Some(next) = node.any_child(name) else {
                break;
            };
            node = next;
            if !node.origins.is_empty() {
                found = &node.origins;
            }
        }
        found
    }

    /// Returns the line to point at for a path in a target: the first one of a
    /// fragment, else one of the schema.
    pub fn origin(&self, target: &str, path: &Path) -> Option<&Origin> {
        let origins = self.origins(target, path);
        let declared = origins
            .iter()
            .find(|origin| origin.kind != OriginKind::Schema);
        declared.or_else(|| origins.first())
    }
}
