//! [`SecretVolume`]: keeps the values of generated secrets with the engine, as files in a
//! volume that only the engine's administrator can read: not in labels, not in an
//! environment, and not in anybody's home directory.
//!
//! A volume is read and written through a container. kcc keeps one for that which never
//! starts. As long as it exists, a prune of unused volumes leaves the volume alone, and a prune of
//! stopped containers removes only the container, which is made again.

use std::{
    collections::{BTreeMap, HashMap},
    io::Read,
    sync::Arc,
};

use futures_util::FutureExt;
use kcc_diag::Code;
use kcc_plan::{Error, fail_points};

use crate::{client::Client, empty_image, files::Archive, store::DockerStore};

/// The directory of the volume in the container.
const DIRECTORY: &str = "/secrets";
/// The generated secrets of one scope.
pub(crate) struct SecretVolume {
    client: Arc<Client>,
    /// The name of the volume and of the container.
    name: String,
    label: (String, String),
}

impl SecretVolume {
    pub(crate) fn new(client: Arc<Client>, store: &DockerStore) -> Self {
        Self {
            client,
            name: store.object("secrets"),
            label: store.label(),
        }
    }

    /// Returns the values by name.
    pub(crate) async fn read(&self) -> Result<BTreeMap<String, String>, Error> {
        let archive = match self.client.download(&self.name, DIRECTORY).await? {
            Some(archive) => archive,
            None if self.client.has_volume(&self.name).await? => {
                self.create().await?;
                let again = self.client.download(&self.name, DIRECTORY).await?;
                again.unwrap_or_default()
            }
            None => return Ok(BTreeMap::new()),
        };
        unpack(&archive).map_err(|error| {
            let message = format!("cannot read the secrets in volume `{}`", self.name);
            Error::new(Code::StateStore, message).cause(error)
        })
    }

    /// Stores values beside those that are there.
    pub(crate) async fn store(&self, values: &BTreeMap<String, String>) -> Result<(), Error> {
        if values.is_empty() {
            return Ok(());
        }
        self.create().await?;
        let archive = pack(values).map_err(|error| {
            let message = format!("cannot write the secrets in volume `{}`", self.name);
            Error::new(Code::StateStore, message).cause(error)
        })?;
        let upload = self.client.upload(&self.name, &self.name, archive);
        fail_points::around("docker", "store-secrets", upload).await
    }

    /// Removes all values. Call it once the data that they unlock is gone.
    pub(crate) async fn remove(&self) -> Result<(), Error> {
        self.client.remove(&self.name, &self.name).await?;
        self.client.remove_volume(&self.name).await?;
        empty_image::discard(&self.client).await;
        Ok(())
    }

    /// Creates what is missing of image, volume and container.
    async fn create(&self) -> Result<(), Error> {
        let labels = HashMap::from([self.label.clone()]);
        self.client.claim_volume(&self.name, labels.clone()).await?;
        let create = |image| {
            let labels = labels.clone();
            let holder = self
                .client
                .create_holder(&self.name, image, DIRECTORY, labels);
            holder.boxed()
        };
        empty_image::create_container(&self.client, &self.name, create).await
    }
}

/// Packs one file per secret, readable by root only.
fn pack(values: &BTreeMap<String, String>) -> std::io::Result<Archive> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, value) in values {
        let mut header = tar::Header::new_gnu();
        header.set_size(value.len() as u64);
        header.set_mode(0o600);
        header.set_mtime(0);
        builder.append_data(&mut header, name, value.as_bytes())?;
    }
    Ok(Archive {
        directory: DIRECTORY.to_owned(),
        bytes: builder.into_inner()?,
    })
}

fn unpack(archive: &[u8]) -> std::io::Result<BTreeMap<String, String>> {
    let mut values = BTreeMap::new();
    for entry in tar::Archive::new(archive).entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        let name = path.file_name().and_then(|name| name.to_str());
        let (Some(name), true) = (name, entry.header().entry_type().is_file()) else {
            continue;
        };
        let name = name.to_owned();
        let mut value = String::new();
        entry.read_to_string(&mut value)?;
        // An engine that was killed while it unpacked an archive leaves an empty file,
        // which nothing has used.
        if !value.is_empty() {
            values.insert(name, value);
        }
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn survive_packing() {
        let values = BTreeMap::from([
            ("db".to_owned(), "a-b".to_owned()),
            ("queue".to_owned(), "c".to_owned()),
        ]);
        let archive = pack(&values).unwrap();
        assert_eq!(unpack(&archive.bytes).unwrap(), values);
        assert!(unpack(&[]).unwrap().is_empty());
    }
}
