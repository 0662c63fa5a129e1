//! `kcc start`: starts what no apply starts, and runs tasks.

use std::collections::BTreeSet;

use clap::Args;
use kcc_model::{Millis, Name};
use kcc_plan::{LogLine, LogOptions, Request, Scope};

use super::{CommandResult, apply, logs::LinePrinter, selection::Selection};
use crate::{
    args::duration, compiled::Compiled, context::Context, exit::Exit, failure::Failure, progress,
    runtime,
};

/// Start components that no apply starts, and run tasks
///
/// For services with `start: "manual"`, and for jobs and cron jobs of any kind: these run
/// once more, to their end, with their log. What a manual component needs of its kind is
/// started first.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  kcc start profiler --target dev\n  kcc start migrate --target prod --yes\n  kcc start nightly --target dev          run a cron job now"
)]
pub struct Start {
    /// The components.
    #[command(flatten)]
    pub selection: Selection,
    /// Time limit for each component, such as `90s` or `5m`
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub timeout: Option<Millis>,
}

impl Start {
    /// Starts the components; waits for tasks to end and prints their logs to stdout.
    pub fn run(self, context: &Context) -> CommandResult {
        let lock_timeout = self.selection.lock.timeout();
        let Some((compiled, components)) =
            self.selection.confirm(context, "start", reject_automatic)?
        else {
            return Ok(Exit::Incomplete);
        };
        let components = with_needs(&compiled, components);
        let tasks = tasks(&compiled, &components);
        let mut options = runtime::options(context, &compiled);
        options.lock_timeout = lock_timeout;
        options.request = Request::Start(components);
        options.timeout_ms = self.timeout.map(|timeout| timeout.0);
        let reporter = progress::reporter(context);
        let reporter = reporter.as_ref();
        if tasks.is_empty() {
            let report = runtime::apply(&compiled, &options, reporter)?;
            return apply::finish(context, &report, "started", "in");
        }
        let wanted = LogOptions {
            components: tasks,
            ..LogOptions::default()
        };
        let mut lines = LinePrinter::new(context, &compiled);
        let mut warn = |text: &str| context.printer.note(&format!("warning: {text}"));
        let mut write = |line: LogLine| lines.print(&line);
        let report = runtime::run_tasks(
            &compiled, &options, reporter, &wanted, &mut warn, &mut write,
        )?;
        apply::finish(context, &report, "ran", "in")
    }
}

/// Fails for a service that every apply starts.
fn reject_automatic(compiled: &Compiled, name: &str) -> Result<(), Failure> {
    let component = &compiled.target_model().components[name];
    if component.manual || component.run().is_some() {
        return Ok(());
    }
    let scope = Scope::of(compiled.desired());
    Err(Failure::usage(
        format!("every apply starts `{name}`"),
        format!(
            "`{}` starts it, `{}` restarts it",
            scope.command("apply"),
            scope.command(&format!("restart {name}"))
        ),
    ))
}

/// Adds the components that manual components need and that no apply starts either.
fn with_needs(compiled: &Compiled, mut all: BTreeSet<Name>) -> BTreeSet<Name> {
    let components = &compiled.desired().components;
    loop {
        let needed = all.iter().filter_map(|name| components.get(name));
        let needed = needed.flat_map(|component| component.after.keys());
        let manual = |name: &&Name| components.get(*name).is_some_and(|one| one.manual);
        let needed: BTreeSet<Name> = needed.filter(manual).cloned().collect();
        if needed.is_subset(&all) {
            return all;
        }
        all.extend(needed);
    }
}

/// Returns those that run to completion.
fn tasks(compiled: &Compiled, components: &BTreeSet<Name>) -> BTreeSet<Name> {
    let model = &compiled.target_model().components;
    let is_task = |name: &&Name| model[*name].run().is_some();
    components.iter().filter(is_task).cloned().collect()
}
