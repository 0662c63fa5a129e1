//! Files, spans, codes, diagnostics and how they are shown.
//!
//! A user's mistake is data: a [`Diagnostic`] with a [`Code`], labels in any
//! number of files and a help. Stages collect them in [`Diagnostics`] and fail
//! once, at their end. Nothing here reads a file, a clock or the environment.

mod code;
mod diagnostic;
mod files;
mod nearest;
mod render;

pub use code::{Code, Stage};
pub use diagnostic::{Diagnostic, Diagnostics, Label, Outcome, Severity, Warned};
pub use files::{FileId, Files, Position, SourceFile, Span};
pub use nearest::{field_label, listed, nearest};
pub use render::{Format, Style, plain, render};
