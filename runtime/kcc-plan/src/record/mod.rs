//! The record of a scope: the [`Intent`] of a running or interrupted apply, the
//! [`Inventory`] that the last one left, and the lock that keeps two applies apart. It
//! lives with the engine, so that everybody who reaches the engine sees the same.
//!
//! [`Record`] is what engines use. It keeps everything in a [`Store`], of which each
//! engine has its own, and [`FolderStore`] is one in a directory.

mod blob;
mod fence;
mod folder;
mod head;
mod holder;
mod journal;
mod legacy;
#[expect(
    clippy::module_inception,
    reason = "the type gives the module its name"
)]
mod record;
mod store;

pub use blob::Blob;
pub(crate) use blob::damaged;
pub use fence::Fence;
pub use folder::FolderStore;
pub use journal::{Intent, Inventory, InventoryObject, Unapplied, now};
pub use legacy::LegacyRecords;
pub use record::{Record, Snapshot};
pub use store::{BlobSource, Store, StoredHead, Swap, Version};
