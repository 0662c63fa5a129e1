//! Traces the fields of Kubernetes objects to the model.

use kcc_model::{Component, Image, TargetModel};
use kcc_tree::Path;

use super::{
    Rendered, Source,
    kubernetes_fields::{CLAIM, CONTAINER, KINDS, OBJECT, POD, PROBE, WORKLOAD},
    pattern::{self, Lookup},
};
use crate::kubernetes::{self, KubernetesDesired, file_key};

const IDENTITY: &str = "kcc identifies its objects by it";
const HASH: &str = "it changes with the files of the pod, so that the pod is replaced";

pub(super) fn objects(desired: &KubernetesDesired) -> Vec<Rendered> {
    let objects = desired.objects.iter().map(|object| Rendered {
        kind: object.kind.to_lowercase(),
        name: object.name.clone(),
        component: object.component.clone(),
        value: object.manifest.clone(),
    });
    objects.collect()
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
    let names = &path.0[..];
    if let Some(source) = own_label(names) {
        return Some(source);
    }
    let patches = component.and_then(|of| Some((of, target.patches.get(&of.name)?)));
    if let Some((of, patches)) = patches {
        let mut of_kind = patches
            .iter()
            .filter(|(kind, _)| kind.to_lowercase() == object.kind);
        let found = of_kind.find_map(|(kind, patch)| {
            pattern::patch_source(of, &["kubernetes", kind], patch, &object.value, names)
        });
        if found.is_some() {
            return found;
        }
    }
    let template = [
        &["spec", "template"][..],
        &["spec", "jobTemplate", "spec", "template"],
    ];
    if let Some((component, rest)) = component.zip(template.iter().find_map(|head| {
        let (first, rest) = names.split_at_checked(head.len())?;
        first.iter().eq(head.iter()).then_some(rest)
    })) {
        return pod(&lookup, component, object, rest);
    }
    let Some(of) = component else {
        return shared(&lookup, object, names);
    };
    if let ("configmap", [data, key]) = (object.kind.as_str(), names)
        && data == "data"
    {
        let mut files = of.files.keys();
        let path = files.find(|path| file_key(path) == *key)?;
        return Some(lookup.source(".files.{1}", std::slice::from_ref(path)));
    }
    if let ("httproute", [spec, rest @ ..]) = (object.kind.as_str(), names)
        && spec == "spec"
    {
        let route = object.name.strip_prefix(&format!("{}-", of.name))?;
        return route_source(&lookup, object, &of.path.0, route, rest);
    }
    if let ("horizontalpodautoscaler", [spec, metrics, at, ..]) = (object.kind.as_str(), names)
        && spec == "spec"
        && metrics == "metrics"
    {
        let metric = &object.value["spec"]["metrics"][at.parse::<usize>().ok()?];
        let of = ["resource", "containerResource"].map(|kind| &metric[kind]["name"]);
        let name = of.into_iter().find_map(|name| name.as_str())?.to_owned();
        return Some(lookup.source(".scale.{1} | .scale", &[name]));
    }
    if let ("networkpolicy", [spec, egress, at, ..]) = (object.kind.as_str(), names)
        && spec == "spec"
        && egress == "egress"
    {
        return Some(egress_source(&lookup, of, at.parse().ok()?));
    }
    if let ("service", [spec, ports, at, field]) = (object.kind.as_str(), names)
        && spec == "spec"
        && ports == "ports"
    {
        let port = &object.value["spec"]["ports"][at.parse::<usize>().ok()?];
        let field = match field.as_str() {
            "name" => "",
            "protocol" => "protocol",
            _ => "number",
        };
        return Some(named_port(&lookup, of, port["name"].as_str()?, field));
    }
    let kind = KINDS.iter().find(|(kind, _)| *kind == object.kind);
    claim_source(&lookup, object, names)
        .or_else(|| lookup.find(kind?.1, &object.value, names))
        .or_else(|| lookup.find(WORKLOAD, &object.value, names))
        .or_else(|| lookup.find(OBJECT, &object.value, names))
}

