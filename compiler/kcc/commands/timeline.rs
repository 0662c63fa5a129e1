//! `kcc timeline`: shows what each machine observed, in its own order.

mod html;
mod times;
mod trace;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    fs,
    path::PathBuf,
};

use clap::Args;
use jiff::{SignedDuration, Timestamp};
use kcc_diag::plain;
use kcc_model::Name;
use kcc_plan::{
    Scope,
    revision::Time,
    timeline::{Arrow, Gap, Item, Observation, Place, Sources, Timeline as Lanes},
};
use kcc_tree::Engine;

use self::times::shown;
use super::{CommandResult, columns, json, known};
use crate::{
    args::{ScopeArgs, time},
    compiled::Compiled,
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
/// order across machines is proved. Shown is what the engine still holds, what earlier
/// commands kept of it in the journal, and the history. Values of secrets are replaced by
/// `***`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  kcc timeline --target prod\n  kcc timeline checkout --target prod --since -30m\n  kcc timeline --target prod --machine node-2 --around 2026-11-30T12:03:00Z\n  kcc timeline --target prod --audit audit.log     adds who changed objects\n  kcc timeline --target prod --format html -o timeline.html\n  kcc timeline --target prod --trace trace.json    opens in https://ui.perfetto.dev"
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
    /// Import FILE, an audit log of the API server as JSON lines, into the journal
    #[arg(long, value_name = "FILE")]
    pub audit: Vec<PathBuf>,
    /// Import FILE, the output of `docker events --format json`, into the journal
    #[arg(long, value_name = "FILE")]
    pub docker_events: Vec<PathBuf>,
    /// Output format of the timeline
    #[arg(long, default_value = "text", value_parser = ["text", "json", "html"])]
    pub format: String,
    /// Write to FILE instead of stdout
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Write a trace that Perfetto and Chrome open to FILE
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
}

impl Timeline {
    /// Prints the lanes to stdout.
    pub fn run(self, context: &Context) -> CommandResult {
        let compiled = pipeline::compile_scope(context, None, &self.scope)?;
        let components = known(&compiled, self.components.clone())?;
        let options = runtime::options(context, &compiled);
        let sources = Sources {
            imports: self.imports(context, &compiled)?,
            ..Sources::default()
        };
        let mut warn = |text: &str| context.printer.note(&format!("warning: {text}"));
        let lanes = runtime::timeline_with(&compiled, &options, &sources, &mut warn)?;
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
        let of_machine = |machine: &str| self.machine.as_ref().is_none_or(|own| own == machine);
        let lanes = lanes.filtered(
            |observation| {
                let of_component = observation
                    .component
                    .as_ref()
                    .is_none_or(|component| components.contains(component));
                (components.is_empty() || of_component)
                    && of_machine(&observation.machine)
                    && (from..=to).contains(&observation.time)
            },
            |gap| {
                of_machine(&gap.machine)
                    && gap.from.is_none_or(|begin| begin <= to)
                    && gap.to.is_none_or(|end| end >= from)
            },
        );
        let write = |path: &PathBuf, content: &str| {
            let full = context.settings.working_dir.join(path);
            let written = output_file::replace_durably(&full, content.as_bytes());
            written
                .map_err(|error| Failure::io(format!("cannot write `{}`", path.display()), error))
        };
        if let Some(path) = &self.trace {
            write(path, &trace::of(&lanes))?;
        }
        let shown = match self.format.as_str() {
            "json" => json(&lanes),
            "html" => html::of(&lanes),
            _ => text(&lanes),
        };
        if self.format == "text" && lanes.lanes.is_empty() {
            let scope = Scope::of(compiled.desired());
            context
                .printer
                .note(&format!("no events of {scope} are known"));
        }
        match &self.output {
            Some(path) => write(path, &shown)?,
            None => context.printer.data(&shown),
        }
        Ok(Exit::Done)
    }
}

impl Timeline {
    /// Reads the logs to import.
    fn imports(&self, context: &Context, compiled: &Compiled) -> Result<Vec<String>, Failure> {
        let engine = compiled.target_model().engine.engine();
        let (own, [flag, others]) = match engine {
            Engine::Kubernetes => (&self.audit, ["--docker-events", "Docker"]),
            Engine::Docker => (&self.docker_events, ["--audit", "Kubernetes"]),
        };
        if own.len() < self.audit.len() + self.docker_events.len() {
            return Err(Failure::usage(
                format!("`{flag}` requires a target on {others}"),
                format!("remove `{flag}`"),
            ));
        }
        let read = |path: &PathBuf| {
            let shown = path.display();
            let full = context.settings.working_dir.join(path);
            let text = fs::read_to_string(full)
                .map_err(|error| Failure::io(format!("cannot read `{shown}`"), error))?;
            let (is_log, log, help) = match engine {
                Engine::Kubernetes => (
                    kcc_kube::is_audit_log(&text),
                    "an audit log",
                    "name a file with entries of `audit.k8s.io/v1`, one JSON object per line",
                ),
                Engine::Docker => (
                    kcc_docker::is_event_log(&text),
                    "a log of Docker's events",
                    "write one with `docker events --format json`",
                ),
            };
            if is_log {
                Ok(text)
            } else {
                Err(Failure::usage(format!("`{shown}` is not {log}"), help))
            }
        };
        own.iter().map(read).collect()
    }
}

/// Formats the lanes, one below the other.
fn text(timeline: &Lanes) -> String {
    let mut numbers: BTreeMap<Place, usize> = BTreeMap::new();
    for Arrow { from, .. } in &timeline.arrows {
        let next = numbers.len() + 1;
        numbers.entry(*from).or_insert(next);
    }
    let mut after: BTreeMap<Place, Vec<&Arrow>> = BTreeMap::new();
    for arrow in &timeline.arrows {
        after.entry(arrow.to).or_default().push(arrow);
    }
    let rows: Vec<Vec<[String; 4]>> = (timeline.lanes.iter().enumerate())
        .map(|(lane, content)| {
            let rows = content.items().into_iter().map(|item| match item {
                Item::Gap(gap) => gap_row(gap),
                Item::Observation(observation, content) => {
                    let place = Place { lane, observation };
                    let number = numbers.get(&place).map(|number| format!("[{number}]"));
                    let after = after.get(&place).into_iter().flatten();
                    let after = after.map(|arrow| format!("after {}", numbers[&arrow.from]));
                    let marks: Vec<_> = number.into_iter().chain(after).collect();
                    row(content, &marks.join(" "))
                }
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

/// Formats a time in which nobody can tell what the machine observed.
fn gap_row(gap: &Gap) -> [String; 4] {
    let (time, until) = match (gap.from, gap.to) {
        (Some(from), Some(to)) => (shown(from), format!("until {}: ", shown(to))),
        (Some(from), None) => (shown(from), String::new()),
        (None, Some(to)) => (shown(to), "until then: ".to_owned()),
        (None, None) => (String::new(), String::new()),
    };
    let event = format!("{until}{}", gap.why);
    [time, "gap".to_owned(), String::new(), event]
}

fn row(observation: &Observation, marks: &str) -> [String; 4] {
    let event = match observation.count {
        1 => observation.event.clone(),
        count => format!("{} ({count} times)", observation.event),
    };
    [
        shown(observation.time),
        marks.to_owned(),
        observation.object.clone(),
        event,
    ]
}
