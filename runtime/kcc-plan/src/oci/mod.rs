//! OCI image layouts and manifests, as far as kcc writes them: the format of everything
//! that it stores outside of an engine, so that the usual tools read, copy and check it.

mod artifacts;
mod failure;
mod layout;
mod manifest;
mod tar_file;

pub use artifacts::ArtifactStore;
pub use layout::Layout;
pub(crate) use layout::Locked;
pub use manifest::{Descriptor, Index, MANIFEST_TYPE, Manifest};
pub use tar_file::TarFile;
