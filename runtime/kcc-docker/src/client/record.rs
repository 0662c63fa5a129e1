//! Calls that keep the record of a scope, in volumes whose labels hold it, and its
//! generated secrets. Those of the record do not pass the fence, because they renew the
//! lock that it stands for.

use std::collections::{BTreeMap, HashMap};

use bollard::{
    models::{ContainerCreateBody, HostConfig, Mount, MountType, VolumeCreateRequest},
    query_parameters::{
        CreateContainerOptions, CreateImageOptions, DownloadFromContainerOptions,
        ListVolumesOptions, RemoveImageOptions, RemoveVolumeOptions,
    },
};
use futures_util::TryStreamExt;
use jiff::Timestamp;
use kcc_diag::Code;
use kcc_plan::Error;

use super::{Client, is_conflict, is_missing, or_gone, refused};

impl Client {
    /// Lists the labels of the volumes that have all these labels, each with a value
    /// (`label=value`) or any, by the volumes' names.
    pub(crate) async fn labelled_volumes(
        &self,
        labels: Vec<String>,
    ) -> Result<BTreeMap<String, HashMap<String, String>>, Error> {
        let options = ListVolumesOptions {
            filters: Some(HashMap::from([("label".to_owned(), labels)])),
        };
        let list = self.docker.list_volumes(Some(options)).await;
        let list = list.map_err(|error| refused("list", "volumes", error))?;
        let volumes = list.volumes.unwrap_or_default().into_iter();
        Ok(volumes.map(|volume| (volume.name, volume.labels)).collect())
    }

    /// Creates a volume unless there is one of this name, and returns the labels of the
    /// one that is there then. Of several callers exactly one finds its own.
    pub(crate) async fn claim_volume(
        &self,
        name: &str,
        labels: HashMap<String, String>,
    ) -> Result<HashMap<String, String>, Error> {
        let request = VolumeCreateRequest {
            name: Some(name.to_owned()),
            labels: Some(labels),
            ..VolumeCreateRequest::default()
        };
        let call = self.docker.create_volume(request);
        let created = self.unfenced("claim-volume", call).await;
        created
            .map(|volume| volume.labels)
            .map_err(|error| refused("create volume", name, error))
    }

    /// Removes a volume of the record.
    pub(crate) async fn release_volume(&self, name: &str) -> Result<(), Error> {
        let call = self.docker.remove_volume(name, None::<RemoveVolumeOptions>);
        let removed = self.unfenced("release-volume", call).await;
        or_gone(removed).map_err(|error| refused("remove volume", name, error))
    }

    /// Asks the engine for its time.
    pub(crate) async fn engine_time(&self) -> Result<Timestamp, Error> {
        let info = self.docker.info().await;
        let info = info.map_err(|error| refused("ask for the time of", "the engine", error))?;
        let time = info.system_time.unwrap_or_default();
        time.parse().map_err(|error| {
            Error::new(
                Code::StateStore,
                format!("the engine's time `{time}` cannot be read"),
            )
            .cause(error)
        })
    }

    pub(crate) async fn has_volume(&self, name: &str) -> Result<bool, Error> {
        match self.docker.inspect_volume(name).await {
            Ok(_) => Ok(true),
            Err(error) if is_missing(&error) => Ok(false),
            Err(error) => Err(refused("inspect volume", name, error)),
        }
    }

    /// Returns an archive of a directory in a container, if the container exists.
    pub(crate) async fn download(&self, name: &str, path: &str) -> Result<Option<Vec<u8>>, Error> {
        let options = DownloadFromContainerOptions {
            path: path.to_owned(),
        };
        let stream = self.docker.download_from_container(name, Some(options));
        let read = stream.try_fold(Vec::new(), async |mut all, piece| {
            all.extend_from_slice(&piece);
            Ok(all)
        });
        match read.await {
            Ok(archive) => Ok(Some(archive)),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(refused("read the files of container", name, error)),
        }
    }

    /// Makes an image of an archive.
    pub(crate) async fn import_image(&self, name: &str, archive: Vec<u8>) -> Result<(), Error> {
        let options = CreateImageOptions {
            from_src: Some("-".to_owned()),
            repo: Some(name.to_owned()),
            ..CreateImageOptions::default()
        };
        let body = bollard::body_full(archive.into());
        let steps = self.docker.create_image(Some(options), Some(body), None);
        let call = steps.try_for_each(async |_| Ok(()));
        let made = self.mutate("import-image", call).await?;
        made.map_err(|error| refused("make image", name, error))
    }

    /// Removes an image unless a container uses it.
    pub(crate) async fn discard_image(&self, name: &str) {
        let call = self
            .docker
            .remove_image(name, None::<RemoveImageOptions>, None);
        let _ = self.mutate("remove-image", call).await;
    }

    /// Creates a container that never starts and mounts the volume of its own name,
    /// unless it exists. Returns false if its image is gone.
    pub(crate) async fn create_holder(
        &self,
        name: &str,
        image: &str,
        directory: &str,
        labels: HashMap<String, String>,
    ) -> Result<bool, Error> {
        let options = CreateContainerOptions {
            name: Some(name.to_owned()),
            ..CreateContainerOptions::default()
        };
        let mount = Mount {
            typ: Some(MountType::VOLUME),
            source: Some(name.to_owned()),
            target: Some(directory.to_owned()),
            ..Mount::default()
        };
        let body = ContainerCreateBody {
            image: Some(image.to_owned()),
            // A container needs a command, even if it never starts.
            cmd: Some(vec!["never".to_owned()]),
            labels: Some(labels),
            host_config: Some(HostConfig {
                mounts: Some(vec![mount]),
                network_mode: Some("none".to_owned()),
                ..HostConfig::default()
            }),
            ..ContainerCreateBody::default()
        };
        let call = self.docker.create_container(Some(options), body);
        match self.mutate("create-holder", call).await? {
            Ok(_) => Ok(true),
            Err(error) if is_conflict(&error) => Ok(true),
            Err(error) if is_missing(&error) => Ok(false),
            Err(error) => Err(refused("create container", name, error)),
        }
    }
}
