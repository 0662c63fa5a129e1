//! `kcc parity`: prints how the engine of each target honours the fields in use.

use std::fmt::Write;

use clap::Args;
use kcc_diag::Format;
use kcc_lower::parity::{Verdict, ledger};
use kcc_model::TargetModel;
use kcc_tree::Engine;
use serde::Serialize;

use super::{CommandResult, json};
use crate::{
    args::System,
    context::Context,
    exit::Exit,
    pipeline::{self, Targets},
    summary::counted,
};

/// Show how the engine of each target honours the fields in use
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  kcc parity\n  kcc parity --target dev --all\n  kcc parity --format json | jq '.targets[].entries[] | select(.verdict == \"dropped\")'"
)]
pub struct Parity {
    /// Show only TARGET; may be repeated [default: all targets]
    #[arg(short, long, value_name = "TARGET", add = crate::completion::targets())]
    pub target: Vec<String>,
    /// Also show honoured fields
    #[arg(short, long)]
    pub all: bool,
    /// The system to work on.
    #[command(flatten)]
    pub system: System,
}

/// The JSON output.
#[derive(Debug, Serialize)]
struct Ledgers {
    targets: Vec<Ledger>,
}

#[derive(Debug, Serialize)]
struct Ledger {
    target: String,
    engine: Engine,
    entries: Vec<Entry>,
    /// The number of honoured field uses.
    honoured: usize,
}

/// A use of a field.
#[derive(Debug, Serialize)]
struct Entry {
    component: String,
    team: Option<String>,
    path: String,
    field: &'static str,
    #[serde(flatten)]
    verdict: Verdict,
    /// The reason for accepting that it is dropped.
    accepted: Option<String>,
    #[serde(skip)]
    below: String,
}

impl Parity {
    /// Prints the ledger to stdout.
    pub fn run(self, context: &Context) -> CommandResult {
        let targets = Targets::of(&self.target);
        let model = pipeline::model(context, self.system.dir.as_deref(), &targets)?;
        let targets: Vec<Ledger> = model
            .targets
            .values()
            .filter(|target| targets.contain(&target.target))
            .map(|target| self.target(target))
            .collect();
        let written = if context.settings.format == Format::Json {
            json(Ledgers { targets })
        } else {
            let parts: Vec<String> = targets.iter().map(text).collect();
            parts.join("\n")
        };
        context.printer.data(&written);
        Ok(Exit::Done)
    }

    fn target(&self, model: &TargetModel) -> Ledger {
        let mut entries = Vec::new();
        let mut honoured = 0;
        for entry in ledger(model) {
            if entry.verdict == Verdict::Honoured {
                honoured += 1;
                if !self.all {
                    continue;
                }
            }
            let name = entry.path.0.get(1).cloned().unwrap_or_default();
            let below = kcc_tree::Path(entry.path.0.get(2..).unwrap_or_default().to_vec());
            let team = match entry.path.0.first().map(String::as_str) {
                Some("volumes") => model.volumes.get(&name).map(|volume| &volume.team),
                _ => model.components.get(&name).map(|component| &component.team),
            };
            entries.push(Entry {
                team: team.cloned(),
                component: name,
                path: entry.path.to_string(),
                field: entry.field.path(),
                verdict: entry.verdict,
                accepted: entry.accepted,
                below: below.to_string(),
            });
        }
        Ledger {
            target: model.target.clone(),
            engine: model.engine.engine(),
            entries,
            honoured,
        }
    }
}

fn text(target: &Ledger) -> String {
    let engine = target.engine.as_str();
    let others = target
        .entries
        .iter()
        .filter(|entry| entry.verdict != Verdict::Honoured)
        .count();
    let honoured = counted(target.honoured, "field use");
    let mut out = format!(
        "{} ({engine}): {honoured} honoured, {others} not fully honoured\n",
        target.target
    );
    let widths = [
        width(&target.entries, |entry| &entry.below),
        width(&target.entries, |entry| entry.verdict.as_str()),
    ];
    let mut component = "";
    for entry in &target.entries {
        if entry.component != component {
            component = &entry.component;
            let team = entry.team.as_deref().unwrap_or("system");
            let _ = writeln!(out, "  {component} ({team})");
        }
        let mut line = format!(
            "    {:first$}  {:second$}  {}",
            entry.below,
            entry.verdict.as_str(),
            entry.verdict.because().unwrap_or_default(),
            first = widths[0],
            second = widths[1],
        );
        if let Some(reason) = &entry.accepted
            && matches!(entry.verdict, Verdict::Dropped(_))
        {
            let _ = write!(line, "; accepted: {reason}");
        }
        out += line.trim_end();
        out.push('\n');
    }
    kcc_diag::plain(&out).into_owned()
}

fn width<'a>(entries: &'a [Entry], cell: impl Fn(&'a Entry) -> &'a str) -> usize {
    let lengths = entries.iter().map(|entry| cell(entry).chars().count());
    lengths.max().unwrap_or_default()
}
