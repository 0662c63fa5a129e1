//! Lowering to Kubernetes.

mod desired;

pub use desired::*;
