//! Lowering to a Docker engine.

mod desired;

pub use desired::*;
