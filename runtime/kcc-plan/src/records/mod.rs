//! The records of a scope on this machine: the [`Intent`] of a running or killed
//! apply, the [`Inventory`] that the last one left, and the [`Lock`] that keeps two
//! applies apart.

mod directory;
mod journal;
mod lock;

pub use directory::RecordDirectory;
pub use journal::{Intent, Inventory, InventoryObject, Unapplied};
pub use lock::{Lock, lock_held, now};
