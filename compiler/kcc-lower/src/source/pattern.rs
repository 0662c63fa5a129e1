//! The patterns and sources of the tables.
//!
//! A pattern is a dotted path. `*` matches any name, `@field` a list element that is
//! identified by that field, and a final `**` everything below. A source is `=` and a
//! reason if kcc sets the field, else model paths separated by `|`, of which the first
//! declared one applies. A path that starts with a dot is relative to the current part
//! of the component (such as a sidecar or probe), one with two dots to the component
//! itself, and any other to the root. `{1}` and `{2}` are the matches of `*` and `@`,
//! `{target}` is the target's name. If no path is declared, the component is the source.

use kcc_model::{Component, TargetModel};
use kcc_tree::Path;
use serde_json::Value;

use super::rendered::Source;

/// An entry of a table: pattern and source.
pub(super) type Entry = (&'static str, &'static str);

/// A lookup of the source of a field.
pub(super) struct Lookup<'a> {
    pub(super) target: &'a TargetModel,
    /// The object's component.
    pub(super) component: Option<&'a Component>,
    /// The names between the component and a path that starts with a dot, such as
    /// `sidecars.proxy`.
    pub(super) within: Vec<String>,
}

impl Lookup<'_> {
    /// Returns the source of a field by the first pattern that matches.
    pub(super) fn find(&self, table: &[Entry], value: &Value, path: &[String]) -> Option<Source> {
        table.iter().find_map(|(pattern, source)| {
            let names = matches(pattern, value, path)?;
            Some(self.source(source, &names))
        })
    }

    /// Parses a source of a table.
    pub(super) fn source(&self, source: &'static str, names: &[String]) -> Source {
        if let Some(reason) = source.strip_prefix("= ") {
            return Source::Kcc(reason);
        }
        let mut paths = Vec::new();
        for path in source.split('|').map(str::trim) {
            let Some(below) = path.strip_prefix('.') else {
                paths.push(Path(self.names(path, names)));
                continue;
            };
            let Some(component) = self.component else {
                continue;
            };
            let (within, below) = match below.strip_prefix('.') {
                Some(below) => (&[][..], below),
                None => (&self.within[..], below),
            };
            let below = [within, &self.names(below, names)].concat();
            let own = component.path.0.iter().cloned();
            paths.push(Path(own.clone().chain(below.clone()).collect()));
            // A field that a backing does not declare comes from its recipe.
            let recipe = own.chain(std::iter::once("component".to_owned()));
            paths.push(Path(recipe.chain(below).collect()));
        }
        paths.extend(self.component.map(|component| component.path.clone()));
        Source::Model(paths)
    }

    fn names(&self, path: &str, names: &[String]) -> Vec<String> {
        path.split('.')
            .filter(|name| !name.is_empty())
            .map(|name| match name {
                "{target}" => self.target.target.clone(),
                "{1}" => names.first().cloned().unwrap_or_default(),
                "{2}" => names.get(1).cloned().unwrap_or_default(),
                name => name.to_owned(),
            })
            .collect()
    }
}

/// Returns the path in a patch of a field in the rendered value. Elements of named
/// lists are found by name. Returns none if the patch did not set the field.
pub(super) fn patch_path(patch: &Value, rendered: &Value, names: &[String]) -> Option<Vec<String>> {
    let (mut patch, mut rendered) = (patch, Some(rendered));
    let mut found = Vec::new();
    for name in names {
        let (key, next) = match patch {
            Value::Object(fields) => (name.clone(), fields.get(name)?),
            Value::Array(items) => {
                let at: usize = name.parse().ok()?;
                let known = rendered.and_then(|list| list.get(at)?.get("name"));
                let same = known.and_then(|known| {
                    items
                        .iter()
                        .position(|item| item.get("name") == Some(known))
                });
                let all_known = items.iter().all(|item| item.get("name").is_some());
                let at = match same {
                    Some(at) => at,
                    None if all_known && known.is_some() => return None,
                    None => at,
                };
                (at.to_string(), items.get(at)?)
            }
            _ => return None,
        };
        rendered = rendered.and_then(|value| match value {
            Value::Object(fields) => fields.get(name),
            Value::Array(items) => items.get(name.parse::<usize>().ok()?),
            _ => None,
        });
        patch = next;
        found.push(key);
    }
    Some(found)
}

