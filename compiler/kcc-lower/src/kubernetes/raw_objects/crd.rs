//! Validates custom resources against the schema of their definition: types, fields,
//! required fields and enums. The cluster checks the rest (bounds, formats, CEL
//! rules).

use serde_json::Value;

use crate::kubernetes::kind;
use crate::validation::{Problem, Violation};

/// Fields that every object has, even if its schema does not list them.
const STANDARD_FIELDS: [&str; 3] = ["apiVersion", "kind", "metadata"];

/// A `CustomResourceDefinition` of the system.
pub(super) struct Definition<'a> {
    group: &'a str,
    kind: &'a str,
    pub(super) cluster_scoped: bool,
    versions: &'a [Value],
}

impl<'a> Definition<'a> {
    /// Reads a definition; returns none if the object is of another kind.
    pub(super) fn of(manifest: &'a Value) -> Option<Self> {
        if manifest.get("kind")?.as_str()? != kind::DEFINITION {
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

    /// Returns true if this is the definition of a kind.
    pub(super) fn defines(&self, api_version: &str, kind: &str) -> bool {
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        group == self.group && kind == self.kind
    }

    /// Validates an object against the schema of its version.
    pub(super) fn validate(&self, api_version: &str, manifest: &Value) -> Vec<Violation> {
        let version_name = api_version
            .split_once('/')
            .map_or("", |(_, version)| version);
        let name = |version: &Value| version.get("name")?.as_str().map(str::to_owned);
        let Some(version) = self
            .versions
            .iter()
            .find(|version| name(version).as_deref() == Some(version_name))
        else {
            let known: Vec<_> = self
                .versions
                .iter()
                .filter_map(name)
                .map(|version| format!("`{}/{version}`", self.group))
                .collect();
            return vec![Violation {
                path: vec!["apiVersion".to_owned()],
                problem: Problem::Invalid(format!("its definition has {}", known.join(", "))),
            }];
        };
        let mut violations = Vec::new();
        if let Some(schema) = version.pointer("/schema/openAPIV3Schema") {
            validate_value(schema, manifest, &mut Vec::new(), &mut violations);
        }
        violations
    }
}

fn validate_value(
    schema: &Value,
    value: &Value,
    path: &mut Vec<String>,
    violations: &mut Vec<Violation>,
) {
    let flag = |name: &str| schema.get(name).and_then(Value::as_bool) == Some(true);
    if value.is_null() && flag("nullable") {
        return;
    }
    if let Some(expected) = schema.get("type").and_then(Value::as_str)
        && !flag("x-kubernetes-int-or-string")
        && !has_type(value, expected)
    {
        violations.push(Violation {
            path: path.clone(),
            problem: Problem::Invalid(format!("expected {expected}")),
        });
        return;
    }
    if let Some(allowed) = schema.get("enum").and_then(Value::as_array)
        && !allowed.contains(value)
    {
        let allowed: Vec<_> = allowed.iter().map(|one| format!("`{one}`")).collect();
        violations.push(Violation {
            path: path.clone(),
            problem: Problem::Invalid(format!("expected one of {}", allowed.join(", "))),
        });
    }
    match value {
        Value::Array(items) => {
            let Some(of_items) = schema.get("items") else {
                return;
            };
            for (at, item) in items.iter().enumerate() {
                path.push(at.to_string());
                validate_value(of_items, item, path, violations);
                path.pop();
            }
        }
        Value::Object(fields) => {
            let required = schema.get("required").and_then(Value::as_array);
            for name in required.into_iter().flatten().filter_map(Value::as_str) {
                if !fields.contains_key(name) {
                    violations.push(Violation {
                        path: path.clone(),
                        problem: Problem::MissingField(name.to_owned()),
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
                    (Some(own), _) => validate_value(own, value, path, violations),
                    (None, Some(others @ Value::Object(_))) => {
                        validate_value(others, value, path, violations);
                    }
                    (None, _) if open || path.len() == 1 && STANDARD_FIELDS.contains(&&**name) => {}
                    (None, _) => violations.push(Violation {
                        path: path.clone(),
                        problem: Problem::UnknownField(
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

fn has_type(value: &Value, expected: &str) -> bool {
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
    fn validates_a_resource_against_its_definition() {
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
        assert!(definition.defines("acme.example/v1", "Widget"));
        let violations = |spec: Value| {
            let object = json!({"apiVersion": "acme.example/v1", "kind": "Widget", "metadata": {}, "spec": spec});
            definition
                .validate("acme.example/v1", &object)
                .into_iter()
                .map(|violation| violation.path.join("."))
                .collect::<Vec<_>>()
        };
        let none: [&str; 0] = [];
        assert_eq!(
            violations(
                json!({"size": 1, "color": "red", "labels": {"a": "b"}, "any": {"x": 1}, "port": "a"})
            ),
            none
        );
        assert_eq!(
            violations(json!({"sise": 1, "color": "green", "labels": {"a": 1}})),
            ["spec", "spec.color", "spec.labels.a", "spec.sise"]
        );
        assert_eq!(violations(json!({"size": "1"})), ["spec.size"]);
        assert_eq!(
            definition.validate("acme.example/v2", &json!({}))[0].path,
            ["apiVersion"]
        );
    }
}
