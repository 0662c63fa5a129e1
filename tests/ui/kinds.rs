//! Checks every kind of backing in `schemas/kinds` on every engine: it runs as its
//! own user, keeps its data, has probes, requires the password that the backing
//! declares, and contains secrets only as references.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    fs,
    path::Path,
};

use kcc_test_support::{CommandOutput, directory_with, kcc, root};
use serde_json::Value;

/// The table of facts about the images.
const FACTS: &str = "docs/dev/kinds.md";

/// The kinds without persistent data.
const WITHOUT_DATA: [&str; 1] = ["smtp"];

/// Returns the names of all kinds.
pub(crate) fn all() -> Vec<String> {
    let folder = root().join("schemas/kinds");
    let mut names: Vec<String> = fs::read_dir(folder)
        .expect("the directory of kinds is readable")
        .map(|entry| entry.expect("its entries are readable").path())
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    names
}

/// Checks one kind.
pub(crate) fn check(kind: &str) -> Result<(), String> {
    matches_its_versions(kind)?;
    let scratch = directory_with([("kcc.cue", system(kind))]);
    for target in ["dev", "prod"] {
        let model = model(scratch.path(), target)?;
        for name in ["usual", "named"] {
            check_component(kind, &model["components"][name], name)
                .map_err(|error| format!("`{name}` in {target}: {error}"))?;
        }
        let env = &model["components"]["web"]["container"]["env"];
        expect(&env["PASSWORD"], "secret", "key", "the output `password`")?;
        expect(&env["USUAL_HOST"], "literal", "usual", "`USUAL_HOST`")?;
        expect_set(env, "USUAL_PORT")?;
        expect_set(env, "URL")?;
    }
    let model = model(scratch.path(), "stage")?;
    let outside = &model["components"]["usual"]["kind"]["backing"]["external"];
    if *outside != Value::Bool(true) {
        return Err("an external backing runs in the system".to_owned());
    }
    let env = &model["components"]["web"]["container"]["env"];
    expect(
        &env["USUAL_HOST"],
        "literal",
        "far.example.com",
        "`USUAL_HOST`",
    )?;
    expect(&env["PASSWORD"], "secret", "key", "the output `password`")?;
    expect_set(env, "URL")
}

/// Checks that the recipe of a kind agrees with the table of facts, in the list of
/// versions and for each image.
fn matches_its_versions(kind: &str) -> Result<(), String> {
    let read = |path: &Path| fs::read_to_string(path).map_err(|error| error.to_string());
    let recipe = read(
        &root()
            .join("schemas/kinds")
            .join(kind)
            .with_extension("cue"),
    )?;
    let mut variants = vec![String::new()];
    variants.extend(listed(&recipe, "variants"));
    let mut known: BTreeMap<String, (String, String)> = BTreeMap::new();
    for row in read(&root().join(FACTS))?.lines() {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [_, name, versions, variants, user, mount, _] = cells[..] else {
            continue;
        };
        if name != format!("`{kind}`") {
            continue;
        }
        for version in versions.split(' ') {
            for variant in variants.split(' ') {
                let tag = format!("{}{}", version.trim_matches('`'), variant.trim_matches('`'));
                let facts = (user.trim_matches('`'), mount.trim_matches('`'));
                known.insert(tag, (facts.0.to_owned(), facts.1.to_owned()));
            }
        }
    }
    let versions = listed(&recipe, "versions");
    let tags: Vec<String> = versions
        .iter()
        .flat_map(|version| {
            variants
                .iter()
                .map(move |variant| format!("{version}{variant}"))
        })
        .collect();
    let listed: BTreeSet<&String> = tags.iter().collect();
    if listed != known.keys().collect() || listed.is_empty() {
        return Err(format!(
            "{FACTS} and the recipe list different versions: {listed:?}"
        ));
    }
    let mut system =
        "package shop\n\nsystem: {name: \"shop\", targets: dev: docker: {}}\n".to_owned();
    for (at, tag) in tags.iter().enumerate() {
        let _ = writeln!(
            system,
            "backing: b{at}: {{kind: {kind:?}, version: {tag:?}}}"
        );
        let _ = writeln!(system, "services: s: needs: b{at}: {{}}");
    }
    system.push_str("services: s: image: \"acme/s:1\"\n");
    let scratch = directory_with([("kcc.cue", system)]);
    let model = model(scratch.path(), "dev")?;
    for (at, tag) in tags.iter().enumerate() {
        let component = &model["components"][format!("b{at}")];
        let container = &component["container"];
        let (user, mount) = &known[tag];
        if container["user"] != user.as_str() {
            return Err(format!(
                "{tag}: expected user {user}, found {}",
                container["user"]
            ));
        }
        let volumes = fields(&component["volumes"]);
        let mounts: Vec<_> = volumes.values().map(|volume| &volume["mount"]).collect();
        let as_expected = match mount.as_str() {
            "none" => mounts.is_empty(),
            mount => mounts == [&Value::from(mount)],
        };
        if !as_expected {
            return Err(format!("{tag}: expected mount {mount}, found {mounts:?}"));
        }
        let folder = &container["env"]["PGDATA"]["literal"];
        if folder
            .as_str()
            .is_some_and(|folder| !folder.starts_with(&format!("{mount}/")))
        {
            return Err(format!(
                "{tag} stores its data in {folder}, outside of {mount}"
            ));
        }
        let version = tag.split('-').next().unwrap_or_default();
        let image = container["image"]["reference"].as_str().unwrap_or_default();
        if !image.contains(&format!(":{version}")) {
            return Err(format!("{tag} uses image {image}"));
        }
    }
    Ok(())
}

