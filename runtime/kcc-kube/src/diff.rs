//! Compares two versions of an object and names the fields that differ.

use std::collections::BTreeSet;

use kcc_plan::FieldChange;
use serde_json::{Map, Value};

use crate::{field, observed::label};

/// The fields that the server maintains.
const SERVERS: [&str; 6] = [
    "managedFields",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "uid",
    "selfLink",
];
/// The annotation in which the server counts the changes of a `DaemonSet`.
const GENERATION: &str = "deprecated.daemonset.template.generation";
/// The fields whose entries are named individually.
const KEYED: [&str; 7] = [
    "env",
    "labels",
    "annotations",
    "data",
    "ports",
    "volumes",
    "volumeMounts",
];
/// The fields with contents of files and secrets, which are not shown on either side.
const CONTENT: [&str; 3] = ["data", "binaryData", "stringData"];
/// The most names that a cause lists.
const MAX_NAMES: usize = 3;

/// A field that differs.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Difference {
    path: Vec<String>,
    live: Value,
    next: Value,
}

impl Difference {
    /// Returns the field as a cause names it.
    pub(crate) fn name(&self) -> String {
        short(&self.path)
    }

    /// Returns the path of the field.
    pub(crate) fn path(&self) -> Vec<String> {
        self.path.clone()
    }

    /// Returns both values, as far as they are shown. The next one is what `kcc render`
    /// prints too; a live one may be a secret that somebody else put there.
    fn change(&self) -> FieldChange {
        let path = &self.path;
        if path.iter().any(|part| part == label::CONFIG_HASH) {
            return FieldChange {
                path: short(path),
                live: None,
                desired: None,
            };
        }
        let content = path.iter().any(|part| CONTENT.contains(&part.as_str()));
        // No secret is true or false.
        let plain = self.live.is_null() || self.live.is_boolean();
        let shown = plain || !field::may_be_secret(path);
        FieldChange {
            path: path.join("."),
            live: Some(self.live.clone()).filter(|_| shown && !content),
            desired: Some(self.next.clone()).filter(|_| !content),
        }
    }
}

/// Returns the fields that differ between an object and its dry run.
pub(crate) fn changed(live: &Value, next: &Value) -> Vec<Difference> {
    let mut differences = Vec::new();
    compare(live, next, false, &mut Vec::new(), &mut differences);
    differences
}

/// Returns the fields of a manifest that an object lacks or has differently.
/// Fields that the server fills in do not count.
pub(crate) fn missing(live: &Value, manifest: &Value) -> Vec<Difference> {
    let mut differences = Vec::new();
    compare(live, manifest, true, &mut Vec::new(), &mut differences);
    differences
}

/// Returns the values on both sides for people.
pub(crate) fn changes(differences: &[Difference]) -> Vec<FieldChange> {
    differences.iter().map(Difference::change).collect()
}

/// Formats fields as in `` `env.LOG`, `replicas` changed ``.
pub(crate) fn cause(differences: &[Difference], verb: &str) -> String {
    let fields: BTreeSet<_> = differences.iter().map(Difference::name).collect();
    let names: Vec<_> = fields.iter().map(|field| format!("`{field}`")).collect();
    match names.len() {
        0 => format!("configuration {verb}"),
        count if count <= MAX_NAMES => format!("{} {verb}", names.join(", ")),
        count => format!(
            "{} and {} more {verb}",
            names[..MAX_NAMES].join(", "),
            count - MAX_NAMES
        ),
    }
}

