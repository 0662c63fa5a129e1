//! `kcc show`: prints a revision, or the values of one of its components with the lines
//! that declared them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

use clap::Args;
use kcc_diag::{Format, nearest, plain};
use kcc_lower::source::{Rendered, Source};
use kcc_model::{Image, Name};
use kcc_plan::{
    Scope,
    revision::{
        Content, DeclaredLine, DeclaredValue, FoundRevision, Manifest, Parity, RecordedFailure,
        Repository, RevisionId,
    },
};
use kcc_tree::Path;
use serde::Serialize;
use serde_json::Value;

use super::{
    CommandResult, columns,
    history::{Listed, outcome},
    json,
};
use crate::{
    args::{ScopeArgs, revision},
    context::Context,
    exit::Exit,
    failure::Failure,
    pipeline,
    provenance::{Commit, FieldPath, RecordedCommits},
    runtime,
};

/// Show a revision of a target
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  kcc show 7 --target prod\n  kcc show @-2h --target prod\n  kcc show 7 web --target prod                    the values of web with their lines\n  kcc show 7 services.web.replicas --target prod\n  kcc show 7 deployment/web:spec.replicas --target prod"
)]
pub struct Show {
    /// Revision: a number from `kcc history`, or `@` and a time, such as `@-2h`
    #[arg(value_name = "REVISION", value_parser = revision)]
    pub revision: RevisionId,
    /// Component, path in the model or path in an object, to show with its lines
    #[arg(value_name = "PATH")]
    pub path: Option<String>,
    /// The target.
    #[command(flatten)]
    pub scope: ScopeArgs,
}

/// A revision as JSON shows it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary<'a> {
    #[serde(flatten)]
    scope: &'a Scope,
    #[serde(flatten)]
    entry: Listed<'a>,
    kcc: &'a str,
    repositories: &'a [Repository],
    differences: Vec<Difference<'a>>,
    components: BTreeMap<&'a Name, Component<'a>>,
    failures: &'a [RecordedFailure],
    #[serde(skip_serializing_if = "Option::is_none")]
    images: Option<&'a BTreeMap<String, BTreeSet<String>>>,
    parity: Vec<&'a Parity>,
}

/// A component of a revision.
#[derive(Serialize)]
struct Component<'a> {
    team: &'a str,
    path: &'a Path,
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<&'static str>,
}

/// A value that differs from the revision before.
#[derive(Debug, PartialEq, Serialize)]
struct Difference<'a> {
    path: &'a Path,
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<&'a Value>,
    /// The deciding line; of the revision before, if the value is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<&'a DeclaredLine>,
}

/// The values at a path as JSON shows them.
#[derive(Serialize)]
struct Values<'a> {
    revision: u64,
    values: Vec<Shown<'a>>,
}

/// A value with its lines and their commits.
#[derive(Serialize)]
pub(super) struct Shown<'a> {
    /// The field of an object that follows from the value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) field: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rendered: Option<Value>,
    /// The kind and name of the object.
    #[serde(skip)]
    object: Option<(String, String)>,
    /// The path of the field in it, with the positions of elements.
    #[serde(skip)]
    pub(super) at: Option<Path>,
    /// The reason why kcc sets the field.
    #[serde(skip_serializing_if = "Option::is_none")]
    because: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a Path>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a Value>,
    lines: Vec<ShownLine<'a>>,
}

#[derive(Serialize)]
struct ShownLine<'a> {
    #[serde(flatten)]
    line: &'a DeclaredLine,
    #[serde(skip_serializing_if = "Option::is_none")]
    commit: Option<Commit>,
}

impl Show {
    /// Prints the revision to stdout.
    pub fn run(self, context: &Context) -> CommandResult {
        let compiled = pipeline::locate(context, &self.scope)?;
        let options = runtime::options(context, &compiled);
        let found = runtime::revision(&compiled, &options, self.revision)?;
        let scope = Scope::of(compiled.desired());
        let as_json = context.settings.format == Format::Json;
        let text = if let Some(path) = &self.path {
            let commits = RecordedCommits::of(compiled.root.path(), &found.revision.content);
            let values = Values {
                revision: found.entry.number,
                values: values(&found, &scope, path, commits)?,
            };
            if as_json {
                json(&values)
            } else {
                values_text(&values)
            }
        } else {
            let summary = summary(&found, &scope);
            if as_json {
                json(&summary)
            } else {
                summary_text(&found, &scope, &summary)
            }
        };
        context.printer.data(&text);
        Ok(Exit::Done)
    }
}

