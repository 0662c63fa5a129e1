//! Ports that two would have to share: a number twice in one component, and a
//! port of the host that two containers publish.

use std::collections::BTreeMap;

use kcc_diag::{Code, Diagnostics};
use kcc_tree::Path;

use super::View;
use crate::{Component, EngineTarget, Expose, Protocol};

pub(super) fn duplicate_port(view: &View<'_>, found: &mut Diagnostics) {
    let docker = matches!(view.target.engine, EngineTarget::Docker {});
    let mut published: BTreeMap<(u16, Protocol), Path> = BTreeMap::new();
    for component in view.target.components.values() {
        same_number(view, component, found);
        // Only Docker has one host whose ports are published.
        for (name, port) in component.ports.iter().filter(|_| docker) {
            let Expose::Port(number) = port.expose else {
                continue;
            };
            let path = component.port_path(name).join("expose");
            let transport = transport(port.protocol);
            if component.replicas > 1 {
                let count = component.replicas;
                let message = format!(
                    "{count} replicas of `{}` would publish port {number}{transport} of one host",
                    component.path
                );
                let error = view
                    .lines
                    .error(Code::CheckDuplicatePort, &path, message, "one port");
                let replicas = component.path.join("replicas");
                let error = view
                    .lines
                    .also(error, &replicas, format!("{count} replicas"));
                let one = match component.scale {
                    Some(_) => "scale: min: 1",
                    None => "replicas: 1",
                };
                found.push(error.help(format!(
                    "write `expose: true` for a free port each, or `{one}`"
                )));
            }
            match published.get(&(number, port.protocol)) {
                None => _ = published.insert((number, port.protocol), path),
                Some(first) => {
                    let message =
                        format!("port {number}{transport} of the host is published twice");
                    let error = view.lines.error(
                        Code::CheckDuplicatePort,
                        &path,
                        message,
                        "published again",
                    );
                    let error = view.lines.also(error, first, "published here");
                    found
                        .push(error.help("publish another port, or `expose: true` for a free one"));
                }
            }
        }
    }
}

/// Two names for one number in one component.
fn same_number(view: &View<'_>, component: &Component, found: &mut Diagnostics) {
    let mut taken: BTreeMap<(u16, Protocol), &str> = BTreeMap::new();
    for (name, port) in &component.ports {
        let Some(first) = taken.insert((port.number, port.protocol), name) else {
            continue;
        };
        let transport = transport(port.protocol);
        let message = format!(
            "ports `{first}` and `{name}` of `{}` are both {}{transport}",
            component.path, port.number
        );
        let number = |name: &str| component.port_path(name).join("number");
        let error = view.lines.error(
            Code::CheckDuplicatePort,
            &number(name),
            message,
            "the same number",
        );
        let error = view.lines.also(error, &number(first), "taken here");
        found.push(error.help("remove one of the two, or write another number"));
    }
}

fn transport(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Tcp => "",
        Protocol::Udp => "/UDP",
    }
}
