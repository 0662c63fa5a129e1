//! Capsules: one failure of a system in one file, and its copy on a Docker engine.
//!
//! A [`Capsule`] is a revision together with a [`Capture`]: what ran at one moment, as far
//! as it differs from the revision, and how it failed. [`write()`] and [`read()`] keep it in
//! an OCI image layout in a tar file. [`reproduce()`] turns it into what a Docker engine
//! should hold, with a [`Fidelity`] report; [`sightings`] tells which of its symptoms a
//! status of the copy shows.
//!
//! Everything here is a function of its arguments: no engine, no clock and no environment.
//! The command line asks the engines, through the types of `kcc-plan`. No secret has a
//! value in a capsule: the revision has none, and an [`Observed`] leaves out the logs and
//! events in which one could not be redacted.

mod capture;
mod check;
mod fidelity;
mod file;
mod order;
mod process;
mod processes;
mod ran;
mod reproduce;
mod symptom;

pub use capture::{
    Capsule, Capture, ComponentState, Event, FORMAT, LiveChange, LoggedLine, Observed,
};
pub use check::{Sighted, Sighting, appeared, sightings};
pub use fidelity::{Fidelity, Field, Treatment};
pub use file::{read, write};
pub use order::{Fault, Mode, faults, start_order};
pub use process::{Part, Process, Unit};
pub use processes::processes;
pub use ran::Ran;
pub use reproduce::{Choices, Purpose, Refused, Reproduction, Stub, empty_tree, reproduce, scope};
pub use symptom::{Symptom, Waiting};