fn summary<'a>(found: &'a FoundRevision, scope: &'a Scope) -> Summary<'a> {
    let content = &found.revision.content;
    let outcome = found.outcome.as_ref();
    let components = content.components.iter().map(|(name, component)| {
        let shown = Component {
            team: &component.model.team,
            path: &component.model.path,
            image: match &component.model.container.image {
                Image::Reference(reference) if reference.is_empty() => None,
                Image::Reference(reference) => Some(reference.as_str()),
                Image::Build(build) => Some(build.tag.as_str()),
            },
            outcome: outcome
                .and_then(|outcome| outcome.components.get(name))
                .map(|outcome| outcome.as_str()),
        };
        (name, shown)
    });
    let parity = content.components.values();
    let parity = parity.flat_map(|component| &component.parity);
    Summary {
        scope,
        entry: Listed::of(&found.history, &found.entry),
        kcc: &found.revision.manifest.kcc,
        repositories: &content.repositories,
        differences: match &found.parent {
            Some(parent) => differences(&parent.content, content),
            None => Vec::new(),
        },
        components: components.collect(),
        failures: outcome.map_or(&[], |outcome| &outcome.failures),
        images: outcome.map(|outcome| &outcome.images),
        parity: parity.chain(&content.shared.parity).collect(),
    }
}

/// Returns the declared values that differ, by path. A component that is added or removed
/// is one difference.
fn differences<'a>(before: &'a Content, after: &'a Content) -> Vec<Difference<'a>> {
    let is_new = |path: &Path, other: &Content| {
        let declares = |content: &Content| content.values().any(|value| value.path == *path);
        path.0.len() == 2 && !declares(other)
    };
    let by_path = |content: &'a Content| -> BTreeMap<&'a Path, &'a DeclaredValue> {
        content.values().map(|value| (&value.path, value)).collect()
    };
    let (old, new) = (by_path(before), by_path(after));
    let whole: BTreeSet<&Path> = old
        .keys()
        .filter(|path| is_new(path, after))
        .chain(new.keys().filter(|path| is_new(path, before)))
        .copied()
        .collect();
    let paths: BTreeSet<&Path> = old.keys().chain(new.keys()).copied().collect();
    let mut differences = Vec::new();
    for path in paths {
        let (one, other) = (old.get(path), new.get(path));
        let value = |of: Option<&&'a DeclaredValue>| of.and_then(|of| of.value.as_ref());
        let same = one.is_some() == other.is_some() && value(one) == value(other);
        let below = path.0.len() > 2 && whole.contains(&Path(path.0[..2].to_vec()));
        if same || below {
            continue;
        }
        let lines = other.or(one).map(|of| &of.lines);
        differences.push(Difference {
            path,
            before: value(one),
            after: value(other),
            line: lines.and_then(|lines| lines.first()),
        });
    }
    differences
}

fn summary_text(found: &FoundRevision, scope: &Scope, summary: &Summary<'_>) -> String {
    let Manifest {
        number,
        who,
        parent,
        rolls_back_to,
        only,
        kcc,
        message,
        started,
        ..
    } = &found.revision.manifest;
    let mut rows = vec![[
        "applied".to_owned(),
        format!(
            "{} UTC by {} (kcc {kcc})",
            started.engine.strftime("%Y-%m-%d %H:%M:%S"),
            who.short()
        ),
    ]];
    let mut add = |name: &str, text: String| rows.push([name.to_owned(), text]);
    if let Some(url) = who.job.as_ref().and_then(|job| job.url.as_ref()) {
        add("job", url.clone());
    }
    if let Some(message) = message {
        add("message", message.lines().collect::<Vec<_>>().join(" "));
    }
    if let Some(number) = rolls_back_to {
        add("rollback to", format!("revision {number}"));
    }
    if let Some(only) = only {
        add(
            "limited to",
            only.iter().cloned().collect::<Vec<_>>().join(", "),
        );
    }
    for repository in summary.repositories {
        add("sources", source(repository));
    }
    add("outcome", outcome(&found.history, &found.entry));
    if let Some((number, _)) = parent {
        add("follows", format!("revision {number}"));
    }
    let mut text = format!("revision {number} of {scope}\n{}", columns(&rows));
    for failure in summary.failures {
        let team = failure.team.as_ref();
        let team = team.map_or_else(String::new, |team| format!(" (team `{team}`)"));
        let _ = writeln!(text, "{}", plain(&format!("  {}{team}", failure.message)));
    }
    if !summary.differences.is_empty() {
        let rows: Vec<_> = summary.differences.iter().map(difference_row).collect();
        let _ = write!(text, "\nchanges\n{}", columns(&rows));
    }
    let head = ["COMPONENT", "TEAM", "IMAGE", "OUTCOME"].map(str::to_owned);
    let rows = summary.components.iter().map(|(name, component)| {
        [
            (*name).clone(),
            component.team.to_owned(),
            image(component, summary.images),
            component.outcome.unwrap_or("unchanged").to_owned(),
        ]
    });
    let rows: Vec<_> = std::iter::once(head).chain(rows).collect();
    let _ = write!(text, "\n{}", columns(&rows));
    text
}

