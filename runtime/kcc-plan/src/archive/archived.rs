//! [`Archived`]: one entry of a history as artifacts.

use std::collections::BTreeMap;

use kcc_diag::Code;
use kcc_lock::Digest;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    Blob, Descriptor, Error, Manifest, Scope,
    revision::{self, Clocks, Entry},
};

const ENTRY: &str = "application/vnd.kcc.revision.v1";
const ENTRY_CONFIG: &str = "application/vnd.kcc.revision.v1+json";
const OUTCOME: &str = "application/vnd.kcc.outcome.v1";
const OUTCOME_CONFIG: &str = "application/vnd.kcc.outcome.v1+json";
const CONTENT: &str = "application/vnd.kcc.content.v1+json";

/// Ends the name of an outcome.
const OUTCOME_NAME: &str = ".outcome";

/// The annotation for people who look at a manifest.
const TITLE: &str = "org.opencontainers.image.title";

/// The format of the configurations. A kcc reads this one and the one before it.
const FORMAT: u32 = 1;

/// The number of digits of a digest in a name.
const DIGITS: usize = 12;

/// An entry of a history in an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archived {
    /// The name of its artifact.
    pub name: String,
    /// The scope.
    pub scope: Scope,
    /// The entry, with its result if the archive has it.
    pub entry: Entry,
    /// The manifest and the other blobs, by digest.
    content: BTreeMap<Digest, Descriptor>,
}

/// An artifact to store under a name.
pub(super) struct Artifact {
    pub(super) name: String,
    pub(super) manifest: Manifest,
    pub(super) config: Blob,
}

#[derive(Serialize, Deserialize)]
struct EntryConfig {
    format: u32,
    scope: Scope,
    entry: Entry,
}

#[derive(Serialize, Deserialize)]
struct OutcomeConfig {
    format: u32,
    ended: Clocks,
    result: revision::Result,
}

impl Archived {
    /// Returns the beginning of the names of a scope.
    pub(super) fn prefix(scope: &Scope) -> String {
        let instance = scope.instance.as_ref();
        let instance = instance.map_or_else(String::new, |name| format!("{name}."));
        format!("{}.{}.{instance}", scope.system, scope.target)
    }

    /// Returns true for the name of an entry of any scope.
    pub(super) fn is_name(name: &str) -> bool {
        let end = name
            .rsplit_once('.')
            .and_then(|(_, end)| end.split_once('-'));
        end.is_some_and(|(number, digits)| {
            number.parse::<u64>().is_ok()
                && digits.len() == DIGITS
                && digits.chars().all(|digit| digit.is_ascii_hexdigit())
        })
    }

    /// Returns the name of the outcome of an entry.
    pub(super) fn outcome_name(name: &str) -> String {
        format!("{name}{OUTCOME_NAME}")
    }

    /// Returns the name of the artifact of an entry, without looking at its blobs.
    pub(super) fn name_of(scope: &Scope, entry: &Entry) -> String {
        Self::name(scope, entry.number, &entry_config(scope, entry))
    }

    fn name(scope: &Scope, number: u64, config: &Blob) -> String {
        let digits = &config.digest().hex()[..DIGITS];
        format!("{}{number}-{digits}", Self::prefix(scope))
    }

    /// Makes the artifact of an entry, without its result.
    pub(super) fn artifact(scope: &Scope, entry: &Entry, blobs: &[(Digest, u64)]) -> Artifact {
        let config = entry_config(scope, entry);
        let layers = blobs
            .iter()
            .map(|(digest, size)| Descriptor::new(CONTENT, digest.clone(), *size));
        let descriptor = Descriptor::of(ENTRY_CONFIG, &config);
        let mut manifest = Manifest::new(ENTRY, descriptor, layers.collect());
        let title = format!("revision {} of {scope}", entry.number);
        manifest.annotations.insert(TITLE.to_owned(), title);
        Artifact {
            name: Self::name(scope, entry.number, &config),
            manifest,
            config,
        }
    }

