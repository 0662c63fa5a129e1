//! `kcc run`: runs a program while a target is up.

use std::{collections::BTreeMap, io, sync::Arc};

use clap::Args;
use kcc_model::{Millis, Name, published_variables};
use kcc_plan::{ApplyReport, State, StatusReport};

use super::{CommandResult, apply, note_sharing, only};
use crate::{
    args::{LockArgs, ScopeArgs, ShareArgs, duration},
    compiled::Compiled,
    confirm::confirm,
    context::Context,
    exit::Exit,
    pipeline, program, progress, runtime,
};

/// Run a program while a target is up
///
/// Applies the target, runs the program on this machine with the addresses of the
/// components in its environment, as needs name them (`WEB_HOST`, `WEB_PORT`, `WEB_URL`),
/// and removes what it created. A target that was up before stays up. Exits with the exit
/// code of the program.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  kcc run --target dev --instance auto -- npm test\n  kcc run --target test --only db --volumes -- cargo test\n  kcc run --target dev -- sh -c 'curl $WEB_URL'"
)]
pub struct Run {
    /// The target.
    #[command(flatten)]
    pub scope: ScopeArgs,
    /// The components that the instance shares.
    #[command(flatten)]
    pub share: ShareArgs,
    /// Apply only COMPONENT and what it needs
    #[arg(long, value_name = "COMPONENT", add = crate::completion::components())]
    pub only: Vec<Name>,
    /// Time limit for each component to become ready, such as `90s` or `5m`
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub timeout: Option<Millis>,
    /// Also remove volumes and claims with their data afterwards
    #[arg(long)]
    pub volumes: bool,
    /// Do not ask for confirmation
    #[arg(short, long)]
    pub yes: bool,
    /// The treatment of its lock.
    #[command(flatten)]
    pub lock: LockArgs,
    /// Program to run, with its arguments
    #[arg(value_name = "COMMAND", last = true, required = true)]
    pub command: Vec<String>,
}

impl Run {
    /// Brings the target up, runs the program, and takes the target down.
    pub fn run(self, context: &Context) -> CommandResult {
        let compiled = pipeline::compile_sharing(context, None, &self.scope, &self.share)?;
        note_sharing(context, &compiled);
        let mut options = runtime::options(context, &compiled);
        options.request = only(&compiled, self.only)?;
        options.revisions = Some(Arc::new(compiled.record()));
        options.lock_timeout = self.lock.timeout();
        options.timeout_ms = self.timeout.map(|timeout| timeout.0);
        let (name, target) = (&compiled.model.name, &self.scope.target);
        let question = format!("apply `{name}` to `{target}` and remove it afterwards?");
        if !confirm(context, target, self.yes, &question)? {
            context.printer.note("nothing was changed");
            return Ok(Exit::Incomplete);
        }
        let status = runtime::status(&compiled, &options)?;
        let own = status.components.values();
        let was_up = own
            .map(|component| component.state)
            .any(|state| !matches!(state, State::Absent | State::External | State::Shared));
        let reporter = progress::reporter(context);
        let applied = runtime::apply(&compiled, &options, reporter.as_ref())?;
        apply::summarise(context, &applied, "applied", "to");
        let ended = if applied.is_complete() {
            let variables = variables(&compiled, &applied, &status);
            if variables.is_empty() {
                let hint = "`expose` one in a fragment";
                let text = format!("no component has a port that is reachable from here; {hint}");
                context.printer.note(&text);
            }
            exit_of(
                context,
                &self.command[0],
                program::run(&self.command, &variables)?,
            )
        } else {
            Exit::Incomplete
        };
        if was_up {
            return Ok(ended);
        }
        options.request = kcc_plan::Request::Apply;
        options.revisions = None;
        options.volumes = self.volumes;
        let removed = runtime::down(&compiled, &options, reporter.as_ref())?;
        apply::summarise(context, &removed, "removed", "from");
        Ok(ended.or(Exit::from_code(removed.exit_code())))
    }
}

/// Returns the exit of a program, or the one by which shells report that it could not be
/// started.
fn exit_of(context: &Context, program: &str, ended: io::Result<u8>) -> Exit {
    let error = match ended {
        Ok(0) => return Exit::Done,
        Ok(code) => return Exit::Command(code),
        Err(error) => error,
    };
    context
        .printer
        .note(&format!("cannot run `{program}`: {error}"));
    Exit::Command(if error.kind() == io::ErrorKind::NotFound {
        127
    } else {
        126
    })
}

/// Returns the addresses of the components as variables.
fn variables(
    compiled: &Compiled,
    applied: &ApplyReport,
    before: &StatusReport,
) -> BTreeMap<String, String> {
    let own = applied.components.iter();
    let own = own.map(|(name, report)| (name, &report.addresses));
    let shared = before.components.iter();
    let shared = shared.filter(|(_, status)| status.state == State::Shared);
    let shared = shared.map(|(name, status)| (name, &status.addresses));
    let variables = own.chain(shared).flat_map(|(name, addresses)| {
        let addresses = addresses.iter().rev();
        let published = addresses.filter_map(|address| {
            let (host, port) = address.host_and_port()?;
            Some((address.port?, (host.to_owned(), port)))
        });
        let component = compiled.target_model().components.get(name);
        let published = published.collect();
        component
            .map(|component| published_variables(component, &published))
            .unwrap_or_default()
    });
    variables.collect()
}
