//! `kcc diff`: prints the values that fragments declare differently for two targets.

use std::{collections::BTreeMap, fmt::Write};

use clap::Args;
use kcc_diag::Format;
use kcc_tree::Engine;
use serde::Serialize;

use super::{CommandResult, json};
use crate::{
    args::System,
    context::Context,
    examined::Examined,
    exit::Exit,
    failure::Failure,
    pipeline::{self, Targets},
    provenance::{Difference, Side, differences},
};

/// Compare what fragments declare for two targets
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  kcc diff dev prod\n  kcc diff stage prod --exit-code     exit 1 if there are differences\n  kcc diff dev prod --format json | jq '.differences[].path'"
)]
pub struct Diff {
    /// First target
    #[arg(value_name = "A", add = crate::completion::targets())]
    pub left: String,
    /// Second target
    #[arg(value_name = "B", add = crate::completion::targets())]
    pub right: String,
    /// Exit with status 1 if there are differences
    #[arg(long)]
    pub exit_code: bool,
    /// The system to work on.
    #[command(flatten)]
    pub system: System,
}

/// The JSON output.
#[derive(Debug, Serialize)]
struct Comparison<'a> {
    left: ComparedTarget<'a>,
    right: ComparedTarget<'a>,
    differences: Vec<Difference>,
}

#[derive(Debug, Serialize)]
struct ComparedTarget<'a> {
    target: &'a str,
    engine: Engine,
}

impl Diff {
    /// Prints the differences to stdout.
    pub fn run(self, context: &Context) -> CommandResult {
        for name in [&self.left, &self.right] {
            if name == "live" || name.contains(['@', '/', '.']) {
                return Err(Failure::usage(
                    format!("`{name}` is not a target: only targets of the system can be compared"),
                    "pass two targets, such as `kcc diff dev prod`",
                ));
            }
        }
        let both = Targets::of(&[self.left.clone(), self.right.clone()]);
        let system = pipeline::traced(context, self.system.dir.as_deref(), &both, false)
            .map_err(mention_revisions)?;
        let comparison = Comparison {
            left: compared(&system, &self.left),
            right: compared(&system, &self.right),
            differences: differences(&system, &self.left, &self.right),
        };
        context.printer.data(&match context.settings.format {
            Format::Json => json(&comparison),
            _ => text(&comparison),
        });
        if comparison.differences.is_empty() {
            context.printer.note(&format!(
                "no differences between {} and {}",
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

/// Adds to the help for an unknown target that revisions are not supported, because
/// users of `git diff` may try them.
fn mention_revisions(failure: Failure) -> Failure {
    match failure {
        Failure::Usage { message, help } => Failure::Usage {
            message,
            help: help.map(|help| {
                if help.ends_with('?') {
                    help
                } else {
                    format!("{help}; comparing revisions is not supported yet")
                }
            }),
        },
        other => other,
    }
}

fn compared<'a>(system: &Examined, target: &'a str) -> ComparedTarget<'a> {
    let model = system.model.targets.get(target);
    let engine = model.map_or(Engine::Docker, |model| model.engine.engine());
    ComparedTarget { target, engine }
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
        left.target,
        left.engine.as_str(),
        right.target,
        right.engine.as_str()
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
            for (compared, side) in [(left, one), (right, other)] {
                let _ = writeln!(out, "    {:width$}  {}", compared.target, format_side(side));
            }
        }
    }
    kcc_diag::plain(&out).into_owned()
}

/// Truncates a text to fit on one line.
fn truncate(text: &str) -> String {
    const MAX_CHARS: usize = 60;
    match text.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Formats a value with the locations of its lines.
fn format_side(side: &Side) -> String {
    let mut shown = match &side.value {
        Some(value) => truncate(&value.to_string()),
        None => "not set".to_owned(),
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
