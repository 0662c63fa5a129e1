//! `kcc blame`: every line, team and commit behind a value.

use std::{collections::BTreeSet, fmt::Write};

use clap::Args;
use kcc_diag::Format;
use kcc_tree::Path;
use serde::Serialize;

use super::{Context, Ended, json};
use crate::{
    cli::System,
    compile::{self, Targets},
    exit::Exit,
    failure::Failure,
    trace::{self, Field, Line, Place, Traced, git},
};

/// Say which lines, teams and commits are behind a value
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  kcc blame services.web.replicas\n  kcc blame services.web.port --target prod\n  kcc blame services.web.env --format json | jq '.values[].lines[].team'\n  kcc blame deployment/web:spec.replicas --target prod"
)]
pub struct Blame {
    /// A path of the model, or of an object that is rendered
    #[arg(value_name = "PATH")]
    pub path: String,
    /// Only in that target; may be given several times [default: all]
    #[arg(short, long, value_name = "TARGET")]
    pub target: Vec<String>,
    /// Where the system is.
    #[command(flatten)]
    pub system: System,
}

/// What is written as JSON.
#[derive(Debug, Serialize)]
struct Answer {
    path: String,
    values: Vec<Value>,
}

/// A value in the targets where it and its lines are the same.
#[derive(Debug, PartialEq, Serialize)]
struct Value {
    targets: BTreeSet<String>,
    /// The field of an object that follows the value.
    #[serde(flatten)]
    field: Option<Field>,
    #[serde(flatten)]
    traced: Option<Traced>,
}

impl Blame {
    /// Writes the lines to stdout.
    pub fn run(self, context: &Context) -> Ended {
        let place = Place::parse(&self.path)?;
        let targets = Targets::of(&self.target);
        let system = compile::traced(context, self.system.dir.as_deref(), &targets, true)?;
        let targets: BTreeSet<&str> = system.model.targets.keys().map(String::as_str).collect();
        let mut values = match &place {
            Place::Model(path) => of_model(&system, &targets, path)?,
            Place::Rendered { kind, name, field } => {
                of_object(&system, &targets, (kind, name, field))?
            }
        };
        let traced = values.iter_mut().filter_map(|value| value.traced.as_mut());
        git::blame(
            system.root.path(),
            traced.flat_map(|traced| &mut traced.lines),
        );
        let answer = Answer {
            path: place.to_string(),
            values,
        };
        context.printer.data(&match context.settings.format {
            Format::Json => json(&answer),
            _ => text(&answer),
        });
        Ok(Exit::Done)
    }
}

/// The values at and below a path, in the order of paths.
fn of_model(
    system: &compile::Traced,
    targets: &BTreeSet<&str>,
    path: &Path,
) -> Result<Vec<Value>, Failure> {
    let mut values = Vec::new();
    for target in targets {
        let mut found = trace::trace(&system.tree, target, path);
        if let Some(model) = system.model.targets.get(*target) {
            found.extend(trace::given(&system.tree, model, path));
        }
        for traced in found {
            add(&mut values, target, None, Some(traced));
        }
    }
    if values.is_empty() {
        return Err(trace::unknown(&system.tree, targets, path));
    }
    let key = |value: &Value| value.traced.as_ref().map(|traced| traced.path.clone());
    values.sort_by_cached_key(|value| (key(value), value.targets.clone()));
    Ok(values)
}

/// The fields of an object at and below a path, in their order.
fn of_object(
    system: &compile::Traced,
    targets: &BTreeSet<&str>,
    object: (&str, &str, &Path),
) -> Result<Vec<Value>, Failure> {
    let mut values = Vec::new();
    let mut refused = None;
    for target in targets {
        let fields = match trace::rendered(system, target, object) {
            Ok(fields) => fields,
            // Another target may have the field.
            Err(failure @ Failure::Usage { .. }) => {
                refused.get_or_insert(failure);
                continue;
            }
            Err(failure) => return Err(failure),
        };
        for (field, traced) in fields.into_iter().flatten() {
            if traced.is_empty() {
                add(&mut values, target, Some(field), None);
                continue;
            }
            for traced in traced {
                add(&mut values, target, Some(field.clone()), Some(traced));
            }
        }
    }
    if values.is_empty() {
        let (kind, name, _) = object;
        return Err(match refused {
            Some(failure) => failure,
            None => trace::no_object(system, targets, kind, name)?,
        });
    }
    Ok(values)
}

/// Adds a value; targets that have the same from the same lines are one.
fn add(values: &mut Vec<Value>, target: &str, field: Option<Field>, traced: Option<Traced>) {
    let same = |value: &&mut Value| value.field == field && value.traced == traced;
    match values.iter_mut().find(same) {
        Some(value) => _ = value.targets.insert(target.to_owned()),
        None => values.push(Value {
            targets: BTreeSet::from([target.to_owned()]),
            field,
            traced,
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
            if let Some(why) = field.because {
                let _ = writeln!(out, "  kcc writes it: {why}");
            }
        }
        let Some(traced) = &value.traced else {
            continue;
        };
        let said = match &traced.value {
            Some(value) => format!("{} = {value}", traced.path),
            None if value.field.is_some() => traced.path.to_string(),
            None => format!("{} has no value", traced.path),
        };
        let _ = match &value.field {
            Some(_) => writeln!(out, "  from {said}"),
            None => writeln!(out, "{said} in {targets}"),
        };
        out += &table(&traced.lines);
    }
    kcc_diag::plain(&out).into_owned()
}

/// The lines in columns.
fn table(lines: &[Line]) -> String {
    let cells: Vec<[String; 5]> = lines
        .iter()
        .map(|line| {
            [
                line.effect.as_str().to_owned(),
                line.role.as_str().to_owned(),
                format!("{}:{}:{}", line.file, line.line, line.column),
                line.who().to_owned(),
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
        let _ = write!(shown, " {}", said(line));
        out += shown.trim_end();
        out.push('\n');
    }
    out
}

fn commit(line: &Line) -> String {
    match &line.commit {
        None => String::new(),
        Some(None) => "not committed".to_owned(),
        Some(Some(commit)) => format!("{} {}", commit.short(), commit.date.day()),
    }
}

/// What a line says, and why it has its effect.
fn said(line: &Line) -> String {
    let mut said = line.shown();
    if let Some(policy) = &line.policy {
        said = format!("{said} ({}: {})", policy.name, policy.message);
    }
    if let Some(through) = &line.through {
        let _ = write!(said, " (through {through})");
    }
    if let Some(why) = line.why {
        let _ = write!(said, " ({why})");
    }
    said
}
