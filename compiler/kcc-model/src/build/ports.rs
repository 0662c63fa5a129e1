//! `port` and `ports`: the short form is the port named `http`.

use std::collections::BTreeMap;

use kcc_diag::Code;
use kcc_tree::{Path, Value};

use super::{Cursor, names};
use crate::lines::Lines;
use crate::{Expose, Name, Port, Protocol};

/// Decodes the ports of a component.
pub(crate) fn ports(node: &Cursor<'_>) -> BTreeMap<Name, Port> {
    let mut ports: BTreeMap<Name, Port> = BTreeMap::new();
    if let Some(all) = node.child("ports") {
        for (name, field) in all.fields() {
            names::check(&field, "port", name);
            if let Some(port) = port(&field) {
                ports.insert(name.to_owned(), port);
            }
        }
    }
    if let Some(number) = node.child("port").and_then(|short| number(&short)) {
        let plain = Port {
            number,
            protocol: Protocol::Tcp,
            expose: Expose::No,
            sidecar: None,
        };
        ports.entry("http".to_owned()).or_insert(plain);
    }
    ports
}

fn port(node: &Cursor<'_>) -> Option<Port> {
    if let Value::Number(_) = node.node.value {
        return Some(Port {
            number: number(node)?,
            protocol: Protocol::Tcp,
            expose: Expose::No,
            sidecar: None,
        });
    }
    node.only(&["number", "protocol", "expose"]);
    let Some(written) = node.child("number") else {
        super::component::missing(node, "`number`", "write the number of the port");
        return None;
    };
    let number = number(&written)?;
    let protocol = match node
        .child("protocol")
        .and_then(|field| field.text())
        .as_deref()
    {
        Some("UDP") => Protocol::Udp,
        _ => Protocol::Tcp,
    };
    let expose = match node.child("expose") {
        None => Expose::No,
        Some(field) if matches!(field.node.value, Value::Bool(_)) => {
            if field.flag()? {
                Expose::Free
            } else {
                Expose::No
            }
        }
        Some(field) => Expose::Port(self::number(&field)?),
    };
    Some(Port {
        number,
        protocol,
        expose,
        sidecar: None,
    })
}

fn number(node: &Cursor<'_>) -> Option<u16> {
    let number = node.number::<u16>()?;
    if number == 0 {
        let message = format!("`{}`: expected a port from 1 to 65535, found 0", node.path);
        node.report(
            node.error(Code::EvalOutOfBounds, message, "no port")
                .help("write another number"),
        );
        return None;
    }
    Some(number)
}

/// The ports of a component, for messages.
pub(crate) fn listed(ports: &BTreeMap<Name, Port>) -> String {
    let names: Vec<_> = ports.keys().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

/// Whether a port may be missing only because something else is wrong: it was
/// written and could not be decoded, or a file could be read only in part.
pub(crate) fn unsure(component: &Path, ports: &BTreeMap<Name, Port>, lines: Lines<'_>) -> bool {
    let written = |path: Path, name: &str| !ports.contains_key(name) && lines.written(&path);
    let all = component.join("ports");
    lines.partly_lost(component)
        || written(component.join("port"), "http")
        || lines
            .names_at(&all)
            .iter()
            .any(|name| written(all.join(name.as_str()), name))
}
