//! The messages between host and guest; `guest/PROTOCOL.md` documents each part. Nothing here
//! writes a sentence.

#[rustfmt::skip]
mod faults;
mod request;
mod response;

pub use faults::Absence;
pub(crate) use faults::{
    Alternative, Bound, Cause, CycleKind, Demand, Detail, ImportProblem, Indented, OverlayProblem,
    Part, PolicyProblem, Reference, Rule, Type, Unreplaced, Written,
};
pub use request::MissingPackage;
pub(crate) use request::{File, Package, Request, Team};
pub use response::SchemaFile;
pub(crate) use response::{
    Declaration, Explained, Fault, Label, Match, Node, Origin, Policy, PolicyLine, Required,
    Response, Span,
};

/// The version of the protocol.
pub(crate) const VERSION: u32 = 1;
