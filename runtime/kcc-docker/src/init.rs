//! Init steps, which run to completion before a new container starts, and the
//! directories that they share with it.

use std::{collections::BTreeMap, time::Instant};

use kcc_diag::Code;
use kcc_lower::docker::Container;
use kcc_model::Until;
use kcc_plan::{Context, Error};

use crate::{
    client::Shares,
    driver::DockerDriver,
    files::{self, cannot_pack, has_shared_directories},
    payload::NewContainer,
};

/// The suffix of the helper container that makes shared directories writable.
const DIRECTORY_HELPER: &str = "directories";

impl DockerDriver<'_> {
    /// Makes the directories that a container shares writable for everybody,
    /// because its sidecars and init steps do not run as root. The container's
    /// own root may be read-only, so a helper container that never starts is
    /// used to unpack them.
    pub(crate) async fn make_directories_writable(
        &self,
        name: &str,
        new: &NewContainer,
        id: &str,
    ) -> Result<(), Error> {
        let packed = files::shared_directories(&new.container);
        let Some(archive) = packed.map_err(|error| cannot_pack(name, error))? else {
            return Ok(());
        };
        let helper = Container {
            files: BTreeMap::new(),
            mounts: BTreeMap::new(),
            networks: BTreeMap::new(),
            env: BTreeMap::new(),
            read_only: false,
            ..new.container.clone()
        };
        let shares = Shares {
            network: None,
            directories: Some(id),
        };
        let full_name = Container::extra_name(name, DIRECTORY_HELPER);
        let helper_id = self
            .create_stopped(&full_name, &helper_container(helper, new), shares)
            .await?;
        let opened = self.client.upload(&helper_id, name, archive).await;
        let removed = self.client.remove(&helper_id, &full_name).await;
        opened.and(removed)
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
