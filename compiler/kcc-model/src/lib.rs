//! The typed model of a system and the rules it has to pass.
//!
//! Takes the evaluated `ConfigTree`, builds a [`SystemModel`] from it (short
//! forms expanded, units normalised) and checks every rule. [`examine`] does
//! both and reports the errors of evaluation, building and checking together.
//! Lowering accepts only a [`CheckedModel`], which only this crate can create.

mod availability;
mod build;
mod checked;
mod codeowners;
mod component;
mod consequences;
mod container;
mod engine_target;
mod examine;
mod graph;
mod health;
mod image_user;
mod kind;
mod name;
mod owners;
mod pattern;
mod permissions;
mod referenced_files;
mod references;
mod reporter;
mod rules;
mod storage;
mod system;
mod units;
mod used_images;
mod variables;

pub use availability::*;
pub use build::{is_label, published_variables};
pub use checked::CheckedModel;
pub use codeowners::Codeowners;
pub use component::*;
pub use container::*;
pub use engine_target::{EngineTarget, PublicPorts};
pub use examine::{check, examine};
pub use health::*;
pub use image_user::{RefusedImage, RefusedUser};
pub use kind::*;
pub use name::{Name, is_reserved_label};
pub use pattern::{covers, narrowest};
pub use permissions::*;
pub use referenced_files::{FileData, ReferencedFiles};
pub use references::{Piece, escape_references, split_references};
pub use rules::is_credential;
pub use storage::*;
pub use system::*;
pub use units::*;
pub use used_images::{ImageUse, PROBE_IMAGE, used_images};
