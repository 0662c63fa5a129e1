//! `kcc timeline`: shows what each machine observed, in its own order.

mod trace;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    path::PathBuf,
};

use clap::Args;
use jiff::{SignedDuration, Timestamp};
use kcc_diag::{Format, plain};
use kcc_model::Name;
use kcc_plan::{
    Scope,
    revision::Time,
    timeline::{Arrow, Observation, Place, Timeline as Lanes},
};

use super::{CommandResult, columns, json, known};
use crate::{
    args::{ScopeArgs, time},
    context::Context,
    exit::Exit,
    failure::Failure,
    output_file, pipeline, runtime,
};

/// The time before and after the one that `--around` names.
const AROUND: SignedDuration = SignedDuration::from_mins(5);

/// Show what each machine observed, in its own order
///
/// Each machine has a lane with its events by its own clock. Clocks of two machines may
/// differ, so they never order events of two lanes: `after N` marks the only events whose
/// order across machines is proved. Shown is what the engine still holds, and the
/// history. Values of secrets are replaced by `***`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  kcc timeline --target prod\n  kcc timeline checkout --target prod --since -30m\n  kcc timeline --target prod --machine node-2 --around 2026-11-30T12:03:00Z\n  kcc timeline --target prod --trace trace.json    opens in https://ui.perfetto.dev"
)]
pub struct Timeline {
    /// Components to show [default: all]
    #[arg(value_name = "COMPONENT", add = crate::completion::components())]
    pub components: Vec<Name>,
    /// The target.
    #[command(flatten)]
    pub scope: ScopeArgs,
    /// Show only the lane of MACHINE
    #[arg(long, value_name = "MACHINE")]
    pub machine: Option<String>,
    /// Show only events after TIME, such as `-2h`, `-3d` or `2026-11-30`
    #[arg(long, value_name = "TIME", value_parser = time, allow_hyphen_values = true)]
    pub since: Option<Time>,
    /// Show only events from 5 minutes before TIME to 5 minutes after it
    #[arg(long, value_name = "TIME", value_parser = time, allow_hyphen_values = true, conflicts_with = "since")]
    pub around: Option<Time>,
    /// Write a trace that Perfetto and Chrome open to FILE
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
}

impl Timeline {
    /// Prints the lanes to stdout.
    pub fn run(self, context: &Context) -> CommandResult {
        let compiled = pipeline::compile_scope(context, None, &self.scope)?;
        let components = known(&compiled, self.components)?;
        let options = runtime::options(context, &compiled);
        let mut warn = |text: &str| context.printer.note(&format!("warning: {text}"));
        let lanes = runtime::timeline(&compiled, &options, &mut warn)?;
        let (from, to) = match (self.since, self.around) {
            (Some(since), _) => (since.point(lanes.now), Timestamp::MAX),
            (None, Some(around)) => {
                let time = around.point(lanes.now);
                (
                    time.checked_sub(AROUND).unwrap_or(Timestamp::MIN),
                    time.checked_add(AROUND).unwrap_or(Timestamp::MAX),
                )
            }
            (None, None) => (Timestamp::MIN, Timestamp::MAX),
        };
        let lanes = lanes.filtered(|observation| {
            let of_component = observation
                .component
                .as_ref()
                .is_none_or(|component| components.contains(component));
            (components.is_empty() || of_component)
                && self
                    .machine
                    .as_ref()
                    .is_none_or(|machine| observation.machine == *machine)
                && (from..=to).contains(&observation.time)
        });
        if let Some(path) = &self.trace {
            let full = context.settings.working_dir.join(path);
            output_file::replace_durably(&full, trace::of(&lanes).as_bytes()).map_err(|error| {
                Failure::io(format!("cannot write `{}`", path.display()), error)
            })?;
        }
        if context.settings.format == Format::Json {
            context.printer.data(&json(&lanes));
            return Ok(Exit::Done);
        }
        if lanes.lanes.is_empty() {
            let scope = Scope::of(compiled.desired());
            context
                .printer
                .note(&format!("no events of {scope} are known"));
            return Ok(Exit::Done);
        }
        context.printer.data(&text(&lanes));
        Ok(Exit::Done)
    }
}

/// Formats the lanes, one below the other.
fn text(timeline: &Lanes) -> String {
    let mut numbers: BTreeMap<Place, usize> = BTreeMap::new();
    for Arrow { from, .. } in &timeline.arrows {
        let next = numbers.len() + 1;
        numbers.entry(*from).or_insert(next);
    }
    let after: BTreeMap<Place, &Arrow> = timeline
        .arrows
        .iter()
        .map(|arrow| (arrow.to, arrow))
        .collect();
    let rows: Vec<Vec<[String; 4]>> = (timeline.lanes.iter().enumerate())
        .map(|(lane, content)| {
            let observations = content.observations.iter().enumerate();
            let rows = observations.map(|(observation, content)| {
                let place = Place { lane, observation };
                let number = numbers.get(&place).map(|number| format!("[{number}]"));
                let after = after
                    .get(&place)
                    .map(|arrow| format!("after {}", numbers[&arrow.from]));
                let marks: Vec<_> = number.into_iter().chain(after).collect();
                row(content, &marks.join(" "))
            });
            rows.collect()
        })
        .collect();
    // All lanes have the same columns.
    let all = columns(&rows.concat());
    let mut lines = all.lines();
    let mut texts = Vec::new();
    for (lane, rows) in timeline.lanes.iter().zip(&rows) {
        let mut text = format!("{}\n", plain(&lane.machine));
        for line in lines.by_ref().take(rows.len()) {
            let _ = writeln!(text, "  {line}");
        }
        texts.push(text);
    }
    let proofs: BTreeSet<_> = timeline.arrows.iter().map(|arrow| arrow.proof).collect();
    let proofs: Vec<_> = proofs.iter().map(|proof| proof.describe()).collect();
    if !proofs.is_empty() {
        texts.push(format!("after: {}\n", proofs.join("; ")));
    }
    texts.join("\n")
}

fn row(observation: &Observation, marks: &str) -> [String; 4] {
    let event = match observation.count {
        1 => observation.event.clone(),
        count => format!("{} ({count} times)", observation.event),
    };
    [
        observation.time.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        marks.to_owned(),
        observation.object.clone(),
        event,
    ]
}
