//! The reference as Markdown: a page for one path, and the document of all.

use std::fmt::Write;

use kcc_lower::parity::{Engine, Field as Ledger, Verdict};

use super::{Definition, Field, Found, Mark, ROOT, Reference};

/// What stands above the document.
const HEAD: &str = "# Reference

Every field that a fragment may write, as [the schema](../schemas) tells it. `kcc explain services.health` prints a part of it. `x!` has to be there, `x?` may be left out; what holds then is said behind its type. [The language](language.md) says how the fields work together.
";

impl Reference {
    /// The page of a path.
    pub fn page(&self, found: &Found<'_>) -> String {
        let path = found.path.join(".");
        let mut page = format!(
            "# `{path}`\n\n    {}\n\n{}\n",
            signature(found.field),
            found.field.text
        );
        if let Some(rest) = found.inside.rules(&found.field.name) {
            let _ = write!(page, "\n{rest}\n");
        }
        for line in engines(&found.path) {
            let _ = write!(page, "\n{line}\n");
        }
        if let Some(holds) = found.holds {
            let _ = write!(page, "\n{}", self.body(holds));
        } else {
            let _ = write!(page, "\n{}", example(found.inside));
        }
        page
    }

    /// The document of everything.
    pub fn document(&self) -> String {
        let mut text = HEAD.to_owned();
        for definition in self.in_order() {
            let title = if definition.name == ROOT {
                "The root".to_owned()
            } else {
                definition.name.clone()
            };
            let _ = write!(text, "\n## {title}\n\n");
            let places = self.places(&definition.name);
            if !places.is_empty() {
                let places: Vec<_> = places.iter().map(|place| format!("`{place}`")).collect();
                let _ = write!(text, "{}\n\n", places.join(", "));
            }
            text.push_str(&self.body(definition));
        }
        text
    }

    /// What a definition is, its example and its fields.
    fn body(&self, definition: &Definition) -> String {
        let mut text = format!("{}\n", definition.text);
        if !definition.is.is_empty() {
            let _ = write!(text, "\n    {}\n", definition.is);
        }
        let _ = write!(text, "\n{}", example(definition));
        let fields: Vec<_> = std::iter::once(definition)
            .chain(
                super::definition::references(&definition.is)
                    .filter_map(|name| self.definition(name)),
            )
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
                without(field),
                field.text
            );
        }
        for rule in definition.all_rules() {
            let _ = write!(text, "\n{rule}\n");
        }
        text
    }
}

fn example(definition: &Definition) -> String {
    format!("```cue right\n{}```\n", definition.example)
}

/// A field as the schema writes it.
fn signature(field: &Field) -> String {
    let mark = match field.mark {
        Mark::Optional => "?",
        Mark::Required => "!",
        Mark::Known => "",
    };
    if field.name.is_empty() {
        return format!("[string]: {}", field.of);
    }
    format!("{}{mark}: {}", field.name, field.of)
}

fn without(field: &Field) -> String {
    match &field.default {
        Some(default) => format!(", {default} by default"),
        None => String::new(),
    }
}

/// What each engine makes of a field of a component.
fn engines(path: &[String]) -> Vec<String> {
    let [kind, name, inside @ ..] = path else {
        return Vec::new();
    };
    if name != "*" || inside.is_empty() {
        return Vec::new();
    }
    let (whole, inside) = (format!("{kind}.*.{}", inside.join(".")), inside.join("."));
    let meant = |ledger: &&Ledger| {
        let at = ledger.path().trim_end_matches(".*");
        at == inside || at == whole
    };
    let Some(ledger) = Ledger::ALL.iter().find(meant) else {
        return Vec::new();
    };
    [Engine::Docker, Engine::Kubernetes]
        .into_iter()
        .map(|engine| match ledger.verdict(engine) {
            Verdict::Honoured => format!("On {engine}: honoured."),
            Verdict::Emulated(how) => format!("On {engine}: emulated, {how}."),
            Verdict::DroppedByNature(why) => format!("On {engine}: left out by nature, {why}."),
            Verdict::Dropped(why) => {
                format!("On {engine}: an error unless the target accepts it, {why}.")
            }
        })
        .collect()
}

impl Definition {
    /// What holds between a field and its neighbours.
    fn rules(&self, name: &str) -> Option<String> {
        let about = |rule: &String| rule.contains(&format!("`{name}`"));
        let rules: Vec<_> = self.all_rules().into_iter().filter(about).collect();
        (!rules.is_empty()).then(|| rules.join("\n\n"))
    }

    fn all_rules(&self) -> Vec<String> {
        let quoted = |names: &[String]| {
            let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
            names.join(", ")
        };
        let alternatives = self.alternatives.iter().map(|groups| {
            let groups: Vec<_> = groups
                .iter()
                .map(|group| match &group[..] {
                    [one] => format!("`{one}`"),
                    many => format!("({})", quoted(many)),
                })
                .collect();
            format!("Only one of {}.", groups.join(", "))
        });
        let together = self
            .together
            .iter()
            .map(|names| format!("Each of {} needs the others.", quoted(names)));
        let one_of = self
            .one_of
            .iter()
            .map(|names| format!("One of {} has to be there.", quoted(names)));
        alternatives.chain(together).chain(one_of).collect()
    }
}
