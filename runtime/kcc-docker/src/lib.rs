//! The Docker engine: observe, reconcile, apply, status, down and recover.
//!
//! Six functions, each of which takes a desired state that was lowered to
//! Docker and the [`Options`] of the command, and speaks in the engine-neutral
//! words of `kcc-plan`:
//!
//! - [`plan()`] reads and decides, and changes nothing;
//! - [`apply`] takes the target's lock, stores its intent, performs the plan and
//!   stores the inventory; it returns a report also where something failed;
//! - [`status`] says what runs, and why what does not;
//! - [`down`] removes what kcc made; data only with `Options::volumes`;
//! - [`found`] and [`recover`] take back what kcc made on this engine where the
//!   record of it is gone.
//!
//! What is ours is decided by labels and inventory together. A container is
//! replaced when the hash of its configuration, its image, a secret's value, a
//! network or a setting of the engine differs from what it should be. Its
//! successor is made under `<name>.new` and takes over once it is ready and has
//! stayed up for a moment; where both would hold the same host port or write to
//! the same volume, the old one is stopped first, and started again if the new
//! one fails. Images that kcc built stay as a cache, as do those that it fetched.
//!
//! Only `client` knows bollard; only `reconcile` decides.

mod client;
mod clock;
mod config;
mod context;
mod credentials;
mod dockerignore;
mod drift;
mod endpoint;
mod engine;
mod files;
mod hex;
mod image_user;
mod init;
mod instance;
mod make;
mod memory;
mod observe;
mod observed;
mod ports;
mod probe;
mod ready;
mod reconcile;
mod recovery;
mod session;
mod status;
mod work;

pub use context::context_hash;
pub use session::{apply, down, found, plan, recover, status};
