//! [`Examined`]: a system that was loaded, evaluated, built and checked without
//! an error.

use std::sync::Arc;

use kcc_diag::{Diagnostics, FileId};
use kcc_lower::Lowered;
use kcc_model::CheckedModel;
use kcc_tree::ConfigTree;

use crate::{
    failure::{Failure, Findings},
    load::Root,
};

/// A checked system with the origins of its values.
#[derive(Debug)]
pub struct Examined {
    /// The system's folder.
    pub root: Root,
    /// The values with their origins.
    pub tree: Arc<ConfigTree>,
    /// The checked model of the targets.
    pub model: Arc<CheckedModel>,
    /// The warnings of all stages.
    pub(crate) warnings: Diagnostics,
}

impl Examined {
    /// Returns diagnostics, sorted, with everything that is needed to show them.
    pub(crate) fn findings(&self, mut diagnostics: Diagnostics) -> Findings {
        diagnostics.sort(&self.tree.files);
        Findings {
            diagnostics,
            files: Arc::clone(&self.tree.files),
            targets: self.tree.targets.keys().cloned().collect(),
            folder: self.root.shown().to_owned(),
        }
    }

    /// Lowers one target.
    pub fn lowered(&self, target: &str) -> Result<Lowered, Failure> {
        match kcc_lower::lower(&self.tree, &self.model, target, None) {
            Ok(lowered) => Ok(lowered.value),
            Err(errors) => Err(Failure::Configuration(self.findings(errors))),
        }
    }

    /// Gives every fragment to the team that is named after the system, if no
    /// teams are declared.
    pub(crate) fn give_files_to_the_only_team(&mut self) {
        if self.tree.system.child("teams").is_some() {
            return;
        }
        let tree = Arc::make_mut(&mut self.tree);
        let fragments = tree.files.iter();
        let fragments = fragments.filter(|(_, file)| !file.name().starts_with("schema/"));
        let fragments: Vec<FileId> = fragments.map(|(id, _)| id).collect();
        let files = Arc::make_mut(&mut tree.files);
        for id in fragments {
            files.set_team(id, Some(self.model.name.clone()));
        }
    }
}
