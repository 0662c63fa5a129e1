//! [`Reader`]: reads images from where the user says, or where they are.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, stream};
use kcc_docker::EngineImages;
use kcc_lock::{Digest, ImageFacts};
use kcc_plan::{Error, Options};
use tokio::sync::OnceCell;

use crate::{
    engine,
    error::{Refusal, unreadable},
    registry::absent,
    remote::Registries,
};

/// The places to read images from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Source {
    /// The registry, or the Docker engine for an image that only the engine has.
    #[default]
    Any,
    /// The registry alone.
    Registry,
    /// The Docker engine alone.
    Docker,
}

/// A question about an image.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The reference, as fragments write it.
    pub reference: &'a str,
    /// The digest to read; none for the one that the tag has now.
    pub digest: Option<&'a Digest>,
    /// The directories whose owner matters if the image does not run as root.
    pub directories: &'a BTreeSet<String>,
}

/// The answers to several questions, by image.
#[derive(Debug, Default)]
pub struct Answers<'q> {
    /// The facts.
    pub facts: BTreeMap<&'q str, ImageFacts>,
    /// The reasons why there are none.
    pub failures: BTreeMap<&'q str, Error>,
}

/// The images whose digest is not the known one.
#[derive(Debug, Default)]
pub struct Moved<'q> {
    /// The digests that they have now, by image.
    pub digests: BTreeMap<&'q str, Digest>,
    /// The images that could not be asked for.
    pub failures: BTreeMap<&'q str, Error>,
}

/// The number of images that are read at once.
const PARALLEL: usize = 8;

/// Reads the facts about images.
pub struct Reader<'a> {
    source: Source,
    registries: Registries<'a>,
    options: &'a Options,
    engine: OnceCell<EngineImages>,
}

impl<'a> Reader<'a> {
    /// Creates a reader. `plain_http` are registries without TLS; those of this
    /// machine need not be named.
    pub fn new(source: Source, plain_http: &'a BTreeSet<String>, options: &'a Options) -> Self {
        Self {
            source,
            registries: Registries {
                options,
                plain_http,
            },
            options,
            engine: OnceCell::new(),
        }
    }

    /// Reads the facts about an image.
    pub async fn read(&self, question: Question<'_>) -> Result<ImageFacts, Error> {
        let Question {
            reference,
            digest,
            directories,
        } = question;
        if self.source == Source::Docker {
            let found = engine::read(self.engine().await?, reference, directories).await?;
            return found.ok_or_else(|| {
                unreadable(reference, "the Docker engine does not have it")
                    .help(format!("get it with `docker pull {reference}`"))
            });
        }
        let refused = match self.registries.read(reference, digest, directories).await {
            Ok(facts) => return Ok(facts),
            Err(Refusal::Failed(error)) => return Err(error),
            Err(refused) => refused,
        };
        // The engine may have another image under the tag.
        if self.source == Source::Registry || digest.is_some() {
            return Err(absent(reference, refused, ""));
        }
        let Ok(images) = self.engine().await else {
            return Err(absent(reference, refused, ", and no Docker engine answers"));
        };
        match engine::read(images, reference, directories).await? {
            Some(facts) => Ok(facts),
            None => Err(absent(
                reference,
                refused,
                ", and the Docker engine does not have it",
            )),
        }
    }

    /// Reads several images at once; returns the facts and the failures, by image.
    pub async fn read_all<'q>(&self, questions: Vec<Question<'q>>) -> Answers<'q> {
        let read = stream::iter(questions)
            .map(async |question| (question.reference, self.read(question).await));
        let mut answers = Answers::default();
        let mut read = std::pin::pin!(read.buffered(PARALLEL));
        while let Some((image, answer)) = read.next().await {
            match answer {
                Ok(facts) => _ = answers.facts.insert(image, facts),
                Err(error) => _ = answers.failures.insert(image, error),
            }
        }
        answers
    }

    /// Returns the images that have another digest now, and the failures.
    pub async fn moved<'q>(&self, known: Vec<(&'q str, &Digest)>) -> Moved<'q> {
        let asked = stream::iter(known)
            .map(async |(image, digest)| (image, digest, self.digest(image).await));
        let mut moved = Moved::default();
        let mut asked = std::pin::pin!(asked.buffered(PARALLEL));
        while let Some((image, known, answer)) = asked.next().await {
            match answer {
                Ok(Some(now)) if now != *known => _ = moved.digests.insert(image, now),
                Ok(_) => {}
                Err(error) => _ = moved.failures.insert(image, error),
            }
        }
        moved
    }

    /// Returns the digest that an image has now where it is read; none if it has
    /// none.
    async fn digest(&self, reference: &str) -> Result<Option<Digest>, Error> {
        if self.source == Source::Docker {
            let found = self.engine().await?.find(reference).await?;
            return Ok(found.and_then(|image| engine::digest(reference, &image)));
        }
        match self.registries.digest(reference).await {
            Ok(digest) => Ok(Some(digest)),
            Err(Refusal::Failed(error)) => Err(error),
            Err(Refusal::Absent | Refusal::Denied(_)) => Ok(None),
        }
    }

    async fn engine(&self) -> Result<&EngineImages, Error> {
        self.engine
            .get_or_try_init(|| EngineImages::connect(self.options))
            .await
    }
}