/// Formats the image of a component, with the beginning of its identity.
fn image(component: &Component<'_>, ran: Option<&BTreeMap<String, BTreeSet<String>>>) -> String {
    let Some(image) = component.image else {
        return "-".to_owned();
    };
    let ids = ran.and_then(|ran| ran.get(image));
    let id = ids.and_then(|ids| ids.first()).and_then(|id| id.get(..19));
    id.map_or_else(|| image.to_owned(), |id| format!("{image} ({id})"))
}

fn source(repository: &Repository) -> String {
    let mut parts = Vec::new();
    if !repository.directory.is_empty() {
        parts.push(format!("{}:", repository.directory));
    }
    parts.extend(repository.remote.clone());
    parts.extend(repository.branch.clone());
    let commit = repository.commit.as_deref();
    let commit = commit.map(|hash| hash.get(..8).unwrap_or(hash).to_owned());
    parts.push(commit.unwrap_or_else(|| "no commit".to_owned()));
    if repository.dirty {
        parts.push("with uncommitted changes".to_owned());
    }
    parts.join(" ")
}

fn difference_row(difference: &Difference<'_>) -> [String; 2] {
    let shown = match (difference.before, difference.after) {
        (None, None) => difference.path.to_string(),
        (None, Some(after)) => format!("{}: {after}", difference.path),
        (Some(before), None) => format!("{}: {before} → removed", difference.path),
        (Some(before), Some(after)) => format!("{}: {before} → {after}", difference.path),
    };
    let line = difference.line.map_or_else(String::new, location);
    [format!("  {shown}"), line]
}

/// Formats a line with its team: `teams/storefront/web.cue:5 (storefront)`.
fn location(line: &DeclaredLine) -> String {
    let team = line.team.as_deref().unwrap_or("system");
    format!("{}:{} ({team})", line.file, line.line)
}

