//! Validates JSON objects against the types of an engine's client library.
//!
//! The libraries ignore unknown fields silently. This deserializer collects each
//! unknown field together with the fields that its type has, for suggestions.
//!
//! It is kcc's own because only a deserializer learns the fields of a type:
//! `serde_ignored` reports the path of an unknown field, not what it could have been,
//! and `serde_path_to_error` the path of the first failure.

use std::cell::RefCell;
use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{DeserializeOwned, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde::{Deserializer, forward_to_deserialize_any};
use serde_json::Value;

use kcc_diag::{Code, nearest};
use kcc_tree::Path;

use crate::lowering::Lowering;

/// A violation of a type, with its path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Violation {
    /// The path below the object.
    pub(crate) path: Vec<String>,
    /// The problem.
    pub(crate) problem: Problem,
}

/// The kinds of violation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Problem {
    /// The last name of the path is not a field; contains the existing fields.
    UnknownField(Vec<String>),
    /// The value cannot be deserialized; contains the library's message.
    Invalid(String),
    /// The named field is required.
    MissingField(String),
}

/// Validates a value against a type.
pub(crate) fn validate<T: DeserializeOwned>(value: &Value) -> Vec<Violation> {
    let violations = RefCell::new(Vec::new());
    let reader = Reader {
        value,
        path: Vec::new(),
        violations: &violations,
    };
    let result = T::deserialize(reader);
    let mut violations = violations.into_inner();
    if let Err(error) = result {
        violations.push(Violation {
            path: error.path.unwrap_or_default(),
            problem: Problem::Invalid(error.message),
        });
    }
    violations
}

/// Reports a violation below a path.
pub(crate) fn report(lowering: &mut Lowering<'_>, above: &Path, kind: &str, violation: Violation) {
    let path = Path(above.0.iter().chain(&violation.path).cloned().collect());
    let (message, label, help) = match violation.problem {
        Problem::UnknownField(known) => {
            let name = violation.path.last().map_or("", String::as_str);
            let near = nearest(name, known.iter().map(String::as_str));
            let help = if let Some(near) = near {
                format!("did you mean `{near}`?")
            } else {
                let known: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
                format!("write one of {}", known.join(", "))
            };
            let message = format!("`{path}`: {kind} has no such field");
            (message, "no such field", help)
        }
        Problem::Invalid(why) => (
            format!("`{path}` is not valid in {kind}: {why}"),
            "not valid",
            "write a value of the type in the API reference".to_owned(),
        ),
        Problem::MissingField(name) => (
            format!("`{path}` is missing `{name}`, which {kind} requires"),
            "incomplete",
            format!("add `{name}`"),
        ),
    };
    lowering.error(Code::LowerBadObject, &path, message, label, help);
}

struct Reader<'a> {
    value: &'a Value,
    path: Vec<String>,
    violations: &'a RefCell<Vec<Violation>>,
}

impl<'a> Reader<'a> {
    fn below(&self, name: impl Into<String>, value: &'a Value) -> Self {
        let mut path = self.path.clone();
        path.push(name.into());
        Self {
            value,
            path,
            violations: self.violations,
        }
    }
}

/// A deserialization error, with its path once that is known.
#[derive(Debug)]
struct ReadError {
    path: Option<Vec<String>>,
    message: String,
}

impl ReadError {
    fn at(mut self, path: &[String]) -> Self {
        self.path.get_or_insert_with(|| path.to_vec());
        self
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ReadError {}

impl serde::de::Error for ReadError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self {
            path: None,
            message: message.to_string(),
        }
    }
}

