//! A command in a running container of a component.
//!
//! [`exec`] takes an [`ExecEngine`], which an engine crate implements, chooses the
//! container, starts the command, and passes its input, its output and the size of
//! the terminal on until it ends. Bytes pass through as they are: nothing is redacted,
//! because the command may print anything its container knows.

use std::{io, ops::ControlFlow, pin::pin};

use futures_util::{
    StreamExt,
    future::{self, BoxFuture},
    stream::BoxStream,
};
use kcc_diag::Code;
use kcc_model::Name;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use crate::{Error, Scope};

/// The command to run, and where.
#[derive(Debug, Clone, Default)]
pub struct ExecOptions {
    /// The component.
    pub component: Name,
    /// The container; the component's main one without a name.
    pub container: Option<Name>,
    /// The number of the replica; any that is ready without one.
    pub replica: Option<u32>,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Set if the command has an input.
    pub stdin: bool,
    /// The size of its terminal, if it has one.
    pub terminal: Option<TerminalSize>,
}

/// The size of a terminal, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub struct TerminalSize {
    pub columns: u16,
    pub rows: u16,
}

/// A running container of a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecContainer {
    /// The engine's identity of it.
    pub id: String,
    /// The name in the model: the component's for its main container.
    pub container: Name,
    /// The number of its replica, from 1.
    pub replica: u32,
    /// Set if its replica is ready, as far as the engine knows.
    pub ready: bool,
}

/// A part of a command's output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExecOutput {
    /// Written to its standard output, or to its terminal.
    Out(Vec<u8>),
    /// Written to its standard error.
    Err(Vec<u8>),
}

/// The parts of a command's output, in order.
pub type ExecOutputs = BoxStream<'static, Result<ExecOutput, Error>>;
/// The reader of what a command gets as its input.
pub type ExecSource = Box<dyn AsyncRead + Send + Unpin>;
/// The writer to a command's input.
pub type ExecInput = Box<dyn AsyncWrite + Send + Unpin>;

/// A command that is running in a container.
pub trait ExecProcess {
    /// Returns the input, once, if the command has one.
    fn input(&mut self) -> Option<ExecInput>;

    /// Returns the output, once. It ends when the command does.
    fn output(&mut self) -> ExecOutputs;

    /// Changes the size of its terminal. A failure is not reported: the command may
    /// have ended.
    fn resize(&mut self, size: TerminalSize) -> impl Future<Output = ()>;

    /// Returns the exit code, after the output has ended.
    fn exit_code(self) -> impl Future<Output = Result<i64, Error>>;
}

/// An engine that runs commands in containers.
pub trait ExecEngine {
    /// A running command.
    type Process: ExecProcess;

    /// Lists the running containers of a component, sorted by replica.
    fn containers(
        &self,
        component: &str,
    ) -> impl Future<Output = Result<Vec<ExecContainer>, Error>>;

    /// Starts a command.
    fn start(
        &self,
        container: &ExecContainer,
        options: &ExecOptions,
    ) -> impl Future<Output = Result<Self::Process, Error>>;
}

/// The caller's side of a command.
pub struct ExecStreams<'a> {
    /// Called once the command runs.
    pub started: Box<dyn FnOnce() + 'a>,
    /// The input.
    pub input: ExecSource,
    /// The size of the terminal, each time it changes.
    pub sizes: BoxStream<'a, TerminalSize>,
    /// Takes the output, until it breaks.
    pub write: &'a mut dyn FnMut(ExecOutput) -> ControlFlow<()>,
}

/// Runs a command to its end and returns its exit code; nothing if the reader of its
/// output has gone.
pub async fn exec(
    engine: &impl ExecEngine,
    scope: &Scope,
    options: &ExecOptions,
    streams: ExecStreams<'_>,
) -> Result<Option<i64>, Error> {
    let container = running_container(engine, scope, options).await?;
    let mut process = engine.start(&container, options).await?;
    let ExecStreams {
        started,
        mut input,
        mut sizes,
        write,
    } = streams;
    started();
    let mut output = process.output();
    let mut feed = pin!(feed(&mut input, process.input()));
    let (mut is_fed, mut is_sized) = (false, false);
    loop {
        tokio::select! {
            part = output.next() => match part {
                None => break,
                Some(part) => if write(part?).is_break() {
                    return Ok(None);
                },
            },
            // The command may ignore its input, or end before it.
            _ = &mut feed, if !is_fed => is_fed = true,
            size = sizes.next(), if !is_sized => match size {
                Some(size) => process.resize(size).await,
                None => is_sized = true,
            },
        }
    }
    process.exit_code().await.map(Some)
}