/// Collects the fields that differ. If `part`, `next` has only some of the fields.
fn compare(
    live: &Value,
    next: &Value,
    part: bool,
    path: &mut Vec<String>,
    differences: &mut Vec<Difference>,
) {
    match (live, next) {
        (Value::Object(live), Value::Object(next)) => {
            let mut keys: BTreeSet<_> = next.keys().collect();
            if !part {
                keys.extend(live.keys());
            }
            for key in keys {
                if is_servers(path, key) {
                    continue;
                }
                step(key, live.get(key), next.get(key), part, path, differences);
            }
        }
        (Value::Array(live_items), Value::Array(next_items)) => {
            if let (Some(live), Some(next)) = (by_name(live_items), by_name(next_items)) {
                let keys: BTreeSet<_> = live.keys().chain(next.keys()).collect();
                for key in keys {
                    step(key, live.get(key), next.get(key), part, path, differences);
                }
                return;
            }
            let objects = live_items.iter().all(Value::is_object);
            if !objects || live_items.len() != next_items.len() {
                return push(live, next, path, differences);
            }
            for (index, (live, next)) in live_items.iter().zip(next_items).enumerate() {
                let key = index.to_string();
                step(&key, Some(live), Some(next), part, path, differences);
            }
        }
        _ => push(live, next, path, differences),
    }
}

/// Adds a field unless its values are equal.
fn push(live: &Value, next: &Value, path: &[String], differences: &mut Vec<Difference>) {
    if live != next {
        differences.push(Difference {
            path: path.to_vec(),
            live: live.clone(),
            next: next.clone(),
        });
    }
}

fn step(
    key: &str,
    live: Option<&Value>,
    next: Option<&Value>,
    part: bool,
    path: &mut Vec<String>,
    differences: &mut Vec<Difference>,
) {
    path.push(key.to_owned());
    match (live, next) {
        (Some(live), Some(next)) => compare(live, next, part, path, differences),
        // An absent field equals one that is null or empty.
        (Some(value), None) | (None, Some(value)) if is_nothing(value) => {}
        (Some(live), None) if is_keyed(key, live) => {
            compare(live, &nothing_like(live), part, path, differences);
        }
        (None, Some(next)) if is_keyed(key, next) => {
            compare(&nothing_like(next), next, part, path, differences);
        }
        _ => {
            let none = Value::Null;
            push(
                live.unwrap_or(&none),
                next.unwrap_or(&none),
                path,
                differences,
            );
        }
    }
    path.pop();
}

/// Returns true if a field's entries are named even if one side lacks the field.
fn is_keyed(key: &str, value: &Value) -> bool {
    KEYED.contains(&key)
        && match value {
            Value::Object(_) => true,
            Value::Array(items) => by_name(items).is_some(),
            _ => false,
        }
}

fn nothing_like(value: &Value) -> Value {
    match value {
        Value::Array(_) => Value::Array(Vec::new()),
        _ => Value::Object(Map::new()),
    }
}