impl<'de> Deserializer<'de> for Reader<'de> {
    type Error = ReadError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        let path = self.path.clone();
        let result = match self.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(flag) => visitor.visit_bool(*flag),
            Value::Number(number) => match (number.as_i64(), number.as_u64()) {
                (Some(number), _) => visitor.visit_i64(number),
                (None, Some(number)) => visitor.visit_u64(number),
                _ => visitor.visit_f64(number.as_f64().unwrap_or_default()),
            },
            Value::String(text) => visitor.visit_borrowed_str(text),
            Value::Array(items) => visitor.visit_seq(Items {
                above: self,
                items: items.iter().enumerate(),
            }),
            Value::Object(fields) => visitor.visit_map(Fields {
                above: self,
                rest: fields.iter(),
                next: None,
            }),
        };
        result.map_err(|error: ReadError| error.at(&path))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        known: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        if let Value::Object(fields) = self.value {
            let unknown = fields.keys().filter(|name| !known.contains(&name.as_str()));
            self.violations
                .borrow_mut()
                .extend(unknown.map(|name| Violation {
                    path: self.path.iter().chain([name]).cloned().collect(),
                    problem: Problem::UnknownField(
                        known.iter().map(|name| (*name).to_owned()).collect(),
                    ),
                }));
        }
        self.deserialize_any(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string
        bytes byte_buf unit unit_struct seq tuple tuple_struct map enum
        identifier ignored_any
    }
}

struct Items<'a> {
    above: Reader<'a>,
    items: std::iter::Enumerate<std::slice::Iter<'a, Value>>,
}

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = ReadError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, ReadError> {
        let Some((at, value)) = self.items.next() else {
            return Ok(None);
        };
        let below = self.above.below(at.to_string(), value);
        let path = below.path.clone();
        let element = seed.deserialize(below);
        element.map(Some).map_err(|error| error.at(&path))
    }
}

struct Fields<'a> {
    above: Reader<'a>,
    rest: serde_json::map::Iter<'a>,
    next: Option<(&'a String, &'a Value)>,
}

impl<'de> MapAccess<'de> for Fields<'de> {
    type Error = ReadError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, ReadError> {
        self.next = self.rest.next();
        let Some((name, _)) = self.next else {
            return Ok(None);
        };
        seed.deserialize(StrDeserializer::new(name)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, ReadError> {
        let Some((name, value)) = self.next.take() else {
            return Err(serde::de::Error::custom("a value without a name"));
        };
        let below = self.above.below(name, value);
        let path = below.path.clone();
        seed.deserialize(below).map_err(|error| error.at(&path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::apps::v1::Deployment;
    use serde_json::json;

    #[test]
    fn finds_unknown_fields_at_any_depth() {
        let violations = validate::<Deployment>(&json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "web", "lables": {"a": "b"}},
            "spec": {
                "replica": 1,
                "template": {"spec": {"containers": [{"name": "web", "imge": "x"}]}},
            },
        }));
        let paths: Vec<_> = violations
            .iter()
            .map(|violation| violation.path.join("."))
            .collect();
        assert_eq!(
            paths,
            [
                "metadata.lables",
                "spec.replica",
                "spec.template.spec.containers.0.imge"
            ]
        );
        let Problem::UnknownField(known) = &violations[2].problem else {
            panic!("expected an unknown field");
        };
        assert!(known.iter().any(|name| name == "image"));
    }

    #[test]
    fn an_unreadable_value_has_its_path() {
        let violations = validate::<Deployment>(&json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "spec": {"replicas": "three"},
        }));
        assert_eq!(violations.len(), 1);
        assert_eq!(violations[0].path.join("."), "spec.replicas");
    }

    #[test]
    fn accepts_a_valid_object() {
        let deployment = json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "web", "labels": {"a": "b"}},
            "spec": {
                "replicas": 1,
                "selector": {"matchLabels": {"a": "b"}},
                "strategy": {"rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 0}},
                "template": {"spec": {"containers": [{
                    "name": "web",
                    "image": "x",
                    "resources": {"limits": {"memory": "1Gi", "cpu": "1"}},
                }]}},
            },
        });
        assert_eq!(validate::<Deployment>(&deployment), []);
    }
}
