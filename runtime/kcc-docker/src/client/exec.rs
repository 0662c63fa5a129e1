//! Runs commands in containers: the health check before the engine's first one,
//! which comes a whole interval after the start, and the pre-stop command.

use std::time::Duration;

use bollard::{
    exec::{StartExecOptions, StartExecResults},
    models::ExecConfig,
    query_parameters::InspectContainerOptions,
};
use futures_util::StreamExt;
use kcc_lower::docker::label;
use kcc_plan::Error;

use super::{Client, refused};

/// The result of a command in a container.
#[derive(Debug)]
pub(crate) struct CommandResult {
    pub(crate) exit_code: i64,
    /// The end of its output.
    pub(crate) output: String,
}

/// The time limit of a pre-stop command if the container has no grace period.
const GRACE: Duration = Duration::from_secs(30);

impl Client {
    /// Runs the pre-stop command of a container, for at most its grace period. Its
    /// failure does not prevent the stop, as on Kubernetes.
    pub(super) async fn pre_stop(&self, id: &str) {
        let inspected = self
            .docker
            .inspect_container(id, None::<InspectContainerOptions>)
            .await;
        let Ok(container) = inspected else {
            return;
        };
        let running = container.state.and_then(|state| state.running);
        let Some(config) = container.config.filter(|_| running == Some(true)) else {
            return;
        };
        let command = config.labels.as_ref().and_then(|labels| {
            serde_json::from_str::<Vec<String>>(labels.get(label::PRE_STOP)?).ok()
        });
        if let Some(command) = command {
            let seconds = config
                .stop_timeout
                .and_then(|time| u64::try_from(time).ok());
            let limit = seconds.map_or(GRACE, Duration::from_secs);
            let _ = tokio::time::timeout(limit, self.run_check(id, &command)).await;
        }
    }

    /// Runs a command inside a container. Not counted as a mutation: the engine
    /// runs the same command as long as the container lives.
    pub(crate) async fn run_check(
        &self,
        name: &str,
        command: &[String],
    ) -> Result<CommandResult, Error> {
        let config = ExecConfig {
            cmd: Some(command.to_vec()),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            ..ExecConfig::default()
        };
        let fail = |error| refused("run the health check of container", name, error);
        let id = self
            .docker
            .create_exec(name, config)
            .await
            .map_err(fail)?
            .id;
        let started = self
            .docker
            .start_exec(&id, None::<StartExecOptions>)
            .await
            .map_err(fail)?;
        let mut output = String::new();
        if let StartExecResults::Attached {
            output: mut stream, ..
        } = started
        {
            while let Some(part) = stream.next().await {
                output = String::from_utf8_lossy(&part.map_err(fail)?.into_bytes()).into_owned();
            }
        }
        let ended = self.docker.inspect_exec(&id).await.map_err(fail)?;
        Ok(CommandResult {
            exit_code: ended.exit_code.unwrap_or(-1),
            output,
        })
    }
}