pub(super) fn is_required(names: &[String]) -> bool {
    let identity = matches!(own_label(names), Some(Source::Kcc(_)));
    let selects = names.iter().any(|name| name == "selector");
    // Never accept a weaker security context silently.
    identity || selects || names.iter().any(|name| name == "securityContext")
}

/// Traces kcc's own labels and annotations.
fn own_label(names: &[String]) -> Option<Source> {
    let key = names.last()?;
    let above = names.get(names.len().checked_sub(2)?)?;
    let label = matches!(above.as_str(), "labels" | "matchLabels" | "selector")
        && (key.starts_with("app.kubernetes.io/") || key == "kcc.dev/team");
    if label {
        return Some(Source::Kcc(IDENTITY));
    }
    (key == "kcc.dev/config-hash").then_some(Source::Kcc(HASH))
}

/// Traces an egress rule of a component, by its index.
fn egress_source(lookup: &Lookup<'_>, component: &Component, rule: usize) -> Source {
    let needed: Vec<_> = kubernetes::reachable_needs(lookup.target, component).collect();
    if let Some(needed) = needed.get(rule) {
        return lookup.source(".needs.{1}", std::slice::from_ref(&needed.name));
    }
    let itself = rule == needed.len() && kubernetes::is_replicated(component);
    let source = if itself {
        ".replicas | .scale"
    } else {
        ".identity.rules"
    };
    lookup.source(source, &[])
}

/// Traces the fields of a route, and of the Gateway that terminates its TLS.
fn route_source(
    lookup: &Lookup<'_>,
    object: &Rendered,
    component: &[String],
    route: &str,
    names: &[String],
) -> Option<Source> {
    let [field, rest @ ..] = names else {
        return None;
    };
    let below: &[&str] = match (field.as_str(), rest) {
        ("parentRefs", [_, section]) if section == "sectionName" => &["tls"],
        ("parentRefs", _) => {
            let gateway = "system.targets.{target}.kubernetes.gateway \
                           | system.targets.{target}.kubernetes.gatewayClass";
            return Some(lookup.source(gateway, &[]));
        }
        ("listeners", [at, field, ..]) => match field.as_str() {
            "name" | "tls" => &["tls", "secret"],
            "port" | "protocol"
                if object.value["spec"]["listeners"][at.parse::<usize>().ok()?]["tls"]
                    .is_object() =>
            {
                &["tls"]
            }
            _ => &["host"],
        },
        ("hostnames", _) => &["host"],
        ("rules", [_, matches, ..]) if matches == "matches" => &["path"],
        ("rules", _) => &["port"],
        _ => return None,
    };
    let route = component
        .iter()
        .cloned()
        .chain(["routes".to_owned(), route.to_owned()]);
    let whole = Path(route.clone().collect());
    let field = Path(
        route
            .chain(below.iter().map(|name| (*name).to_owned()))
            .collect(),
    );
    Some(Source::Model(vec![field, whole]))
}

/// Returns the first route that uses a listener of a Gateway.
fn route_of_listener<'a>(
    lookup: &Lookup<'a>,
    object: &Rendered,
    at: &str,
) -> Option<(&'a Component, &'a str)> {
    let listener = &object.value["spec"]["listeners"][at.parse::<usize>().ok()?];
    let host = listener["hostname"].as_str();
    let components = lookup.target.components.values();
    let mut routes = components.flat_map(|component| {
        let routes = component.routes.iter();
        routes.map(move |(name, route)| (component, name, route))
    });
    let (component, name, _) = routes.find(|(_, _, route)| match host {
        Some(host) => route.tls.is_some() && route.host == host,
        None => route.tls.is_none(),
    })?;
    Some((component, name))
}

