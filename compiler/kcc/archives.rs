//! [`Place`]: an archive by its address, which is a directory, a tar file or a repository
//! of a registry.

use std::{collections::BTreeSet, path::Path};

use kcc_diag::Code;
use kcc_image::RegistryArchive;
use kcc_plan::{
    ArtifactStore, Blob, Descriptor, Error, Layout, Manifest, Options, TarFile, archive::Archive,
};

/// The ending of the name of an archive in one file.
const TAR: &str = ".tar";

/// The use of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// It is read, and has to exist.
    Read,
    /// It is added to, and may be new.
    Write,
}

/// The place of an archive.
pub enum Place<'a> {
    /// A directory.
    Directory(Layout),
    /// A tar file.
    File(TarFile),
    /// A repository of a registry.
    Registry(RegistryArchive<'a>),
}

/// Opens the archive at an address. A path is relative to `directory`.
pub async fn open<'a>(
    address: &'a str,
    directory: &Path,
    access: Access,
    options: &Options,
) -> Result<Archive<Place<'a>>, Error> {
    let path = directory.join(address);
    let place = if RegistryArchive::is_address(address) {
        let writes = access == Access::Write;
        Place::Registry(RegistryArchive::connect(address, writes, options).await?)
    } else if address.ends_with(TAR) {
        Place::File(TarFile::open(path, address)?)
    } else {
        Place::Directory(Layout::new(path).shown_as(address))
    };
    if access == Access::Read
        && let Some(layout) = place.layout()
    {
        layout.check()?;
    }
    Ok(Archive::new(place))
}

impl Place<'_> {
    /// Returns the layout, unless it is a repository.
    pub fn layout(&self) -> Option<&Layout> {
        match self {
            Self::Directory(layout) => Some(layout),
            Self::File(file) => Some(file.layout()),
            Self::Registry(_) => None,
        }
    }

    /// Writes what was added, if that is not done at once.
    pub fn save(&self) -> Result<(), Error> {
        match self {
            Self::File(file) => file.save(),
            Self::Directory(_) | Self::Registry(_) => Ok(()),
        }
    }
}

/// Returns the error that an archive lacks what is asked for.
pub fn lacks(address: &str, what: &str) -> Error {
    Error::new(Code::StateArchive, format!("`{address}` has no {what}")).help(format!(
        "list what it has with `kcc history verify {address}`"
    ))
}

impl ArtifactStore for Place<'_> {
    fn address(&self) -> String {
        match self {
            Self::Registry(registry) => registry.address(),
            Self::Directory(layout) => layout.address(),
            Self::File(file) => file.layout().address(),
        }
    }

    async fn names(&self) -> Result<BTreeSet<String>, Error> {
        match self {
            Self::Registry(registry) => registry.names().await,
            Self::Directory(layout) => layout.names().await,
            Self::File(file) => file.layout().names().await,
        }
    }

    async fn artifact(&self, name: &str) -> Result<Option<Manifest>, Error> {
        match self {
            Self::Registry(registry) => registry.artifact(name).await,
            Self::Directory(layout) => layout.artifact(name).await,
            Self::File(file) => file.layout().artifact(name).await,
        }
    }

    async fn has(&self, content: &Descriptor) -> Result<bool, Error> {
        match self {
            Self::Registry(registry) => registry.has(content).await,
            Self::Directory(layout) => layout.has(content).await,
            Self::File(file) => file.layout().has(content).await,
        }
    }

    async fn get(&self, content: &Descriptor) -> Result<Option<Blob>, Error> {
        match self {
            Self::Registry(registry) => registry.get(content).await,
            Self::Directory(layout) => layout.get(content).await,
            Self::File(file) => file.layout().get(content).await,
        }
    }

    async fn put(&self, name: &str, artifact: &Manifest, blobs: &[Blob]) -> Result<(), Error> {
        match self {
            Self::Registry(registry) => registry.put(name, artifact, blobs).await,
            Self::Directory(layout) => layout.put(name, artifact, blobs).await,
            Self::File(file) => file.layout().put(name, artifact, blobs).await,
        }
    }
}
