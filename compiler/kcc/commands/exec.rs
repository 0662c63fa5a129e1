//! `kcc exec`: runs a command in a running container.

use std::ops::ControlFlow;

use clap::Args;
use kcc_model::Name;
use kcc_plan::ExecOptions;

use super::{CommandResult, known};
use crate::{
    args::ScopeArgs,
    context::Context,
    exit::{Exit, INTERRUPTED},
    pipeline, runtime,
    terminal::{self, RawMode},
};

/// Run a command in a running container
///
/// Passes stdin on, and gives the command a terminal if stdin and stdout are one. Exits
/// with the exit code of the command. Its output is printed as it is, secrets included.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  kcc exec web --target dev -- sh\n  kcc exec db --target dev -- psql -U app < dump.sql\n  kcc exec web --target prod --replica 2 --container proxy -- cat /etc/proxy.conf"
)]
pub struct Exec {
    /// Component to run the command in
    #[arg(value_name = "COMPONENT", add = crate::completion::components())]
    pub component: Name,
    /// The target.
    #[command(flatten)]
    pub scope: ScopeArgs,
    /// Container, such as a sidecar [default: the component's main container]
    #[arg(short, long, value_name = "NAME")]
    pub container: Option<Name>,
    /// Number of the replica, from 1 [default: one that is ready]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    pub replica: Option<u32>,
    /// Do not allocate a terminal
    #[arg(short = 'T', long)]
    pub no_tty: bool,
    /// Do not pass stdin on
    #[arg(long)]
    pub no_stdin: bool,
    /// Command to run, with its arguments
    #[arg(value_name = "COMMAND", last = true, required = true)]
    pub command: Vec<String>,
}

impl Exec {
    /// Runs the command to its end.
    pub fn run(self, context: &Context) -> CommandResult {
        let compiled = pipeline::compile_scope(context, None, &self.scope)?;
        known(&compiled, vec![self.component.clone()])?;
        let tty = context.settings.environment.has_terminal && !self.no_tty && !self.no_stdin;
        let wanted = ExecOptions {
            component: self.component,
            container: self.container,
            replica: self.replica,
            command: self.command,
            stdin: !self.no_stdin,
            terminal: tty.then(terminal::size),
        };
        let options = runtime::options(context, &compiled);
        let mut write = |output| {
            context.printer.pass(&output);
            if context.printer.is_closed() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        let mut raw_mode = None;
        let started = Box::new(|| raw_mode = tty.then(RawMode::enter));
        let ended = runtime::exec(&compiled, &options, &wanted, started, &mut write);
        drop(raw_mode);
        Ok(match ended? {
            Some(code) => Exit::Command(u8::try_from(code).unwrap_or(u8::MAX)),
            None if context.printer.is_closed() => Exit::Done,
            None => Exit::Command(INTERRUPTED),
        })
    }
}
