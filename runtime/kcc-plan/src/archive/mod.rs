//! Archives: revisions outside of the engine that runs them, in a directory or in a
//! repository of a registry.
//!
//! Every entry of a history is an artifact of its own: its configuration says which
//! entry of which scope it is, its layers are the blobs of the revision. The outcome,
//! which is known later, is a second artifact that refers to the first. Artifacts are
//! never changed, and revisions share their blobs as they do in a record.
//!
//! Names (`shop.prod.12-0123456789ab`) serve to find artifacts and are trusted for
//! nothing else. A scope whose record was lost may begin again with number 1, so a name
//! also has a part of the artifact's digest.

#[expect(
    clippy::module_inception,
    reason = "the type gives the module its name"
)]
mod archive;
mod archived;
mod verify;

pub use archive::{Added, Archive, ArchivedRevision};
pub use archived::Archived;
pub use verify::{Damage, Verified};
