//! The tables' patterns: which field they mean, and the path of the model that
//! they lead to.
//!
//! A pattern is a dotted path. `*` stands for any name, `@field` for an element
//! of a list that is known by that field, `**` at the end for all that is below.
//! A source is `=` and a reason where kcc writes the field by itself, else one
//! path or several with `|` between them, the first that somebody wrote being
//! meant. A path is one of the component if it begins with a dot (with two dots
//! also inside a part of it, such as a probe), and of the whole model otherwise.
//! `{1}`, `{2}` in it are what `*` and `@` stood for, `{target}` is the target's
//! name. Where nobody wrote any of them, whoever made the component did it.

use kcc_model::{Component, TargetModel};
use kcc_tree::Path;
use serde_json::Value;

use super::Source;

/// A line of a table.
pub(super) type Line = (&'static str, &'static str);

/// The fields that tell elements of a list apart.
const KEYS: [&str; 2] = ["name", "mountPath"];

/// The element of a list that a name means.
pub(super) fn element(items: &[Value], name: &str) -> Option<usize> {
    if let Ok(number) = name.parse() {
        return Some(number);
    }
    KEYS.iter().find_map(|key| {
        items
            .iter()
            .position(|item| item.get(key).and_then(Value::as_str) == Some(name))
    })
}

/// The name of an element of a list, if it has one.
pub(super) fn name(item: &Value) -> Option<&str> {
    KEYS.iter().find_map(|key| item.get(key)?.as_str())
}

/// What a table says about a field.
pub(super) struct Asked<'a> {
    pub(super) target: &'a TargetModel,
    /// The component that the object belongs to.
    pub(super) component: Option<&'a Component>,
    /// What stands between the component and a path that begins with a dot,
    /// such as `sidecars.proxy`.
    pub(super) within: Vec<String>,
}

impl Asked<'_> {
    /// The source of a field, by the first line that means it.
    pub(super) fn look_up(&self, table: &[Line], value: &Value, path: &[String]) -> Option<Source> {
        table.iter().find_map(|(pattern, source)| {
            let names = matched(pattern, value, path)?;
            Some(self.source(source, &names))
        })
    }

    /// A source as a table writes it.
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
            // What a backing does not say itself is said by the recipe.
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

/// The path in a patch of a field that it gave to a rendered value, elements of
/// named lists being found by their names; none where it did not.
pub(super) fn within(patch: &Value, rendered: &Value, names: &[String]) -> Option<Vec<String>> {
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

/// What `*` and `@` stand for, if the pattern means the path.
pub(super) fn matched(pattern: &str, value: &Value, path: &[String]) -> Option<Vec<String>> {
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn names(pattern: &str, path: &[&str]) -> Option<Vec<String>> {
        let value = json!({"env": [{"name": "A", "value": "1"}], "map": {"a.b": 1}, "all": {"x": {"y": 1}}});
        let path: Vec<String> = path.iter().map(|name| (*name).to_owned()).collect();
        matched(pattern, &value, &path)
    }

    #[test]
    fn what_a_patch_gave_is_found_in_it() {
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
            within(&patch, &rendered, &names).map(|found| found.join("."))
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
    fn elements_are_known_by_a_field_and_names_by_themselves() {
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
