//! Runs commands in containers: their own health check before the engine does,
//! which waits a whole interval before its first one, and what they want to have
//! run before they are stopped.

use std::time::Duration;

use bollard::{
    exec::{StartExecOptions, StartExecResults},
    models::ExecConfig,
    query_parameters::InspectContainerOptions,
};
use futures_util::StreamExt;
use kcc_lower::docker::PRE_STOP;
use kcc_plan::Error;

use super::{Client, refused};

/// What a command in a container came to.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) exit_code: i64,
    /// The last of what it wrote.
    pub(crate) output: String,
}

/// Time that a command before a stop may take where the container says none.
const GRACE: Duration = Duration::from_secs(30);

impl Client {
    /// Runs what a container wants to have run before it is stopped, for as long
    /// as it may take to end. It does not keep the container from being stopped:
    /// neither does it on Kubernetes.
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
        let command = config
            .labels
            .as_ref()
            .and_then(|labels| serde_json::from_str::<Vec<String>>(labels.get(PRE_STOP)?).ok());
        if let Some(command) = command {
            let seconds = config
                .stop_timeout
                .and_then(|time| u64::try_from(time).ok());
            let limit = seconds.map_or(GRACE, Duration::from_secs);
            let _ = tokio::time::timeout(limit, self.run_check(id, &command)).await;
        }
    }

    /// Runs a command inside a container. It is not counted as a mutation: the
    /// engine runs the same command for as long as the container lives.
    pub(crate) async fn run_check(&self, name: &str, command: &[String]) -> Result<Ran, Error> {
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
        Ok(Ran {
            exit_code: ended.exit_code.unwrap_or(-1),
            output,
        })
    }
}
