//! The reference as Markdown: a page per field, and the whole document.

use std::fmt::Write;

use kcc_lower::parity::{Field as Ledger, Verdict};
use kcc_tree::Engine;
use kcc_tree::schema::{Definition, Field, references};

use super::{ROOT, Reference, ResolvedField};

/// The introduction of the document.
const HEAD: &str = "# Reference

Every field that fragments can set, generated from [the schema](../schemas). `kcc explain services.health` prints a part of it. `x!` is required and `x?` is optional; a default follows the type. [The language](language.md) explains how the fields work together.
";

impl Reference<'_> {
    /// Formats the page of a field.
    pub fn page(self, found: &ResolvedField<'_>) -> String {
        let path = found.path.join(".");
        let mut page = format!(
            "# `{path}`\n\n    {}\n\n{}\n",
            signature(found.field),
            found.field.text
        );
        if let Some(rest) = rules_about(found.parent, &found.field.name) {
            let _ = write!(page, "\n{rest}\n");
        }
        for line in engines(&found.path) {
            let _ = write!(page, "\n{line}\n");
        }
        if let Some(value) = found.value {
            let _ = write!(page, "\n{}", self.body(value));
        } else {
            let _ = write!(page, "\n{}", example(found.parent));
        }
        page
    }

    /// Formats the whole document.
    pub fn document(self) -> String {
        let mut text = HEAD.to_owned();
        for definition in self.in_order() {
            let title = if definition.name == ROOT {
                "The root".to_owned()
            } else {
                definition.name.clone()
            };
            let _ = write!(text, "\n## {title}\n\n");
            let paths = self.paths_to(&definition.name);
            if !paths.is_empty() {
                let paths: Vec<_> = paths.iter().map(|path| format!("`{path}`")).collect();
                let _ = write!(text, "{}\n\n", paths.join(", "));
            }
            text.push_str(&self.body(definition));
        }
        text
    }

    /// Formats the description, example, fields and rules of a definition.
    fn body(self, definition: &Definition) -> String {
        let mut text = format!("{}\n", definition.text);
        if !definition.is.is_empty() {
            let _ = write!(text, "\n    {}\n", definition.is);
        }
        let _ = write!(text, "\n{}", example(definition));
        let fields: Vec<_> = std::iter::once(definition)
            .chain(references(&definition.is).filter_map(|name| self.definition(name)))
            .flat_map(|definition| &definition.fields)
            .collect();
        if !fields.is_empty() {
            text.push('\n');
        }
        for field in fields {
            let _ = writeln!(
                text,
                "- `{}`{}: {}",
                signature(field),
                default_note(field),
                field.text
            );
        }
        for rule in rules(definition) {
            let _ = write!(text, "\n{rule}\n");
        }
        text
    }
}

fn example(definition: &Definition) -> String {
    format!("```cue right\n{}```\n", definition.example)
}

/// Formats a field as the schema declares it.
fn signature(field: &Field) -> String {
    let mark = match field {
        Field { open: true, .. } => "",
        Field { required: true, .. } => "!",
        _ => "?",
    };
    if field.name.is_empty() {
        return format!("[string]: {}", field.of);
    }
    format!("{}{mark}: {}", field.name, field.of)
}

fn default_note(field: &Field) -> String {
    let defaults = field.defaults.iter();
    let defaults = defaults.map(|(engine, value)| match Engine::named(engine) {
        Some(engine) => format!("`{value}` on {engine}"),
        None => format!("`{value}`"),
    });
    let defaults: Vec<_> = defaults.collect();
    match &defaults[..] {
        [] => String::new(),
        _ => format!(", {} by default", defaults.join(", ")),
    }
}

/// Formats the parity verdict of each engine for a field of a component.
fn engines(path: &[String]) -> Vec<String> {
    let [kind, name, inside @ ..] = path else {
        return Vec::new();
    };
    if name != "*" || inside.is_empty() {
        return Vec::new();
    }
    let (whole, inside) = (format!("{kind}.*.{}", inside.join(".")), inside.join("."));
    let matches = |ledger: &&Ledger| {
        let at = ledger.path().trim_end_matches(".*");
        at == inside || at == whole
    };
    let Some(ledger) = Ledger::all().iter().find(matches) else {
        return Vec::new();
    };
    Engine::ALL
        .into_iter()
        .map(|engine| match ledger.verdict(engine) {
            Verdict::Honoured => format!("On {engine}: honoured."),
            Verdict::Emulated(how) => format!("On {engine}: emulated, {how}."),
            Verdict::DroppedByNature(why) => format!("On {engine}: dropped by nature, {why}."),
            Verdict::Dropped(why) => {
                format!("On {engine}: dropped, an error unless the target accepts it: {why}.")
            }
        })
        .collect()
}

/// Formats the rules of a definition that involve a field.
fn rules_about(definition: &Definition, name: &str) -> Option<String> {
    let involves = |rule: &String| rule.contains(&format!("`{name}`"));
    let rules: Vec<_> = rules(definition).into_iter().filter(involves).collect();
    (!rules.is_empty()).then(|| rules.join("\n\n"))
}

/// Formats the rules of a definition.
fn rules(definition: &Definition) -> Vec<String> {
    let quoted = |names: &[String]| {
        let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
        names.join(", ")
    };
    let alternatives = definition.alternatives.iter().map(|groups| {
        let groups: Vec<_> = groups
            .iter()
            .map(|group| match &group[..] {
                [one] => format!("`{one}`"),
                many => format!("({})", quoted(many)),
            })
            .collect();
        format!("At most one of {}.", groups.join(", "))
    });
    let together = definition
        .together
        .iter()
        .map(|names| format!("{} must be set together.", quoted(names)));
    let one_of = definition
        .one_of
        .iter()
        .map(|names| format!("One of {} is required.", quoted(names)));
    alternatives.chain(together).chain(one_of).collect()
}
