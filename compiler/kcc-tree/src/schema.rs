//! [`Schema`]: the fields of the language and everything known about them, as data.
//!
//! The evaluator reads `schemas/*.cue` itself. Everything else reads this table,
//! `schema.json`, which a test of the guest's package `schema` compares with
//! them, so that a fact about a field is written once, beside the field.

use std::{collections::BTreeMap, iter, sync::LazyLock};

use serde::Deserialize;

use crate::Engine;

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../schema.json")).expect("a test reads it")
});

static COMPONENTS: LazyLock<Vec<&str>> = LazyLock::new(|| root_maps(true));
static DECLARED: LazyLock<Vec<&str>> = LazyLock::new(|| root_maps(false));

/// kcc's schema.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schema {
    /// The behaviour of kinds of backing that only imitate a service, by kind.
    #[serde(default, rename = "standIns")]
    pub stand_ins: BTreeMap<String, String>,
    /// The definitions, sorted by name.
    pub definitions: Vec<Definition>,
}

/// A definition of the schema.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Definition {
    /// Its name, without `#`.
    pub name: String,
    /// Its description, a paragraph.
    pub text: String,
    /// A fragment that uses it.
    pub example: String,
    /// The type that it stands for; empty for a struct.
    #[serde(default)]
    pub is: String,
    /// Its fields and those of the definitions that it embeds.
    #[serde(default)]
    pub fields: Vec<Field>,
    /// Groups of fields that exclude each other.
    #[serde(default)]
    pub alternatives: Vec<Vec<Vec<String>>>,
    /// Fields of which each needs the others.
    #[serde(default)]
    pub together: Vec<Vec<String>>,
    /// Fields of which one is required.
    #[serde(default)]
    pub one_of: Vec<Vec<String>>,
    /// The statements on how the engines honour its fields.
    #[serde(default)]
    pub parity: Vec<Parity>,
}

/// The treatment of what a definition may hold at a path.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parity {
    /// The path in the definition, with `*` for any name.
    pub path: String,
    /// The verdicts of the engines that do not simply honour it.
    #[serde(default)]
    pub engines: BTreeMap<Engine, Verdict>,
}

/// The way an engine treats a field that it does not simply honour.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase", tag = "verdict", content = "because")]
pub enum Verdict {
    /// kcc approximates it; contains how.
    Emulated(String),
    /// It does not apply to the engine, and the component cannot tell; contains the
    /// reason.
    #[serde(rename = "dropped by nature")]
    DroppedByNature(String),
    /// Dropped although the component would notice; contains the reason.
    Dropped(String),
}

/// A field of a definition.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is an attribute of the schema"
)]
pub struct Field {
    /// Its name; empty for a pattern, which stands for every name.
    pub name: String,
    /// Set if it is required.
    #[serde(default)]
    pub required: bool,
    /// Set if it is neither optional nor required.
    #[serde(default)]
    pub open: bool,
    /// Its type, as the schema writes it.
    #[serde(rename = "type")]
    pub of: String,
    /// Its description, a paragraph.
    pub text: String,
    /// Its defaults by engine, as CUE writes them; under the empty name that of
    /// every engine.
    #[serde(default)]
    pub defaults: BTreeMap<String, String>,
    /// Set if the fields below it are components.
    #[serde(default)]
    pub component: bool,
    /// Set if the fields below it are data, with keys of any form.
    #[serde(default)]
    pub data: bool,
    /// Set if the fields below it are objects of an engine.
    #[serde(default)]
    pub opaque: bool,
    /// The path of another spelling of its value.
    #[serde(default)]
    pub same: Vec<String>,
    /// The paths that it stands for unless they are written.
    #[serde(default)]
    pub short: Vec<Vec<String>>,
    /// The fields in each of which it is the field of its name.
    #[serde(default, rename = "for")]
    pub stands_in: Vec<String>,
}

impl Schema {
    /// Returns the schema.
    pub fn get() -> &'static Self {
        &SCHEMA
    }

    /// Finds a definition by its name.
    pub fn definition(&self, name: &str) -> Option<&Definition> {
        let at = self
            .definitions
            .binary_search_by(|definition| definition.name.as_str().cmp(name));
        at.ok().map(|at| &self.definitions[at])
    }

    /// Returns the default of a definition's field on an engine, as CUE writes it.
    pub fn default(&self, definition: &str, field: &str, engine: Engine) -> Option<&str> {
        let defaults = &self.definition(definition)?.field(field)?.defaults;
        let default = defaults.get(engine.as_str()).or_else(|| defaults.get(""));
        default.map(String::as_str)
    }
}

