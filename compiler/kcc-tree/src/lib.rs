//! The configuration tree: what evaluation produces and everything else reads.
//!
//! [`ConfigTree`] holds the evaluated values of every target ([`Node`],
//! [`Value`]), the lines each value comes from ([`Origin`]), the declarations of
//! components, the policies, and, on request, the [`Blame`] of each path.
//! [`schema`] says what the values may be. The crate only defines these types and
//! looks things up in them. It must not
//! know how a tree is made, so that the model, the lowering and both engines
//! build and test without the evaluator.

mod blame;
mod engine;
mod node;
mod origin;
mod policy;
pub mod schema;
pub mod secret_literal;
mod teams;
mod tree;

pub use blame::{Blame, DefaultLine, PolicyLine};
pub use engine::Engine;
pub use kcc_diag::Path;
pub use node::{Node, Value};
pub use origin::{Origin, OriginKind};
pub use policy::Policy;
pub use teams::{team_folders, team_of};
pub use tree::{ConfigTree, Declaration};

/// The file that declares `system`, and makes a folder the root of a system.
pub const SYSTEM_FILE: &str = "kcc.cue";

/// The targets of a system that declares none, each with its engine.
pub const USUAL_TARGETS: [(&str, Engine); 4] = [
    ("dev", Engine::Docker),
    ("test", Engine::Docker),
    ("stage", Engine::Kubernetes),
    ("prod", Engine::Kubernetes),
];
