//! Plan and execute, shared by both engines; it knows neither Docker nor
//! Kubernetes nor CUE.
//!
//! An engine crate works in four steps:
//!
//! 1. *observe*: read what is there (its own types, read-only calls);
//! 2. *reconcile*: a pure function from `Desired` and what was observed to a
//!    [`Plan`]. It fills a [`PlanBuilder`] with [`Draft`]s. Each draft is one
//!    [`Operation`] (what users see) with the engine's own *work* `W` (what it
//!    needs to perform it). All decisions are made here;
//! 3. [`execute`]: performs the steps through the crate's [`Engine`], as
//!    concurrently as `after` allows, waits for readiness where needs or the end
//!    of the apply ask for it, and returns an [`ApplyReport`];
//! 4. *remember*: an [`Intent`] is stored before the first mutation and the
//!    [`Inventory`] after the last. [`perform`] does this around [`execute`],
//!    through the crate's [`Records`]: for Docker they lie in a [`StateFolder`]
//!    under a [`Lock`]; for Kubernetes in the cluster.
//!
//! **Order.** [`PlanBuilder::finish`] numbers the operations so that each comes
//! after those in its `after`. A draft marked [`Draft::starts`] starts its
//! component's workload: it also waits until everything in
//! `DesiredComponent::after` is so (`started`, `healthy`, `completed`), whether
//! or not the needed component changes. Everything else (images, volumes,
//! configuration) may happen earlier.
//!
//! **Readiness.** [`Engine::ready`] is asked again and again, with growing
//! pauses, until the component is ready, can never be, or its deadline passed;
//! the answer always carries why. Every component of the plan is awaited at the
//! end, so a second apply of a broken system is incomplete as well.
//!
//! **What a command line needs** is engine-neutral: [`Options`], [`Plan`] (serde
//! gives the documented JSON, [`Plan::to_text`] the text), [`ApplyReport`],
//! [`StatusReport`], [`Error`] with its code, help and exit code, [`Reporter`]
//! for progress and [`Cancel`] for Ctrl-C. Both engine crates offer
//!
//! ```text
//! plan   (&Desired, &Options)                          -> Result<Plan, Error>
//! apply  (&Desired, &Options, &dyn Reporter, &Cancel)  -> Result<ApplyReport, Error>
//! status (&Desired, &Options)                          -> Result<StatusReport, Error>
//! down   (&Desired, &Options, &dyn Reporter, &Cancel)  -> Result<ApplyReport, Error>
//! found  (&Desired, &Options)                          -> Result<Recovery, Error>
//! recover(&Desired, &Options)                          -> Result<Recovery, Error>
//! ```

mod builder;
mod conflict;
mod draft;
mod engine;
mod error;
mod execute;
mod finding;
mod image_user;
mod operation;
mod options;
mod perform;
mod plan;
mod recovery;
mod report;
mod reporter;
mod secrets;
mod state;
mod text;

pub use builder::PlanBuilder;
pub use conflict::{Conflict, Origin, Origins, spell_field};
pub use draft::Draft;
pub use engine::{Cancel, Context, Engine, Readiness};
pub use error::{Error, MissingSecret};
pub use execute::execute;
pub use finding::{Finding, FindingKind};
pub use image_user::{RefusedImage, RefusedUser};
pub use operation::{Action, EngineName, Operation, OperationId};
pub use options::{Options, Prune, Scope};
pub use perform::{Records, order_since, perform};
pub use plan::{Plan, PlannedComponent, Step, Wait};
pub use recovery::{Recovered, Recovery};
pub use report::{
    ApplyReport, ComponentReport, ComponentStatus, Failure, Outcome, State, StatusReport, Totals,
};
pub use reporter::{Event, Reporter, Silent};
pub use secrets::{Secrets, generate as random_secret};
pub use state::{Intent, Inventory, InventoryObject, Lock, StateFolder, now};
