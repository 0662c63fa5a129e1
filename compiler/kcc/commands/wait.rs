//! `kcc wait`: waits until components are ready, as `kcc status` judges it.

use std::{collections::BTreeSet, ops::ControlFlow, time::Duration};

use clap::Args;
use kcc_model::{Millis, Name};
use kcc_plan::{ComponentStatus, State, StatusReport};

use super::{CommandResult, known, status::Changes};
use crate::{
    args::{ScopeArgs, duration},
    compiled::Compiled,
    context::Context,
    exit::Exit,
    pipeline, runtime,
};

/// Wait until components are ready
///
/// Prints a line for each change of a component's state. Exits with 4 if the time is over,
/// or at once if a job has failed.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  kcc wait --target dev\n  kcc wait web cart --target prod --timeout 10m"
)]
pub struct Wait {
    /// Components, by name [default: all]
    #[arg(value_name = "COMPONENT", add = crate::completion::components())]
    pub components: Vec<Name>,
    /// The target.
    #[command(flatten)]
    pub scope: ScopeArgs,
    /// Time limit for all of them together [default: the longest `rollout: deadline`]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub timeout: Option<Millis>,
}

impl Wait {
    /// Waits, and prints changes to stdout.
    pub fn run(self, context: &Context) -> CommandResult {
        let compiled = pipeline::compile_scope(context, None, &self.scope)?;
        let names = known(&compiled, self.components)?;
        let time = self.timeout.map_or_else(
            || longest_deadline(&compiled, &names),
            |timeout| Duration::from_millis(timeout.0),
        );
        let options = runtime::options(context, &compiled);
        let mut changes = Changes::default();
        let report = runtime::status_until(&compiled, &options, time, &mut |report| {
            changes.print(context, report, selected(report, &names));
            if is_ready(report, &names) || has_failed(report, &names, &compiled) {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        })?;
        if is_ready(&report, &names) {
            return Ok(Exit::Done);
        }
        let waiting = selected(&report, &names).filter(|(_, component)| !component.is_ready());
        let waiting: Vec<_> = waiting.map(|(name, _)| format!("`{name}`")).collect();
        let what = match waiting.as_slice() {
            [] => "the target".to_owned(),
            names => names.join(", "),
        };
        context.printer.note(&format!("not ready: {what}"));
        Ok(Exit::Incomplete)
    }
}

/// Returns the components to wait for; without names all.
fn selected<'r>(
    report: &'r StatusReport,
    names: &BTreeSet<Name>,
) -> impl Iterator<Item = (&'r Name, &'r ComponentStatus)> {
    let all = report.components.iter();
    all.filter(|(name, _)| names.is_empty() || names.contains(*name))
}

/// Returns true if the components are ready; without names, what `kcc status` calls
/// ready.
fn is_ready(report: &StatusReport, names: &BTreeSet<Name>) -> bool {
    if names.is_empty() {
        return report.is_ready();
    }
    selected(report, names).all(|(_, component)| component.is_ready())
}

/// Returns true if a job has failed, which no waiting changes. A service that crashes
/// may recover.
fn has_failed(report: &StatusReport, names: &BTreeSet<Name>, compiled: &Compiled) -> bool {
    let jobs = &compiled.desired().components;
    selected(report, names).any(|(name, component)| {
        let job = jobs.get(name).is_some_and(|component| component.job);
        job && component.state == State::Failed
    })
}

/// Returns the longest deadline of the components. What is started by hand may have none,
/// and counts only if it is named.
fn longest_deadline(compiled: &Compiled, names: &BTreeSet<Name>) -> Duration {
    let components = compiled.desired().components.iter();
    let waited = components
        .filter(|(name, component)| names.contains(*name) || names.is_empty() && !component.manual);
    let longest = waited.map(|(_, component)| component.deadline_ms).max();
    Duration::from_millis(longest.unwrap_or_default())
}
