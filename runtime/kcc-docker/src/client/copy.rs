//! Copies what a volume contains into another one, through a container that mounts both
//! and never starts.

use std::{
    collections::{BTreeMap, HashMap},
    io,
};

use bollard::{
    models::{ContainerCreateBody, HostConfig, Mount, MountType, MountVolumeOptions},
    query_parameters::{
        CreateContainerOptions, DownloadFromContainerOptions, UploadToContainerOptions,
    },
};
use futures_util::TryStreamExt;
use kcc_plan::Error;

use super::{Client, is_conflict, is_missing, refused};

/// The directories at which the container mounts the two volumes. They have one name, so
/// that the archive of the first contains the directory itself: the engine sets owner and
/// mode of nothing above the archive's entries.
const SOURCE: &str = "/source/data";
const COPY: &str = "/copy/data";
/// The directory to unpack the archive in.
const UNPACKED: &str = "/copy";

impl Client {
    /// Creates the container for a copy, and the volume with its labels, unless they
    /// exist. Returns false if its image is gone.
    pub(crate) async fn create_copier(
        &self,
        name: &str,
        image: &str,
        (source, volume): (&str, &str),
        labels: &BTreeMap<String, String>,
        (own_label, own_value): (&str, &str),
    ) -> Result<bool, Error> {
        let labels: HashMap<_, _> = labels.clone().into_iter().collect();
        let mount = |volume: &str, target: &str| Mount {
            typ: Some(MountType::VOLUME),
            source: Some(volume.to_owned()),
            target: Some(target.to_owned()),
            ..Mount::default()
        };
        let from = Mount {
            read_only: Some(true),
            ..mount(source, SOURCE)
        };
        let to = Mount {
            volume_options: Some(MountVolumeOptions {
                no_copy: Some(true),
                labels: Some(labels.clone()),
                ..MountVolumeOptions::default()
            }),
            ..mount(volume, COPY)
        };
        let own = (own_label.to_owned(), own_value.to_owned());
        let body = ContainerCreateBody {
            image: Some(image.to_owned()),
            cmd: Some(vec!["never".to_owned()]),
            labels: Some(labels.into_iter().chain([own]).collect()),
            host_config: Some(HostConfig {
                mounts: Some(vec![from, to]),
                network_mode: Some("none".to_owned()),
                ..HostConfig::default()
            }),
            ..ContainerCreateBody::default()
        };
        let options = CreateContainerOptions {
            name: Some(name.to_owned()),
            ..CreateContainerOptions::default()
        };
        let call = self.docker.create_container(Some(options), body);
        match self.mutate("create-copier", call).await? {
            Ok(_) => Ok(true),
            Err(error) if is_conflict(&error) => Ok(true),
            Err(error) if is_missing(&error) => Ok(false),
            Err(error) => Err(refused("create container", name, error)),
        }
    }

    /// Copies the content with owners and modes, piece by piece.
    pub(crate) async fn copy(&self, copier: &str, volume: &str) -> Result<(), Error> {
        let options = DownloadFromContainerOptions {
            path: SOURCE.to_owned(),
        };
        let content = self.docker.download_from_container(copier, Some(options));
        let body = bollard::body_try_stream(Box::pin(content.map_err(io::Error::other)));
        let options = UploadToContainerOptions {
            path: UNPACKED.to_owned(),
            ..UploadToContainerOptions::default()
        };
        let call = self.docker.upload_to_container(copier, Some(options), body);
        let done = self.mutate("copy-volume", call).await?;
        done.map_err(|error| refused("copy into volume", volume, error))
    }
}