/// Returns the root fields whose fields are components.
pub fn component_fields() -> &'static [&'static str] {
    &COMPONENTS
}

/// Returns the root fields whose fields teams declare for components to refer to.
pub fn declared_fields() -> &'static [&'static str] {
    &DECLARED
}

impl Definition {
    /// Lists the definitions that it refers to, in their order, each once.
    pub fn references(&self) -> Vec<&str> {
        let mut names = Vec::new();
        let types = self.fields.iter().map(|field| field.of.as_str());
        for name in iter::once(self.is.as_str())
            .chain(types)
            .flat_map(references)
        {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// Finds a field by its name, or the pattern.
    pub fn field(&self, name: &str) -> Option<&Field> {
        let named = self.fields.iter().find(|field| field.name == name);
        named.or_else(|| self.fields.iter().find(|field| field.name.is_empty()))
    }
}

impl Field {
    /// Returns the type of the fields below it, where these have names that
    /// somebody chose.
    pub fn map(&self) -> Option<&str> {
        self.of.strip_prefix("[string]: ")
    }

    /// Returns the longer spellings of the field, relative to its struct.
    pub fn long_spellings(&self) -> Vec<Vec<String>> {
        let same = Some(self.same.clone()).filter(|path| !path.is_empty());
        let stands_in = self.stands_in.iter();
        same.into_iter()
            .chain(self.short.iter().cloned())
            .chain(stands_in.map(|other| vec![other.clone(), self.name.clone()]))
            .collect()
    }
}

/// Lists the definitions that a type refers to.
pub fn references(of: &str) -> impl Iterator<Item = &str> {
    of.split('#')
        .skip(1)
        .filter_map(|rest| rest.split(|c: char| !c.is_ascii_alphanumeric()).next())
}

fn root_maps(component: bool) -> Vec<&'static str> {
    let root = SCHEMA.definition("Root").expect("the schema has a root");
    root.fields
        .iter()
        .filter(|field| field.map().is_some() && field.component == component)
        .map(|field| field.name.as_str())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_has_components_and_what_they_refer_to() {
        assert_eq!(
            component_fields(),
            ["services", "jobs", "cronJobs", "backing"]
        );
        assert_eq!(
            declared_fields(),
            [
                "secrets", "configs", "volumes", "kinds", "objects", "grants"
            ]
        );
    }

    #[test]
    fn definitions_are_sorted_and_refer_to_others() {
        let schema = Schema::get();
        assert!(
            schema
                .definitions
                .is_sorted_by_key(|definition| &definition.name)
        );
        for definition in &schema.definitions {
            let types = definition.fields.iter().map(|field| field.of.as_str());
            for name in types.chain([definition.is.as_str()]).flat_map(references) {
                assert!(schema.definition(name).is_some(), "#{name}");
            }
        }
    }

    #[test]
    fn an_embedded_definition_adds_its_fields() {
        let service = Schema::get().definition("Service").unwrap();
        assert!(service.field("image").is_some());
        assert_eq!(
            service.field("port").unwrap().same,
            ["ports", "http", "number"]
        );
        assert_eq!(service.field("env").unwrap().map(), Some("#EnvValue"));
    }

    #[test]
    fn a_definition_overrides_the_parity_of_an_embedded_one() {
        let init = |name: &str| {
            let definition = Schema::get().definition(name).unwrap();
            let parity = definition
                .parity
                .iter()
                .find(|parity| parity.path == "init.*");
            parity.unwrap().engines[&Engine::Docker].clone()
        };
        assert!(matches!(init("Job"), Verdict::Emulated(_)));
        assert!(matches!(init("CronJob"), Verdict::Dropped(_)));
    }

    #[test]
    fn a_default_may_depend_on_the_engine() {
        let default = |field, engine| Schema::get().default("Rollout", field, engine);
        assert_eq!(default("gracePeriod", Engine::Docker), Some("\"10s\""));
        assert_eq!(default("gracePeriod", Engine::Kubernetes), Some("\"30s\""));
        assert_eq!(default("deadline", Engine::Docker), Some("\"5m\""));
        assert_eq!(default("surge", Engine::Docker), None);
    }
}
