//! Runs commands in containers: those of users, the health check before the engine's
//! first one, which comes a whole interval after the start, and the pre-stop command.

use std::time::Duration;

use bollard::{
    Docker,
    container::LogOutput,
    exec::{ResizeExecOptions, StartExecOptions, StartExecResults},
    models::ExecConfig,
    query_parameters::InspectContainerOptions,
};
use futures_util::{StreamExt, stream};
use kcc_diag::Code;
use kcc_lower::docker::label;
use kcc_plan::{
    Error, ExecInput, ExecOptions, ExecOutput, ExecOutputs, ExecProcess, TerminalSize, fail_points,
};

use super::{Client, refused};

/// A command of a user that runs in a container.
pub(crate) struct RunningCommand {
    docker: Docker,
    /// The engine's identity of the command.
    id: String,
    /// The container, for messages.
    container: String,
    input: Option<ExecInput>,
    output: ExecOutputs,
}

/// The result of a command in a container.
#[derive(Debug)]
pub(crate) struct CommandResult {
    pub(crate) exit_code: i64,
    /// The end of its output.
    pub(crate) output: String,
}

/// The number of times to look for an exit code, and the interval.
const EXIT_CODE_TRIES: u32 = 20;
const EXIT_CODE_PAUSE: Duration = Duration::from_millis(50);

/// The time limit of a pre-stop command if the container has no grace period.
const GRACE: Duration = Duration::from_secs(30);

impl Client {
    /// Starts a command of a user. Not counted as a mutation: what it changes is not
    /// kcc's.
    pub(crate) async fn start_command(
        &self,
        container: &str,
        options: &ExecOptions,
    ) -> Result<RunningCommand, Error> {
        let tty = options.terminal.is_some();
        let config = ExecConfig {
            cmd: Some(options.command.clone()),
            attach_stdin: Some(options.stdin),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            tty: Some(tty),
            console_size: options
                .terminal
                .map(|size| vec![usize::from(size.rows), usize::from(size.columns)]),
            ..ExecConfig::default()
        };
        let name = options.component.clone();
        let fail = |error| refused("run a command in", &name, error);
        let created = self.docker.create_exec(container, config).await;
        let id = created.map_err(fail)?.id;
        let start = StartExecOptions {
            tty,
            ..StartExecOptions::default()
        };
        let started = self.docker.start_exec(&id, Some(start)).await;
        let (input, output) = match started.map_err(fail)? {
            StartExecResults::Attached { input, output } => (input, output),
            StartExecResults::Detached => return Err(detached(&name)),
        };
        let of = name.clone();
        let output = output.map(move |part| match part {
            Ok(LogOutput::StdErr { message }) => Ok(ExecOutput::Err(message.into())),
            Ok(other) => Ok(ExecOutput::Out(other.into_bytes().into())),
            Err(error) => Err(refused("run a command in", &of, error)),
        });
        let mut process = RunningCommand {
            docker: self.docker.clone(),
            id,
            container: name,
            input: options.stdin.then(|| Box::new(input) as ExecInput),
            output: output.boxed(),
        };
        if let Some(size) = options.terminal {
            // An engine before 23.0 ignores the size at the start.
            process.resize(size).await;
        }
        Ok(process)
    }

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
            let call = tokio::time::timeout(limit, self.run_check(id, &command));
            let _ = fail_points::around("docker", "pre-stop", call).await;
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

impl ExecProcess for RunningCommand {
    fn input(&mut self) -> Option<ExecInput> {
        self.input.take()
    }

    fn output(&mut self) -> ExecOutputs {
        std::mem::replace(&mut self.output, stream::empty().boxed())
    }

    async fn resize(&mut self, size: TerminalSize) {
        let size = ResizeExecOptions {
            width: size.columns,
            height: size.rows,
        };
        let _ = self.docker.resize_exec(&self.id, size).await;
    }

    async fn exit_code(self) -> Result<i64, Error> {
        let fail = |error| refused("read the exit code of a command in", &self.container, error);
        // The engine closes the output a moment before it notes the end.
        for _ in 0..EXIT_CODE_TRIES {
            let ended = self.docker.inspect_exec(&self.id).await.map_err(fail)?;
            if let (Some(code), Some(false)) = (ended.exit_code, ended.running) {
                return Ok(code);
            }
            tokio::time::sleep(EXIT_CODE_PAUSE).await;
        }
        Err(detached(&self.container))
    }
}

/// Describes a command whose connection closed before it ended.
fn detached(container: &str) -> Error {
    let message = format!("lost the connection to a command in `{container}`; it may still run");
    Error::new(Code::PlanDockerUnreachable, message)
        .help("check that the engine is running, then run the command again")
}