/// Returns the strings of a list in a recipe.
fn listed(recipe: &str, field: &str) -> Vec<String> {
    let list = recipe.lines().find_map(|line| {
        let list = line.trim().strip_prefix(field)?.strip_prefix(": [")?;
        list.strip_suffix(']')
    });
    let items = list.into_iter().flat_map(|list| list.split(", "));
    items
        .map(|item| item.trim_matches('"').to_owned())
        .collect()
}

fn system(kind: &str) -> String {
    format!(
        "package shop

system: {{name: \"shop\", targets: {{dev: docker: {{}}, stage: kubernetes: {{}}, prod: kubernetes: {{}}}}}}
backing: {{
	usual: kind: {kind:?}
	named: {{kind: {kind:?}, password: secret: \"key\"}}
}}
secrets: key: generate: {{}}
services: web: {{
	image: \"acme/web:1.4.2\"
	needs: {{usual: {{}}, named: {{}}}}
	env: {{
		PASSWORD: {{from: \"named\", output: \"password\"}}
		URL: {{from: \"usual\", output: \"url\"}}
	}}
}}
on: stage: backing: {{
	usual: external: {{host: \"far.example.com\", tls: true}}
	named: external: {{host: \"near.example.com\", username: \"shop\", database: \"main\"}}
}}
"
    )
}

fn model(folder: &Path, target: &str) -> Result<Value, String> {
    let output = CommandOutput::of(kcc(folder).args(["model", "--target", target]));
    if output.code != Some(0) {
        return Err(output.err);
    }
    serde_json::from_str(&output.out).map_err(|error| error.to_string())
}

/// Checks the container of one backing of the kind.
fn check_component(kind: &str, component: &Value, name: &str) -> Result<(), String> {
    let container = &component["container"];
    let user = container["user"].as_str().unwrap_or_default();
    let numbers: Vec<Result<u32, _>> = user.split(':').map(str::parse).collect();
    match numbers[..] {
        [Ok(uid), Ok(_)] if uid > 0 => {}
        _ => return Err(format!("expected a numeric user and group, found `{user}`")),
    }
    if container["security"]["profile"] != "restricted" {
        return Err("it may run as root".to_owned());
    }
    for probe in ["startup", "readiness"] {
        if container["health"][probe].is_null() {
            return Err(format!("it has no {probe} probe"));
        }
    }
    let volumes = fields(&component["volumes"]);
    let keeps = volumes
        .values()
        .any(|volume| volume["source"].get("persistent").is_some());
    if keeps == WITHOUT_DATA.contains(&kind) {
        return Err(
            "its volumes do not match the kind: persistent although it has no data, or missing"
                .to_owned(),
        );
    }
    let secrets = secrets(&container["env"]);
    let own = if name == "named" {
        "key"
    } else {
        "usual-password"
    };
    if let Some(other) = secrets.iter().find(|secret| *secret != own) {
        return Err(format!("it refers to the secret `{other}`"));
    }
    if name == "named" && secrets.is_empty() {
        return Err("it does not require the password that the backing declares".to_owned());
    }
    // Everyone who may list processes can read these.
    for field in ["command", "args"] {
        if container[field].to_string().contains("$(") {
            return Err(format!("`{field}` contains the value of a variable"));
        }
    }
    Ok(())
}

/// Returns the names of all secrets in a value.
fn secrets(value: &Value) -> Vec<String> {
    match value {
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(name, field)| match (name.as_str(), field) {
                ("secret", Value::String(secret)) => vec![secret.clone()],
                _ => secrets(field),
            })
            .collect(),
        Value::Array(items) => items.iter().flat_map(secrets).collect(),
        _ => Vec::new(),
    }
}

fn fields(value: &Value) -> BTreeMap<&str, &Value> {
    let fields = value.as_object().into_iter().flatten();
    fields.map(|(name, field)| (name.as_str(), field)).collect()
}

fn expect(value: &Value, kind: &str, expected: &str, what: &str) -> Result<(), String> {
    if value[kind] == expected {
        Ok(())
    } else {
        Err(format!(
            "{what}: expected the {kind} `{expected}`, found {value}"
        ))
    }
}

fn expect_set(env: &Value, name: &str) -> Result<(), String> {
    if env[name].is_object() {
        Ok(())
    } else {
        Err(format!("`{name}` is not set"))
    }
}
