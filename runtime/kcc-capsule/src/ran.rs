//! [`Ran`]: the objects as they were at the moment of a capsule, which are those of its
//! revision with the live values in the place of the recorded ones.

use std::collections::BTreeSet;

use kcc_lower::{
    Desired, EngineDesired,
    kubernetes::{KubernetesDesired, Object},
};
use kcc_model::{Name, TargetModel};
use kcc_plan::{FieldChange, State, Verdict, find_field};
use serde_json::{Map, Value};

use crate::{Capsule, LiveChange, symptom::is_held};

/// The label by which policies select the pods of a component.
const NAME_LABEL: &str = "app.kubernetes.io/name";
/// The kinds whose objects run something.
const WORKLOADS: [&str; 5] = ["Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob"];

/// The objects as they were at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Ran {
    /// The objects.
    pub desired: Desired,
    /// The components of which nothing ran, although the revision has them.
    pub absent: BTreeSet<Name>,
    /// The components that could not reach one that they need, with that one.
    pub cut: BTreeSet<(Name, Name)>,
    /// The differences that the objects do not show, each with the reason.
    pub untold: Vec<String>,
}

impl Ran {
    /// Puts the live values of a capsule into the objects of its revision.
    pub fn of(capsule: &Capsule) -> Self {
        let content = &capsule.revision.content;
        let scope = &capsule.revision.manifest.scope;
        let mut ran = Self {
            desired: content.lowered(scope).desired,
            absent: BTreeSet::new(),
            cut: BTreeSet::new(),
            untold: Vec::new(),
        };
        let before = ran.desired.clone();
        let states = &capsule.capture.components;
        for change in &capsule.capture.changes {
            let component = change.component.as_ref();
            let state = component.and_then(|name| states.get(name));
            let absent = state.is_some_and(|state| state.state == State::Absent.as_str());
            ran.add(change, absent);
        }
        if let (EngineDesired::Kubernetes(before), EngineDesired::Kubernetes(after)) =
            (&before.engine, &ran.desired.engine)
        {
            let model = content.model();
            let reachable = reachable(&model, after);
            ran.cut = reachable_pairs(&model, before, |pair| !reachable.contains(pair));
            for object in after.objects.iter().filter(|one| is_workload(one)) {
                let none = object.manifest["spec"]["replicas"].as_u64() == Some(0);
                let suspended = object.manifest["spec"]["suspend"].as_bool() == Some(true)
                    && object.kind == "Job";
                if none || suspended {
                    ran.absent.extend(object.component.clone());
                }
            }
        }
        for symptom in &capsule.capture.symptoms {
            if symptom.kind.as_deref().is_some_and(is_held) {
                ran.absent.extend(symptom.component.clone());
            }
        }
        // What never had replicas is as the revision says.
        let model = content.model();
        ran.absent.retain(|name| {
            let component = model.components.get(name);
            component.is_some_and(|component| component.replicas > 0 || component.is_job())
        });
        ran
    }

    /// Adds a difference; `absent` says that the component had no objects.
    fn add(&mut self, found: &LiveChange, absent: bool) {
        let LiveChange {
            verdict,
            kind,
            name,
            change,
            cause,
            ..
        } = found;
        let Some(change) = change else {
            let unfinished = verdict == Verdict::Unfinished.as_str();
            if verdict == Verdict::Deleted.as_str() || unfinished && absent {
                self.remove(kind, name);
            } else if !unfinished && verdict != Verdict::Decayed.as_str() {
                let why = cause.as_deref().unwrap_or("its fields are not known");
                self.untold
                    .push(format!("{kind} `{name}` ({verdict}): {why}"));
            }
            return;
        };
        let Some(live) = &change.live else {
            let path = &change.path;
            self.untold.push(format!(
                "`{path}` of {kind} `{name}`: its live value is hidden"
            ));
            return;
        };
        if !self.set(kind, name, change, live) {
            let path = &change.path;
            self.untold
                .push(format!("`{path}` of {kind} `{name}` was {live}"));
        }
    }

