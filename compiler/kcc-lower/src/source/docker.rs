//! Where the fields of Docker's objects come from.

use kcc_cue::Path;
use kcc_model::{Component, TargetModel};
use serde_json::Value;

use super::{
    Rendered, Source,
    pattern::{Asked, Line},
};
use crate::docker::DockerDesired;

const CONTAINER: &[Line] = &[
    ("component", "."),
    ("image", ".image | .build"),
    ("command", ".command"),
    ("args", ".args"),
    ("workingDir", ".workingDir"),
    ("user", ".user | .security.nonRoot"),
    ("files.*", ".files.{1}"),
    ("memory", ".resources.limits.memory | .resources.memory"),
    ("cpuMillis", ".resources.limits.cpu"),
    ("cpuShares", ".resources.requests.cpu | .resources.cpu"),
    ("restart.onFailure", ".retries"),
    ("restart", ".retries"),
    ("onDemand", ".schedule"),
    ("after.**", ".parallelism | .completions"),
    ("after", ".parallelism | .completions"),
    ("stopTimeout", ".rollout.gracePeriod"),
    ("readOnly", ".security.readOnlyRoot"),
    ("privileged", ".security.privileged"),
    ("addCapabilities", ".security.capabilities.add | .security"),
    ("labels.*", ".labels.{1}"),
];

const PROBE: &[Line] = &[
    ("check.http.path", ".http"),
    ("check.http.port", ".port | ..ports.http.number | ..ports"),
    ("check.tcp.port", ".tcp"),
    ("check.exec", ".exec"),
    ("startPeriodMs", ".delay"),
    ("intervalMs", ".period"),
    ("timeoutMs", ".timeout"),
    ("retries", ".failures"),
];

const IMAGE: &[Line] = &[
    ("component", "."),
    ("build.context", ".build.context"),
    ("build.file", ".build.file"),
    ("build.args.*", ".build.args.{1}"),
    ("build.args", ".build"),
    ("build.stage", ".build.stage | .build"),
    (
        "build.tag",
        "= named after the system and what it is built from",
    ),
    ("build", "= it is pulled, not built"),
];

const OWN: &str = "kcc knows its objects again by it";

pub(super) fn objects(desired: &DockerDesired) -> Vec<Rendered> {
    let json = |value: Result<Value, serde_json::Error>| value.unwrap_or_default();
    let mut all = Vec::new();
    for (name, network) in &desired.networks {
        all.push(rendered(
            "network",
            name,
            network.component.as_ref(),
            json(serde_json::to_value(network)),
        ));
    }
    for (name, volume) in &desired.volumes {
        let component = Some(&volume.component);
        all.push(rendered(
            "volume",
            name,
            component,
            json(serde_json::to_value(volume)),
        ));
    }
    for (name, image) in &desired.images {
        let component = Some(&image.component);
        all.push(rendered(
            "image",
            name,
            component,
            json(serde_json::to_value(image)),
        ));
    }
    for (name, container) in &desired.containers {
        let component = Some(&container.component);
        let value = json(serde_json::to_value(container));
        all.push(rendered("container", name, component, value));
    }
    all
}

fn rendered(kind: &str, name: &str, component: Option<&String>, value: Value) -> Rendered {
    // What is not there is nobody's.
    let value = match value {
        Value::Object(fields) => {
            let there = fields.into_iter().filter(|(_, field)| {
                let empty = field.as_object().is_some_and(serde_json::Map::is_empty)
                    || field.as_array().is_some_and(Vec::is_empty);
                !field.is_null() && !empty
            });
            Value::Object(there.collect())
        }
        other => other,
    };
    Rendered {
        kind: kind.to_owned(),
        name: name.to_owned(),
        component: component.cloned(),
        value,
    }
}

