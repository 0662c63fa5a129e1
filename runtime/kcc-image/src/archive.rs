//! [`RegistryArchive`]: artifacts in a repository of a registry.

use std::collections::BTreeSet;

use kcc_lock::Digest;
use kcc_plan::{ArtifactStore, Blob, Descriptor, Error, MANIFEST_TYPE, Manifest, Options};
use oci_client::{Reference, RegistryOperation};
use reqwest::header::HeaderValue;

use crate::{
    error::{Refusal, Subject},
    remote::{Registries, Remote},
};

/// Begins the address of an archive in a registry.
const SCHEME: &str = "oci://";

/// The number of tags that are asked for at once.
const PAGE: usize = 1000;

/// The largest blob of an archive.
const MAX_BLOB: u64 = 512 * 1024 * 1024;

/// Artifacts in a repository of a registry. Their names are its tags.
pub struct RegistryArchive<'a> {
    address: &'a str,
    remote: Remote<'a>,
}

impl<'a> RegistryArchive<'a> {
    /// Returns true for the address of an archive in a registry.
    pub fn is_address(text: &str) -> bool {
        text.starts_with(SCHEME)
    }

    /// Logs in at the registry of an address, `oci://HOST/REPOSITORY`, as the docker
    /// command would. A login to write is one that may do so.
    pub async fn connect(address: &'a str, writes: bool, options: &Options) -> Result<Self, Error> {
        let subject = Subject::Archive(address);
        let repository = address.strip_prefix(SCHEME).unwrap_or(address);
        let path = repository.split_once('/').map(|(_, path)| path);
        if path.is_none_or(|path| path.is_empty() || path.contains([':', '@'])) {
            return Err(subject.unusable("expected `oci://HOST/REPOSITORY` without a tag"));
        }
        let registries = Registries {
            options,
            plain_http: &BTreeSet::new(),
        };
        let operation = if writes {
            RegistryOperation::Push
        } else {
            RegistryOperation::Pull
        };
        let remote = registries.connect(subject, repository, operation).await;
        let remote = remote.map_err(|refused| error(subject, refused))?;
        Ok(Self { address, remote })
    }

    fn error(&self, failure: oci_client::errors::OciDistributionError) -> Error {
        error(self.remote.subject, self.remote.refusal(failure))
    }

    fn tagged(&self, name: &str) -> Reference {
        let Remote { reference, .. } = &self.remote;
        Reference::with_tag(
            reference.registry().to_owned(),
            reference.repository().to_owned(),
            name.to_owned(),
        )
    }

    async fn contains(&self, digest: &Digest) -> Result<bool, Error> {
        let Remote {
            client, reference, ..
        } = &self.remote;
        let found = client.blob_exists(reference, digest.as_str()).await;
        found.map_err(|failure| self.error(failure))
    }
}

impl ArtifactStore for RegistryArchive<'_> {
    fn address(&self) -> String {
        self.address.to_owned()
    }

    async fn names(&self) -> Result<BTreeSet<String>, Error> {
        let Remote {
            client,
            reference,
            auth,
            ..
        } = &self.remote;
        let mut names = BTreeSet::new();
        loop {
            let last = names.last().cloned();
            let page = client.list_tags(reference, auth, Some(PAGE), last.as_deref());
            let page = match page.await.map_err(|failure| self.remote.refusal(failure)) {
                Ok(page) => page.tags,
                // A repository begins with its first tag.
                Err(Refusal::Absent) => Vec::new(),
                Err(refused) => return Err(error(self.remote.subject, refused)),
            };
            let before = names.len();
            names.extend(page);
            // Some registries return everything at once, each time.
            if names.len() == before {
                return Ok(names);
            }
        }
    }

    async fn artifact(&self, name: &str) -> Result<Option<Manifest>, Error> {
        let Remote {
            client,
            subject,
            auth,
            ..
        } = &self.remote;
        let tagged = self.tagged(name);
        let read = client.pull_manifest_raw(&tagged, auth, &[MANIFEST_TYPE]);
        let (bytes, digest) = match read.await.map_err(|failure| self.remote.refusal(failure)) {
            Ok(read) => read,
            Err(Refusal::Absent) => return Ok(None),
            Err(refused) => return Err(error(*subject, refused)),
        };
        if Blob::new(bytes.to_vec()).digest().as_str() != digest {
            return Err(subject.damaged());
        }
        // Anything may have a tag.
        Ok(serde_json::from_slice(&bytes).ok())
    }

    async fn has(&self, content: &Descriptor) -> Result<bool, Error> {
        self.contains(&content.digest).await
    }

    async fn get(&self, content: &Descriptor) -> Result<Option<Blob>, Error> {
        let subject = self.remote.subject;
        let digest = content.digest.as_str();
        match self.remote.content(digest, MAX_BLOB).await {
            Ok(Some(bytes)) => {
                let blob = Blob::new(bytes);
                let same = blob.digest() == &content.digest;
                same.then_some(blob)
                    .ok_or_else(|| subject.damaged())
                    .map(Some)
            }
            Ok(None) => Err(subject.unusable(format!("`{digest}` is larger than 512 MiB"))),
            Err(Refusal::Absent) => Ok(None),
            Err(refused) => Err(error(subject, refused)),
        }
    }

    async fn put(&self, name: &str, artifact: &Manifest, blobs: &[Blob]) -> Result<(), Error> {
        let Remote {
            client, reference, ..
        } = &self.remote;
        for blob in blobs {
            if !self.contains(blob.digest()).await? {
                let bytes = blob.bytes().to_vec();
                let pushed = client.push_blob(reference, bytes, blob.digest().as_str());
                pushed.await.map_err(|failure| self.error(failure))?;
            }
        }
        let document = artifact.blob().into_bytes();
        let media_type = HeaderValue::from_static(MANIFEST_TYPE);
        let tagged = self.tagged(name);
        let pushed = client.push_manifest_raw(&tagged, document, media_type);
        pushed.await.map_err(|failure| self.error(failure))?;
        Ok(())
    }
}

fn error(subject: Subject<'_>, refused: Refusal) -> Error {
    match refused {
        Refusal::Failed(error) => error,
        Refusal::Absent => subject
            .unusable("its registry does not have it")
            .help("check its address"),
        Refusal::Denied(why) => subject
            .unusable(format!("its registry refuses access: {why}"))
            .help("log in with `docker login`"),
    }
}