/// Traces objects that components share, such as the namespace and configs.
fn shared(lookup: &Lookup<'_>, object: &Rendered, names: &[String]) -> Option<Source> {
    let source = match (object.kind.as_str(), names) {
        ("namespace", [metadata, name]) if metadata == "metadata" && name == "name" => {
            "system.targets.{target}.kubernetes.namespace | system.name"
        }
        ("configmap", [data, key]) if data == "data" => {
            return Some(
                lookup.source("configs.{1}.data.{2}", &[object.name.clone(), key.clone()]),
            );
        }
        ("configmap", [metadata, name]) if metadata == "metadata" && name == "name" => {
            "configs.{1}"
        }
        ("gateway", [metadata, name]) if metadata == "metadata" && name == "name" => "system.name",
        ("gateway", [spec, class]) if spec == "spec" && class == "gatewayClassName" => {
            "system.targets.{target}.kubernetes.gatewayClass"
        }
        ("gateway", [spec, rest @ ..]) if spec == "spec" => {
            let (component, route) = route_of_listener(lookup, object, rest.get(1)?)?;
            return route_source(lookup, object, &component.path.0, route, rest);
        }
        ("networkpolicy", [metadata, name]) if metadata == "metadata" && name == "name" => {
            "system.name"
        }
        ("networkpolicy", [spec, ..]) if spec == "spec" => {
            return Some(Source::Kcc("components can connect only to what they need"));
        }
        _ => return lookup.find(OBJECT, &object.value, names),
    };
    Some(lookup.source(source, std::slice::from_ref(&object.name)))
}

/// Traces the fields of claims to the volume that requests them.
fn claim_source(lookup: &Lookup<'_>, object: &Rendered, names: &[String]) -> Option<Source> {
    let component = lookup.component?;
    let (volume, claim, rest) = match names {
        [templates, at, rest @ ..] if templates == "volumeClaimTemplates" => (at, None, rest),
        [spec, templates, at, rest @ ..]
            if spec == "spec" && templates == "volumeClaimTemplates" =>
        {
            let claim =
                object.value["spec"]["volumeClaimTemplates"].get(at.parse::<usize>().ok()?)?;
            (at, Some(claim), rest)
        }
        _ if object.kind == "persistentvolumeclaim" => (&object.name, None, names),
        _ => return None,
    };
    let name = match claim {
        Some(claim) => claim["metadata"]["name"].as_str()?.to_owned(),
        None => volume
            .strip_prefix(&format!("{}-", component.name))?
            .to_owned(),
    };
    let value = claim.unwrap_or(&object.value);
    let within = Lookup {
        target: lookup.target,
        component: lookup.component,
        within: vec!["volumes".to_owned(), name],
    };
    match rest {
        [spec, below @ ..] if spec == "spec" => within.find(CLAIM, &value["spec"], below),
        [status, ..] if status == "status" => Some(Source::Kcc("the API server's default")),
        [metadata, name] if metadata == "metadata" && name == "name" => {
            Some(within.source(".", &[]))
        }
        [kind] if claim.is_some() && (kind == "kind" || kind == "apiVersion") => {
            Some(within.source(".", &[]))
        }
        _ => None,
    }
}

fn pod(
    lookup: &Lookup<'_>,
    component: &Component,
    object: &Rendered,
    names: &[String],
) -> Option<Source> {
    let template = object
        .value
        .pointer("/spec/template")
        .or_else(|| object.value.pointer("/spec/jobTemplate/spec/template"))?;
    match names {
        [spec, containers, at, rest @ ..]
            if spec == "spec" && (containers == "containers" || containers == "initContainers") =>
        {
            let value = template["spec"][containers.as_str()].get(at.parse::<usize>().ok()?)?;
            let name = value["name"].as_str()?;
            let within = if name == component.name {
                Vec::new()
            } else {
                let group = if component.sidecars.contains_key(name) {
                    "sidecars"
                } else {
                    "init"
                };
                vec![group.to_owned(), name.to_owned()]
            };
            let lookup = Lookup {
                target: lookup.target,
                component: lookup.component,
                within,
            };
            container(&lookup, component, value, rest)
        }
        [spec, volumes, at, ..] if spec == "spec" && volumes == "volumes" => {
            let volume = template["spec"]["volumes"].get(at.parse::<usize>().ok()?)?;
            Some(volume_source(
                lookup,
                component,
                volume["name"].as_str()?,
                None,
            ))
        }
        _ => lookup.find(POD, template, names),
    }
}

