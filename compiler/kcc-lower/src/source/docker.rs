//! Traces the fields of Docker's objects to the model.

use kcc_model::{Component, TargetModel};
use kcc_tree::Path;
use serde_json::Value;

use super::{
    Rendered, Source,
    pattern::{self, Entry, Lookup},
};
use crate::docker::{Container, DockerDesired};

const CONTAINER: &[Entry] = &[
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
    (
        "sidecarOf",
        "= a sidecar shares the network of the main container",
    ),
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

const PROBE: &[Entry] = &[
    ("check.http.path", ".http"),
    ("check.http.port", ".port | ..ports.http.number | ..ports"),
    ("check.tcp.port", ".tcp"),
    ("check.exec", ".exec"),
    ("startPeriodMs", ".delay"),
    ("intervalMs", ".period"),
    ("timeoutMs", ".timeout"),
    ("retries", ".failures"),
];

const IMAGE: &[Entry] = &[
    ("component", "."),
    ("build.context", ".build.context"),
    ("build.file", ".build.file"),
    ("build.args.*", ".build.args.{1}"),
    ("build.args", ".build"),
    ("build.stage", ".build.stage | .build"),
    (
        "build.tag",
        "= the tag is derived from the system and the build inputs",
    ),
    ("build", "= the image is pulled, not built"),
];

const IDENTITY: &str = "kcc identifies its objects by it";

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
    let mut value = without_empty(value);
    let steps = value.get_mut("init").and_then(Value::as_array_mut);
    for step in steps.into_iter().flatten() {
        step["container"] = without_empty(step["container"].take());
    }
    Rendered {
        kind: kind.to_owned(),
        name: name.to_owned(),
        component: component.cloned(),
        value,
    }
}

/// Removes null and empty fields, which have no source.
fn without_empty(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let present = fields.into_iter().filter(|(_, field)| {
                let empty = field.as_object().is_some_and(serde_json::Map::is_empty)
                    || field.as_array().is_some_and(Vec::is_empty);
                !field.is_null() && !empty
            });
            Value::Object(present.collect())
        }
        other => other,
    }
}

pub(super) fn source(object: &Rendered, target: &TargetModel, path: &Path) -> Option<Source> {
    let component = object
        .component
        .as_ref()
        .and_then(|name| target.components.get(name));
    let lookup = Lookup {
        target,
        component,
        within: Vec::new(),
    };
    let names = &path.0;
    if let [labels, label] = &names[..]
        && labels == "labels"
        && label.starts_with("dev.kcc.")
    {
        return Some(Source::Kcc(IDENTITY));
    }
    match object.kind.as_str() {
        _ if path.0 == ["component"] => Some(lookup.source(".", &[])),
        "network" => Some(Source::Kcc(IDENTITY)),
        "volume" => {
            let volume = component.and_then(|component| volume(component, &object.name));
            Some(lookup.source(".volumes.{1}", &[volume.unwrap_or_default()]))
        }
        "image" => lookup.find(IMAGE, &object.value, names),
        _ => container_part(&lookup, component?, object, names),
    }
}

/// Traces a field of the main container, an init step or a sidecar.
fn container_part(
    lookup: &Lookup<'_>,
    component: &Component,
    object: &Rendered,
    names: &[String],
) -> Option<Source> {
    let within = |group: &str, name: &str| Lookup {
        target: lookup.target,
        component: lookup.component,
        within: vec![group.to_owned(), name.to_owned()],
    };
    if let [init, at, rest @ ..] = names
        && init == "init"
    {
        let step = object.value["init"].get(at.parse::<usize>().ok()?)?;
        let lookup = within("init", step["name"].as_str()?);
        return match rest {
            [container, label, key] if container == "container" && label == "labels" => {
                Some(label_of(&lookup, key))
            }
            [container, of] if container == "container" && of == "component" => {
                Some(lookup.source("..", &[]))
            }
            [container, rest @ ..] if container == "container" => {
                self::container(&lookup, component, &step["container"], rest)
            }
            _ => Some(lookup.source(".", &[])),
        };
    }
    let mut sidecars = component.sidecars.keys();
    let sidecar = object.value["sidecarOf"]
        .as_str()
        .and_then(|main| sidecars.find(|name| Container::extra_name(main, name) == object.name));
    match sidecar {
        Some(name) => container(&within("sidecars", name), component, &object.value, names),
        None => container(lookup, component, &object.value, names),
    }
}

fn label_of(lookup: &Lookup<'_>, label: &str) -> Source {
    if label.starts_with("dev.kcc.") {
        return Source::Kcc(IDENTITY);
    }
    lookup.source("..labels.{1}", &[label.to_owned()])
}

/// Returns the model's volume for a volume of the engine.
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
    lookup: &Lookup<'_>,
    component: &Component,
    value: &Value,
    names: &[String],
) -> Option<Source> {
    match names {
        [env, variable, ..] if env == "env" => {
            Some(super::kubernetes::variable(lookup, component, variable))
        }
        [networks, name, ..] if networks == "networks" => {
            // Its own network, or that of a component that it needs.
            let others = component.needs.keys().map(|need| (need, "..needs.{1}"));
            let own = [(&component.name, "..")];
            let known = others.chain(own);
            let (of, source) = known
                .filter(|(of, _)| name.ends_with(&format!("-{of}")))
                .max_by_key(|(of, _)| of.len())
                .unwrap_or((&component.name, ".."));
            Some(lookup.source(source, std::slice::from_ref(of)))
        }
        [field, at, ..]
            if ["mounts", "access"].contains(&field.as_str())
                && component.files.contains_key(at) =>
        {
            Some(lookup.source(".files.{1}", std::slice::from_ref(at)))
        }
        [field, at, ..] if ["mounts", "access"].contains(&field.as_str()) => {
            // Files of a config or secret are mounted individually.
            let contains = |mount: &str| {
                let rest = at.strip_prefix(mount);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            };
            let mut volumes = component.volumes.iter();
            let name = volumes
                .find(|(_, volume)| contains(&volume.mount))
                .map(|(name, _)| name);
            Some(lookup.source("..volumes.{1}", &[name.cloned().unwrap_or_default()]))
        }
        [ports, at, field] if ports == "ports" => {
            let number = value["ports"][at.parse::<usize>().ok()?]["container"].as_u64();
            Some(super::kubernetes::port(
                lookup,
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
            let own = match &lookup.within[..] {
                [_, name] => &component.sidecars.get(name)?.health,
                _ => &component.container.health,
            };
            let probe = ["readiness", "startup", "liveness"]
                .into_iter()
                .zip([&own.readiness, &own.startup, &own.liveness])
                .find_map(|(name, probe)| probe.as_ref().map(|_| name))?;
            let below = ["health", probe].map(str::to_owned);
            let within = Lookup {
                target: lookup.target,
                component: lookup.component,
                within: [&lookup.within[..], &below].concat(),
            };
            within.find(PROBE, &value["health"], rest)
        }
        [docker, rest @ ..] if docker == "docker" => {
            let patch = lookup.target.docker_patches.get(&component.name)?;
            pattern::patch_source(component, &["docker"], patch, &value["docker"], rest)
        }
        _ => lookup.find(CONTAINER, value, names),
    }
}