    /// Takes an object away that did not exist.
    fn remove(&mut self, kind: &str, name: &str) {
        match &mut self.desired.engine {
            EngineDesired::Kubernetes(kube) => {
                let is_it = |one: &Object| one.kind.eq_ignore_ascii_case(kind) && one.name == name;
                let gone = kube
                    .objects
                    .iter()
                    .filter(|one| is_it(one) && is_workload(one));
                self.absent
                    .extend(gone.filter_map(|one| one.component.clone()));
                kube.objects.retain(|one| !is_it(one));
            }
            EngineDesired::Docker(docker) => {
                if let Some(container) = docker
                    .containers
                    .remove(name)
                    .filter(|_| kind == "container")
                {
                    self.absent.insert(container.component);
                }
            }
        }
    }

    /// Sets a field of an object; returns false if there is no such object, or its field
    /// cannot have the value.
    fn set(&mut self, kind: &str, name: &str, change: &FieldChange, live: &Value) -> bool {
        match &mut self.desired.engine {
            EngineDesired::Kubernetes(kube) => {
                let mut objects = kube.objects.iter_mut();
                let found = objects
                    .find(|object| object.kind.eq_ignore_ascii_case(kind) && object.name == name);
                found.is_some_and(|object| set(&mut object.manifest, &change.path, live))
            }
            EngineDesired::Docker(docker) => {
                let Some(container) = docker.containers.get_mut(name) else {
                    return false;
                };
                // That it ended is how it failed, not what it was.
                if change.path == "state" {
                    return true;
                }
                let mut value = serde_json::to_value(&*container).unwrap_or_default();
                let changed = set(&mut value, &change.path, live);
                let parsed = serde_json::from_value(value).ok().filter(|_| changed);
                parsed.is_some_and(|parsed| {
                    *container = parsed;
                    true
                })
            }
        }
    }
}

fn is_workload(object: &Object) -> bool {
    WORKLOADS.contains(&object.kind.as_str())
}

/// Sets the field of a path to a value, or removes it if the value is null. Returns false
/// if the path does not exist.
fn set(object: &mut Value, path: &str, live: &Value) -> bool {
    let names: Vec<&str> = path.split('.').collect();
    for known in (0..=names.len()).rev() {
        let above = names[..known].join(".");
        let found = if known == 0 {
            Some(Vec::new())
        } else {
            find_field(object, &above)
        };
        let Some(mut found) = found else { continue };
        if known == names.len() {
            let Some(last) = found.pop() else {
                return false;
            };
            return at(object, &found).is_some_and(|parent| put(parent, &last, live));
        }
        let rest = &names[known..];
        // It is not there already.
        if live.is_null() {
            return true;
        }
        let Some(parent) = at(object, &found) else {
            return false;
        };
        return match (parent, rest) {
            (Value::Array(items), [_]) => {
                items.push(live.clone());
                true
            }
            (Value::Object(fields), rest) => insert(fields, rest, live),
            _ => false,
        };
    }
    false
}

/// Adds a field below structs that are not there yet.
fn insert(fields: &mut Map<String, Value>, names: &[&str], live: &Value) -> bool {
    match names {
        [] => false,
        [name] => {
            fields.insert((*name).to_owned(), live.clone());
            true
        }
        [name, rest @ ..] => {
            let below = fields.entry(*name).or_insert_with(|| Map::new().into());
            let below = below.as_object_mut();
            below.is_some_and(|below| insert(below, rest, live))
        }
    }
}

fn at<'v>(object: &'v mut Value, path: &[String]) -> Option<&'v mut Value> {
    path.iter().try_fold(object, |value, name| match value {
        Value::Object(fields) => fields.get_mut(name),
        Value::Array(items) => items.get_mut(name.parse::<usize>().ok()?),
        _ => None,
    })
}

