//! `kcc blame`: prints every line, team and commit behind a value.

use std::{collections::BTreeSet, fmt::Write, sync::Arc, time::Duration};

use clap::Args;
use kcc_diag::Format;
use kcc_plan::{
    DriftOptions, Scope, Verdict,
    revision::{RevisionId, Time},
};
use kcc_tree::Path;
use serde::Serialize;

use super::{CommandResult, json, rollback::with_recorded, show};
use crate::{
    args::{ScopeArgs, System},
    context::Context,
    examined::Examined,
    exit::Exit,
    failure::Failure,
    pipeline::{self, Targets},
    provenance::{
        self, Field, FieldPath, Line, LiveDifference, RecordedCommits, ValueBlame, live_differences,
    },
    runtime,
};

/// Begins the path of a field whose live value is asked for.
const LIVE: &str = "live:";

/// Show the lines, teams and commits behind a value
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  kcc blame services.web.replicas\n  kcc blame services.web.port --target prod\n  kcc blame services.web.env --format json | jq '.values[].lines[].team'\n  kcc blame deployment/web:spec.replicas --target prod\n  kcc blame live:deployment/web:spec.replicas --target prod"
)]
pub struct Blame {
    /// Path in the model or in a rendered object; `live:` before the latter compares it
    /// with what runs
    #[arg(value_name = "PATH", add = crate::completion::paths())]
    pub path: String,
    /// Show only TARGET; may be repeated [default: all targets]
    #[arg(short, long, value_name = "TARGET", add = crate::completion::targets())]
    pub target: Vec<String>,
    /// The system to work on.
    #[command(flatten)]
    pub system: System,
}

/// The JSON output.
#[derive(Debug, Serialize)]
struct Answer {
    path: String,
    values: Vec<Value>,
}

/// A value with the targets in which it and its lines are the same.
#[derive(Debug, PartialEq, Serialize)]
struct Value {
    targets: BTreeSet<String>,
    /// The field of a rendered object that comes from the value.
    #[serde(flatten)]
    field: Option<Field>,
    #[serde(flatten)]
    blame: Option<ValueBlame>,
}

impl Blame {
    /// Prints the lines to stdout.
    pub fn run(self, context: &Context) -> CommandResult {
        if let Some(path) = self.path.strip_prefix(LIVE) {
            return self.live(context, path);
        }
        let path = FieldPath::parse(&self.path)?;
        let targets = Targets::of(&self.target);
        let system = pipeline::traced(context, self.system.dir.as_deref(), &targets, true)?;
        let targets: BTreeSet<&str> = system.model.targets.keys().map(String::as_str).collect();
        let mut values = match &path {
            FieldPath::Model(path) => in_model(&system, &targets, path)?,
            FieldPath::Object { kind, name, field } => {
                in_object(&system, &targets, (kind, name, field))?
            }
        };
        let blames = values.iter_mut().filter_map(|value| value.blame.as_mut());
        provenance::annotate(
            system.root.path(),
            blames.flat_map(|blame| &mut blame.lines),
        );
        let answer = Answer {
            path: path.to_string(),
            values,
        };
        context.printer.data(&match context.settings.format {
            Format::Json => json(&answer),
            _ => text(&answer),
        });
        Ok(Exit::Done)
    }

    /// Prints the live value of fields with the recorded one and what is behind it.
    fn live(&self, context: &Context, path: &str) -> CommandResult {
        let FieldPath::Object { .. } = FieldPath::parse(path)? else {
            return Err(Failure::usage(
                format!("`{path}` is not a path in an object"),
                "name one, as in `live:deployment/web:spec.replicas`",
            ));
        };
        let [target] = &self.target[..] else {
            return Err(Failure::usage(
                "`live:` is about one target",
                "name it, as in `--target prod`",
            ));
        };
        let scope = ScopeArgs::of(target.clone(), None);
        let compiled = pipeline::locate_in(context, self.system.dir.as_deref(), &scope)?;
        let mut options = runtime::options(context, &compiled);
        let newest = RevisionId::At(Time::Ago(Duration::ZERO));
        let found = runtime::revision(&compiled, &options, newest)?;
        let root = compiled.root.path().to_owned();
        let revision = Arc::new(found.revision.clone());
        let compiled = with_recorded(compiled, &mut options, &revision);
        options.recorded = true;
        let report = runtime::drift(&compiled, &options, &DriftOptions::default())?;
        let objects = compiled.lowered.objects();
        let declared = &found.revision.content;
        let differences = live_differences(&report, &objects, declared);
        let scope = Scope::of(compiled.desired());
        let commits = RecordedCommits::of(&root, declared);
        let recorded = show::values(&found, &scope, path, commits)?;
        let fields = recorded.into_iter().map(|recorded| {
            let live = live_value(&recorded, &differences);
            LiveField { recorded, live }
        });
        let answer = LiveAnswer {
            path: &self.path,
            target,
            revision: found.entry.number,
            values: fields.collect(),
        };
        context.printer.data(&match context.settings.format {
            Format::Json => json(&answer),
            _ => live_text(&answer),
        });
        Ok(Exit::Done)
    }
}

