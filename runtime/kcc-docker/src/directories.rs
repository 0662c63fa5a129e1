//! The directories of a new container that need another owner or mode than its image
//! gives them.

use std::collections::BTreeMap;

use kcc_lower::docker::{Container, Mount};
use kcc_plan::Error;

use crate::{
    client::Shares,
    driver::DockerDriver,
    files::{self, Directories, cannot_pack, has_shared_directories},
    payload::NewContainer,
};

/// The permission that others may write, and that the group may.
const WRITABLE: u32 = 0o022;

impl DockerDriver<'_> {
    /// Creates the container that changes the directories of the one created as `of`:
    /// those that it shares, which everybody may write because its sidecars and init
    /// steps do not run as root, and the volumes for which its image has no directory.
    /// The container's own root may be read-only, so another one is needed; it never
    /// starts. None is created if there is no such directory.
    pub(crate) async fn create_directory_helper(
        &self,
        name: &str,
        of: &str,
        new: &NewContainer,
    ) -> Result<(), Error> {
        let Some(id) = self.created.get(of).and_then(|created| created.id) else {
            self.created.insert(name, None, Directories::new());
            return Ok(());
        };
        let mut directories = files::shared_directories(&new.container);
        let volumes = self.unowned_volumes(new, &id).await?;
        let mounts = new.container.mounts.clone().into_iter();
        let mounts = mounts.filter(|(path, _)| volumes.contains_key(path));
        let mounts = mounts.collect();
        directories.extend(volumes);
        if directories.is_empty() {
            self.created.insert(name, None, directories);
            return Ok(());
        }
        let container = Container {
            files: BTreeMap::new(),
            mounts,
            networks: BTreeMap::new(),
            env: BTreeMap::new(),
            read_only: false,
            ..new.container.clone()
        };
        let shares = Shares {
            network: None,
            directories: has_shared_directories(&new.container).then_some(&id),
        };
        let helper = new.temporary(container);
        let id = self.create_with(name, &helper, shares).await?;
        self.created.insert(name, Some(id), directories);
        Ok(())
    }

    /// Changes the directories that the helper was created for.
    pub(crate) async fn unpack_directories(&self, id: &str, name: &str) -> Result<(), Error> {
        let created = self.created.get(name);
        let directories = created.map(|created| created.directories);
        let archive = files::pack_directories(&directories.unwrap_or_default());
        let archive = archive.map_err(|error| cannot_pack(name, error))?;
        self.client.upload(id, name, archive).await
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
}