fn put(parent: &mut Value, name: &str, live: &Value) -> bool {
    match parent {
        Value::Object(fields) if live.is_null() => fields.remove(name).is_some(),
        Value::Object(fields) => {
            fields.insert(name.to_owned(), live.clone());
            true
        }
        Value::Array(items) => {
            let Ok(position) = name.parse::<usize>() else {
                return false;
            };
            if live.is_null() {
                items.remove(position);
            } else {
                items[position] = live.clone();
            }
            true
        }
        _ => false,
    }
}

/// Returns the components that may connect to what they need, with it.
fn reachable(model: &TargetModel, kube: &KubernetesDesired) -> BTreeSet<(Name, Name)> {
    reachable_pairs(model, kube, |_| true)
}

fn reachable_pairs(
    model: &TargetModel,
    kube: &KubernetesDesired,
    wanted: impl Fn(&(Name, Name)) -> bool,
) -> BTreeSet<(Name, Name)> {
    let policy = |component: &str| {
        let mut objects = kube.objects.iter();
        objects
            .find(|one| one.kind == "NetworkPolicy" && one.component.as_deref() == Some(component))
    };
    let mut pairs = BTreeSet::new();
    for (name, component) in &model.components {
        for needed in component.needs.keys() {
            let pair = (name.clone(), needed.clone());
            let into = policy(needed).is_some_and(|one| lets(one, "ingress", "from", name));
            let out = policy(name).is_some_and(|one| {
                let types = one.manifest["spec"]["policyTypes"].as_array();
                let limits = types.is_some_and(|types| types.iter().any(|one| one == "Egress"));
                !limits || lets(one, "egress", "to", needed)
            });
            if into && out && wanted(&pair) {
                pairs.insert(pair);
            }
        }
    }
    pairs
}

/// Returns true if a policy lets a component through in a direction.
fn lets(policy: &Object, direction: &str, peers: &str, component: &str) -> bool {
    let rules = policy.manifest["spec"][direction].as_array();
    rules.into_iter().flatten().any(|rule| {
        let Some(peers) = rule[peers].as_array() else {
            // Everybody, unless the rule is only about some ports that all may use.
            return rule.get("ports").is_none();
        };
        peers.iter().any(|peer| {
            let labels = &peer["podSelector"]["matchLabels"];
            peer.get("podSelector").is_some()
                && labels[NAME_LABEL]
                    .as_str()
                    .is_none_or(|name| name == component)
        })
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn live_values_replace_recorded_ones() {
        let recorded = json!({"spec": {"replicas": 3, "containers": [
            {"name": "web", "image": "acme/web:1", "env": [{"name": "LEVEL", "value": "info"}]},
        ]}});
        for (path, live, at, expected) in [
            ("spec.replicas", json!(0), "/spec/replicas", json!(0)),
            (
                "spec.containers.web.image",
                json!("acme/web:2"),
                "/spec/containers/0/image",
                json!("acme/web:2"),
            ),
            (
                "spec.containers.web.env.LEVEL.value",
                json!("debug"),
                "/spec/containers/0/env/0/value",
                json!("debug"),
            ),
            (
                "spec.containers.web.resources.limits.memory",
                json!("16Mi"),
                "/spec/containers/0/resources/limits/memory",
                json!("16Mi"),
            ),
            ("spec.replicas", json!(null), "/spec", {
                let mut spec = recorded["spec"].clone();
                spec.as_object_mut().unwrap().remove("replicas");
                spec
            }),
        ] {
            let mut object = recorded.clone();
            assert!(set(&mut object, path, &live), "{path}");
            assert_eq!(object.pointer(at), Some(&expected), "{path}");
        }
        let mut object = recorded.clone();
        assert!(set(&mut object, "spec.paused", &json!(null)));
        assert_eq!(object, recorded);
        assert!(!set(&mut object, "spec.replicas.below", &json!(1)));
    }
}
