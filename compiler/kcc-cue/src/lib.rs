//! The CUE engine: sources in, values with their origins out.
//!
//! The real CUE evaluator runs as a wasm guest without a file system, a clock
//! or a network. Nothing outside this crate knows that there is one.
//! [`evaluate`] takes the fragments and gives the [`ConfigTree`] of all targets
//! with everything that is wrong in them.

mod ask;
mod decode;
mod engine;
mod evaluate;
mod explained;
mod packages;
mod tree;
mod unmatched;
mod wire;
mod words;

pub use ask::schema;
pub use engine::{Engine, EngineError, Limits};
pub use evaluate::{Evaluated, Evaluation, Fragment, SYSTEM_FILE, USUAL_TARGETS, evaluate};
pub use explained::{Explained, Policy, PolicyLine, SoftLine};
pub use packages::{Absence, Imports, MissingPackage, Package};
pub use tree::{ConfigTree, Declaration, Node, Origin, Path, Role, Value};
pub use wire::SchemaFile;
pub use words::secret_literal;
