//! [`Field`]: the fields that engines may treat differently, with the verdict of
//! each engine, as the schema states them in `@parity`.

use std::sync::LazyLock;

use kcc_tree::{
    Engine,
    schema::{Definition, Parity, Schema, references},
};
use serde::{Serialize, Serializer};

use super::Verdict;

static FIELDS: LazyLock<Vec<Field>> = LazyLock::new(read);

/// A field that engines may treat differently.
#[derive(Debug, PartialEq, Eq)]
pub struct Field {
    path: String,
    parity: &'static Parity,
}

impl Serialize for Field {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.path)
    }
}

impl Field {
    /// Returns all fields, in the order of the schema.
    pub fn all() -> &'static [Self] {
        &FIELDS
    }

    /// Finds the field with a path inside a component of a root field, such as
    /// `cronJobs`, which may have a verdict of its own.
    pub(super) fn of(root: &str, path: &str) -> Option<&'static Self> {
        let own = format!("{root}.*.{path}");
        let find = |path: &str| FIELDS.iter().find(|field| field.path == path);
        find(&own).or_else(|| find(path))
    }

    /// Returns the field's path inside a component, with `*` for any name. It starts
    /// at the root if it is about a single kind of component, or about objects.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns the verdict of an engine.
    pub fn verdict(&self, engine: Engine) -> Verdict {
        let verdict = self.parity.engines.get(&engine);
        verdict.map_or(Verdict::Honoured, Verdict::from)
    }
}

/// Reads the fields from the schema. The recipe of a backing is shaped as a service.
fn read() -> Vec<Field> {
    let schema = Schema::get();
    let root = schema.definition("Root").into_iter();
    let of_root = root.clone().flat_map(|root| &root.fields);
    let components = of_root.filter(|field| field.component && field.name != "backing");
    let mut fields: Vec<Field> = Vec::new();
    for component in components {
        let of = references(&component.of).filter_map(|name| schema.definition(name));
        for mut field in of.flat_map(|of| of_definition(of, "")) {
            match fields.iter().find(|known| known.path == field.path) {
                Some(known) if known.parity == field.parity => continue,
                Some(_) => field.path = format!("{}.*.{}", component.name, field.path),
                None => {}
            }
            fields.push(field);
        }
    }
    fields.extend(root.flat_map(|root| &root.parity).map(|parity| Field {
        path: parity.path.clone(),
        parity,
    }));
    fields
}

/// Lists what a definition states about its fields and those below them, in the order
/// of the fields.
fn of_definition(definition: &'static Definition, above: &str) -> Vec<Field> {
    let about = |first: &str| -> Vec<Field> {
        let parity = definition.parity.iter();
        let own = parity.filter(|parity| parity.path.split('.').next() == Some(first));
        own.map(|parity| Field {
            path: format!("{above}{}", parity.path),
            parity,
        })
        .collect()
    };
    let mut fields = Vec::new();
    for field in &definition.fields {
        fields.extend(about(&field.name));
        // Init steps and sidecars are containers like the main one.
        if ["init", "sidecars"].contains(&field.name.as_str()) {
            continue;
        }
        let below = match field.map() {
            Some(_) => format!("{above}{}.*.", field.name),
            None => format!("{above}{}.", field.name),
        };
        let of = references(&field.of).filter_map(|name| Schema::get().definition(name));
        fields.extend(of.flat_map(|of| of_definition(of, &below)));
    }
    fields.extend(about("*"));
    fields
}
