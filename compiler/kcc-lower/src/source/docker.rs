//! Where the fields of Docker's objects come from.

use kcc_model::{Component, TargetModel};
use kcc_tree::Path;
use serde_json::Value;

use super::{
    Rendered, Source,
    pattern::{Asked, Line},
};
use crate::docker::{Container, DockerDesired};

const CONTAINER: &[Line] = &[
    ("component", "."),
    ("image", ".image | ..image | ..build"),
    ("command.*", ".command.{1} | .command"),
    ("command", ".command"),
    ("args.*", ".args.{1} | .args"),
    ("args", ".args"),
    ("workingDir", "..workingDir"),
    ("user", "..user"),
    ("files.*", "..files.{1}"),
    (
        "memory",
        ".resources.limits.memory | .resources.memory | ..resources.limits.memory | ..resources.memory",
    ),
    (
        "cpuMillis",
        ".resources.limits.cpu | ..resources.limits.cpu",
    ),
    (
        "cpuShares",
        ".resources.requests.cpu | .resources.cpu | ..resources.requests.cpu | ..resources.cpu",
    ),
    ("restart.onFailure", "..retries"),
    ("restart", "..retries"),
    ("sidecarOf", "= it shares the network of the main container"),
    ("onDemand", ".schedule"),
    ("after.**", ".parallelism | .completions"),
    ("after", ".parallelism | .completions"),
    ("stopTimeout", "..rollout.gracePeriod"),
    ("readOnly", "..security.readOnlyRoot"),
    ("privileged", ".security.privileged"),
    ("baseline", "..security.profile"),
    ("addCapabilities", ".security.capabilities.add | .security"),
    ("dropCapabilities.*", "..security.capabilities.drop"),
    ("dropCapabilities", "..security.capabilities.drop"),
    ("labels.*", "..labels.{1}"),
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
    let mut value = there(value);
    let steps = value.get_mut("init").and_then(Value::as_array_mut);
    for step in steps.into_iter().flatten() {
        step["container"] = there(step["container"].take());
    }
    Rendered {
        kind: kind.to_owned(),
        name: name.to_owned(),
        component: component.cloned(),
        value,
    }
}

/// The fields that are there: what is not is nobody's.
fn there(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let there = fields.into_iter().filter(|(_, field)| {
                let empty = field.as_object().is_some_and(serde_json::Map::is_empty)
                    || field.as_array().is_some_and(Vec::is_empty);
                !field.is_null() && !empty
            });
            Value::Object(there.collect())
        }
        other => other,
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
        _ => beside(&asked, component?, object, names),
    }
}

/// A container: the main one, one of its init steps, or a sidecar.
fn beside(
    asked: &Asked<'_>,
    component: &Component,
    object: &Rendered,
    names: &[String],
) -> Option<Source> {
    let within = |group: &str, name: &str| Asked {
        target: asked.target,
        component: asked.component,
        within: vec![group.to_owned(), name.to_owned()],
    };
    if let [init, at, rest @ ..] = names
        && init == "init"
    {
        let step = object.value["init"].get(at.parse::<usize>().ok()?)?;
        let asked = within("init", step["name"].as_str()?);
        return match rest {
            [container, label, key] if container == "container" && label == "labels" => {
                Some(label_of(&asked, key))
            }
            [container, of] if container == "container" && of == "component" => {
                Some(asked.source("..", &[]))
            }
            [container, rest @ ..] if container == "container" => {
                self::container(&asked, component, &step["container"], rest)
            }
            _ => Some(asked.source(".", &[])),
        };
    }
    let mut sidecars = component.sidecars.keys();
    let sidecar = object.value["sidecarOf"]
        .as_str()
        .and_then(|main| sidecars.find(|name| Container::beside(main, name) == object.name));
    match sidecar {
        Some(name) => container(&within("sidecars", name), component, &object.value, names),
        None => container(asked, component, &object.value, names),
    }
}

fn label_of(asked: &Asked<'_>, label: &str) -> Source {
    if label.starts_with("dev.kcc.") {
        return Source::Kcc(OWN);
    }
    asked.source("..labels.{1}", &[label.to_owned()])
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
    value: &Value,
    names: &[String],
) -> Option<Source> {
    match names {
        [env, variable, ..] if env == "env" => {
            Some(super::kubernetes::variable(asked, component, variable))
        }
        [networks, name, ..] if networks == "networks" => {
            // Its own, or that of a component that it needs.
            let others = component.needs.keys().map(|need| (need, "..needs.{1}"));
            let own = [(&component.name, "..")];
            let known = others.chain(own);
            let (of, source) = known
                .filter(|(of, _)| name.ends_with(&format!("-{of}")))
                .max_by_key(|(of, _)| of.len())
                .unwrap_or((&component.name, ".."));
            Some(asked.source(source, std::slice::from_ref(of)))
        }
        [field, at, ..]
            if ["mounts", "access"].contains(&field.as_str())
                && component.files.contains_key(at) =>
        {
            Some(asked.source(".files.{1}", std::slice::from_ref(at)))
        }
        [field, at, ..] if ["mounts", "access"].contains(&field.as_str()) => {
            // The files of a config or secret are mounted one by one.
            let folder = |mount: &str| {
                let rest = at.strip_prefix(mount);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            };
            let mut volumes = component.volumes.iter();
            let name = volumes
                .find(|(_, volume)| folder(&volume.mount))
                .map(|(name, _)| name);
            Some(asked.source("..volumes.{1}", &[name.cloned().unwrap_or_default()]))
        }
        [ports, at, field] if ports == "ports" => {
            let number = value["ports"][at.parse::<usize>().ok()?]["container"].as_u64();
            Some(super::kubernetes::port(
                asked,
                component,
                number,
                match field.as_str() {
                    "container" => "number",
                    "protocol" => "protocol",
                    _ => "expose",
                },
            ))
        }
        [health, rest @ ..] if health == "health" => {
            let own = match &asked.within[..] {
                [_, name] => &component.sidecars.get(name)?.health,
                _ => &component.container.health,
            };
            let probe = ["readiness", "startup", "liveness"]
                .into_iter()
                .zip([&own.readiness, &own.startup, &own.liveness])
                .find_map(|(name, probe)| probe.as_ref().map(|_| name))?;
            let below = ["health", probe].map(str::to_owned);
            let within = Asked {
                target: asked.target,
                component: asked.component,
                within: [&asked.within[..], &below].concat(),
            };
            within.look_up(PROBE, &value["health"], rest)
        }
        [docker, rest @ ..] if docker == "docker" => {
            let patch = asked.target.docker_patches.get(&component.name)?;
            super::patched(component, &["docker"], patch, &value["docker"], rest)
        }
        _ => asked.look_up(CONTAINER, value, names),
    }
}