/// Finds the values that a user asks for.
pub(super) fn values<'a>(
    found: &'a FoundRevision,
    scope: &Scope,
    text: &str,
    commits: RecordedCommits<'_>,
) -> Result<Vec<Shown<'a>>, Failure> {
    let content = &found.revision.content;
    let mut annotate = commits;
    if let Some(component) = content.components.get(text) {
        let values = component
            .values
            .iter()
            .filter(|value| value.value.is_some());
        return Ok(values.map(|value| shown(value, &mut annotate)).collect());
    }
    match FieldPath::parse(text)? {
        FieldPath::Model(path) => {
            let below: Vec<_> = content.below(&path).collect();
            if below.is_empty() {
                return Err(unknown(found, scope, &path));
            }
            let values = below.into_iter();
            Ok(values.map(|value| shown(value, &mut annotate)).collect())
        }
        FieldPath::Object { kind, name, field } => {
            let objects = content.lowered(scope).objects();
            let mut of_kind = objects.iter().filter(|object| object.kind == kind);
            let named = of_kind.clone().find(|object| object.name == name);
            let own = || of_kind.find(|object| object.component.as_ref() == Some(&name));
            let Some(object) = named.or_else(own) else {
                let known = objects.iter();
                let known = known.map(|object| format!("{}/{}", object.kind, object.name));
                let known: Vec<String> = known.collect();
                let wanted = format!("{kind}/{name}");
                return Err(missing(found, scope, &wanted, &known));
            };
            let leaves = object.leaves(&field);
            if leaves.is_empty() {
                let wanted = format!("{kind}/{name}:{field}");
                return Err(missing(found, scope, &wanted, &[]));
            }
            let mut all = Vec::new();
            for (path, rendered) in leaves {
                let mut value = Shown {
                    field: Some(object.named(&path).to_string()),
                    rendered: Some(rendered.clone()),
                    object: Some((object.kind.clone(), object.name.clone())),
                    at: Some(path.clone()),
                    because: None,
                    path: None,
                    value: None,
                    lines: Vec::new(),
                };
                match object.source(&path) {
                    Some(Source::Kcc(why)) => value.because = Some(why.into_owned()),
                    Some(Source::Model(paths)) => {
                        let mut declared = paths.iter().filter_map(|path| content.at(path));
                        if let Some(declared) = declared.next() {
                            let of = shown(declared, &mut annotate);
                            value.path = of.path;
                            value.value = of.value;
                            value.lines = of.lines;
                        }
                    }
                    None => {}
                }
                all.push(value);
            }
            Ok(all)
        }
    }
}

impl Shown<'_> {
    /// Returns true if it is a field of an object.
    pub(super) fn is_of(&self, object: &Rendered) -> bool {
        let own = self.object.as_ref();
        own.is_some_and(|(kind, name)| (kind, name) == (&object.kind, &object.name))
    }
}

fn shown<'a>(value: &'a DeclaredValue, commits: &mut RecordedCommits<'_>) -> Shown<'a> {
    let lines = value.lines.iter().map(|line| ShownLine {
        commit: commits.commit(line),
        line,
    });
    Shown {
        field: None,
        rendered: None,
        object: None,
        at: None,
        because: None,
        path: Some(&value.path),
        value: value.value.as_ref(),
        lines: lines.collect(),
    }
}

fn unknown(found: &FoundRevision, scope: &Scope, path: &Path) -> Failure {
    let content = &found.revision.content;
    let known = content.values().map(|value| value.path.to_string());
    let known: Vec<String> = known.chain(content.components.keys().cloned()).collect();
    missing(found, scope, &path.to_string(), &known)
}

fn missing(found: &FoundRevision, scope: &Scope, wanted: &str, known: &[String]) -> Failure {
    let number = found.entry.number;
    let help = match nearest(wanted, known.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!(
            "`{}` lists the components",
            scope.command(&format!("show {number}"))
        ),
    };
    let message = format!("revision {number} declares no `{wanted}`");
    Failure::usage(message, help)
}

fn values_text(values: &Values<'_>) -> String {
    let mut text = String::new();
    for (at, value) in values.values.iter().enumerate() {
        if at > 0 {
            text.push('\n');
        }
        if let (Some(field), Some(rendered)) = (&value.field, &value.rendered) {
            let _ = writeln!(text, "{}", plain(&format!("{field} = {rendered}")));
        }
        text += &text_of(value);
    }
    text
}

/// Formats what is behind a value: the path in the model and its lines.
pub(super) fn text_of(value: &Shown<'_>) -> String {
    let mut text = String::new();
    if let Some(why) = &value.because {
        let _ = writeln!(text, "  set by kcc: {why}");
    }
    if let Some(path) = value.path {
        let from = if value.field.is_some() { "  from " } else { "" };
        let is = value
            .value
            .map_or_else(String::new, |value| format!(" = {value}"));
        let _ = writeln!(text, "{}", plain(&format!("{from}{path}{is}")));
    }
    let rows = value.lines.iter().map(|shown| {
        let line = shown.line;
        [
            format!("  {}:{}:{}", line.file, line.line, line.column),
            line.team.clone().unwrap_or_else(|| "system".to_owned()),
            line.role.as_str().to_owned(),
            shown.commit.as_ref().map_or_else(String::new, |commit| {
                format!("{} {} {}", commit.short(), commit.day(), commit.author)
            }),
            line.text.clone().unwrap_or_default(),
        ]
    });
    let rows: Vec<_> = rows.collect();
    text += &columns(&rows);
    text
}
