//! `kcc diff`: what the fragments say differently of two targets.

use std::{collections::BTreeMap, fmt::Write};

use clap::Args;
use kcc_diag::Format;
use kcc_model::EngineTarget;
use serde::Serialize;

use super::{Context, Ended, json};
use crate::{
    cli::System,
    compile::{self, Targets},
    exit::Exit,
    failure::Failure,
    trace::{Difference, Side, differences},
};

/// Say what the fragments state differently for two targets
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  kcc diff dev prod\n  kcc diff stage prod --exit-code     exit 1 if there are differences\n  kcc diff dev prod --format json | jq '.differences[].path'"
)]
pub struct Diff {
    /// One target
    #[arg(value_name = "A")]
    pub left: String,
    /// The other target
    #[arg(value_name = "B")]
    pub right: String,
    /// Exit with 1 if there are differences
    #[arg(long)]
    pub exit_code: bool,
    /// Where the system is.
    #[command(flatten)]
    pub system: System,
}

/// What is written as JSON.
#[derive(Debug, Serialize)]
struct Comparison<'a> {
    left: End<'a>,
    right: End<'a>,
    differences: Vec<Difference>,
}

#[derive(Debug, Serialize)]
struct End<'a> {
    target: &'a str,
    engine: &'static str,
}

impl Diff {
    /// Writes the differences to stdout.
    pub fn run(self, context: &Context) -> Ended {
        for name in [&self.left, &self.right] {
            if name == "live" || name.contains(['@', '/', '.']) {
                return Err(Failure::usage(
                    format!(
                        "`{name}` is no target: only targets of the system can be compared yet"
                    ),
                    "name two targets, such as `kcc diff dev prod`",
                ));
            }
        }
        let both = Targets::of(&[self.left.clone(), self.right.clone()]);
        let system = compile::traced(context, self.system.dir.as_deref(), &both, false)
            .map_err(only_targets)?;
        let comparison = Comparison {
            left: end(&system, &self.left),
            right: end(&system, &self.right),
            differences: differences(&system, &self.left, &self.right),
        };
        context.printer.data(&match context.settings.format {
            Format::Json => json(&comparison),
            _ => text(&comparison),
        });
        if comparison.differences.is_empty() {
            context.printer.note(&format!(
                "the fragments say the same of {} and {}",
                self.left, self.right
            ));
        }
        Ok(if self.exit_code && !comparison.differences.is_empty() {
            Exit::Configuration
        } else {
            Exit::Done
        })
    }
}

/// Says of a name that is no target what could be compared with it one day.
fn only_targets(failure: Failure) -> Failure {
    match failure {
        Failure::Usage { message, help } => Failure::Usage {
            message,
            help: help.map(|help| {
                if help.ends_with('?') {
                    help
                } else {
                    format!("{help}; revisions cannot be compared yet")
                }
            }),
        },
        other => other,
    }
}

fn end<'a>(system: &compile::Traced, target: &'a str) -> End<'a> {
    let engine = match system.model.targets.get(target).map(|model| &model.engine) {
        Some(EngineTarget::Kubernetes { .. }) => "kubernetes",
        _ => "docker",
    };
    End { target, engine }
}

fn text(comparison: &Comparison<'_>) -> String {
    let mut by_team: BTreeMap<&str, Vec<&Difference>> = BTreeMap::new();
    for difference in &comparison.differences {
        let team = difference.team.as_deref().unwrap_or("system");
        by_team.entry(team).or_default().push(difference);
    }
    let [left, right] = [&comparison.left, &comparison.right];
    let mut out = format!(
        "{} ({}), {} ({})\n",
        left.target, left.engine, right.target, right.engine
    );
    let width = left
        .target
        .chars()
        .count()
        .max(right.target.chars().count());
    for (team, differences) in by_team {
        let _ = writeln!(out, "{team}");
        for Difference {
            path,
            left: one,
            right: other,
            ..
        } in differences
        {
            let _ = writeln!(out, "  {path}");
            for (end, side) in [(left, one), (right, other)] {
                let _ = writeln!(out, "    {:width$}  {}", end.target, shown(side));
            }
        }
    }
    kcc_diag::plain(&out).into_owned()
}

/// As much of a long text as fits into a line.
fn short(text: &str) -> String {
    const MOST: usize = 60;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// A value, and where it is said.
fn shown(side: &Side) -> String {
    let mut shown = match &side.value {
        Some(value) => short(&value.to_string()),
        None => "not there".to_owned(),
    };
    for (at, line) in side.lines.iter().enumerate() {
        let _ = write!(
            shown,
            "{} {}:{}:{}",
            if at == 0 { "  at" } else { "," },
            line.file,
            line.line,
            line.column
        );
    }
    shown
}