fn is_servers(path: &[String], key: &str) -> bool {
    match path {
        // Items of a list response have no kind.
        [] => matches!(key, "status" | "apiVersion" | "kind"),
        [first] if first == "metadata" => SERVERS.contains(&key),
        [first, annotations] if first == "metadata" && annotations == "annotations" => {
            key == GENERATION
        }
        _ => false,
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(fields) => fields.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

/// Converts a list of named items to a map, if the names exist and are unique.
fn by_name(items: &[Value]) -> Option<Map<String, Value>> {
    let mut map = Map::new();
    for item in items {
        let name = item
            .get("name")
            .or_else(|| item.pointer("/metadata/name"))?
            .as_str()?;
        if map.insert(name.to_owned(), item.clone()).is_some() {
            return None;
        }
    }
    Some(map)
}

/// Shortens a path: drops the prefix that all workloads share and limits its depth.
fn short(path: &[String]) -> String {
    let mut rest = path;
    for prefix in [
        &["spec", "template", "spec", "containers", ""][..],
        &["spec", "template", "spec"],
        &["spec", "template", "metadata"],
        &["spec", "template"],
        &["spec"],
        &["metadata"],
    ] {
        let fits = rest.len() > prefix.len()
            && prefix
                .iter()
                .zip(rest)
                .all(|(expected, actual)| expected.is_empty() || expected == actual);
        if fits {
            rest = &rest[prefix.len()..];
            break;
        }
    }
    if rest.iter().any(|part| part == label::CONFIG_HASH) {
        return "files".to_owned();
    }
    let depth = match rest.first() {
        Some(first) if KEYED.contains(&first.as_str()) => 2,
        _ => 3,
    };
    rest[..rest.len().min(depth)].join(".")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn deployment(replicas: u32, env: &Value, hash: &str) -> Value {
        json!({
            "metadata": {"name": "web", "resourceVersion": hash, "managedFields": [hash]},
            "spec": {
                "replicas": replicas,
                "template": {
                    "metadata": {"annotations": {label::CONFIG_HASH: hash}},
                    "spec": {"containers": [{"name": "web", "args": ["a", "b"], "env": env}]},
                },
            },
            "status": {"replicas": hash},
        })
    }

    fn all(live: &Value, next: &Value) -> Vec<String> {
        let names = changed(live, next).iter().map(Difference::name).collect();
        BTreeSet::into_iter(names).collect()
    }

    #[test]
    fn names_differences_by_short_paths() {
        let live = deployment(1, &json!([{"name": "LOG", "value": "a"}]), "1");
        assert!(all(&live, &live).is_empty());
        let mut next = deployment(
            2,
            &json!([{"name": "LOG", "value": "b"}, {"name": "X"}]),
            "2",
        );
        assert_eq!(all(&live, &next), ["env.LOG", "env.X", "files", "replicas"]);
        next = deployment(1, &json!([{"name": "LOG", "value": "a"}]), "1");
        next["metadata"]["resourceVersion"] = json!("9");
        next["metadata"]["annotations"][GENERATION] = json!("2");
        next["spec"]["template"]["spec"]["containers"][0]["args"] = json!(["a"]);
        next["spec"]["template"]["spec"]["containers"][0]["resources"] =
            json!({"limits": {"memory": "1Gi"}});
        next["metadata"]["labels"] = json!({});
        next["metadata"]["annotations"] = json!({"a": "b"});
        assert_eq!(all(&live, &next), ["annotations.a", "args", "resources"]);
    }

    #[test]
    fn missing_compares_only_the_manifests_fields() {
        let live = json!({"spec": {"a": 1, "b": {"c": 2, "d": 3}}});
        assert!(missing(&live, &json!({"spec": {"b": {"d": 3}}})).is_empty());
        let fields = missing(&live, &json!({"spec": {"b": {"d": 4}, "e": 5}}));
        let fields: Vec<_> = fields.iter().map(Difference::name).collect();
        assert_eq!(fields, ["b.d", "e"]);
    }

    #[test]
    fn cause_lists_a_few_names() {
        let fields = |names: &[&str]| {
            let fields = names.iter().map(|name| Difference {
                path: vec![(*name).to_owned()],
                live: Value::Null,
                next: json!(1),
            });
            fields.collect::<Vec<_>>()
        };
        assert_eq!(cause(&fields(&["image"]), "changed"), "`image` changed");
        assert_eq!(
            cause(&fields(&["a", "b", "c", "d", "e"]), "changed"),
            "`a`, `b`, `c` and 2 more changed"
        );
        assert_eq!(cause(&fields(&[]), "changed"), "configuration changed");
    }

    #[test]
    fn live_values_that_may_be_secrets_are_not_shown() {
        let live = deployment(1, &json!([{"name": "LOG", "value": "hunter2"}]), "1");
        let mut next = deployment(2, &json!([{"name": "LOG", "value": "info"}]), "2");
        next["spec"]["template"]["spec"]["containers"][0]["args"] = json!(["a"]);
        let shown = changes(&changed(&live, &next));
        let shown: Vec<_> = shown.iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            [
                "spec.replicas: 1 → 2",
                "files: changed",
                "spec.template.spec.containers.web.args: *** → [\"a\"]",
                "spec.template.spec.containers.web.env.LOG.value: *** → \"info\"",
            ]
        );
        let user = |password: &str| json!({"spec": {"adminPassword": password}});
        let shown = changes(&changed(&user("hunter2"), &user("x")));
        assert_eq!(shown[0].to_string(), "spec.adminPassword: *** → \"x\"");
        let (live, next) = (json!({"data": {"a": "1"}}), json!({"data": {"a": "2"}}));
        let shown = changes(&changed(&live, &next));
        assert_eq!(shown[0].to_string(), "data.a: changed");
    }
}
