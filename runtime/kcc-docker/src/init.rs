//! Init steps: what runs to completion before a container starts that has just
//! been made, and the folders that all of them share.

use std::{collections::BTreeMap, time::Instant};

use kcc_diag::Code;
use kcc_lower::docker::{Container, Mount};
use kcc_model::Until;
use kcc_plan::{Context, Error};

use crate::{client::Shares, engine::DockerEngine, files, make::cannot_pack, work::NewContainer};

/// What the container is called through which shared folders are opened.
const DOOR: &str = "folders";

/// Whether a container shares folders with those beside it.
pub(crate) fn shares_folders(container: &Container) -> bool {
    let mut mounts = container.mounts.values();
    mounts.any(|mount| matches!(mount, Mount::Shared(_)))
}

impl DockerEngine<'_> {
    /// Lets everybody write to the folders that a container shares: who runs in
    /// the containers beside it is not root. Its own root may be closed, so
    /// that is done through another one, which never starts.
    pub(crate) async fn open_folders(
        &self,
        name: &str,
        new: &NewContainer,
        id: &str,
    ) -> Result<(), Error> {
        let packed = files::shared_folders(&new.container);
        let Some(archive) = packed.map_err(|error| cannot_pack(name, error))? else {
            return Ok(());
        };
        let door = Container {
            files: BTreeMap::new(),
            mounts: BTreeMap::new(),
            networks: BTreeMap::new(),
            env: BTreeMap::new(),
            read_only: false,
            ..new.container.clone()
        };
        let shares = Shares {
            network: None,
            folders: Some(id),
        };
        let beside = Container::beside(name, DOOR);
        let door_id = self.make(&beside, &plain(door, new), shares).await?;
        let opened = self.client.upload(&door_id, name, archive).await;
        let removed = self.client.remove(&door_id, &beside).await;
        opened.and(removed)
    }

    /// Runs the init steps of a container, one after the other; each is gone
    /// when it has ended.
    pub(crate) async fn init(
        &self,
        id: &str,
        name: &str,
        new: &NewContainer,
        context: &Context<'_>,
    ) -> Result<(), Error> {
        let begin = Instant::now();
        for step in &new.container.init {
            let shares = Shares {
                network: None,
                folders: shares_folders(&step.container).then_some(id),
            };
            let beside = Container::beside(name, &step.name);
            let what = format!("init step `{}` of `{name}`", step.name);
            let made = plain(step.container.clone(), new);
            let step_id = self.make(&beside, &made, shares).await?;
            let ended = match self.client.start(&step_id, &beside).await {
                Ok(()) => {
                    let until = Until::Completed;
                    self.wait(&step_id, &made, until, begin, context).await
                }
                Err(error) => Err(error),
            };
            let ended = match ended {
                Ok(None) => Ok(()),
                Ok(Some(why)) => {
                    let words = self.judge().last_words(&step_id).await;
                    let message = format!("{what} failed: {why}");
                    Err(Error::new(Code::ApplyIncomplete, message).detail(words))
                }
                Err(error) => Err(error),
            };
            let removed = self.client.remove(&step_id, &beside).await;
            ended.and(removed)?;
        }
        Ok(())
    }
}

/// A container that an operation makes on its way, without ports and init steps
/// of its own. Nothing is ever compared with it.
fn plain(container: Container, of: &NewContainer) -> NewContainer {
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
