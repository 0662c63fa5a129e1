//! Every field that the schema has is read: what a fragment sets and the model
//! does not decode would be ignored silently.

use std::collections::{BTreeMap, BTreeSet};
use std::{ptr, slice};

use kcc_diag::{Files, Span};
use kcc_test_support::tree::{node, tree};
use kcc_tree::schema::{Definition, Field, Schema, component_fields, declared_fields, references};
use kcc_tree::{Origin, OriginKind, Path};
use serde_json::{Map, json};

use super::cursor::{Sink, structs};
use super::{ReferencedFiles, build_into};

/// The ends of paths, or the paths with all below, that something else reads than
/// the builder of the model.
const READ_ELSEWHERE: [(&str, &str); 16] = [
    ("kinds", "the evaluator applies recipes"),
    ("backing.x.version", "the recipe reads it"),
    ("backing.x.size", "the recipe reads it"),
    ("backing.x.password", "the recipe reads it"),
    ("backing.x.username", "the recipe reads it"),
    ("backing.x.database", "the recipe reads it"),
    ("backing.x.args", "the recipe reads it"),
    ("backing.x.env", "the evaluator adds it to the component"),
    (
        "backing.x.volumes",
        "the evaluator adds it to the component",
    ),
    (
        "backing.x.initScripts",
        "the evaluator adds it to the component",
    ),
    ("backing.x.resources", "the recipe reads it"),
    ("backing.x.external.username", "the recipe reads it"),
    ("backing.x.external.database", "the recipe reads it"),
    ("backing.x.external.tls", "the recipe reads it"),
    ("objects.x", "a manifest is decoded as a whole"),
    ("public", "it is `true` wherever it is"),
];

/// Fields that mean something only beside another one, by their definition.
const COMPANIONS: [(&str, &str, &str); 6] = [
    ("Volume", "access", "size"),
    ("Volume", "class", "size"),
    ("Volume", "mode", "config"),
    ("Volume", "propagation", "hostPath"),
    ("Volume", "readOnly", "size"),
    ("Health", "port", "http"),
];

/// A field of the schema: its path, and a model that sets it with as little
/// besides it as possible.
struct Sample {
    path: Vec<String>,
    model: serde_json::Value,
}

/// Lists a sample for each field below one of a type; `wrap` puts a value of that
/// type into a model.
fn samples(
    path: &[String],
    of: &str,
    wrap: &dyn Fn(serde_json::Value) -> serde_json::Value,
    found: &mut Vec<Sample>,
) {
    if path.len() > 12 {
        return;
    }
    if let Some(of) = of.strip_prefix("[string]: ") {
        // Files are named by absolute paths.
        let name = match path.last().map(String::as_str) {
            Some("files") => "/x",
            _ => "x",
        };
        let path = [path, &[name.to_owned()]].concat();
        samples(&path, of, &|value| wrap(json!({ name: value })), found);
        return;
    }
    if let Some(of) = of.strip_prefix("[...").and_then(|of| of.strip_suffix(']')) {
        let path = [path, &["0".to_owned()]].concat();
        samples(&path, of, &|value| wrap(json!([value])), found);
        return;
    }
    let structs = structs(of);
    if structs.is_empty() {
        let (path, model) = (path.to_vec(), wrap(sample(of)));
        found.push(Sample { path, model });
    }
    for definition in structs {
        for field in definition
            .fields
            .iter()
            .filter(|field| !field.name.is_empty())
        {
            let path = [path, slice::from_ref(&field.name)].concat();
            let wrap = |value| wrap(with_required(definition, field, value));
            if field.opaque {
                let (path, model) = (path, wrap(json!({})));
                found.push(Sample { path, model });
            } else {
                samples(&path, &field.of, &wrap, found);
            }
        }
    }
}

