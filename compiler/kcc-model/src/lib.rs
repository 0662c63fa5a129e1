//! The typed model of a system and the rules it has to pass.
//!
//! Takes the evaluated `ConfigTree`, builds a [`SystemModel`] from it (short
//! forms expanded, units normalised) and checks every rule. [`examine`] does
//! both and reports the errors of evaluation, building and checking together.
//! Lowering accepts only a [`CheckedModel`], which only this crate can create.

mod availability;
mod build;
mod checked;
mod component;
mod container;
mod engine_target;
mod examine;
mod graph;
mod health;
mod kind;
mod owners;
mod pattern;
mod permissions;
mod references;
mod reporter;
mod rules;
mod storage;
mod system;
mod units;

pub use availability::*;
pub use build::is_label;
pub use checked::CheckedModel;
pub use component::*;
pub use container::*;
pub use engine_target::EngineTarget;
pub use examine::examine;
pub use health::*;
pub use kind::*;
pub use pattern::covers;
pub use permissions::*;
pub use references::{Piece, escape_references, split_references};
pub use storage::*;
pub use system::*;
pub use units::*;

use kcc_diag::Outcome;
use kcc_tree::ConfigTree;

/// A text file below the system's root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileText {
    /// The file's content.
    pub text: String,
    /// Set if the owner's execute bit is set.
    pub executable: bool,
}

/// Access to the files that fragments refer to; an error says why one cannot be
/// read. The answers depend on the files alone, so that a model is the same on
/// every machine.
#[derive(Clone, Copy)]
pub struct ReferencedFiles<'a> {
    /// Reads a file (`files: … source`), named relative to the root.
    pub read: &'a dyn Fn(&str) -> Result<FileText, String>,
    /// Checks that a file exists and is readable, or a directory if the name ends
    /// with `/`. The name is relative to the root.
    pub check_exists: &'a dyn Fn(&str) -> Result<(), String>,
    /// Hashes everything an image is built from; returns hexadecimal digits.
    pub hash_context: &'a dyn Fn(&Build) -> Result<String, String>,
}

/// Checks every rule against the model.
pub fn check(tree: &ConfigTree, model: SystemModel) -> Outcome<CheckedModel> {
    let mut found = rules::check_all(tree, &model);
    found.sort(&tree.files);
    found.finish(CheckedModel::new(model))
}
