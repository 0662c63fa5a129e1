//! The parity ledger is complete: every field that the schema gives a component
//! has an entry for both engines, and every entry is about such a field.

use std::collections::BTreeSet;

use kcc_lower::parity::Field;
use kcc_tree::schema::{Definition, Schema, references};

/// The definitions of the components that engines run. The fields of a backing
/// decide what its recipe makes, which is shaped as a service.
fn components() -> impl Iterator<Item = &'static Definition> {
    let schema = Schema::get();
    let root = schema.definition("Root").expect("the schema has a root");
    root.fields
        .iter()
        .filter(|field| field.component && field.name != "backing")
        .flat_map(|field| references(&field.of))
        .filter_map(|name| schema.definition(name))
}

/// Collects every path without fields below it, in its longest spelling.
fn collect(definition: &Definition, above: &[String], paths: &mut BTreeSet<String>) {
    let schema = Schema::get();
    for name in references(&definition.is) {
        let inner = schema.definition(name).expect("references lead somewhere");
        collect(inner, above, paths);
    }
    for field in definition
        .fields
        .iter()
        .filter(|field| !field.name.is_empty())
    {
        let mut names = vec![field.name.clone()];
        if let Some(long) = field.long_spellings().into_iter().next() {
            names = long;
        }
        let mut path = [above, &names].concat();
        if field.map().is_some() {
            path.push("*".to_owned());
        }
        let structs: Vec<&Definition> = references(&field.of)
            .filter_map(|name| schema.definition(name))
            .filter(|inner| !inner.fields.is_empty() || inner.is.contains('#'))
            .collect();
        for inner in &structs {
            collect(inner, &path, paths);
        }
        if structs.is_empty() {
            paths.insert(path.join("."));
        }
    }
}

fn all_paths() -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    for component in components() {
        collect(component, &[], &mut paths);
    }
    paths
}

/// Returns true if one path leads to the other or below it.
fn covers(pattern: &str, path: &str) -> bool {
    let (pattern, path): (Vec<_>, Vec<_>) =
        (pattern.split('.').collect(), path.split('.').collect());
    pattern.len() <= path.len()
        && pattern
            .iter()
            .zip(&path)
            .all(|(one, other)| one == other || *one == "*" || *other == "*")
}

#[test]
fn every_field_of_the_schema_has_an_entry() {
    let paths = all_paths();
    assert!(paths.len() > 50, "{paths:?}");
    let missing: Vec<&String> = paths
        .iter()
        .filter(|path| !Field::all().iter().any(|field| covers(field.path(), path)))
        .collect();
    assert!(
        missing.is_empty(),
        "say in the schema, with `@parity`, what the engines make of {missing:?}"
    );
}

#[test]
fn every_entry_is_about_a_field_of_the_schema() {
    let paths = all_paths();
    let unknown: Vec<&str> = Field::all()
        .iter()
        .map(Field::path)
        // Raw objects belong to no component.
        .filter(|entry| !entry.starts_with("objects."))
        // An engine may treat a field of a cron job in a way of its own.
        .map(|path| path.strip_prefix("cronJobs.*.").unwrap_or(path))
        .filter(|entry| {
            !paths
                .iter()
                .any(|path| covers(entry, path) || covers(path, entry))
        })
        .collect();
    assert!(unknown.is_empty(), "no field of a component: {unknown:?}");
}