/// Traces a volume by its name, or the file that is mounted at a path.
fn volume_source(
    lookup: &Lookup<'_>,
    component: &Component,
    name: &str,
    mount: Option<&str>,
) -> Source {
    if component.volumes.contains_key(name) {
        return lookup.source("..volumes.{1}", &[name.to_owned()]);
    }
    match mount {
        Some(path) => lookup.source("..files.{1}", &[path.to_owned()]),
        None => lookup.source("..files", &[]),
    }
}

fn container(
    lookup: &Lookup<'_>,
    component: &Component,
    value: &serde_json::Value,
    names: &[String],
) -> Option<Source> {
    match names {
        [env, at, ..] if env == "env" => {
            let name = value["env"].get(at.parse::<usize>().ok()?)?["name"].as_str()?;
            Some(variable(lookup, component, name))
        }
        [mounts, at, ..] if mounts == "volumeMounts" => {
            let mount = value["volumeMounts"].get(at.parse::<usize>().ok()?)?;
            let path = mount["mountPath"].as_str();
            Some(volume_source(
                lookup,
                component,
                mount["name"].as_str()?,
                path,
            ))
        }
        [ports, at, field] if ports == "ports" => {
            let number = value["ports"].get(at.parse::<usize>().ok()?)?["containerPort"].as_u64();
            Some(self::port(
                lookup,
                component,
                number,
                match field.as_str() {
                    "containerPort" => "number",
                    "protocol" => "protocol",
                    _ => "",
                },
            ))
        }
        [probe, rest @ ..] if probe.ends_with("Probe") => {
            let mut within = lookup.within.clone();
            within.push("health".to_owned());
            within.push(probe.trim_end_matches("Probe").to_owned());
            let lookup = Lookup {
                target: lookup.target,
                component: lookup.component,
                within,
            };
            lookup.find(PROBE, &value[probe.as_str()], rest)
        }
        [image] if image == "image" && matches!(component.container.image, Image::Build(_)) => {
            Some(lookup.source(".image | ..build", &[]))
        }
        _ => lookup.find(CONTAINER, value, names),
    }
}

/// Traces a field of a port, given its number, in the main container or a sidecar.
/// A route may publish the port as well.
pub(super) fn port(
    lookup: &Lookup<'_>,
    component: &Component,
    number: Option<u64>,
    field: &str,
) -> Source {
    let mut known = component.ports.iter();
    let found = known.find(|(_, port)| Some(u64::from(port.number)) == number);
    let name = found.map(|(name, _)| name.as_str()).unwrap_or_default();
    named_port(lookup, component, name, field)
}

/// Traces a field of a port, given its name.
fn named_port(lookup: &Lookup<'_>, component: &Component, name: &str, field: &str) -> Source {
    let port = component.ports.get(name);
    let port = port.and_then(|port| port.sidecar.clone());
    let source = match (field, &port) {
        ("number", None) => "..ports.{1}.number",
        ("number", Some(_)) => "..sidecars.{2}.ports.{1}.number",
        ("protocol", None) => "..ports.{1}.protocol",
        ("protocol", Some(_)) => "..sidecars.{2}.ports.{1}.protocol",
        ("expose", None) => "..ports.{1}.expose | ..routes",
        ("expose", Some(_)) => "..sidecars.{2}.ports.{1}.expose | ..routes",
        (_, None) => "..ports.{1}",
        (_, Some(_)) => "..sidecars.{2}.ports.{1}",
    };
    lookup.source(source, &[name.to_owned(), port.unwrap_or_default()])
}

/// Traces a variable to its declaration or to the need that provides it.
pub(super) fn variable(lookup: &Lookup<'_>, component: &Component, name: &str) -> Source {
    let mut all = component.containers();
    let declared = all.any(|(_, container)| container.env.contains_key(name));
    if name.starts_with("KCC_SECRET_") && !declared {
        return Source::Kcc("it passes a secret to the variables that contain it");
    }
    match component.need_providing(name) {
        Some(need) => lookup.source(".env.{1} | ..needs.{2}", &[name.to_owned(), need.clone()]),
        None => lookup.source(".env.{1}", &[name.to_owned()]),
    }
}
