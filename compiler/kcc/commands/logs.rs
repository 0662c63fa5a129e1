//! `kcc logs`: prints the logs of components.

use std::{ops::ControlFlow, time::Duration};

use anstream::adapter::strip_str;
use clap::Args;
use kcc_diag::{Diagnostic, Diagnostics, Format, plain};
use kcc_lower::EngineDesired;
use kcc_model::{Millis, Name};
use kcc_plan::{LogLine, LogOptions, Scope};

use super::{CommandResult, json, known};
use crate::{
    args::{ScopeArgs, duration},
    compiled::Compiled,
    context::Context,
    exit::Exit,
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
    #[arg(value_name = "COMPONENT", add = crate::completion::components())]
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
        let mut lines = LinePrinter::new(context, &compiled);
        let mut write = |line: LogLine| lines.print(&line);
        let mut warn = |text: &str| context.printer.note(&format!("warning: {text}"));
        let Some(report) = runtime::logs(&compiled, &options, &wanted, &mut warn, &mut write)?
        else {
            return Ok(Exit::Done);
        };
        if report.sources == 0 && !wanted.follow {
            let target = &compiled.desired().target;
            let apply = Scope::of(compiled.desired()).command("apply");
            context.printer.note(&format!(
                "no container has started in `{target}`; create it with `{apply}`"
            ));
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

/// Prints the lines of logs.
pub(super) struct LinePrinter<'a> {
    context: &'a Context,
    /// Set if several machines may write lines.
    cluster: bool,
    /// The length of the longest name so far.
    width: usize,
}

impl<'a> LinePrinter<'a> {
    pub(super) fn new(context: &'a Context, compiled: &Compiled) -> Self {
        Self {
            context,
            cluster: matches!(compiled.desired().engine, EngineDesired::Kubernetes(_)),
            width: 0,
        }
    }

    /// Prints a line, unless nobody reads the output any more.
    pub(super) fn print(&mut self, line: &LogLine) -> ControlFlow<()> {
        let Context { printer, settings } = self.context;
        printer.data(&match settings.format {
            Format::Json => json(line),
            _ => text(line, self.cluster, &mut self.width),
        });
        if printer.is_closed() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
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
