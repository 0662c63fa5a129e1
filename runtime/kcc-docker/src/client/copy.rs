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
use bytes::BytesMut;
use futures_util::{StreamExt, stream};
use kcc_diag::Code;
use kcc_plan::Error;
use tokio::{
    fs::File,
    io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt},
};

use super::{Client, is_conflict, is_missing, refused};

/// The directories at which the container mounts the two volumes. Both are called `data`,
/// because the archive of the first one has an entry of that name: the engine sets owner
/// and mode only for entries of the archive.
const SOURCE: &str = "/source/data";
const COPY: &str = "/copy/data";
/// The number of bytes that are sent at once.
const PIECE: usize = 256 << 10;
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

    /// Copies the content with owners and modes, through a file without a name on this
    /// machine: the engine locks a container while it sends an archive of it, so that the
    /// copy would wait for itself.
    pub(crate) async fn copy(&self, copier: &str, volume: &str) -> Result<(), Error> {
        let options = DownloadFromContainerOptions {
            path: SOURCE.to_owned(),
        };
        let mut content = self.docker.download_from_container(copier, Some(options));
        let mut file =
            File::from_std(tempfile::tempfile().map_err(|error| spooled(volume, error))?);
        while let Some(piece) = content.next().await {
            let piece =
                piece.map_err(|error| refused("copy the content for volume", volume, error))?;
            let written = file.write_all(&piece).await;
            written.map_err(|error| spooled(volume, error))?;
        }
        let rewound = file.rewind().await;
        rewound.map_err(|error| spooled(volume, error))?;
        let pieces = stream::try_unfold(file, |mut file| async {
            let mut piece = BytesMut::with_capacity(PIECE);
            let read = file.read_buf(&mut piece).await?;
            Ok::<_, io::Error>((read > 0).then(|| (piece.freeze(), file)))
        });
        let body = bollard::body_try_stream(Box::pin(pieces));
        let options = UploadToContainerOptions {
            path: UNPACKED.to_owned(),
            ..UploadToContainerOptions::default()
        };
        let call = self.docker.upload_to_container(copier, Some(options), body);
        let done = self.mutate("copy-volume", call).await?;
        done.map_err(|error| refused("copy into volume", volume, error))
    }
}

/// Returns the error of the file that the content passes through.
fn spooled(volume: &str, error: io::Error) -> Error {
    let directory = std::env::temp_dir();
    let message = format!(
        "cannot keep the content for volume `{volume}` in `{}`",
        directory.display()
    );
    Error::new(Code::ApplyIncomplete, message)
        .cause(error)
        .help("free space there, or set TMPDIR to another directory, and run the command again")
}
