//! The CUE engine: sources in, values with their origins out.
//!
//! The real CUE evaluator runs as a wasm guest without a file system, a clock
//! or a network. Nothing outside this crate knows that there is one.

mod engine;
mod tree;

pub use engine::{Engine, EngineError, Limits};
pub use tree::{ConfigTree, Declaration, Node, Origin, Path, Role, Value};