/// Returns the running container that options name, if there is one.
pub async fn running_container(
    engine: &impl ExecEngine,
    scope: &Scope,
    options: &ExecOptions,
) -> Result<ExecContainer, Error> {
    let containers = engine.containers(&options.component).await?;
    let chosen = choose(&containers, options).map_err(|message| {
        let message = format!("{message} in `{}`", scope.target);
        Error::new(Code::PlanNotRunning, message).help(status_help(scope))
    })?;
    Ok(chosen.clone())
}

/// Copies the input, and closes it at its end: a program such as `sort` waits for
/// that.
fn feed(
    from: &mut (dyn AsyncRead + Send + Unpin),
    to: Option<ExecInput>,
) -> BoxFuture<'_, io::Result<()>> {
    let Some(mut to) = to else {
        return Box::pin(future::ready(Ok(())));
    };
    Box::pin(async move {
        tokio::io::copy(from, &mut to).await?;
        to.shutdown().await
    })
}

/// Returns the container to run the command in, or what is missing.
fn choose<'a>(
    containers: &'a [ExecContainer],
    options: &ExecOptions,
) -> Result<&'a ExecContainer, String> {
    let component = &options.component;
    if containers.is_empty() {
        return Err(format!("component `{component}` is not running"));
    }
    let own: Vec<_> = containers
        .iter()
        .filter(|one| options.replica.is_none_or(|replica| one.replica == replica))
        .collect();
    if own.is_empty() {
        let replica = options.replica.unwrap_or_default();
        return Err(format!(
            "replica {replica} of `{component}` is not running (running: {})",
            listed(containers.iter().map(|one| one.replica.to_string()))
        ));
    }
    let wanted = options.container.as_ref().unwrap_or(component);
    let mut named = own.iter().filter(|one| one.container == *wanted);
    let first = named.clone().next();
    named
        .find(|one| one.ready)
        .or(first)
        .copied()
        .ok_or_else(|| {
            format!(
                "container `{wanted}` of `{component}` is not running (running: {})",
                listed(own.iter().map(|one| format!("`{}`", one.container)))
            )
        })
}

/// Joins names, each once.
fn listed(names: impl Iterator<Item = String>) -> String {
    let mut names: Vec<_> = names.collect();
    names.dedup();
    names.join(", ")
}

fn status_help(scope: &Scope) -> String {
    format!("see why with `{}`", scope.command("status"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn container(replica: u32, name: &str, ready: bool) -> ExecContainer {
        ExecContainer {
            id: format!("{replica}/{name}"),
            container: name.to_owned(),
            replica,
            ready,
        }
    }

    #[test]
    fn prefers_a_ready_replica_and_says_what_runs() {
        let running = [
            container(1, "web", false),
            container(1, "proxy", false),
            container(2, "web", true),
        ];
        let mut options = ExecOptions {
            component: "web".to_owned(),
            ..ExecOptions::default()
        };
        let id = |options: &ExecOptions| choose(&running, options).map(|one| one.id.as_str());
        assert_eq!(id(&options), Ok("2/web"));
        options.replica = Some(1);
        assert_eq!(id(&options), Ok("1/web"));
        options.container = Some("proxy".to_owned());
        assert_eq!(id(&options), Ok("1/proxy"));
        options.replica = Some(2);
        assert_eq!(
            id(&options),
            Err("container `proxy` of `web` is not running (running: `web`)".to_owned())
        );
        options.replica = Some(3);
        assert_eq!(
            id(&options),
            Err("replica 3 of `web` is not running (running: 1, 2)".to_owned())
        );
        assert_eq!(
            choose(&[], &options),
            Err("component `web` is not running".to_owned())
        );
    }
}
