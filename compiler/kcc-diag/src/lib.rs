//! Diagnostics: source files and spans, the registry of codes, and the output
//! formats.
//!
//! A user's mistake is data: a [`Diagnostic`] with a [`Code`], a [`Subject`], labels
//! in any number of files and one help. Stages collect them in [`Diagnostics`] and fail
//! once, at their end, with an [`Outcome`]; [`render`] turns them into text at
//! the edge. This crate never reads files, the clock or the environment, and
//! knows nothing about CUE or the engines.

mod code;
mod diagnostic;
mod files;
mod nearest;
mod path;
mod render;
mod subject;

pub use code::{Code, Stage};
pub use diagnostic::{Diagnostic, Diagnostics, Label, Outcome, Severity, Warned, at_more_paths};
pub use files::{FileId, Files, Position, SourceFile, Span};
pub use nearest::{field_label, listed, nearest};
pub use path::{NotAPath, Path};
pub use render::{Format, Style, plain, render};
pub use subject::{MistakeKind, Subject};
