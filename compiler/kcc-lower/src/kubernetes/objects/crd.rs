//! Custom resources: held against the schema of their definition, in so far as
//! it says types, fields, required fields and lists of values. What else it
//! says (bounds, formats, rules in CEL) the cluster holds.

use serde_json::Value;

use crate::read::{Fault, Wrong};

/// Fields that every object has, whatever its schema says.
const EVERYWHERE: [&str; 3] = ["apiVersion", "kind", "metadata"];

/// A `CustomResourceDefinition` of the system.
pub(super) struct Definition<'a> {
    group: &'a str,
    kind: &'a str,
    pub(super) cluster_scoped: bool,
    versions: &'a [Value],
}

impl<'a> Definition<'a> {
    /// Reads a definition; none if the object is another one.
    pub(super) fn of(manifest: &'a Value) -> Option<Self> {
        if manifest.get("kind")?.as_str()? != "CustomResourceDefinition" {
            return None;
        }
        let spec = manifest.get("spec")?;
        Some(Self {
            group: spec.get("group")?.as_str()?,
            kind: spec.pointer("/names/kind")?.as_str()?,
            cluster_scoped: spec.get("scope")?.as_str()? == "Cluster",
            versions: spec.get("versions")?.as_array()?,
        })
    }

    /// Whether objects of a kind are of this definition.
    pub(super) fn makes(&self, api_version: &str, kind: &str) -> bool {
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        group == self.group && kind == self.kind
    }

    /// Holds an object against the schema of its version.
    pub(super) fn hold(&self, api_version: &str, manifest: &Value) -> Vec<Fault> {
        let wanted = api_version
            .split_once('/')
            .map_or("", |(_, version)| version);
        let name = |version: &Value| version.get("name")?.as_str().map(str::to_owned);
        let Some(version) = self
            .versions
            .iter()
            .find(|version| name(version).as_deref() == Some(wanted))
        else {
            let known: Vec<_> = self
                .versions
                .iter()
                .filter_map(name)
                .map(|version| format!("`{}/{version}`", self.group))
                .collect();
            return vec![Fault {
                path: vec!["apiVersion".to_owned()],
                what: Wrong::Unreadable(format!("its definition has {}", known.join(", "))),
            }];
        };
        let mut faults = Vec::new();
        if let Some(schema) = version.pointer("/schema/openAPIV3Schema") {
            hold(schema, manifest, &mut Vec::new(), &mut faults);
        }
        faults
    }
}

fn hold(schema: &Value, value: &Value, path: &mut Vec<String>, faults: &mut Vec<Fault>) {
    let flag = |name: &str| schema.get(name).and_then(Value::as_bool) == Some(true);
    if value.is_null() && flag("nullable") {
        return;
    }
    if let Some(expected) = schema.get("type").and_then(Value::as_str)
        && !flag("x-kubernetes-int-or-string")
        && !is(value, expected)
    {
        faults.push(Fault {
            path: path.clone(),
            what: Wrong::Unreadable(format!("expected {expected}")),
        });
        return;
    }
    if let Some(allowed) = schema.get("enum").and_then(Value::as_array)
        && !allowed.contains(value)
    {
        let allowed: Vec<_> = allowed.iter().map(|one| format!("`{one}`")).collect();
        faults.push(Fault {
            path: path.clone(),
            what: Wrong::Unreadable(format!("expected one of {}", allowed.join(", "))),
        });
    }
    match value {
        Value::Array(items) => {
            let Some(of_items) = schema.get("items") else {
                return;
            };
            for (at, item) in items.iter().enumerate() {
                path.push(at.to_string());
                hold(of_items, item, path, faults);
                path.pop();
            }
        }
        Value::Object(fields) => {
            let required = schema.get("required").and_then(Value::as_array);
            for name in required.into_iter().flatten().filter_map(Value::as_str) {
                if !fields.contains_key(name) {
                    faults.push(Fault {
                        path: path.clone(),
                        what: Wrong::Missing(name.to_owned()),
                    });
                }
            }
            let known = schema.get("properties").and_then(Value::as_object);
            let others = schema.get("additionalProperties");
            let open = flag("x-kubernetes-preserve-unknown-fields")
                || flag("x-kubernetes-embedded-resource")
                || others.is_some_and(|others| others != &Value::Bool(false));
            for (name, value) in fields {
                let own = known.and_then(|known| known.get(name));
                path.push(name.clone());
                match (own, others) {
                    (Some(own), _) => hold(own, value, path, faults),
                    (None, Some(others @ Value::Object(_))) => hold(others, value, path, faults),
                    (None, _) if open || path.len() == 1 && EVERYWHERE.contains(&&**name) => {}
                    (None, _) => faults.push(Fault {
                        path: path.clone(),
                        what: Wrong::Unknown(
                            known
                                .into_iter()
                                .flatten()
                                .map(|(name, _)| name.clone())
                                .collect(),
                        ),
                    }),
                }
                path.pop();
            }
        }
        _ => {}
    }
}

fn is(value: &Value, expected: &str) -> bool {
    match expected {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => {
            value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|n| n.fract() == 0.0)
        }
        "number" => value.is_number(),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_resource_is_held_against_its_definition() {
        let definition = json!({
            "kind": "CustomResourceDefinition",
            "spec": {
                "group": "acme.example",
                "names": {"kind": "Widget"},
                "scope": "Namespaced",
                "versions": [{"name": "v1", "schema": {"openAPIV3Schema": {
                    "type": "object",
                    "properties": {"spec": {
                        "type": "object",
                        "required": ["size"],
                        "properties": {
                            "size": {"type": "integer"},
                            "color": {"type": "string", "enum": ["red", "blue"]},
                            "labels": {"type": "object", "additionalProperties": {"type": "string"}},
                            "any": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
                            "port": {"x-kubernetes-int-or-string": true},
                        },
                    }},
                }}}],
            },
        });
        let definition = Definition::of(&definition).expect("it is a definition");
        assert!(definition.makes("acme.example/v1", "Widget"));
        let faults = |spec: Value| {
            let object = json!({"apiVersion": "acme.example/v1", "kind": "Widget", "metadata": {}, "spec": spec});
            definition
                .hold("acme.example/v1", &object)
                .into_iter()
                .map(|fault| fault.path.join("."))
                .collect::<Vec<_>>()
        };
        let none: [&str; 0] = [];
        assert_eq!(
            faults(
                json!({"size": 1, "color": "red", "labels": {"a": "b"}, "any": {"x": 1}, "port": "a"})
            ),
            none
        );
        assert_eq!(
            faults(json!({"sise": 1, "color": "green", "labels": {"a": 1}})),
            ["spec", "spec.color", "spec.labels.a", "spec.sise"]
        );
        assert_eq!(faults(json!({"size": "1"})), ["spec.size"]);
        assert_eq!(
            definition.hold("acme.example/v2", &json!({}))[0].path,
            ["apiVersion"]
        );
    }
}
