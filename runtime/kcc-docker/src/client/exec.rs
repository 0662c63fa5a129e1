//! Runs a container's own health check before the engine does: an engine waits
//! a whole interval before its first one.

use bollard::{
    exec::{StartExecOptions, StartExecResults},
    models::ExecConfig,
};
use futures_util::StreamExt;
use kcc_plan::Error;

use super::{Client, refused};

/// What a command in a container came to.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) exit_code: i64,
    /// The last of what it wrote.
    pub(crate) output: String,
}

impl Client {
    /// Runs a check inside a container. It is not counted as a mutation: the
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
