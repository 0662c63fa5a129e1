//! From evaluated values to one checked model of the system.
//!
//! [`build`] turns a `ConfigTree` into a [`SystemModel`]; [`check`] holds the
//! rules against it. Only what is checked can be lowered: a [`CheckedModel`]
//! has no other constructor. [`examine`] does both and says everything at
//! once, what evaluation found included.

mod availability;
mod build;
mod checked;
mod component;
mod container;
mod examine;
mod graph;
mod health;
mod kind;
mod lines;
mod owners;
mod pattern;
mod rights;
mod rules;
mod storage;
mod system;
mod units;
mod word;

pub use availability::*;
pub use build::is_label;
pub use checked::CheckedModel;
pub use component::*;
pub use container::*;
pub use examine::examine;
pub use graph::{GraphEdge, GraphNode, GraphView, NeedGraph};
pub use health::*;
pub use kind::*;
pub use pattern::covers;
pub use rights::*;
pub use storage::*;
pub use system::*;
pub use units::*;
pub use word::{Piece, escape, references};

use kcc_diag::Outcome;
use kcc_tree::ConfigTree;

/// A text file of the system's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileText {
    /// What it holds.
    pub text: String,
    /// Whoever owns it may run it.
    pub executable: bool,
}

/// What fragments refer to outside of themselves, or why it cannot be read. The
/// same files give the same answers on every machine.
#[derive(Clone, Copy)]
pub struct Referred<'a> {
    /// A file (`files: … source`), by its name relative to the root.
    pub file: &'a dyn Fn(&str) -> Result<FileText, String>,
    /// Whether a file is there, or with a `/` at its end a folder, by its name
    /// relative to the root; else why it cannot be read.
    pub there: &'a dyn Fn(&str) -> Result<(), String>,
    /// The hash, in hexadecimal digits, of all that an image is built from.
    pub context: &'a dyn Fn(&Build) -> Result<String, String>,
}

/// Builds the model of every target: short forms written long, units
/// normalised, the environment of needs and outputs filled in.
pub fn build(tree: &ConfigTree, referred: Referred<'_>) -> Outcome<SystemModel> {
    let (model, mut found) = build::build_all(tree, referred);
    found.sort(&tree.files);
    found.finish(model)
}

/// Holds every rule against the model.
pub fn check(tree: &ConfigTree, model: SystemModel) -> Outcome<CheckedModel> {
    let mut found = rules::hold_all(tree, &model);
    found.sort(&tree.files);
    found.finish(CheckedModel::new(model))
}
