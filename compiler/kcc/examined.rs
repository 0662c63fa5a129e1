//! [`Examined`]: a system that was loaded, evaluated, built and checked without
//! an error.

use std::{collections::BTreeSet, sync::Arc};

use kcc_diag::{Diagnostic, Diagnostics, FileId, Outcome};
use kcc_lower::Lowered;
use kcc_model::{CheckedModel, Name};
use kcc_tree::ConfigTree;

use crate::{
    failure::{Diagnosis, Failure},
    load::Root,
    printer::{Printer, Stdout},
};

/// A checked system with the origins of its values.
#[derive(Debug)]
pub struct Examined {
    /// The system's root.
    pub root: Root,
    /// The values with their origins.
    pub tree: Arc<ConfigTree>,
    /// The checked model of the targets.
    pub model: Arc<CheckedModel>,
    /// The files of kcc's schema, which are among those of the tree.
    pub(crate) schema: Vec<FileId>,
    /// The warnings of all stages that are not printed yet.
    pub(crate) warnings: Diagnostics,
}

impl Examined {
    /// Lowers the model of one target to the desired state of its engine: the last stage
    /// of the pipeline.
    pub fn lower(&self, target: &str) -> Outcome<Lowered> {
        self.lower_instance(target, None, &BTreeSet::new())
    }

    /// Lowers the model of an instance of a target, which shares some components with it.
    pub fn lower_instance(
        &self,
        target: &str,
        instance: Option<&str>,
        shared: &BTreeSet<Name>,
    ) -> Outcome<Lowered> {
        kcc_lower::lower(&self.tree, &self.model, target, instance, shared)
    }

    /// Returns the desired state of one target, without warnings.
    pub fn lowered(&self, target: &str) -> Result<Lowered, Failure> {
        match self.lower(target) {
            Ok(lowered) => Ok(lowered.value),
            Err(errors) => Err(Failure::Configuration(self.diagnosis(errors))),
        }
    }

    /// Returns the warnings together with diagnostics of lowering, sorted, with
    /// everything that is needed to show them.
    pub(crate) fn diagnosis(&self, found: impl IntoIterator<Item = Diagnostic>) -> Diagnosis {
        let mut diagnostics = self.warnings.clone();
        diagnostics.extend(found);
        diagnostics.sort(&self.tree.files);
        Diagnosis::of(&self.tree, self.root.shown(), diagnostics)
    }

    /// Prints the warnings, once.
    pub(crate) fn print_warnings(&mut self, printer: &Printer) {
        printer.diagnosis(&self.diagnosis([]), Stdout::Data);
        self.warnings = Diagnostics::new();
    }

    /// Gives every fragment to the team that is named after the system, if no
    /// teams are declared.
    pub(crate) fn give_files_to_the_only_team(&mut self) {
        if self.tree.system.child("teams").is_some() {
            return;
        }
        let tree = Arc::make_mut(&mut self.tree);
        let files = tree.files.iter().map(|(id, _)| id);
        let fragments: Vec<FileId> = files.filter(|id| !self.schema.contains(id)).collect();
        let files = Arc::make_mut(&mut tree.files);
        for id in fragments {
            files.set_team(id, Some(self.model.name.clone()));
        }
    }
}
