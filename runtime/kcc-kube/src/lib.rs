//! The Kubernetes engine: observe, reconcile, apply, status and down.
//!
//! Functions, each of which takes a desired state that was lowered to
//! Kubernetes and the [`Options`](kcc_plan::Options) of the command, and speaks
//! in the engine-neutral words of `kcc-plan`:
//!
//! - [`plan()`] reads and decides, and changes nothing;
//! - [`apply`] takes the target's lock, stores its intent, performs the plan and
//!   stores the inventory; it returns a report also where something failed. One
//!   that has nothing to do writes nothing, not even a lock;
//! - [`status`] says what runs, and why what does not;
//! - [`down`] removes what kcc made; data only with `Options::volumes`;
//! - [`found`] says what carries the target's labels, and [`recover`] records what
//!   of that is provably kcc's own.
//!
//! What is ours is decided by labels and inventory together. Each object goes
//! through the server's own dry run, with strict validation and the field manager
//! `kcc`, before the first write: what differs is what the server would change,
//! what others own gives way or is a conflict and is forced only where `--take`
//! names it, and what can never change is replaced, unless that would part it
//! from its data. Lock and inventory are in
//! the target's namespace, so that a whole team and its CI share them; neither
//! holds a secret.
//!
//! Only `client` knows kube; only `reconcile` decides.

mod client;
mod conflict;
mod diff;
mod engine;
mod field;
mod kept;
mod lease;
mod memory;
mod observe;
mod observed;
mod parts;
mod place;
mod pods;
mod reconcile;
mod recover;
mod recovery;
mod restart;
mod rollout;
mod scale;
mod secrets;
mod session;
mod status;
mod why;
mod work;

pub use session::{apply, down, found, plan, recover, status};