    /// Makes the artifact of a result.
    pub(super) fn outcome(
        name: &str,
        subject: &Manifest,
        ended: Clocks,
        result: &revision::Result,
        details: &Blob,
    ) -> Artifact {
        let config = blob(&OutcomeConfig {
            format: FORMAT,
            ended,
            result: result.clone(),
        });
        let layers = vec![Descriptor::of(CONTENT, details)];
        let descriptor = Descriptor::of(OUTCOME_CONFIG, &config);
        let mut manifest = Manifest::new(OUTCOME, descriptor, layers);
        manifest.subject = Some(subject.descriptor());
        Artifact {
            name: Self::outcome_name(name),
            manifest,
            config,
        }
    }

    /// Returns true if an artifact is an entry.
    pub(super) fn is_entry(manifest: &Manifest) -> bool {
        manifest.artifact_type.as_deref() == Some(ENTRY)
    }

    /// Reads an entry from its artifact.
    pub(super) fn parse(name: &str, manifest: &Manifest, config: &Blob) -> Result<Self, Error> {
        let EntryConfig { scope, entry, .. } = parse(name, config)?;
        if Self::name(&scope, entry.number, config) != name {
            let why = format!("it is revision {} of {scope}", entry.number);
            return Err(damaged(name, &why));
        }
        let content = manifest.layers.iter();
        let content: BTreeMap<_, _> = content
            .map(|layer| (layer.digest.clone(), layer.clone()))
            .collect();
        if let Some(digest) = entry.blobs().find(|digest| !content.contains_key(digest)) {
            return Err(damaged(name, &format!("it does not have blob `{digest}`")));
        }
        Ok(Self {
            name: name.to_owned(),
            scope,
            entry,
            content,
        })
    }

    /// Adds the result from its artifact.
    pub(super) fn add_outcome(
        &mut self,
        entry: &Manifest,
        manifest: &Manifest,
        config: &Blob,
    ) -> Result<(), Error> {
        let name = Self::outcome_name(&self.name);
        let subject = manifest.subject.as_ref().map(|subject| &subject.digest);
        if manifest.artifact_type.as_deref() != Some(OUTCOME)
            || subject != Some(&entry.descriptor().digest)
        {
            return Err(damaged(
                &name,
                &format!("it is not the outcome of `{}`", self.name),
            ));
        }
        let OutcomeConfig { ended, result, .. } = parse(&name, config)?;
        let layers = manifest.layers.iter();
        self.content
            .extend(layers.map(|layer| (layer.digest.clone(), layer.clone())));
        self.entry.ended = Some(ended);
        self.entry.result = Some(result);
        Ok(())
    }

    /// Returns the descriptor of a blob of the entry.
    pub(super) fn content(&self, digest: &Digest) -> Option<&Descriptor> {
        self.content.get(digest)
    }

    /// Returns the descriptors of all blobs of the entry.
    pub(super) fn contents(&self) -> impl Iterator<Item = &Descriptor> {
        self.content.values()
    }

    /// Returns the names of its artifacts.
    pub fn names(&self) -> [String; 2] {
        [self.name.clone(), Self::outcome_name(&self.name)]
    }
}

fn entry_config(scope: &Scope, entry: &Entry) -> Blob {
    blob(&EntryConfig {
        format: FORMAT,
        scope: scope.clone(),
        entry: Entry {
            ended: None,
            result: None,
            ..entry.clone()
        },
    })
}

fn blob<T: Serialize>(config: &T) -> Blob {
    // Plain structs with text keys always serialise.
    Blob::new(serde_json::to_vec(config).unwrap_or_default())
}

fn parse<T: DeserializeOwned>(name: &str, config: &Blob) -> Result<T, Error> {
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    let broken = |error: serde_json::Error| damaged(name, &error.to_string());
    let Format { format } = serde_json::from_slice(config.bytes()).map_err(broken)?;
    if format > FORMAT {
        let message = format!(
            "`{name}` in the archive has format {format}, and this kcc reads formats up to {FORMAT}"
        );
        return Err(Error::new(Code::StateNewer, message)
            .help("use the version of kcc that wrote it, or a later one"));
    }
    serde_json::from_slice(config.bytes()).map_err(broken)
}

/// Describes an artifact whose content is not what it should be.
pub(super) fn damaged(name: &str, why: &str) -> Error {
    let message = format!("`{name}` in the archive is damaged: {why}");
    Error::new(Code::StateDamaged, message)
}
