//! Decodes `port` and `ports`; the short form `port` is a port named `http`.

use std::collections::BTreeMap;

use kcc_diag::Code;
use kcc_tree::{Path, Value};

use super::{Cursor, names};
use crate::reporter::Reporter;
use crate::{Expose, IpAddr, Name, Port, Protocol, SocketAddr};

/// Decodes the ports of a component.
pub(crate) fn ports(node: &Cursor<'_>) -> BTreeMap<Name, Port> {
    let mut ports: BTreeMap<Name, Port> = BTreeMap::new();
    if let Some(all) = node.child("ports") {
        for (name, field) in all.fields() {
            names::validate(&field, "port", name);
            if let Some(port) = port(&field) {
                ports.insert(name.to_owned(), port);
            }
        }
    }
    if let Some(number) = node.child("port").and_then(|short| number(&short)) {
        ports
            .entry("http".to_owned())
            .or_insert(Port::inside(number));
    }
    ports
}

fn port(node: &Cursor<'_>) -> Option<Port> {
    if let Value::Number(_) = node.node.value {
        return Some(Port::inside(number(node)?));
    }
    let Some(declared) = node.child("number") else {
        node.report_missing("`number`", "write the number of the port");
        return None;
    };
    let number = number(&declared)?;
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
            if field.boolean()? {
                Expose::Free
            } else {
                Expose::No
            }
        }
        Some(field) if matches!(field.node.value, Value::String(_)) => {
            Expose::Address(address(&field)?)
        }
        Some(field) => Expose::Port(self::number(&field)?),
    };
    let public = node.child("public").and_then(|flag| flag.boolean());
    Some(Port {
        number,
        protocol,
        expose,
        public: public == Some(true),
        sidecar: None,
    })
}

/// Decodes an address of the host with a port, such as `127.0.0.1:3000`.
fn address(node: &Cursor<'_>) -> Option<SocketAddr> {
    let text = node.text()?;
    if let Ok(address) = text.parse::<SocketAddr>()
        && address.port() > 0
    {
        return Some(address);
    }
    let message = format!(
        "`{}`: expected an address with a port, found `{text}`",
        node.path
    );
    let error = node.error(Code::ModelBadName, message, "not an address with a port");
    let numbered = |text: &str| text.parse::<u16>().is_ok_and(|number| number > 0);
    let ported = text.rsplit_once(':').filter(|(_, port)| numbered(port));
    node.report(error.help(match ported {
        _ if numbered(&text) => format!("remove the quotes: `{text}`"),
        Some(("localhost", port)) => format!("write `\"127.0.0.1:{port}\"`"),
        Some((host, port)) if host.parse::<IpAddr>().is_ok_and(|host| host.is_ipv6()) => {
            format!("write `\"[{host}]:{port}\"`")
        }
        _ => "write an address such as `\"127.0.0.1:3000\"` or `\"[::1]:3000\"`".to_owned(),
    }));
    None
}

fn number(node: &Cursor<'_>) -> Option<u16> {
    let number = node.number::<u16>()?;
    if number == 0 {
        let message = format!("`{}`: expected a port from 1 to 65535, found 0", node.path);
        node.report(
            node.error(Code::EvalOutOfBounds, message, "not a port number")
                .help("write a number from 1 to 65535"),
        );
        return None;
    }
    Some(number)
}

/// Reports a use of a UDP port that needs TCP; `otherwise` is the help if the component
/// has no TCP port.
pub(crate) fn report_udp(
    user: &Cursor<'_>,
    name: &str,
    ports: &BTreeMap<Name, Port>,
    otherwise: &str,
) {
    let message = format!(
        "`{}`: expected a TCP port, found UDP port `{name}`",
        user.path
    );
    let error = user.error(Code::CheckUdpPort, message, "UDP");
    let tcp = ports
        .iter()
        .find(|(_, port)| port.protocol == Protocol::Tcp);
    user.report(error.help(match tcp {
        Some((tcp, _)) => format!("write the name of a TCP port, such as `{tcp:?}`"),
        None => otherwise.to_owned(),
    }));
}

/// Lists the names of ports, for messages.
pub(crate) fn list_names(ports: &BTreeMap<Name, Port>) -> String {
    let names: Vec<_> = ports.keys().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

/// Returns true if a port may be missing because it was declared but could not be
/// decoded.
pub(crate) fn may_be_incomplete(
    component: &Path,
    ports: &BTreeMap<Name, Port>,
    reporter: Reporter<'_>,
) -> bool {
    let declared =
        |path: Path, name: &str| !ports.contains_key(name) && reporter.is_declared(&path);
    let all = component.join("ports");
    declared(component.join("port"), "http")
        || reporter
            .field_names(&all)
            .iter()
            .any(|name| declared(all.join(name.as_str()), name))
}
