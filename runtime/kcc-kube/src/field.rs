//! Parses the paths of fields in the server's conflict messages, such as
//! `.spec.template.spec.containers[name="web"].image`, and removes such fields
//! from objects. Pure.
//!
//! The server quotes neither names nor the dots in them, so a path can only be
//! parsed along an object that has the field.

use serde_json::Value;

/// The fields that name elements of lists.
const NAMES: [&str; 2] = ["name", "mountPath"];

/// The fields whose values may be secrets, and parts of the names of others.
const SECRETIVE: [&str; 8] = [
    "env",
    "httpHeaders",
    "data",
    "binaryData",
    "stringData",
    "annotations",
    "args",
    "command",
];

const SECRETIVE_PARTS: [&str; 4] = ["password", "secret", "token", "credential"];

/// Returns true if a live value at a path may be a secret.
pub(crate) fn may_be_secret(path: &[String]) -> bool {
    path.iter()
        .any(|name| SECRETIVE.contains(&name.as_str()) || is_secretive_name(name))
}

/// Returns true if a name sounds as if its value were a secret.
pub(crate) fn is_secretive_name(name: &str) -> bool {
    let lower = name.to_lowercase();
    SECRETIVE_PARTS.iter().any(|part| lower.contains(part))
}

/// The path of a field in an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FieldPath {
    /// The path with list elements by index.
    pub(crate) at: Vec<String>,
    /// The path with list elements by name, if they have one.
    pub(crate) named: Vec<String>,
}

/// Parses a path along an object.
pub(crate) fn find(object: &Value, field: &str) -> Option<FieldPath> {
    let mut found = FieldPath {
        at: Vec::new(),
        named: Vec::new(),
    };
    let (mut value, mut rest) = (object, field);
    while !rest.is_empty() {
        match value {
            Value::Object(fields) => {
                let names = rest.strip_prefix('.')?;
                let ends = |key: &&String| {
                    let after = names.strip_prefix(key.as_str());
                    after.is_some_and(|after| {
                        after.is_empty() || after.starts_with('.') || after.starts_with('[')
                    })
                };
                let key = fields.keys().filter(ends).max_by_key(|key| key.len())?;
                value = &fields[key];
                rest = &names[key.len()..];
                found.at.push(key.clone());
                found.named.push(key.clone());
            }
            Value::Array(items) => {
                let (index, after) = element(items, rest.strip_prefix('[')?)?;
                value = &items[index];
                rest = after;
                found.at.push(index.to_string());
                let name = NAMES.iter().find_map(|name| value.get(name)?.as_str());
                found
                    .named
                    .push(name.map_or_else(|| index.to_string(), str::to_owned));
            }
            _ => return None,
        }
    }
    Some(found)
}

/// Parses the text inside brackets and returns the element's index and the rest:
/// `0]`, `="value"]` or `name="web",protocol="TCP"]`.
fn element<'a>(items: &[Value], text: &'a str) -> Option<(usize, &'a str)> {
    let end = text.find(']')?;
    if let Ok(index) = text[..end].parse::<usize>() {
        return (index < items.len()).then_some((index, &text[end + 1..]));
    }
    let mut keys = Vec::new();
    let mut rest = text;
    loop {
        let (key, value) = rest.split_once('=')?;
        let mut values = serde_json::Deserializer::from_str(value).into_iter::<Value>();
        keys.push((key, values.next()?.ok()?));
        rest = &value[values.byte_offset()..];
        if let Some(after) = rest.strip_prefix(']') {
            let index = items.iter().position(|item| has(item, &keys))?;
            return Some((index, after));
        }
        rest = rest.strip_prefix(',')?;
    }
}

/// Returns true if an element has these keys; a key that it omits has its default.
fn has(item: &Value, keys: &[(&str, Value)]) -> bool {
    keys.iter().all(|(key, value)| match *key {
        "" => item == value,
        key => item.get(key).is_none_or(|own| own == value),
    })
}

/// Returns the value at a path from [`find`].
pub(crate) fn value<'a>(object: &'a Value, at: &[String]) -> Option<&'a Value> {
    at.iter().try_fold(object, |value, name| match value {
        Value::Object(fields) => fields.get(name),
        Value::Array(items) => items.get(name.parse::<usize>().ok()?),
        _ => None,
    })
}

/// Removes a field from an object.
pub(crate) fn remove(object: &mut Value, at: &[String]) {
    let Some((last, above)) = at.split_last() else {
        return;
    };
    let parent = above.iter().try_fold(object, |value, name| match value {
        Value::Object(fields) => fields.get_mut(name),
        Value::Array(items) => items.get_mut(name.parse::<usize>().ok()?),
        _ => None,
    });
    match parent {
        Some(Value::Object(fields)) => _ = fields.remove(last),
        Some(Value::Array(items)) => {
            if let Some(index) = last.parse().ok().filter(|index| *index < items.len()) {
                items.remove(index);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn deployment() -> Value {
        json!({
            "metadata": {"annotations": {"a.b/c": "1", "a": "2"}, "finalizers": ["x", "y"]},
            "spec": {"replicas": 2, "template": {"spec": {"containers": [
                {"name": "proxy", "image": "p"},
                {"name": "web", "image": "w", "ports": [{"containerPort": 80}]},
            ]}}},
        })
    }

    #[test]
    fn parses_paths_along_the_object() {
        let object = deployment();
        for (field, at, named) in [
            (".spec.replicas", "spec replicas", "spec replicas"),
            (
                ".metadata.annotations.a.b/c",
                "metadata annotations a.b/c",
                "metadata annotations a.b/c",
            ),
            (
                ".spec.template.spec.containers[name=\"web\"].image",
                "spec template spec containers 1 image",
                "spec template spec containers web image",
            ),
            (
                ".spec.template.spec.containers[name=\"web\"].ports[containerPort=80,protocol=\"TCP\"]",
                "spec template spec containers 1 ports 0",
                "spec template spec containers web ports 0",
            ),
            (
                ".metadata.finalizers[=\"y\"]",
                "metadata finalizers 1",
                "metadata finalizers 1",
            ),
        ] {
            let found = find(&object, field).unwrap();
            assert_eq!(found.at.join(" "), at, "{field}");
            assert_eq!(found.named.join(" "), named, "{field}");
        }
        for nowhere in [
            ".spec.paused",
            ".spec.template.spec.containers[name=\"x\"]",
            "spec",
        ] {
            assert_eq!(find(&object, nowhere), None, "{nowhere}");
        }
    }

    #[test]
    fn removes_only_the_field() {
        let mut object = deployment();
        let found = find(
            &object,
            ".spec.template.spec.containers[name=\"web\"].image",
        )
        .unwrap();
        assert_eq!(value(&object, &found.at), Some(&json!("w")));
        remove(&mut object, &found.at);
        assert_eq!(value(&object, &found.at), None);
        assert_eq!(
            object["spec"]["template"]["spec"]["containers"][1]["name"],
            "web"
        );
        let found = find(&object, ".metadata.finalizers[=\"x\"]").unwrap();
        remove(&mut object, &found.at);
        assert_eq!(object["metadata"]["finalizers"], json!(["y"]));
    }
}
