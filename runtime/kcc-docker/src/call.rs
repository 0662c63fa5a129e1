//! [`Call`]: one call to the engine, or one wait for it, with everything it needs.

use std::{collections::BTreeMap, sync::Arc};

use kcc_model::{Build, Until};

use crate::payload::NewContainer;

/// One call to the engine. One on a container whose creation turned out to be
/// unnecessary does nothing.
#[derive(Debug, Clone)]
pub(crate) enum Call {
    Pull {
        reference: String,
        platform: Option<String>,
    },
    Build {
        build: Build,
        platform: Option<String>,
        context_hash: String,
    },
    /// Fails if an image that is new on the engine would start as root where it must
    /// not.
    CheckImage {
        reference: String,
    },
    CreateNetwork {
        name: String,
        labels: BTreeMap<String, String>,
    },
    CreateVolume {
        name: String,
        labels: BTreeMap<String, String>,
    },
    /// Creates a volume and the container that copies into it, unless they exist.
    CreateCopier {
        volume: String,
        source: String,
        labels: BTreeMap<String, String>,
    },
    /// Copies into a volume; a copy may be made again.
    CopyVolume {
        volume: String,
    },
    RemoveCopier {
        volume: String,
    },
    /// Removes a container that is not kcc's, and keeps its volumes.
    RemoveFormer {
        id: String,
        name: String,
    },
    RemoveNetwork {
        name: String,
        id: String,
    },
    RemoveVolume {
        name: String,
    },
    /// Fails if an image of a new container would start as root and must not.
    CheckImageUsers(Arc<NewContainer>),
    /// Creates a container without starting it.
    Create(Creation),
    /// Connects a new container to a further network.
    Connect {
        container: Subject,
        network: String,
        aliases: Vec<String>,
    },
    /// Writes the files of a new container that are below a directory.
    Upload {
        container: Subject,
        directory: String,
        new: Arc<NewContainer>,
    },
    /// Creates the container `name`, which is used to change owner and mode of the
    /// directories of the container created as `of`, unless none needs it. Only the
    /// container itself shows them.
    CreateDirectoryHelper {
        name: String,
        of: String,
        new: Arc<NewContainer>,
    },
    /// Changes those directories.
    UnpackDirectories(Subject),
    Start {
        container: Subject,
        /// For a sidecar of a job, the job's container: if that has ended, the engine
        /// cannot start the sidecar, and nothing needs it.
        job: Option<String>,
    },
    /// Waits until a new container has reached a state.
    Await {
        container: Subject,
        new: Arc<NewContainer>,
        until: Until,
        /// The container since whose start the deadline counts, by the name that it was
        /// created with.
        since: String,
        /// The failure if it does not.
        failure: String,
    },
    Unpause(Subject),
    Stop(Subject),
    Remove(Subject),
    Rename {
        container: Subject,
        name: String,
    },
}

/// The creation of a container.
#[derive(Debug, Clone)]
pub(crate) struct Creation {
    pub(crate) name: String,
    /// The container whose shared directories it mounts, by the name that it was
    /// created with. A sidecar mounts those of its main container.
    pub(crate) directories_of: Option<String>,
    pub(crate) new: Arc<NewContainer>,
}

/// The container that a call is made on.
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    pub(crate) target: Target,
    /// Its name in messages.
    pub(crate) name: String,
}

/// The identity of a container.
#[derive(Debug, Clone)]
pub(crate) enum Target {
    /// The engine's identity of one that existed when the plan was made; of one that
    /// another operation creates, its name.
    Existing(String),
    /// The identity that the engine gave to one that this run created, by the name that
    /// it was created with.
    Created(String),
}
