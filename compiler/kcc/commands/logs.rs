//! `kcc logs`: prints the logs of components.

use std::{collections::BTreeSet, ops::ControlFlow, time::Duration};

use anstream::adapter::strip_str;
use clap::Args;
use kcc_diag::{Diagnostic, Diagnostics, Format, nearest, plain};
use kcc_lower::EngineDesired;
use kcc_model::{Millis, Name};
use kcc_plan::{LogLine, LogOptions};

use super::{CommandResult, json};
use crate::{
    args::{ScopeArgs, duration},
    compiled::Compiled,
    context::Context,
    exit::Exit,
    failure::Failure,
    pipeline,
    printer::Stdout,
    runtime,
};

/// Print the logs of components
///
/// Lines from one machine are in the order of its clock; the clocks of two machines
/// may differ, so one machine follows the other. With `--follow`, lines are printed
/// as they arrive. Values of secrets are replaced by `***`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  kcc logs --target dev\n  kcc logs web cart --target prod --follow\n  kcc logs web --target prod --since 10m --format json"
)]
pub struct Logs {
    /// Components to print the logs of [default: all]
    #[arg(value_name = "COMPONENT")]
    pub components: Vec<Name>,
    /// The target.
    #[command(flatten)]
    pub scope: ScopeArgs,
    /// Wait for new lines and new containers until Ctrl-C
    #[arg(short, long)]
    pub follow: bool,
    /// Print only lines that are not older than DURATION, such as `10m`
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub since: Option<Millis>,
    /// Print only the last LINES of each container
    #[arg(long, value_name = "LINES")]
    pub tail: Option<u32>,
}

impl Logs {
    /// Prints the lines to stdout.
    pub fn run(self, context: &Context) -> CommandResult {
        let compiled = pipeline::compile_scope(context, None, &self.scope)?;
        let wanted = LogOptions {
            components: known(&compiled, self.components)?,
            follow: self.follow,
            since: self.since.map(|age| Duration::from_millis(age.0)),
            tail: self.tail,
        };
        let options = runtime::options(context, &compiled);
        let cluster = matches!(compiled.desired().engine, EngineDesired::Kubernetes(_));
        let mut width = 0;
        let mut write = |line: LogLine| {
            context.printer.data(&match context.settings.format {
                Format::Json => json(&line),
                _ => text(&line, cluster, &mut width),
            });
            if context.printer.is_closed() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        let Some(report) = runtime::logs(&compiled, &options, &wanted, &mut write)? else {
            return Ok(Exit::Done);
        };
        if report.sources == 0 && !wanted.follow {
            let target = &self.scope.target;
            let help = format!("create it with `kcc apply --target {target}`");
            let note = format!("no container has started in `{target}`; {help}");
            context.printer.note(&note);
        }
        let failures = report.failures.iter();
        let failures = failures.map(|error| {
            let mut diagnostic = Diagnostic::error(error.code, error.chain());
            diagnostic.help.clone_from(&error.help);
            diagnostic
        });
        let failures: Diagnostics = failures.collect();
        let complete = failures.is_empty();
        context.printer.diagnosis(&failures.into(), Stdout::Data);
        Ok(if complete {
            Exit::Done
        } else {
            Exit::Environment
        })
    }
}

/// Returns the named components, all of which must run in the target.
fn known(compiled: &Compiled, names: Vec<Name>) -> Result<BTreeSet<Name>, Failure> {
    let known = &compiled.desired().components;
    let target = &compiled.desired().target;
    for name in &names {
        if !known.contains_key(name) {
            let near = nearest(name, known.keys().map(String::as_str));
            let help = near.map_or_else(
                || format!("`kcc status --target {target}` lists the components"),
                |near| format!("did you mean `{near}`?"),
            );
            let message = format!("no component `{name}` runs in `{target}`");
            return Err(Failure::usage(message, help));
        }
    }
    Ok(names.into_iter().collect())
}

/// Formats a line behind the name of its container and, in a cluster, of its machine.
/// `width` is that of the longest name so far.
fn text(line: &LogLine, cluster: bool, width: &mut usize) -> String {
    let name = if cluster {
        format!("{} {}", line.machine, line.container)
    } else {
        line.container.clone()
    };
    *width = name.chars().count().max(*width);
    let width = *width;
    let text = strip_str(&line.text).to_string();
    plain(&format!("{name:width$} | {text}")).into_owned() + "\n"
}
