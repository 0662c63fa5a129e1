//! [`Lowered`]: the desired state of a target, with the sources of its fields.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::{
    Desired, EngineDesired,
    docker::Volume,
    source::{ObjectId, Rendered, Sources},
};

/// The result of lowering one target.
#[derive(Debug, Clone, PartialEq)]
pub struct Lowered {
    /// The objects that the engine should hold.
    pub desired: Desired,
    /// The sources of the fields of each object.
    pub(crate) sources: BTreeMap<ObjectId, Sources>,
}

impl Lowered {
    /// Returns all objects as they are rendered.
    pub fn objects(&self) -> Vec<Rendered> {
        match &self.desired.engine {
            EngineDesired::Docker(docker) => {
                let mut all = Vec::new();
                for (name, network) in &docker.networks {
                    all.push(self.object("network", name, network.component.as_ref(), network));
                }
                for (name, volume) in &docker.volumes {
                    // A team is nothing that an engine knows of a volume.
                    let shown = Volume {
                        team: String::new(),
                        ..volume.clone()
                    };
                    all.push(self.object("volume", name, volume.component.as_ref(), &shown));
                }
                for (name, image) in &docker.images {
                    all.push(self.object("image", name, Some(&image.component), image));
                }
                for (name, container) in &docker.containers {
                    let shown = container.configuration();
                    let component = Some(&container.component);
                    let mut object = self.object("container", name, component, &shown);
                    let steps = object.value.get_mut("init").and_then(Value::as_array_mut);
                    for step in steps.into_iter().flatten() {
                        step["container"] = without_empty(step["container"].take());
                    }
                    all.push(object);
                }
                all
            }
            EngineDesired::Kubernetes(kubernetes) => kubernetes
                .objects
                .iter()
                .map(|object| Rendered {
                    kind: object.kind.to_lowercase(),
                    name: object.name.clone(),
                    component: object.component.clone(),
                    value: object.manifest.clone(),
                    sources: self.sources(&object.kind.to_lowercase(), &object.name),
                })
                .collect(),
        }
    }

    fn object(
        &self,
        kind: &str,
        name: &str,
        component: Option<&String>,
        value: &impl Serialize,
    ) -> Rendered {
        Rendered {
            kind: kind.to_owned(),
            name: name.to_owned(),
            component: component.cloned(),
            value: without_empty(serde_json::to_value(value).unwrap_or_default()),
            sources: self.sources(kind, name),
        }
    }

    fn sources(&self, kind: &str, name: &str) -> Sources {
        let id = (kind.to_owned(), name.to_owned());
        self.sources.get(&id).cloned().unwrap_or_default()
    }
}

/// Removes null and empty fields, which nothing sets.
fn without_empty(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let present = fields.into_iter().filter(|(_, field)| {
                let empty = field.as_object().is_some_and(Map::is_empty)
                    || field.as_array().is_some_and(Vec::is_empty);
                !field.is_null() && !empty
            });
            Value::Object(present.collect())
        }
        other => other,
    }
}
