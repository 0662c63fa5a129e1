//! The Kubernetes engine: plan, apply, status, logs, exec, down and recover.
//!
//! Each function takes a desired state that was lowered to Kubernetes and the
//! [`Options`](kcc_plan::Options) of the command, and returns the engine-neutral
//! types of `kcc-plan`:
//!
//! - [`plan()`] observes and reconciles; read-only;
//! - [`apply`] takes the scope's lock, stores an intent, performs the plan and
//!   stores the inventory; failures of operations are in its report. An apply with
//!   nothing to do writes nothing, not even a lock;
//! - [`status`] reports the state of each component and why it is not ready;
//! - [`drift()`] compares as a plan does, and tells who made each difference, and when;
//! - [`down`] removes kcc's objects; data only with `Options::volumes`;
//! - [`logs`] passes on the lines of the containers' logs;
//! - [`exec`] runs a command in a container;
//! - [`roles`] returns the least roles for a target, without a cluster;
//! - [`plan_recovery`] lists the objects with the scope's labels, and [`recover`] takes
//!   those that are provably kcc's into the inventory;
//! - [`KubeStore`] keeps the record of a scope with the cluster.
//!
//! Labels and the inventory together decide which objects kcc owns. Before the
//! first write, each object goes through the server's dry run with strict
//! validation and the field manager `kcc`. The difference is what the server would
//! change; fields of other managers are left or reported as conflicts, and forced
//! only if `--take` names them; immutable changes replace the object unless it
//! would lose its data. The record is in the target's namespace, so that a whole team
//! and its CI share it; it contains no secret.
//!
//! Only `client` uses kube; only `reconcile` decides.

mod audit;
mod calls;
mod causes;
mod client;
mod conflict;
mod deviations;
mod diff;
mod driver;
mod edited;
mod exec;
mod field;
mod former;
mod forward;
mod history;
mod images;
mod live;
mod logs;
mod managed;
mod observe;
mod observed;
mod payload;
mod permissions;
mod pod_container;
mod pods;
mod quantity;
mod reconcile;
mod record_writer;
mod recorder;
mod records;
mod recovery;
mod restart;
mod rollout;
mod scale;
mod secrets;
mod session;
mod sharing;
#[cfg(test)]
mod simulation;
mod status;
mod store;
mod text;
mod timeline;

pub use audit::is_audit_log;
pub use history::record;
pub use session::{
    apply, down, drift, exec, logs, plan, plan_recovery, port_forward, recover, roles,
    running_images, status, timeline, watch,
};
pub use store::KubeStore;
