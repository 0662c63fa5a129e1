//! [`EngineImages`]: the images of an engine, as a source of facts about them.

use std::collections::BTreeSet;

use bytes::Bytes;
use futures_util::Stream;
use kcc_plan::{Error, Options};

use crate::{client::Client, endpoint::Endpoint, engine_image::EngineImage};

/// The images of an engine. Read-only.
#[derive(Debug)]
pub struct EngineImages {
    client: Client,
}

impl EngineImages {
    /// Connects to the engine of the environment.
    pub async fn connect(options: &Options) -> Result<Self, Error> {
        let endpoint = Endpoint::of(options)?;
        let client = Client::connect(&endpoint).await?;
        Ok(Self { client })
    }

    /// Returns an image, if the engine has it.
    pub async fn find(&self, reference: &str) -> Result<Option<EngineImage>, Error> {
        self.client.described_image(reference).await
    }

    /// Returns the identities of an image, if the engine has it: its own, and those under
    /// which registries have it.
    pub async fn identities(&self, reference: &str) -> Result<Option<BTreeSet<String>>, Error> {
        let image = self.client.image(reference).await?;
        Ok(image.map(|image| image.digests.into_iter().chain([image.id]).collect()))
    }

    /// Makes an image of the files in a tar, unless the engine has one of that name.
    pub async fn make(&self, name: &str, files: impl FnOnce() -> Vec<u8>) -> Result<(), Error> {
        if self.client.image(name).await?.is_some() {
            return Ok(());
        }
        self.client.import_image(name, files()).await
    }

    /// Returns the archive of an image: its layers, and `manifest.json` with their
    /// order.
    pub fn export(
        &self,
        reference: &str,
    ) -> impl Stream<Item = Result<Bytes, Error>> + Send + use<'_> {
        self.client.export_image(reference)
    }
}
