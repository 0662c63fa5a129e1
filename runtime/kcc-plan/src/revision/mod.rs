//! Revisions: the desired states that applies brought, or set out to bring, to a scope.
//!
//! A revision is written together with the intent, before the first mutation, and its
//! outcome with the inventory, after the last. It consists of blobs:
//!
//! - The [`Manifest`] says who applied what, when, from which sources, and where the
//!   record of each component is.
//! - A *pack* holds records of components ([`RecordedComponent`]), and of what belongs to
//!   no component ([`Shared`]). What a revision does not change stays in the packs of
//!   those before it, so a small change costs a small pack.
//! - The [`History`] lists the revisions that a record retains, with enough to print it.
//!   It is the only blob that the head of a record names for all of this.
//!
//! [`Revision`] is a revision as it is read, from any [`Store`](crate::Store). Nothing
//! here knows fragments: the command line hands over a [`Content`], through a
//! [`RevisionSource`]. No secret has a value in it: the model and the desired state
//! refer to secrets by name and provider.

mod content;
mod header;
mod history;
mod manifest;
mod pack;
mod prepare;
mod read;
mod rebuild;
mod write;

pub use content::{
    Content, DeclaredLine, DeclaredValue, Parity, RecordedComponent, RecordedPolicy, Role, Shared,
};
pub use history::{
    Changes, Clocks, Entry, EntryKind, History, HistoryNow, Outcome, RecordedFailure,
    RecordedOutcome, Removal, Result, RevisionId, Time,
};
pub use manifest::{ContentHash, Fragments, Manifest, Repository};
pub use read::{FoundRevision, Revision, load_outcome};

pub(crate) use prepare::Preparation;
pub(crate) use read::{fragments_of, hash_of};
pub(crate) use rebuild::rebuild;
pub(crate) use write::write;
pub use write::{Change, NewRevision};

/// Provides the content of a revision. Implemented by the command line, which has the
/// model and the fragments; called only if a revision is written.
pub trait RevisionSource: Send + Sync {
    /// Returns the desired state with its provenance.
    fn content(&self) -> Content;

    /// Returns the digest of each fragment, by its path.
    fn fragments(&self) -> Fragments {
        self.content().fragments
    }

    /// Returns the revision whose content it is, if that is applied again.
    fn rolls_back_to(&self) -> Option<u64> {
        None
    }

    /// Returns the history in an archive that goes on, if the target has none.
    fn archived(&self) -> Option<ArchivedHistory> {
        None
    }
}

/// A history with all its blobs, outside of a record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ArchivedHistory {
    /// The history.
    pub history: History,
    /// Its blobs.
    pub blobs: Vec<crate::Blob>,
}