/// The JSON output about live fields.
#[derive(Serialize)]
struct LiveAnswer<'a> {
    path: &'a str,
    target: &'a str,
    /// The revision in force.
    revision: u64,
    values: Vec<LiveField<'a>>,
}

/// A recorded field with its live value.
#[derive(Serialize)]
struct LiveField<'a> {
    #[serde(flatten)]
    recorded: show::Shown<'a>,
    #[serde(flatten)]
    live: LiveValue,
}

/// The live value of a field.
#[derive(Debug, PartialEq, Serialize)]
struct LiveValue {
    /// The value; null if the engine has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    live: Option<serde_json::Value>,
    /// True if it is not the recorded one, or may not be.
    differs: bool,
    /// The writer, or the reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

/// Finds the live value of a recorded field: the recorded one, unless the engine differs
/// there or above.
fn live_value(recorded: &show::Shown<'_>, differences: &[LiveDifference<'_>]) -> LiveValue {
    let rendered = recorded.rendered.clone().unwrap_or_default();
    let found = differences.iter().find(|found| {
        let same = found.object.is_some_and(|object| recorded.is_of(object));
        let at = recorded.at.as_ref();
        same && match (&found.field, &found.deviation.change) {
            (Some(field), _) => at.is_some_and(|at| at.is_within(field)),
            // A field that the recorded object does not set.
            (None, Some(_)) => false,
            // A decayed object still has its configuration.
            (None, None) => found.deviation.verdict != Verdict::Decayed,
        }
    });
    match found {
        None => LiveValue {
            live: Some(rendered),
            differs: false,
            why: None,
        },
        Some(found) => {
            let exact = found.field.as_ref() == recorded.at.as_ref();
            let live = || found.difference.right.value.clone().unwrap_or_default();
            LiveValue {
                live: exact.then(live),
                differs: true,
                why: found.difference.why.clone(),
            }
        }
    }
}

fn live_text(answer: &LiveAnswer<'_>) -> String {
    let mut out = String::new();
    for (at, LiveField { recorded, live }) in answer.values.iter().enumerate() {
        if at > 0 {
            out.push('\n');
        }
        let field = recorded.field.as_deref().unwrap_or(answer.path);
        let value = match &live.live {
            None => "unknown".to_owned(),
            Some(serde_json::Value::Null) => "not set".to_owned(),
            Some(value) => value.to_string(),
        };
        let why = live.why.as_ref();
        let why = why.map_or_else(String::new, |why| format!(" ({why})"));
        let is = match (live.differs, &live.live) {
            (false, _) => "is as in",
            (true, Some(_)) => "differs from",
            (true, None) => "may differ from",
        };
        let _ = writeln!(
            out,
            "{field} = {value} in {}, {is} revision {}{why}",
            answer.target, answer.revision
        );
        if live.differs
            && let Some(rendered) = &recorded.rendered
        {
            let _ = writeln!(out, "  recorded: {rendered}");
        }
        out += &show::text_of(recorded);
    }
    kcc_diag::plain(&out).into_owned()
}

/// Returns the values at and below a path in the model, sorted by path.
fn in_model(
    system: &Examined,
    targets: &BTreeSet<&str>,
    path: &Path,
) -> Result<Vec<Value>, Failure> {
    let mut values = Vec::new();
    for target in targets {
        let mut blames = provenance::blame_value(&system.tree, target, path);
        if let Some(model) = system.model.targets.get(*target) {
            blames.extend(provenance::inferred_variables(&system.tree, model, path));
        }
        for blame in blames {
            add(&mut values, target, None, Some(blame));
        }
    }
    if values.is_empty() {
        let mut models = system.model.targets.values();
        let withheld = models.find_map(|model| provenance::withheld_url(model, path));
        let unknown = || provenance::unknown_path(&system.tree, targets, path);
        return Err(withheld.unwrap_or_else(unknown));
    }
    let key = |value: &Value| value.blame.as_ref().map(|blame| blame.path.clone());
    values.sort_by_cached_key(|value| (key(value), value.targets.clone()));
    Ok(values)
}

