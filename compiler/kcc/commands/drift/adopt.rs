//! `kcc drift --adopt`: writes live values into the fragments of the teams that own them.
//!
//! A value is written where its line has it as a literal, or, if it comes from a default
//! of somebody else, as a field of the component. Nothing is written unless every selected
//! value can be, the edited fragments pass `kcc check` for all targets, and the objects
//! that follow from them have the live values.

use std::collections::BTreeMap;

use kcc_diag::{Code, Diagnostic, Diagnostics, field_label};
use kcc_lower::source::Rendered;
use kcc_model::{Bytes, MilliCpu};
use kcc_plan::{
    Verdict, find_field,
    revision::{Content, ContentHash, DeclaredValue, Role},
};
use kcc_tree::Path;
use serde_json::Value;

use super::recorded::{Recorded, component, span};
use crate::{
    args::ScopeArgs,
    commands::CommandResult,
    context::Context,
    exit::Exit,
    failure::{Diagnosis, Failure},
    output_file, pipeline,
    provenance::{Line, LineKind, LiveDifference, spellings},
};

/// A text that takes the place of another one in a file.
struct Edit {
    file: String,
    start: usize,
    end: usize,
    text: String,
    /// The change, for people.
    shown: String,
}

/// Writes the live values of some differences into fragments.
pub(super) fn adopt(
    context: &Context,
    scope: &ScopeArgs,
    recorded: &Recorded,
    differences: &[LiveDifference<'_>],
) -> CommandResult {
    let selected: Vec<_> = differences
        .iter()
        .filter(|found| !matches!(found.deviation.verdict, Verdict::Scaled))
        .collect();
    if selected.is_empty() {
        context.printer.note("there is nothing to adopt");
        return Ok(Exit::Done);
    }
    let mut edits = Vec::new();
    let mut refused = Diagnostics::new();
    for found in &selected {
        match edit(recorded, found) {
            Ok(edit) => edits.push(edit),
            Err(why) => refused.push(refusal(recorded, found, &why)),
        }
    }
    if !refused.is_empty() {
        return Err(failure(recorded, refused));
    }
    // Several objects may follow from one value, as replicas of a container do.
    edits.sort_by(|one, other| (&one.file, one.start).cmp(&(&other.file, other.start)));
    edits.dedup_by(|one, other| {
        (&one.file, one.start, &one.text) == (&other.file, other.start, &other.text)
    });
    let texts = texts(context, recorded, &edits)?;
    let compiled = pipeline::compile_edited(context, scope, &texts)?;
    let objects = compiled.lowered.objects();
    for found in &selected {
        if !follows(&objects, found) {
            let why = "another line decides the value as well";
            refused.push(refusal(recorded, found, why));
        }
    }
    if !refused.is_empty() {
        return Err(failure(recorded, refused));
    }
    write(recorded, &texts)?;
    for edit in &edits {
        context.printer.note(&format!("adopted {}", edit.shown));
    }
    Ok(Exit::Done)
}

/// Finds the edit that gives a value its live one, or says why there is none.
fn edit(recorded: &Recorded, found: &LiveDifference<'_>) -> Result<Edit, String> {
    let content = &recorded.found.revision.content;
    let deviation = found.deviation;
    if !matches!(deviation.verdict, Verdict::Edited | Verdict::Yielded) {
        let verdict = deviation.verdict.as_str();
        return Err(format!(
            "only edited values can be adopted, and it is {verdict}"
        ));
    }
    let Some(change) = &deviation.change else {
        return Err("the whole object differs".to_owned());
    };
    let now = match &change.live {
        None => return Err("its live value is not shown, since it may be a secret".to_owned()),
        Some(Value::Null) => return Err("nothing is set there any more".to_owned()),
        Some(now) if now.is_object() || now.is_array() => {
            return Err("its live value has several parts".to_owned());
        }
        Some(now) => now,
    };
    let Some(path) = found.model.as_ref().or(found.source.as_ref()) else {
        return Err("no fragment declares it: kcc sets it".to_owned());
    };
    let team = component(found).and_then(|name| content.components.get(name));
    let team = team.map(|component| &component.model.team);
    let line = found.difference.left.lines.first();
    let declared = found.model.as_ref().and_then(|path| content.at(path));
    match (line, declared) {
        (Some(line), Some(declared)) if line.kind == LineKind::Value => {
            let value = in_form_of(declared, change.desired.as_ref(), now)?;
            replacement(recorded, path, line, declared, &value)
        }
        // The owner's value is stronger than anybody's default.
        (Some(line), Some(declared)) if line.team.as_ref() == team => {
            let value = in_form_of(declared, change.desired.as_ref(), now)?;
            replacement(recorded, path, line, declared, &value)
        }
        _ => addition(recorded, found, path, now),
    }
}

/// Returns a live value in the form in which a fragment writes the recorded one.
fn in_form_of(
    declared: &DeclaredValue,
    desired: Option<&Value>,
    live: &Value,
) -> Result<Value, String> {
    let computed = || format!("it is computed from `{}`", declared.path);
    let (own, desired) = declared.value.as_ref().zip(desired).ok_or_else(computed)?;
    if own == desired {
        return Ok(live.clone());
    }
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let bytes = |value: &Value| Bytes::parse(&text(value)).ok().map(|bytes| bytes.0);
    let millis = |value: &Value| MilliCpu::parse(&text(value)).ok().map(|cpu| cpu.0);
    match declared.path.0.last().map(String::as_str) {
        Some("memory" | "size") if bytes(own) == bytes(desired) => bytes(live)
            .map(|bytes| size(bytes).into())
            .ok_or_else(computed),
        Some("cpu") if millis(own) == millis(desired) => Ok(live.clone()),
        // Docker's desired state counts in thousandths.
        Some("cpu") if millis(own) == desired.as_u64() => {
            let millis = live.as_u64().ok_or_else(computed)?;
            Ok(format!("{millis}m").into())
        }
        _ => Err(computed()),
    }
}

/// Formats bytes as fragments write them.
fn size(bytes: u64) -> String {
    let units = [(30, "Gi"), (20, "Mi"), (10, "Ki")];
    let mut whole = units.into_iter();
    let whole = whole.find(|(shift, _)| bytes > 0 && bytes.trailing_zeros() >= *shift);
    whole.map_or_else(
        || bytes.to_string(),
        |(shift, unit)| format!("{}{unit}", bytes >> shift),
    )
}

/// Replaces the literal at a line.
fn replacement(
    recorded: &Recorded,
    path: &Path,
    line: &Line,
    declared: &DeclaredValue,
    value: &Value,
) -> Result<Edit, String> {
    let content = &recorded.found.revision.content;
    let place = format!("{}:{}", line.file, line.line);
    if let Some(through) = &line.through {
        return Err(format!(
            "`{through}` takes it from {place}, which others may use"
        ));
    }
    let sharing = sharing(content, declared, line);
    if let Some(first) = sharing.first() {
        let others = match sharing.len() {
            1 => String::new(),
            count => format!(" and {} more", count - 1),
        };
        return Err(format!(
            "the line {place} also gives `{first}`{others} its value"
        ));
    }
    let files = &recorded.compiled.tree.files;
    let Some(span) = span(files, line, content) else {
        return Err(format!(
            "`{}` is not as it was when it was applied: apply it first, or check out what was",
            line.file
        ));
    };
    let text = files.get(span.file).map_or("", |file| file.text());
    let start = span.start as usize;
    let old = declared.value.as_ref().map(Value::to_string);
    let old = old.filter(|old| ends(&text[start..], old));
    let Some(old) = old else {
        return Err(format!("{place} computes it instead of giving a literal"));
    };
    Ok(Edit {
        file: line.file.clone(),
        start,
        end: start + old.len(),
        text: value.to_string(),
        shown: format!("`{path}`: {place} says {value} instead of {old}"),
    })
}

/// Returns true if a text begins with a literal, and not only with a part of one.
fn ends(text: &str, literal: &str) -> bool {
    let rest = text.strip_prefix(literal).map(str::trim_start);
    rest.is_some_and(|rest| {
        rest.is_empty() || rest.starts_with([',', '}', ']', ')', '/', '@']) || {
            let after = &text[literal.len()..];
            after.trim_start_matches([' ', '\t']).starts_with('\n')
        }
    })
}

/// Returns the other values that a line gives.
fn sharing(content: &Content, declared: &DeclaredValue, line: &Line) -> Vec<String> {
    let own = spellings(&declared.path);
    let gives = |value: &DeclaredValue| {
        let mut lines = value.lines.iter();
        lines.any(|other| {
            other.role != Role::Constraint
                && (&other.file, other.line, other.column) == (&line.file, line.line, line.column)
        })
    };
    let others = content.values();
    let others = others.filter(|value| !own.contains(&value.path) && gives(value));
    others.map(|value| value.path.to_string()).collect()
}

/// Adds a field at the end of the file in which the owning team declares the component.
fn addition(
    recorded: &Recorded,
    found: &LiveDifference<'_>,
    path: &Path,
    live: &Value,
) -> Result<Edit, String> {
    let content = &recorded.found.revision.content;
    let declaration = component(found)
        .and_then(|name| content.components.get(name))
        .and_then(|component| content.at(&component.model.path))
        .and_then(|declared| declared.lines.first());
    let Some(declaration) = declaration else {
        return Err("no component declares it".to_owned());
    };
    let files = &recorded.compiled.tree.files;
    let file = files.find(&declaration.file).and_then(|id| files.get(id));
    let is_recorded = |text: &str| {
        content.fragments.get(&declaration.file) == Some(&ContentHash::of(text.as_bytes()))
    };
    let Some(file) = file.filter(|file| is_recorded(file.text())) else {
        return Err(format!(
            "`{}` is not as it was when it was applied: apply it first, or check out what was",
            declaration.file
        ));
    };
    let labels: Vec<_> = path.0.iter().map(|name| field_label(name)).collect();
    let field = format!("{}: {live}", labels.join(": "));
    let end = file.text().len();
    let start = if file.text().ends_with('\n') {
        ""
    } else {
        "\n"
    };
    Ok(Edit {
        file: declaration.file.clone(),
        start: end,
        end,
        text: format!("{start}{field}\n"),
        shown: format!("`{path}`: {} says {live} now", declaration.file),
    })
}

/// Returns the edited files, formatted if they were before.
fn texts(
    context: &Context,
    recorded: &Recorded,
    edits: &[Edit],
) -> Result<BTreeMap<String, String>, Failure> {
    let files = &recorded.compiled.tree.files;
    let mut texts = BTreeMap::new();
    // From the end, so that the places of the others stay.
    for edit in edits.iter().rev() {
        let text = texts.entry(edit.file.clone()).or_insert_with(|| {
            let file = files.find(&edit.file).and_then(|id| files.get(id));
            file.map(|file| file.text().to_owned()).unwrap_or_default()
        });
        text.replace_range(edit.start..edit.end, &edit.text);
    }
    for (name, text) in &mut texts {
        let file = files.find(name).and_then(|id| files.get(id));
        let old = file.map_or("", |file| file.text());
        let [before, after] = pipeline::formatted(context, name, [old, text.as_str()])?;
        if before.as_deref() == Some(old)
            && let Some(after) = after
        {
            *text = after;
        }
    }
    Ok(texts)
}

/// Returns true if an object has the live value of a difference.
fn follows(objects: &[Rendered], found: &LiveDifference<'_>) -> bool {
    let kind = found.deviation.kind.to_lowercase();
    let mut own = objects.iter();
    let object = own.find(|object| object.kind == kind && object.name == found.deviation.name);
    let change = found.deviation.change.as_ref();
    object.zip(change).is_some_and(|(object, change)| {
        let at = find_field(&object.value, &change.path).map(Path);
        let value = at.and_then(|at| object.find(&at).map(|(_, value)| value));
        value == change.live.as_ref()
    })
}

/// Writes all files, or none.
fn write(recorded: &Recorded, texts: &BTreeMap<String, String>) -> Result<(), Failure> {
    let files = &recorded.compiled.tree.files;
    let root = recorded.compiled.root.path();
    let mut written: Vec<&String> = Vec::new();
    for (name, text) in texts {
        if let Err(error) = output_file::replace(&root.join(name), text.as_bytes()) {
            for name in written {
                let file = files.find(name).and_then(|id| files.get(id));
                let old = file.map_or("", |file| file.text());
                // The first failure is the one to report.
                let _ = output_file::replace(&root.join(name), old.as_bytes());
            }
            return Err(Failure::io(format!("cannot write `{name}`"), error));
        }
        written.push(name);
    }
    Ok(())
}

fn refusal(recorded: &Recorded, found: &LiveDifference<'_>, why: &str) -> Diagnostic {
    let content = &recorded.found.revision.content;
    let path = &found.difference.path;
    let message = format!("cannot adopt the live value of `{path}`: {why}");
    let mut refused = Diagnostic::error(Code::DriftNotAdoptable, message).help(format!(
        "undo the change instead: `kcc drift '{path}' --revert`"
    ));
    if let Some(model) = &found.model {
        refused = refused.at(model);
    }
    let line = found.difference.left.lines.first();
    match line.and_then(|line| span(&recorded.compiled.tree.files, line, content)) {
        Some(span) => refused.primary(span, "applied from here"),
        None => refused,
    }
}

fn failure(recorded: &Recorded, refused: Diagnostics) -> Failure {
    let tree = &recorded.compiled.tree;
    Failure::Configuration(Diagnosis::of(tree, recorded.compiled.root.shown(), refused))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared(path: &str, value: &Value) -> DeclaredValue {
        DeclaredValue {
            path: path.parse().unwrap(),
            value: Some(value.clone()),
            lines: Vec::new(),
        }
    }

    #[test]
    fn writes_live_values_as_fragments_do() {
        for (path, own, desired, live, expected) in [
            (
                "services.web.replicas",
                2.into(),
                2.into(),
                5.into(),
                Ok(5.into()),
            ),
            (
                "services.web.resources.memory",
                "64Mi".into(),
                (64 << 20).into(),
                (48 << 20).into(),
                Ok("48Mi".into()),
            ),
            (
                "services.web.resources.cpu",
                "500m".into(),
                500.into(),
                250.into(),
                Ok("250m".into()),
            ),
            (
                "services.web.resources.cpu",
                0.5.into(),
                "500m".into(),
                "1".into(),
                Ok("1".into()),
            ),
            (
                "services.web.needs.cart",
                true.into(),
                "x".into(),
                "y".into(),
                Err("it is computed from `services.web.needs.cart`".to_owned()),
            ),
        ] {
            let declared = declared(path, &own);
            let found: Result<Value, _> = in_form_of(&declared, Some(&desired), &live);
            assert_eq!(found, expected, "{path}");
        }
    }

    #[test]
    fn knows_where_a_literal_ends() {
        for text in ["2", "2\n", "2, a: 1", "2}", "2 // two", "2 @x()", "2\t\n"] {
            assert!(ends(text, "2"), "{text}");
        }
        for text in ["23", "2 * n", "2 | *3", "2.5", "n"] {
            assert!(!ends(text, "2"), "{text}");
        }
        assert!(ends("\"a\"\n", "\"a\"") && !ends("\"a\" + x", "\"a\""));
    }
}
