//! The CUE evaluator: sources in, values with their origins out.
//!
//! The real CUE evaluator runs as a wasm guest without a file system, a clock
//! or a network. Nothing outside this crate knows that there is one.
//! [`evaluate`] takes the fragments and gives the [`kcc_tree::ConfigTree`] of all targets
//! with everything that is wrong in them; [`format()`] formats sources.

mod decode;
mod evaluate;
mod evaluator;
mod exchange;
mod format;
mod locate;
mod messages;
mod narrow;
mod packages;
mod unmatched;
mod wire;

pub use evaluate::{Evaluated, Evaluation, Fragment, evaluate};
pub use evaluator::{Answers, Evaluator, EvaluatorError, Limits};
pub use exchange::schema;
pub use format::{Formatted, format};
pub use packages::{Imports, Package};
pub use wire::{Absence, MissingPackage, SchemaFile};
