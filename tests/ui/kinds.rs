//! What holds of every kind of backing in `schemas/kinds`, on every engine: it
//! runs as a user of its own, keeps its data, says when it is ready, asks for
//! the password that the backing names, and has no secret but by reference.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    fs,
    path::Path,
};

use serde_json::Value;

use crate::case::{KCC, clean};

/// What is known of the images, as a table.
const FACTS: &str = "docs/dev/kinds.md";

/// The kinds that keep nothing.
const FORGETFUL: [&str; 1] = ["smtp"];

/// The names of the kinds that kcc has.
pub(crate) fn all() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/kinds");
    let mut names: Vec<String> = fs::read_dir(folder)
        .expect("the folder of kinds can be read")
        .map(|entry| entry.expect("its entries too").path())
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    names
}

/// Holds one kind to what all have to be.
pub(crate) fn hold(kind: &str) -> Result<(), String> {
    let scratch = tempfile::tempdir().map_err(|error| error.to_string())?;
    fits_its_versions(kind)?;
    fs::write(scratch.path().join("kcc.cue"), system(kind)).map_err(|error| error.to_string())?;
    for target in ["dev", "prod"] {
        let model = model(scratch.path(), target)?;
        for name in ["usual", "named"] {
            runs(kind, &model["components"][name], name)
                .map_err(|what| format!("`{name}` in {target}: {what}"))?;
        }
        let env = &model["components"]["web"]["container"]["env"];
        is(&env["PASSWORD"], "secret", "key", "the output `password`")?;
        is(&env["USUAL_HOST"], "literal", "usual", "`USUAL_HOST`")?;
        given(env, "USUAL_PORT")?;
        given(env, "USUAL_URL")?;
    }
    let model = model(scratch.path(), "stage")?;
    let outside = &model["components"]["usual"]["kind"]["backing"]["external"];
    if *outside != Value::Bool(true) {
        return Err("an external one runs in the system".to_owned());
    }
    let env = &model["components"]["web"]["container"]["env"];
    is(
        &env["USUAL_HOST"],
        "literal",
        "far.example.com",
        "`USUAL_HOST`",
    )?;
    is(&env["PASSWORD"], "secret", "key", "the output `password`")?;
    given(env, "USUAL_URL")
}

/// Holds the recipe of a kind against what is known of each image that it takes,
/// and the table of that against what the recipe lists.
fn fits_its_versions(kind: &str) -> Result<(), String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &Path| fs::read_to_string(path).map_err(|error| error.to_string());
    let recipe = read(&root.join("schemas/kinds").join(kind).with_extension("cue"))?;
    let mut variants = vec![String::new()];
    variants.extend(listed(&recipe, "variants"));
    let mut known: BTreeMap<String, (String, String)> = BTreeMap::new();
    for row in read(&root.join(FACTS))?.lines() {
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
            "{FACTS} and its recipe list other versions: {listed:?}"
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
    let scratch = tempfile::tempdir().map_err(|error| error.to_string())?;
    fs::write(scratch.path().join("kcc.cue"), system).map_err(|error| error.to_string())?;
    let model = model(scratch.path(), "dev")?;
    for (at, tag) in tags.iter().enumerate() {
        let component = &model["components"][format!("b{at}")];
        let container = &component["container"];
        let (user, mount) = &known[tag];
        if container["user"] != user.as_str() {
            return Err(format!(
                "{tag} runs as {}, not as {user}",
                container["user"]
            ));
        }
        let volumes = fields(&component["volumes"]);
        let mounts: Vec<_> = volumes.values().map(|volume| &volume["mount"]).collect();
        let as_known = match mount.as_str() {
            "none" => mounts.is_empty(),
            mount => mounts == [&Value::from(mount)],
        };
        if !as_known {
            return Err(format!("{tag} mounts {mounts:?}, not {mount}"));
        }
        let folder = &container["env"]["PGDATA"]["literal"];
        if folder
            .as_str()
            .is_some_and(|folder| !folder.starts_with(&format!("{mount}/")))
        {
            return Err(format!(
                "{tag} keeps its data in {folder}, outside of {mount}"
            ));
        }
        let version = tag.split('-').next().unwrap_or_default();
        let image = container["image"]["reference"].as_str().unwrap_or_default();
        if !image.contains(&format!(":{version}")) {
            return Err(format!("{tag} is image {image}"));
        }
    }
    Ok(())
}

/// The texts of a list in a recipe.
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
	env: PASSWORD: {{from: \"named\", output: \"password\"}}
}}
on: stage: backing: {{
	usual: external: {{host: \"far.example.com\", tls: true}}
	named: external: {{host: \"near.example.com\", username: \"shop\", database: \"main\"}}
}}
"
    )
}

fn model(folder: &Path, target: &str) -> Result<Value, String> {
    let output = clean(std::process::Command::new(KCC))
        .args(["model", "--target", target])
        .current_dir(folder)
        .output()
        .map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())
}

/// What has to be true of a container of the kind.
fn runs(kind: &str, component: &Value, name: &str) -> Result<(), String> {
    let container = &component["container"];
    let user = container["user"].as_str().unwrap_or_default();
    let numbers: Vec<Result<u32, _>> = user.split(':').map(str::parse).collect();
    match numbers[..] {
        [Ok(uid), Ok(_)] if uid > 0 => {}
        _ => return Err(format!("`{user}` is no user and group by number")),
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
    if keeps == FORGETFUL.contains(&kind) {
        return Err("it keeps its data, or does not, against its nature".to_owned());
    }
    let secrets = secrets(&container["env"]);
    let own = if name == "named" {
        "key"
    } else {
        "usual-password"
    };
    if let Some(other) = secrets.iter().find(|secret| *secret != own) {
        return Err(format!("it knows the secret `{other}`"));
    }
    if name == "named" && secrets.is_empty() {
        return Err("it does not ask for the password that the backing names".to_owned());
    }
    // Whoever may list processes sees these.
    for shown in ["command", "args"] {
        if container[shown].to_string().contains("$(") {
            return Err(format!("`{shown}` holds the value of a variable"));
        }
    }
    Ok(())
}

/// The names of all secrets in a value.
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

fn is(value: &Value, kind: &str, expected: &str, what: &str) -> Result<(), String> {
    if value[kind] == expected {
        Ok(())
    } else {
        Err(format!("{what} is {value}, not the {kind} `{expected}`"))
    }
}

fn given(env: &Value, name: &str) -> Result<(), String> {
    if env[name].is_object() {
        Ok(())
    } else {
        Err(format!("`{name}` is not given"))
    }
}