/// Returns the fields of a rendered object at and below a path, in their order.
fn in_object(
    system: &Examined,
    targets: &BTreeSet<&str>,
    object: (&str, &str, &Path),
) -> Result<Vec<Value>, Failure> {
    let mut values = Vec::new();
    let mut unknown_field = None;
    for target in targets {
        let fields = match provenance::blame_object(system, target, object) {
            Ok(fields) => fields,
            // Another target may have the field.
            Err(failure @ Failure::Usage { .. }) => {
                unknown_field.get_or_insert(failure);
                continue;
            }
            Err(failure) => return Err(failure),
        };
        for (field, blames) in fields.into_iter().flatten() {
            if blames.is_empty() {
                add(&mut values, target, Some(field), None);
                continue;
            }
            for blame in blames {
                add(&mut values, target, Some(field.clone()), Some(blame));
            }
        }
    }
    if values.is_empty() {
        let (kind, name, _) = object;
        return Err(match unknown_field {
            Some(failure) => failure,
            None => provenance::unknown_object_in(system, targets, kind, name)?,
        });
    }
    Ok(values)
}

/// Adds a value, merging targets with the same value and lines.
fn add(values: &mut Vec<Value>, target: &str, field: Option<Field>, blame: Option<ValueBlame>) {
    let same = |value: &&mut Value| value.field == field && value.blame == blame;
    match values.iter_mut().find(same) {
        Some(value) => _ = value.targets.insert(target.to_owned()),
        None => values.push(Value {
            targets: BTreeSet::from([target.to_owned()]),
            field,
            blame,
        }),
    }
}

fn text(answer: &Answer) -> String {
    let mut out = String::new();
    for (at, value) in answer.values.iter().enumerate() {
        if at > 0 {
            out.push('\n');
        }
        let targets: Vec<&str> = value.targets.iter().map(String::as_str).collect();
        let targets = targets.join(", ");
        if let Some(field) = &value.field {
            let _ = writeln!(out, "{} = {} in {targets}", field.field, field.rendered);
            if let Some(why) = &field.because {
                let _ = writeln!(out, "  set by kcc: {why}");
            }
        }
        let Some(blame) = &value.blame else {
            continue;
        };
        let assignment = match &blame.value {
            Some(value) => format!("{} = {value}", blame.path),
            None if value.field.is_some() => blame.path.to_string(),
            None => format!("{} has no value", blame.path),
        };
        let _ = match &value.field {
            Some(_) => writeln!(out, "  from {assignment}"),
            None => writeln!(out, "{assignment} in {targets}"),
        };
        out += &table(&blame.lines);
    }
    kcc_diag::plain(&out).into_owned()
}

/// Formats lines in columns.
fn table(lines: &[Line]) -> String {
    let cells: Vec<[String; 5]> = lines
        .iter()
        .map(|line| {
            [
                line.effect.as_str().to_owned(),
                line.kind.as_str().to_owned(),
                format!("{}:{}:{}", line.file, line.line, line.column),
                line.owner().to_owned(),
                commit(line),
            ]
        })
        .collect();
    let width = |column: usize| {
        let lengths = cells.iter().map(|row| row[column].chars().count());
        lengths.max().unwrap_or_default()
    };
    let widths: [usize; 5] = std::array::from_fn(width);
    let mut out = String::new();
    for (row, line) in cells.iter().zip(lines) {
        let mut shown = String::from(" ");
        for (cell, width) in row.iter().zip(widths).filter(|(_, width)| *width > 0) {
            let _ = write!(shown, " {cell:width$} ");
        }
        let _ = write!(shown, " {}", describe(line));
        out += shown.trim_end();
        out.push('\n');
    }
    out
}

fn commit(line: &Line) -> String {
    match &line.commit {
        None => String::new(),
        Some(None) => "not committed".to_owned(),
        Some(Some(commit)) => format!("{} {}", commit.short(), commit.day()),
    }
}

/// Formats the text of a line, and the reason for its effect.
fn describe(line: &Line) -> String {
    let mut text = line.excerpt();
    if let Some(policy) = &line.policy {
        text = format!("{text} ({}: {})", policy.name, policy.message);
    }
    if let Some(through) = &line.through {
        let _ = write!(text, " (through {through})");
    }
    if let Some(why) = line.why {
        let _ = write!(text, " ({why})");
    }
    text
}
