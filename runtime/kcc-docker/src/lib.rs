//! The Docker engine: plan, apply, status, logs, exec, down and recover.
//!
//! Each function takes a desired state that was lowered to Docker and the
//! [`Options`] of the command, and returns the engine-neutral types of `kcc-plan`:
//!
//! - [`plan()`] observes and reconciles; read-only;
//! - [`apply`] observes and reconciles; if there is something to do, it takes the
//!   scope's lock, does so again, stores an intent, performs the plan and stores the
//!   inventory; failures of operations are in its report;
//! - [`status`] reports the state of each component and why it is not ready;
//! - [`drift()`] compares as a plan does, and tells who made each difference, and when;
//! - [`down`] removes kcc's objects; data only with `Options::volumes`;
//! - [`logs`] passes on the lines of the containers' logs;
//! - [`exec`] runs a command in a container;
//! - [`EngineImages`] describes images of the engine, for `kcc lock`;
//! - [`plan_recovery`] and [`recover`] take kcc's objects back into the inventory if the
//!   records are lost;
//! - [`DockerStore`] keeps the record of a scope with the engine.
//!
//! Labels and the inventory together decide which objects kcc owns. A container is
//! replaced when its configuration hash, its image, a secret's value, a network or
//! an engine setting differs from the desired state. Its successor is created as
//! `<name>.new` and takes over once it is ready and has stayed up for a moment. If
//! both would hold the same host port or write to the same volume, the old
//! container is stopped first, and restarted if the new one fails. Images that kcc
//! built or pulled stay as a cache.
//!
//! Only `client` uses bollard; only `reconcile` decides.

mod call;
mod calls;
mod causes;
mod client;
mod clock;
mod compose;
mod compose_projects;
mod config;
mod container;
mod context;
mod created;
mod credentials;
mod deviations;
mod directories;
mod dockerignore;
mod drift;
mod driver;
mod empty_image;
mod endpoint;
mod engine_image;
mod evidence;
mod exec;
mod fault;
mod files;
mod forward;
mod hex;
mod history;
mod image_source;
mod image_user;
mod logs;
mod observe;
mod observed;
mod payload;
mod ports;
mod probe;
mod readiness;
mod reconcile;
mod record_writer;
mod recorder;
mod records;
mod recovery;
mod references;
mod secret_volume;
mod session;
mod shared;
mod sharing;
#[cfg(test)]
mod simulation;
mod status;
mod store;
mod timeline;

pub use context::context_hash;
pub use credentials::{RegistryLogin, registry_login};
pub use engine_image::EngineImage;
pub use fault::inject;
pub use history::record;
pub use image_source::EngineImages;
pub use session::{
    apply, down, drift, exec, logs, plan, plan_recovery, port_forward, recover, running_images,
    status, timeline, watch,
};
pub use store::DockerStore;
pub use timeline::is_event_log;
