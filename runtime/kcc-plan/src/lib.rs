//! Planning and execution, shared by both engines. Knows neither Docker nor
//! Kubernetes nor CUE.
//!
//! An engine crate works in four stages:
//!
//! 1. *Observe*: read the engine's state with read-only calls into types of its own.
//! 2. *Reconcile*: a pure function from `Desired` and the observed state to a
//!    [`Plan`]. It fills a [`PlanBuilder`] with [`Draft`]s. Each draft is one
//!    [`Operation`], which users see, with a *payload* of the engine's own type,
//!    which holds the data to perform it. All decisions are made here. The [`Calls`]
//!    of an operation, with those that undo them, follow from its payload.
//! 3. [`execute`] makes the calls of the steps one at a time through the crate's
//!    [`Driver`], steps as concurrently as `after` allows, waits for readiness where
//!    needs or the end of the apply require it, and returns an [`ApplyReport`].
//! 4. *Record*: an [`Intent`] is stored before the first mutation and the
//!    [`Inventory`] after the last. [`perform`] does this around [`execute`]
//!    through the crate's [`RecordStore`]. Both are in the [`Record`] of the scope, which
//!    lives with the engine and also holds the lock.
//!
//! **Order.** [`PlanBuilder::finish`] numbers the operations so that each follows
//! those in its `after`. A draft marked [`Draft::starts`] starts its component's
//! workload: it also waits until every component in `DesiredComponent::after` has
//! reached its state (`started`, `healthy`, `completed`), even if that component
//! does not change. Everything else (images, volumes, configuration) may happen
//! earlier.
//!
//! **Readiness.** [`Driver::ready`] is polled with growing intervals until the
//! component is ready, has failed for good, or its deadline has passed; a negative
//! answer always carries the reason. The end of an apply waits for every component
//! of the plan, so a second apply of a broken system is incomplete too.
//!
//! **The interface to the command line** is engine-neutral: [`Options`], [`Plan`]
//! (serde gives the documented JSON, [`Plan::to_text`] the text), [`ApplyReport`],
//! [`StatusReport`], [`Error`] with its code, help and exit code, [`Reporter`]
//! for progress and [`Cancel`] for Ctrl-C. Both engine crates offer
//!
//! ```text
//! plan         (&Desired, &Options)                          -> Result<Plan, Error>
//! apply        (&Desired, &Options, &dyn Reporter, &Cancel)  -> Result<ApplyReport, Error>
//! status       (&Desired, &Options)                          -> Result<StatusReport, Error>
//! drift        (&Desired, &Options, &DriftOptions)           -> Result<DriftReport, Error>
//! down         (&Desired, &Options, &dyn Reporter, &Cancel)  -> Result<ApplyReport, Error>
//! plan_recovery(&Desired, &Options)                          -> Result<Recovery, Error>
//! recover      (&Desired, &Options)                          -> Result<Recovery, Error>
//! logs         (&Desired, &Options, &LogOptions, warn, write) -> Result<LogReport, Error>
//! timeline     (&Desired, &Options, …)                       -> Result<Timeline, Error>
//! exec         (&Desired, &Options, &ExecOptions, streams)   -> Result<Option<i64>, Error>
//! port_forward (&Desired, &Options, &ForwardOptions, started, failed) -> Result<(), Error>
//! ```

mod address;
pub mod archive;
mod builder;
mod calls;
mod cause;
mod change;
mod choices;
mod client_events;
mod conflict;
mod draft;
mod drift;
mod driver;
mod error;
mod exec;
mod execute;
mod explanation;
pub mod fail_points;
mod fault;
mod finding;
mod fingerprint;
mod forward;
pub mod journal;
mod logs;
mod oci;
mod operation;
mod options;
mod perform;
mod plan;
mod plan_file;
mod record;
mod recorder;
mod recovery;
mod refusal;
mod report;
mod reporter;
mod request;
pub mod revision;
mod scope;
mod secrets;
mod sharing;
mod status;
pub mod symptoms;
mod text;
pub mod timeline;
mod tool;
mod who;

pub use address::Address;
pub use builder::PlanBuilder;
pub use calls::Calls;
pub use cause::{Cause, FindCause, NeedLink, first_cause};
pub use change::{FieldChange, find_field};
pub use choices::Choices;
pub use client_events::ClientEvents;
pub use conflict::{Conflict, Origin, Origins, format_field};
pub use draft::Draft;
pub use drift::{
    AUDIT_LOG, Deviation, DriftOptions, DriftReport, ENGINE_EVENT, Evidence, FIELD_MANAGER, Grade,
    Verdict,
};
pub use driver::{Cancel, Context, Driver, Readiness};
pub use error::{Error, MissingSecret};
pub use exec::{
    ExecContainer, ExecEngine, ExecInput, ExecOptions, ExecOutput, ExecOutputs, ExecProcess,
    ExecSource, ExecStreams, TerminalSize, exec, running_container,
};
pub use execute::{execute, make_calls};
pub use fault::FaultAction;
pub use finding::{Finding, FindingKind};
pub use fingerprint::Fingerprint;
pub use forward::{Connection, ForwardEngine, ForwardOptions, forward};
pub use logs::{
    LogEntries, LogEntry, LogLine, LogOptions, LogReader, LogReport, LogSource, LogStart,
    log_entry, read_logs, unredacted,
};
pub use oci::{ArtifactStore, Descriptor, Index, Layout, MANIFEST_TYPE, Manifest, TarFile};
pub use operation::{Action, Operation, OperationId};
pub use options::{Options, object_name};
pub use perform::{RecordStore, observe_undisturbed, perform, start_order};
pub use plan::{Plan, PlannedComponent, Step, Wait};
pub use plan_file::PlanFile;
pub use record::{
    Blob, BlobSource, Fence, FolderStore, Intent, Inventory, InventoryObject, LegacyRecords,
    Record, Snapshot, Store, StoredHead, Swap, Unapplied, Version, now,
};
pub use recorder::{Recorder, Recording, RecordingOptions};
pub use recovery::{LabelledObject, Recovery, listed};
pub use refusal::Refusal;
pub use report::{ApplyReport, ComponentReport, Failure, Outcome, Totals};
pub use reporter::{Event, Reporter, Silent};
pub use request::{Prune, RESTART, Request, START, not_running, outdated};
pub use scope::Scope;
pub use secrets::{GeneratedSecrets, Redaction, Secrets, generate as random_secret};
pub use sharing::{Sharer, refuse_shared, shared_not_running};
pub use status::{ComponentStatus, State, StatusReport};
pub use tool::Tool;
pub use who::{Job, Who};