pub(super) fn source(object: &Rendered, target: &TargetModel, path: &Path) -> Option<Source> {
    let component = object
        .component
        .as_ref()
        .and_then(|name| target.components.get(name));
    let asked = Asked {
        target,
        component,
        within: Vec::new(),
    };
    let names = &path.0;
    if let [labels, label] = &names[..]
        && labels == "labels"
        && label.starts_with("dev.kcc.")
    {
        return Some(Source::Kcc(OWN));
    }
    match object.kind.as_str() {
        _ if path.0 == ["component"] => Some(asked.source(".", &[])),
        "network" => Some(Source::Kcc(OWN)),
        "volume" => {
            let volume = component.and_then(|component| volume(component, &object.name));
            Some(asked.source(".volumes.{1}", &[volume.unwrap_or_default()]))
        }
        "image" => asked.look_up(IMAGE, &object.value, names),
        _ => container(&asked, component?, object, names),
    }
}

/// The volume of the model that a volume of the engine is.
fn volume(component: &Component, name: &str) -> Option<String> {
    let known = component.volumes.keys();
    known
        .filter(|volume| {
            let ends = |name: &str| name.ends_with(&format!("-{}-{volume}", component.name));
            ends(name) || name.rsplit_once('-').is_some_and(|(name, _)| ends(name))
        })
        .max_by_key(|volume| volume.len())
        .cloned()
}

fn container(
    asked: &Asked<'_>,
    component: &Component,
    object: &Rendered,
    names: &[String],
) -> Option<Source> {
    match names {
        [env, variable, ..] if env == "env" => {
            Some(super::kubernetes::variable(asked, component, variable))
        }
        [networks, name, ..] if networks == "networks" => {
            // Its own, or that of a component that it needs.
            let others = component.needs.keys().map(|need| (need, ".needs.{1}"));
            let own = [(&component.name, ".")];
            let known = others.chain(own);
            let (of, source) = known
                .filter(|(of, _)| name.ends_with(&format!("-{of}")))
                .max_by_key(|(of, _)| of.len())
                .unwrap_or((&component.name, "."));
            Some(asked.source(source, std::slice::from_ref(of)))
        }
        [mounts, at, ..] if mounts == "mounts" && component.files.contains_key(at) => {
            Some(asked.source(".files.{1}", std::slice::from_ref(at)))
        }
        [mounts, at, ..] if mounts == "mounts" => {
            let mut volumes = component.volumes.iter();
            let name = volumes
                .find(|(_, volume)| volume.mount == *at)
                .map(|(name, _)| name);
            Some(asked.source(".volumes.{1}", &[name.cloned().unwrap_or_default()]))
        }
        [ports, at, field] if ports == "ports" => {
            let number = object.value["ports"][at.parse::<usize>().ok()?]["container"].as_u64();
            let mut known = component.ports.iter();
            let name = known.find(|(_, port)| Some(u64::from(port.number)) == number);
            let source = match field.as_str() {
                "container" => ".ports.{1}.number",
                "protocol" => ".ports.{1}.protocol",
                _ => ".ports.{1}.expose | .routes",
            };
            Some(asked.source(
                source,
                &[name.map(|(name, _)| name.clone()).unwrap_or_default()],
            ))
        }
        [health, rest @ ..] if health == "health" => {
            let probe = ["readiness", "startup", "liveness"]
                .into_iter()
                .zip([
                    &component.container.health.readiness,
                    &component.container.health.startup,
                    &component.container.health.liveness,
                ])
                .find_map(|(name, probe)| probe.as_ref().map(|_| name))?;
            let within = Asked {
                target: asked.target,
                component: asked.component,
                within: vec!["health".to_owned(), probe.to_owned()],
            };
            within.look_up(PROBE, &object.value["health"], rest)
        }
        [docker, rest @ ..] if docker == "docker" => {
            let patch = asked.target.docker_patches.get(&component.name)?;
            super::patched(component, &["docker"], patch, &object.value["docker"], rest)
        }
        _ => asked.look_up(CONTAINER, &object.value, names),
    }
}