/// Returns the matches of `*` and `@` if the pattern matches the path.
pub(super) fn matches(pattern: &str, value: &Value, path: &[String]) -> Option<Vec<String>> {
    let mut names = Vec::new();
    let mut value = Some(value);
    let mut path = path.iter();
    for part in pattern.split('.').filter(|part| !part.is_empty()) {
        if part == "**" {
            return Some(names);
        }
        let name = path.next()?;
        value = match value {
            Some(Value::Object(fields)) => fields.get(name),
            Some(Value::Array(items)) => items.get(name.parse::<usize>().ok()?),
            _ => None,
        };
        if let Some(key) = part.strip_prefix('@') {
            let known = value.and_then(|item| item.get(key));
            names.push(match known? {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            });
        } else if part == "*" {
            names.push(name.clone());
        } else if part != name {
            return None;
        }
    }
    path.next().is_none().then_some(names)
}

/// Traces a field to the component's patch or that of its recipe; returns none if
/// the patch does not set it.
pub(super) fn patch_source(
    component: &Component,
    field: &[&str],
    patch: &Value,
    rendered: &Value,
    names: &[String],
) -> Option<Source> {
    let within = patch_path(patch, rendered, names)?;
    let below: Vec<String> = field
        .iter()
        .map(|name| (*name).to_owned())
        .chain(within)
        .collect();
    let own = component.path.0.iter().cloned();
    let recipe = own.clone().chain(std::iter::once("component".to_owned()));
    let paths = vec![
        Path(own.chain(below.clone()).collect()),
        Path(recipe.chain(below).collect()),
        component.path.clone(),
    ];
    Some(Source::Model(paths))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn names(pattern: &str, path: &[&str]) -> Option<Vec<String>> {
        let value = json!({"env": [{"name": "A", "value": "1"}], "map": {"a.b": 1}, "all": {"x": {"y": 1}}});
        let path: Vec<String> = path.iter().map(|name| (*name).to_owned()).collect();
        matches(pattern, &value, &path)
    }

    #[test]
    fn finds_the_fields_of_a_patch() {
        let patch =
            json!({"paused": true, "containers": [{"name": "b", "tty": true}], "list": [1]});
        let rendered = json!({
            "paused": true,
            "replicas": 1,
            "containers": [{"name": "a"}, {"name": "b", "tty": true}],
            "list": [1],
        });
        let found = |field: &[&str]| {
            let names: Vec<String> = field.iter().map(|name| (*name).to_owned()).collect();
            patch_path(&patch, &rendered, &names).map(|found| found.join("."))
        };
        assert_eq!(found(&["paused"]).as_deref(), Some("paused"));
        assert_eq!(found(&["replicas"]), None);
        assert_eq!(
            found(&["containers", "1", "tty"]).as_deref(),
            Some("containers.0.tty")
        );
        assert_eq!(found(&["containers", "0", "name"]), None);
        assert_eq!(found(&["list", "0"]).as_deref(), Some("list.0"));
    }

    #[test]
    fn matches_elements_by_field_and_names_literally() {
        assert_eq!(
            names("env.@name.value", &["env", "0", "value"]),
            Some(vec!["A".to_owned()])
        );
        assert_eq!(
            names("map.*", &["map", "a.b"]),
            Some(vec!["a.b".to_owned()])
        );
        assert_eq!(names("all.**", &["all", "x", "y"]), Some(Vec::new()));
        assert_eq!(names("env.@mountPath.value", &["env", "0", "value"]), None);
        assert_eq!(names("map", &["map", "a.b"]), None);
        assert_eq!(names("map.*.c", &["map", "a.b"]), None);
    }
}
