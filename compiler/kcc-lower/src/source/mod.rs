//! The source of each field of a rendered object: the model paths it follows, or
//! the reason why kcc sets it.
//!
//! Lowering records it where it writes the field, in a [`Recorder`] that goes along
//! with the object under construction. The result is a [`Sources`] for each object.
//! Nothing here knows an engine or reads the tree: which of several paths a fragment
//! declares is for the reader to find out. A test fails for fields of the examples
//! that have no source.

mod elements;
mod recorder;
mod rendered;
mod sources;

pub(crate) use recorder::Recorder;
pub use rendered::Rendered;
pub use sources::{Source, Sources};

/// The kind of an object in lower case, and its name on the engine.
pub(crate) type ObjectId = (String, String);