/// A struct with one field, and those that it is nothing without.
fn with_required(
    definition: &Definition,
    field: &Field,
    value: serde_json::Value,
) -> serde_json::Value {
    let mut fields = Map::new();
    for required in definition.fields.iter().filter(|field| field.required) {
        fields.insert(required.name.clone(), sample_of(required));
    }
    let together = definition.together.iter();
    for name in together
        .filter(|names| names.contains(&field.name))
        .flatten()
    {
        if let Some(field) = definition.field(name) {
            fields.insert(name.clone(), sample_of(field));
        }
    }
    let first = definition.one_of.iter().filter_map(|names| names.first());
    let companions = COMPANIONS.iter().filter_map(|(inside, name, companion)| {
        (*inside == definition.name && *name == field.name).then_some(*companion)
    });
    for name in first.map(String::as_str).chain(companions) {
        if definition
            .one_of
            .iter()
            .any(|names| names.contains(&field.name))
        {
            continue;
        }
        if let Some(field) = definition.field(name) {
            fields.insert(name.to_owned(), sample_of(field));
        }
    }
    let is_component = ["Service", "Job", "CronJob"].contains(&definition.name.as_str());
    if is_component && field.name != "build" {
        fields.insert("image".to_owned(), json!("acme/x:1"));
    }
    if definition.name == "Backing" {
        fields.insert("component".to_owned(), json!({"image": "acme/x:1"}));
    }
    fields.insert(field.name.clone(), value);
    fields.into()
}

/// A value of a field that others need.
fn sample_of(field: &Field) -> serde_json::Value {
    match field.name.as_str() {
        "hostPath" | "http" | "mount" | "path" => json!("/x"),
        "size" => json!("1Gi"),
        _ => sample(&field.of),
    }
}

/// A value of a type.
fn sample(of: &str) -> serde_json::Value {
    if of.starts_with("[...") {
        return json!(["x"]);
    }
    let options: Vec<&str> = of.split(" | ").collect();
    let first = options[0];
    if let Some(text) = first.strip_prefix('"') {
        return json!(text.trim_end_matches('"'));
    }
    match first {
        "bool" | "true" => json!(true),
        _ if first.starts_with("int") || first == "number" => json!(1),
        _ if first.starts_with('#') => references(first)
            .find_map(|name| Schema::get().definition(name))
            .filter(|definition| !definition.is.is_empty())
            .map_or_else(|| json!({}), |definition| sample(&definition.is)),
        _ => json!("x"),
    }
}

/// Returns the part of the path that the builder does not read.
fn unread(sample: &Sample, engine: &str) -> Option<String> {
    let mut files = Files::new();
    let file = files.add("kcc.cue", "package x\n");
    let system = json!({"name": "s", "targets": {"t": {engine: {}}}});
    let span = Span {
        file,
        start: 0,
        end: 1,
    };
    let origin = Some(Origin {
        span,
        kind: OriginKind::Value,
        by: file,
    });
    let target = node(&sample.model, origin);
    let targets = BTreeMap::from([("t".to_owned(), target)]);
    let tree = tree(files, node(&system, origin), targets);
    let sink = Sink::default();
    let files = ReferencedFiles {
        read: &|_| Err(String::new()),
        list: &|_| Err(String::new()),
        check_exists: &|_| Err(String::new()),
        hash_context: &|_| Err(String::new()),
        images: &BTreeMap::new(),
    };
    let _ = build_into(&tree, files, &sink);
    let read = sink.read.borrow();
    (1..=sample.path.len())
        .map(|length| Path(sample.path[..length].to_vec()))
        .find(|path| {
            let node = tree.get("t", path);
            !node.is_some_and(|node| read.contains(&ptr::from_ref(node)))
        })
        .map(|path| path.to_string())
}

#[test]
fn every_field_of_the_schema_is_read() {
    let root = Schema::get().definition("Root").unwrap();
    let mut all = Vec::new();
    for kind in component_fields().iter().chain(declared_fields()) {
        let field = root.field(kind).unwrap();
        let wrap = |value| json!({ *kind: value });
        samples(&[(*kind).to_owned()], &field.of, &wrap, &mut all);
    }
    assert!(all.len() > 300, "{}", all.len());
    let elsewhere = |path: &str| {
        let mut known = READ_ELSEWHERE.iter();
        known.any(|(known, _)| {
            path == *known
                || path.starts_with(&format!("{known}."))
                || path.ends_with(&format!(".{known}"))
        })
    };
    let unread: BTreeSet<String> = all
        .iter()
        .filter(|sample| unread(sample, "kubernetes").is_some())
        .filter_map(|sample| unread(sample, "docker"))
        .filter(|path| !elsewhere(path))
        .collect();
    assert!(unread.is_empty(), "nothing decodes {unread:#?}");
}
