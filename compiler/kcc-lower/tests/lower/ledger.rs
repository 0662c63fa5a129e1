//! The ledger is complete: every field that the schema gives a component has an
//! entry for both engines.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use kcc_lower::parity::Field;

/// Fields that say nothing to an engine by themselves, and why.
const SILENT: [(&str, &str); 0] = [];

/// The long path that a short one is counted under.
const SHORT: [(&str, &str); 12] = [
    ("port", "ports.*"),
    ("resources.cpu", "resources.requests.cpu"),
    ("resources.memory", "resources.requests.memory"),
    ("health.http", "health.readiness"),
    ("health.tcp", "health.readiness"),
    ("health.grpc", "health.readiness"),
    ("health.exec", "health.readiness"),
    ("health.port", "health.readiness"),
    ("health.period", "health.readiness"),
    ("health.timeout", "health.readiness"),
    ("health.failures", "health.readiness"),
    ("health.startTimeout", "health.startup"),
];

/// Root fields whose fields are components with fields of their own; those of a
/// backing decide what its recipe makes, which is shaped as a service.
const COMPONENTS: [&str; 3] = ["services", "jobs", "cronJobs"];

/// The fields of each definition of the schema, with their types.
fn definitions() -> BTreeMap<String, Vec<(String, String)>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas");
    let mut definitions: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("the schema is there") {
        let path = entry.expect("its files too").path();
        if path.extension().is_none_or(|extension| extension != "cue") {
            continue;
        }
        let text = fs::read_to_string(path).expect("it can be read");
        let mut open: Option<String> = None;
        for line in text.lines() {
            if let Some((name, rest)) = line.strip_prefix('#').and_then(|line| line.split_once(':'))
            {
                definitions.entry(name.to_owned()).or_default();
                if rest.trim() == "{" {
                    open = Some(name.to_owned());
                } else {
                    // `#EnvValue: string | #EnvSource` is what it refers to.
                    let part = (String::new(), rest.to_owned());
                    definitions.entry(name.to_owned()).or_default().push(part);
                }
                continue;
            }
            if line == "}" {
                open = None;
            }
            let field = line
                .strip_prefix('\t')
                .filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()))
                .and_then(|line| line.split_once(':'));
            if let (Some(name), Some((field, of))) = (&open, field) {
                let field = field.trim_end_matches(['?', '!']).to_owned();
                let fields = definitions.entry(name.clone()).or_default();
                fields.push((field, of.to_owned()));
            }
        }
    }
    definitions
}

/// The definitions that a type refers to.
fn references(of: &str) -> impl Iterator<Item = &str> {
    of.split('#')
        .skip(1)
        .filter_map(|rest| rest.split(|c: char| !c.is_ascii_alphanumeric()).next())
}

/// Every path without fields below it, by the definition that it begins in.
fn paths(
    definitions: &BTreeMap<String, Vec<(String, String)>>,
    name: &str,
    above: &str,
    found: &mut BTreeSet<String>,
) {
    for (field, of) in &definitions[name] {
        let mut path = match (above, field.as_str()) {
            (above, "") => above.to_owned(),
            ("", field) => field.to_owned(),
            (above, field) => format!("{above}.{field}"),
        };
        if of.trim_start().starts_with("[string]") {
            path += ".*";
        }
        let mut leaf = true;
        for other in references(of) {
            let has_fields = definitions.get(other).is_some_and(|fields| {
                fields
                    .iter()
                    .any(|(name, of)| !name.is_empty() || of.contains('#'))
            });
            if has_fields {
                leaf = false;
                paths(definitions, other, &path, found);
            }
        }
        if leaf && !field.is_empty() {
            found.insert(path);
        }
    }
}

/// Whether one path leads to the other or below it.
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
    let definitions = definitions();
    let mut found = BTreeSet::new();
    for (field, of) in &definitions["Root"] {
        if COMPONENTS.contains(&field.as_str()) {
            for name in references(of) {
                paths(&definitions, name, "", &mut found);
            }
        }
    }
    assert!(found.len() > 50, "the schema is not read: {found:?}");
    let missing: Vec<&String> = found
        .iter()
        .filter(|path| {
            let long = SHORT.iter().find(|(short, _)| covers(short, path));
            let path = long.map_or(path.as_str(), |(_, long)| long);
            let known = Field::ALL.iter().any(|field| covers(field.path(), path));
            let silent = SILENT.iter().any(|(silent, _)| covers(silent, path));
            !known && !silent
        })
        .collect();
    assert!(
        missing.is_empty(),
        "say in `parity.rs` what the engines make of {missing:?}"
    );
}

#[test]
fn every_entry_is_about_a_field_of_the_schema() {
    let definitions = definitions();
    let mut found = BTreeSet::new();
    for name in ["Service", "Job", "CronJob"] {
        paths(&definitions, name, "", &mut found);
    }
    let strangers: Vec<&str> = Field::ALL
        .iter()
        .map(|field| field.path())
        // Raw objects are of no component.
        .filter(|entry| !entry.starts_with("objects."))
        // What an engine makes of a cron job's field may be its own.
        .map(|path| path.strip_prefix("cronJobs.*.").unwrap_or(path))
        .filter(|entry| {
            !found
                .iter()
                .any(|path| covers(entry, path) || covers(path, entry))
        })
        .collect();
    assert!(
        strangers.is_empty(),
        "no field of a component: {strangers:?}"
    );
}
