//! [`Manifest`] and [`Index`]: the two JSON documents of the OCI image specification.

use std::collections::BTreeMap;

use kcc_lock::Digest;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Blob;

/// The media type of manifests.
pub const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX_TYPE: &str = "application/vnd.oci.image.index.v1+json";
const SCHEMA_VERSION: u32 = 2;

/// The annotation with the name of an entry of an index.
const NAME: &str = "org.opencontainers.image.ref.name";

/// A reference to content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// The type of the content.
    pub media_type: String,
    /// The digest of the content.
    pub digest: Digest,
    /// The number of its bytes.
    pub size: u64,
    /// The type of the artifact, if the content is the manifest of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// Facts about the content.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Fields of other tools, which stay when kcc writes the document again.
    #[serde(flatten)]
    pub other: BTreeMap<String, Value>,
}

impl Descriptor {
    /// Describes content of a digest and a size.
    pub fn new(media_type: &str, digest: Digest, size: u64) -> Self {
        Self {
            media_type: media_type.to_owned(),
            digest,
            size,
            artifact_type: None,
            annotations: BTreeMap::new(),
            other: BTreeMap::new(),
        }
    }

    /// Describes a blob.
    pub fn of(media_type: &str, blob: &Blob) -> Self {
        Self::new(media_type, blob.digest().clone(), blob.bytes().len() as u64)
    }

    /// Returns the name that an index gives it.
    pub fn name(&self) -> Option<&str> {
        self.annotations.get(NAME).map(String::as_str)
    }
}

/// The manifest of an artifact, or of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    schema_version: u32,
    media_type: String,
    /// The type of the artifact; none for an image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// The content that describes the others.
    pub config: Descriptor,
    /// The other content.
    pub layers: Vec<Descriptor>,
    /// The manifest that this one says something about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Descriptor>,
    /// Facts about the artifact.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

impl Manifest {
    /// Creates the manifest of an artifact.
    pub fn new(artifact_type: &str, config: Descriptor, layers: Vec<Descriptor>) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            media_type: MANIFEST_TYPE.to_owned(),
            artifact_type: Some(artifact_type.to_owned()),
            config,
            layers,
            subject: None,
            annotations: BTreeMap::new(),
        }
    }

    /// Returns the document.
    pub fn blob(&self) -> Blob {
        // A plain struct with text keys always serialises.
        Blob::new(serde_json::to_vec(self).unwrap_or_default())
    }

    /// Describes the document.
    pub fn descriptor(&self) -> Descriptor {
        Descriptor {
            artifact_type: self.artifact_type.clone(),
            ..Descriptor::of(MANIFEST_TYPE, &self.blob())
        }
    }

    /// Returns true if content is one of its layers.
    pub fn has_layer(&self, digest: &Digest) -> bool {
        self.layers.iter().any(|layer| layer.digest == *digest)
    }

    /// Returns everything that it refers to, besides its subject.
    pub fn content(&self) -> impl Iterator<Item = &Descriptor> {
        std::iter::once(&self.config).chain(&self.layers)
    }
}

/// The list of what a layout holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    schema_version: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    media_type: Option<String>,
    manifests: Vec<Descriptor>,
    /// Fields of other tools.
    #[serde(flatten)]
    other: BTreeMap<String, Value>,
}

impl Default for Index {
    fn default() -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            media_type: Some(INDEX_TYPE.to_owned()),
            manifests: Vec::new(),
            other: BTreeMap::new(),
        }
    }
}

impl Index {
    /// Returns all entries.
    pub fn entries(&self) -> &[Descriptor] {
        &self.manifests
    }

    /// Returns the entry with a name.
    pub fn get(&self, name: &str) -> Option<&Descriptor> {
        let mut entries = self.manifests.iter();
        entries.find(|entry| entry.name() == Some(name))
    }

    /// Gives a name to content, which nothing else has from now on.
    pub fn set(&mut self, name: &str, mut entry: Descriptor) {
        self.remove(name);
        entry.annotations.insert(NAME.to_owned(), name.to_owned());
        self.manifests.push(entry);
        self.manifests
            .sort_by(|one, other| one.name().cmp(&other.name()));
    }

    /// Removes the entry with a name.
    pub fn remove(&mut self, name: &str) {
        self.manifests.retain(|entry| entry.name() != Some(name));
    }
}
