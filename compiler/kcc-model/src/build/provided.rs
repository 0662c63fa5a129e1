//! The address of a needed component: the variables that a need provides, and the
//! outputs `host`, `port` and `url` that every component has.
//!
//! A component with several ports, none of them called `http`, has neither `port` nor
//! `url` unless the need names one: a team that adds a port must not break those that
//! need its component.

use std::collections::BTreeMap;

use kcc_diag::{Code, Diagnostic, field_label};
use kcc_tree::Path;

use super::outputs::resolve;
use super::ports::list_names;
use crate::reporter::Reporter;
use crate::variables::variable_prefix;
use crate::{Check, Component, EnvValue, Kind, Name, Output, Port, Protocol};

/// Returns the variables that a need on a component provides, for the port that the
/// need names.
pub(crate) fn provided_variables(
    other: &Component,
    port: Option<&str>,
) -> BTreeMap<String, EnvValue> {
    let prefix = variable_prefix(&other.name);
    let mut env = BTreeMap::new();
    for (suffix, value) in [
        ("HOST", Some(host(other))),
        ("PORT", self::port(other, port)),
        ("URL", url(other, port)),
    ] {
        if let Some(value) = value {
            env.insert(format!("{prefix}_{suffix}"), value);
        }
    }
    if other.ports.len() > 1 {
        for (name, port) in &other.ports {
            let variable = format!("{prefix}_PORT_{}", variable_prefix(name));
            env.insert(variable, EnvValue::Literal(port.number.to_string()));
        }
    }
    env
}

/// Returns the variables with which a program outside the system reaches a component,
/// called as those of a need. `published` has the host and port at which each of its
/// ports is reachable. A URL with a secret is left out.
pub fn published_variables(
    component: &Component,
    published: &BTreeMap<u16, (String, u16)>,
) -> BTreeMap<String, String> {
    let prefix = variable_prefix(&component.name);
    let mut env = BTreeMap::new();
    let Some((host, _)) = published.values().next() else {
        return env;
    };
    env.insert(format!("{prefix}_HOST"), host.clone());
    if component.ports.len() > 1 {
        for (name, port) in &component.ports {
            if let Some((_, number)) = published.get(&port.number) {
                let variable = format!("{prefix}_PORT_{}", variable_prefix(name));
                env.insert(variable, number.to_string());
            }
        }
    }
    let Some(EnvValue::Literal(port)) = port(component, None) else {
        return env;
    };
    let reached = port.parse().ok().and_then(|port| published.get(&port));
    let Some((host, number)) = reached else {
        return env;
    };
    env.insert(format!("{prefix}_HOST"), host.clone());
    env.insert(format!("{prefix}_PORT"), number.to_string());
    let inside = self::host(component);
    if let (Some(EnvValue::Literal(url)), EnvValue::Literal(inside)) =
        (url(component, None), inside)
    {
        let url = url.replacen(&format!("{inside}:{port}"), &format!("{host}:{number}"), 1);
        env.insert(format!("{prefix}_URL"), url);
    }
    env
}

/// Returns the outputs that the kind of a backing declares.
pub(crate) fn outputs(component: &Component) -> Option<&BTreeMap<String, Output>> {
    match &component.kind {
        Kind::Backing { outputs, .. } => Some(outputs),
        Kind::Service | Kind::Job(_) | Kind::CronJob(_) => None,
    }
}

/// Returns the host name of a component.
pub(crate) fn host(other: &Component) -> EnvValue {
    let declared = outputs(other).and_then(|outputs| resolve(outputs, "host").ok());
    declared.unwrap_or_else(|| EnvValue::Literal(other.name.clone()))
}

/// Returns the number of the named port, or of the default one.
pub(crate) fn port(other: &Component, named: Option<&str>) -> Option<EnvValue> {
    let literal = |port: &Port| EnvValue::Literal(port.number.to_string());
    match named {
        Some(name) => other.ports.get(name).map(literal),
        None => outputs(other)
            .and_then(|outputs| resolve(outputs, "port").ok())
            .or_else(|| other.default_port().map(|(_, port)| literal(port))),
    }
}

/// Returns the URL of the named port, or of the default one. A kind's own output goes
/// before a URL that is made of scheme, host and port.
pub(crate) fn url(other: &Component, named: Option<&str>) -> Option<EnvValue> {
    let declared = outputs(other);
    let main = declared.and_then(|outputs| resolve(outputs, "port").ok());
    let is_main = named.is_none() || (main.is_some() && main == port(other, named));
    if let Some(outputs) = declared.filter(|_| is_main)
        && let Ok(url) = resolve(outputs, "url")
    {
        return Some(url);
    }
    let (name, port) = match named {
        Some(name) => other.ports.get_key_value(name)?,
        None => other.default_port()?,
    };
    let EnvValue::Literal(host) = host(other) else {
        return None;
    };
    let address = format!("{host}:{}", port.number);
    let of_kind = declared.into_iter().flatten().find_map(|(output, _)| {
        let EnvValue::Literal(url) = resolve(declared?, output).ok()? else {
            return None;
        };
        (url.split_once("://")?.1 == address).then_some(url)
    });
    let url = of_kind.unwrap_or_else(|| format!("{}://{address}", scheme(other, name, port)));
    Some(EnvValue::Literal(url))
}

/// Returns the scheme of a port that no kind describes. A port speaks HTTP if its name
/// says so, or if a route or a health check sends requests to it.
fn scheme(other: &Component, name: &Name, port: &Port) -> &'static str {
    // As in `http-metrics`.
    match (port.protocol, name.split('-').next()) {
        (Protocol::Udp, _) => "udp",
        (Protocol::Tcp, Some("https")) => "https",
        (Protocol::Tcp, Some("http")) => "http",
        (Protocol::Tcp, _) if gets_requests(other, name, port) => "http",
        (Protocol::Tcp, _) => "tcp",
    }
}

fn gets_requests(other: &Component, name: &Name, port: &Port) -> bool {
    let containers = std::iter::once(&other.container).chain(other.sidecars.values());
    let mut probes = containers.flat_map(|container| {
        let health = &container.health;
        [&health.startup, &health.readiness, &health.liveness]
    });
    other.routes.values().any(|route| route.port == *name)
        || probes.any(|probe| {
            let check = probe.as_ref().map(|probe| &probe.check);
            matches!(check, Some(Check::Http { port: checked, .. }) if *checked == port.number)
        })
}

/// Returns true if a component has several ports and no default one, so that its port
/// and URL depend on the port that a need names.
pub(crate) fn has_ambiguous_port(other: &Component) -> bool {
    let declares_port = outputs(other).is_some_and(|outputs| outputs.contains_key("port"));
    !declares_port && !other.ports.is_empty() && other.default_port().is_none()
}

/// Returns the error of a use of the port or URL of a component with several ports.
pub(crate) fn ambiguous_port(
    reporter: Reporter<'_>,
    path: &Path,
    used: &str,
    other: &Component,
) -> Diagnostic {
    let name = &other.name;
    let message = format!("`{path}` uses {used}, but `{name}` has several ports");
    let error = reporter.error(Code::CheckNeedWithoutPort, path, message, "which port?");
    let error = reporter.add_label(
        error.missing(name),
        &other.path,
        format!("`{name}` of `{}`", other.team),
    );
    let first = other.ports.keys().next().map_or("", String::as_str);
    let names = list_names(&other.ports);
    error.help(format!(
        "name a port, such as `needs: {}: port: {first:?}`; `{name}` has {names}",
        field_label(name)
    ))
}
