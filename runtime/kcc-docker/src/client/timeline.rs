//! Reads the times that the engine holds of containers.

use std::collections::HashMap;

use bollard::{
    models::HealthStatusEnum,
    query_parameters::{InspectContainerOptions, ListContainersOptions},
};
use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use kcc_plan::{Error, Scope};

use super::{Client, is_missing, refused};
use crate::observed::label;

/// The number of concurrent requests.
const PARALLEL: usize = 8;

/// The times that the engine holds of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Life {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) component: Option<String>,
    pub(crate) created: Option<Timestamp>,
    pub(crate) started: Option<Timestamp>,
    /// The end of the last run, with its exit code and whether memory ran out.
    pub(crate) ended: Option<(Timestamp, i64, bool)>,
    /// True if its health check succeeds.
    pub(crate) healthy: bool,
}

impl Life {
    /// Identifies what can be seen of a container that runs: its run, and if that is
    /// healthy.
    pub(crate) fn seen(&self) -> Option<String> {
        let started = self.started.filter(|_| self.ended.is_none())?;
        Some(if self.healthy {
            seen_healthy(&self.id, started)
        } else {
            seen_running(&self.id, started)
        })
    }
}

/// Identifies a run of a container.
pub(crate) fn seen_running(id: &str, started: Timestamp) -> String {
    format!("{id} running since {started}")
}

/// Identifies the success of the health check in a run of a container.
pub(crate) fn seen_healthy(id: &str, started: Timestamp) -> String {
    format!("{id} healthy in the run since {started}")
}

impl Client {
    /// Reads the times of a scope's containers.
    pub(crate) async fn lives(&self, scope: &Scope) -> Result<Vec<Life>, Error> {
        let options = ListContainersOptions {
            all: true,
            filters: Some(HashMap::from([("label".to_owned(), labels(scope))])),
            ..Default::default()
        };
        let list = self.docker.list_containers(Some(options)).await;
        let list = list.map_err(|error| refused("list", "containers", error))?;
        let own = list.into_iter().filter(|listed| {
            let labels = listed.labels.as_ref();
            labels.and_then(|labels| labels.get(label::INSTANCE)) == scope.instance.as_ref()
        });
        let lives = stream::iter(own.filter_map(|listed| listed.id))
            .map(|id| async move { self.life(&id).await })
            .buffered(PARALLEL);
        let lives: Vec<Option<Life>> = lives.try_collect().await?;
        Ok(lives.into_iter().flatten().collect())
    }

    /// Reads the times of a container, by its identity or name.
    pub(crate) async fn life(&self, id: &str) -> Result<Option<Life>, Error> {
        let found = self
            .docker
            .inspect_container(id, None::<InspectContainerOptions>)
            .await;
        let container = match found {
            Ok(container) => container,
            Err(error) if is_missing(&error) => return Ok(None),
            Err(error) => return Err(refused("inspect container", id, error)),
        };
        let labels = container.config.and_then(|config| config.labels);
        let state = container.state.unwrap_or_default();
        let health = state.health.and_then(|health| health.status);
        let ended = time(state.finished_at.as_deref()).filter(|_| state.running != Some(true));
        let code = state.exit_code.unwrap_or_default();
        Ok(Some(Life {
            id: container.id.unwrap_or_else(|| id.to_owned()),
            healthy: health == Some(HealthStatusEnum::HEALTHY),
            name: container.name.unwrap_or_default(),
            component: labels.and_then(|mut labels| labels.remove(label::COMPONENT)),
            created: time(container.created.as_deref()),
            started: time(state.started_at.as_deref()),
            ended: ended.map(|time| (time, code, state.oom_killed == Some(true))),
        }))
    }
}

fn labels(scope: &Scope) -> Vec<String> {
    let own = [
        (label::SYSTEM, &scope.system),
        (label::TARGET, &scope.target),
    ];
    own.iter()
        .map(|(label, value)| format!("{label}={value}"))
        .collect()
}

/// Parses a time of the engine, which writes the year 1 for none.
fn time(text: Option<&str>) -> Option<Timestamp> {
    let time: Timestamp = text?.parse().ok()?;
    (time > Timestamp::UNIX_EPOCH).then_some(time)
}
