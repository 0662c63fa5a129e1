//! Init steps, which run to completion before a new container starts, and the
//! directories that need an owner or a mode before.

use std::{collections::BTreeMap, time::Instant};

use kcc_diag::Code;
use kcc_lower::docker::{Container, Mount};
use kcc_model::Until;
use kcc_plan::{Context, Error};

use crate::{
    client::Shares,
    driver::DockerDriver,
    files::{self, Directories, cannot_pack, has_shared_directories},
    payload::NewContainer,
};

/// The suffix of the helper container that prepares directories.
const DIRECTORY_HELPER: &str = "directories";
/// The permission that others may write, and that the group may.
const WRITABLE: u32 = 0o022;

impl DockerDriver<'_> {
    /// Makes the directories that a container shares writable for everybody, because
    /// its sidecars and init steps do not run as root, and gives it the volumes for
    /// which its image has no directory. The container's own root may be read-only, so
    /// a helper container that never starts is used to unpack them.
    pub(crate) async fn prepare_directories(
        &self,
        name: &str,
        new: &NewContainer,
        id: &str,
    ) -> Result<(), Error> {
        let mut directories = files::shared_directories(&new.container);
        let volumes = self.unowned_volumes(new, id).await?;
        let mounts = new.container.mounts.clone().into_iter();
        let mounts = mounts.filter(|(path, _)| volumes.contains_key(path));
        let mounts = mounts.collect();
        directories.extend(volumes);
        if directories.is_empty() {
            return Ok(());
        }
        let archive = files::pack_directories(&directories);
        let archive = archive.map_err(|error| cannot_pack(name, error))?;
        let helper = Container {
            files: BTreeMap::new(),
            mounts,
            networks: BTreeMap::new(),
            env: BTreeMap::new(),
            read_only: false,
            ..new.container.clone()
        };
        let shares = Shares {
            network: None,
            directories: has_shared_directories(&new.container).then_some(id),
        };
        let full_name = Container::extra_name(name, DIRECTORY_HELPER);
        let helper_id = self
            .create_stopped(&full_name, &helper_container(helper, new), shares)
            .await?;
        let opened = self.client.upload(&helper_id, name, archive).await;
        let removed = self.client.remove(&helper_id, &full_name).await;
        opened.and(removed)
    }

    /// Finds the volumes that are empty and root's, and that the container's user could
    /// not write to. On Kubernetes the pod's group may.
    async fn unowned_volumes(&self, new: &NewContainer, id: &str) -> Result<Directories, Error> {
        let container = &new.container;
        let is_writable = |path: &str| {
            let options = container.mount_options.get(path);
            !options.is_some_and(|options| options.read_only)
        };
        let volumes = container.mounts.iter();
        let volumes = volumes.filter(|(_, mount)| matches!(mount, Mount::Volume(_)));
        let volumes: Vec<_> = volumes.filter(|(path, _)| is_writable(path)).collect();
        let mut unowned = Directories::new();
        if volumes.is_empty() {
            return Ok(unowned);
        }
        let user = self.user_of(container).await?;
        let mut owner = files::owner(&user);
        if owner.is_none() && !user.is_empty() {
            let passwd = self.client.file(id, "/etc/passwd").await;
            let passwd = passwd.and_then(|bytes| String::from_utf8(bytes).ok());
            owner = passwd.and_then(|passwd| files::named_owner(&user, &passwd));
        }
        let Some(owner) = owner.filter(|(uid, _)| *uid != 0) else {
            return Ok(unowned);
        };
        for (path, _) in volumes {
            let Some(found) = self.client.directory(id, path).await else {
                continue;
            };
            if found.is_empty && found.uid == 0 && found.mode & WRITABLE == 0 {
                unowned.insert(path.clone(), (owner, found.mode));
            }
        }
        Ok(unowned)
    }

    /// Runs the init steps of a container one after the other and removes each
    /// when it has ended.
    pub(crate) async fn init(
        &self,
        id: &str,
        name: &str,
        new: &NewContainer,
        context: &Context<'_>,
    ) -> Result<(), Error> {
        let started = Instant::now();
        for step in &new.container.init {
            let shares = Shares {
                network: None,
                directories: has_shared_directories(&step.container).then_some(id),
            };
            let full_name = Container::extra_name(name, &step.name);
            let what = format!("init step `{}` of `{name}`", step.name);
            let created = helper_container(step.container.clone(), new);
            let step_id = self.create_stopped(&full_name, &created, shares).await?;
            let ended = match self.client.start(&step_id, &full_name).await {
                Ok(()) => {
                    let until = Until::Completed;
                    self.wait(&step_id, &created, until, started, context).await
                }
                Err(error) => Err(error),
            };
            let ended = match ended {
                Ok(None) => Ok(()),
                Ok(Some(why)) => {
                    let lines = self.readiness_check().last_log_lines(&step_id).await;
                    let message = format!("{what} failed: {why}");
                    Err(Error::new(Code::ApplyIncomplete, message).detail(lines))
                }
                Err(error) => Err(error),
            };
            let removed = self.client.remove(&step_id, &full_name).await;
            ended.and(removed)?;
        }
        Ok(())
    }
}

/// Describes a temporary container of an operation, without ports and init steps
/// of its own. It is never compared with anything.
fn helper_container(container: Container, of: &NewContainer) -> NewContainer {
    NewContainer {
        labels: container.labels.clone(),
        path: of.path.clone(),
        ports: Vec::new(),
        deadline_ms: of.deadline_ms,
        container: Container {
            init: Vec::new(),
            ..container
        },
    }
}
