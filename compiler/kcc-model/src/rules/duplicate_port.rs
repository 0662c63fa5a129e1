//! Reports conflicting ports: a number used twice in one component, and a host port
//! published by two containers.

use std::collections::BTreeMap;

use kcc_diag::{Code, Diagnostics};
use kcc_tree::{Engine, Path};

use super::view::View;
use crate::{Component, IpAddr, Protocol};

pub(super) fn duplicate_port(view: &View<'_>, diagnostics: &mut Diagnostics) {
    let docker = view.target.engine.is(Engine::Docker);
    let mut published: Vec<(u16, Protocol, Option<IpAddr>, Path)> = Vec::new();
    for component in view.target.components.values() {
        same_number(view, component, diagnostics);
        // Only Docker publishes ports on a single host.
        for (name, port) in component.ports.iter().filter(|_| docker) {
            let Some(number) = port.expose.number() else {
                continue;
            };
            let address = port.expose.address();
            let path = component.port_path(name).join("expose");
            let transport = transport(port.protocol);
            if component.replicas > 1 {
                let count = component.replicas;
                let message = format!(
                    "{count} replicas of `{}` would publish the same host port {number}{transport}",
                    component.path
                );
                let error =
                    view.reporter
                        .error(Code::CheckDuplicatePort, &path, message, "a single port");
                let replicas = component.path.join("replicas");
                let error = view
                    .reporter
                    .add_label(error, &replicas, format!("{count} replicas"));
                let one = match component.scale {
                    Some(_) => "scale: min: 1",
                    None => "replicas: 1",
                };
                diagnostics.push(error.help(format!(
                    "write `expose: true` for a free port per replica, or `{one}`"
                )));
            }
            let taken = published.iter().find(|(other, protocol, host, _)| {
                (*other, *protocol) == (number, port.protocol) && overlap(*host, address)
            });
            match taken {
                None => published.push((number, port.protocol, address, path)),
                Some((.., first)) => {
                    let message = format!("host port {number}{transport} is published twice");
                    let error = view.reporter.error(
                        Code::CheckDuplicatePort,
                        &path,
                        message,
                        "published again",
                    );
                    let error = view.reporter.add_label(error, first, "published here");
                    diagnostics
                        .push(error.help("publish another port, or `expose: true` for a free one"));
                }
            }
        }
    }
}

/// Returns true if one address, or none for all of them, is the other or among them.
fn overlap(one: Option<IpAddr>, other: Option<IpAddr>) -> bool {
    let all = |address: Option<IpAddr>| address.is_none_or(|address| address.is_unspecified());
    all(one) || all(other) || one == other
}

/// Reports two ports of one component with the same number.
fn same_number(view: &View<'_>, component: &Component, diagnostics: &mut Diagnostics) {
    let mut taken: BTreeMap<(u16, Protocol), &str> = BTreeMap::new();
    for (name, port) in &component.ports {
        let Some(first) = taken.insert((port.number, port.protocol), name) else {
            continue;
        };
        let transport = transport(port.protocol);
        let message = format!(
            "ports `{first}` and `{name}` of `{}` have the same number {}{transport}",
            component.path, port.number
        );
        let number = |name: &str| component.port_path(name).join("number");
        let error = view.reporter.error(
            Code::CheckDuplicatePort,
            &number(name),
            message,
            "duplicate number",
        );
        let error = view
            .reporter
            .add_label(error, &number(first), "first used here");
        diagnostics.push(error.help("remove one of the ports, or write another number"));
    }
}

fn transport(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Tcp => "",
        Protocol::Udp => "/UDP",
    }
}
