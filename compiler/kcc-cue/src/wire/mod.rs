//! The texts that the host and the guest exchange; `guest/PROTOCOL.md` says
//! what each part means. Nothing here knows what a mistake is called.

mod request;
mod response;

pub(crate) use request::{File, Package, Request, Team};
pub use response::SchemaFile;
pub(crate) use response::{
    Declaration, Explained, Fault, Label, Node, Origin, Policy, PolicyLine, Required, Response,
    Span,
};

/// The version that this host speaks.
pub(crate) const VERSION: u32 = 1;
