//! The Kubernetes engine: observe, reconcile, apply, status and down.

mod session;

pub use session::{apply, down, plan, status};
