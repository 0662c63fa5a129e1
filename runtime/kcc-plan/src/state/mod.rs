//! What kcc remembers of a target between two applies: the [`Intent`] of an
//! apply that runs (or was killed), the [`Inventory`] of what the last one
//! left, and the [`Lock`] that keeps two from running at once.

mod folder;
mod journal;
mod lock;

pub use folder::StateFolder;
pub use journal::{Intent, Inventory, InventoryObject};
pub use lock::{Lock, now};
