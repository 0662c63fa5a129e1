//! The messages between host and guest; `guest/PROTOCOL.md` documents each part. Nothing here
//! writes a sentence.

mod code;
mod request;
mod response;

pub(crate) use code::FaultCode;
pub(crate) use request::{File, Package, Request, Team};
pub use response::SchemaFile;
pub(crate) use response::{
    Declaration, Explained, Fault, Label, Node, Origin, Policy, PolicyLine, Required, Response,
    Span,
};

/// The version of the protocol.
pub(crate) const VERSION: u32 = 1;
