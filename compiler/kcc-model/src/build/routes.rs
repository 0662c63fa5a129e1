//! Decodes `routes`: a host name and path prefix that lead to a port.

use std::collections::BTreeMap;

use kcc_diag::Code;
use kcc_tree::Path;

use super::ports::{self, list_names};
use super::{Cursor, names};
use crate::{Name, Port, Protocol, Route};

/// The maximum length of a host name.
const MAX_HOST_LENGTH: usize = 253;

/// Decodes the routes of a component.
pub(crate) fn routes(node: &Cursor<'_>, ports: &BTreeMap<Name, Port>) -> BTreeMap<Name, Route> {
    let Some(all) = node.child("routes") else {
        return BTreeMap::new();
    };
    all.fields()
        .filter_map(|(name, field)| {
            names::validate(&field, "route", name);
            Some((name.to_owned(), route(&field, ports)?))
        })
        .collect()
}

fn route(node: &Cursor<'_>, ports: &BTreeMap<Name, Port>) -> Option<Route> {
    let Some(host) = node.child("host") else {
        node.report_missing("`host`", "write `host: \"shop.example.com\"`");
        return None;
    };
    let path = match node.child("path") {
        None => "/".to_owned(),
        Some(field) => {
            let path = field.text()?;
            if !path.starts_with('/') {
                let message = format!(
                    "`{}`: expected a path that starts with `/`, found `{path}`",
                    field.path
                );
                let error = field.error(Code::ModelBadPath, message, "not a URL path");
                field.report(error.help(format!("write `{}`", suggest_path(&path))));
                return None;
            }
            path
        }
    };
    let tls = node
        .below(&["tls", "secret"])
        .and_then(|secret| secret.text());
    Some(Route {
        host: host_name(&host)?,
        path,
        port: port(node, ports)?,
        tls,
    })
}

/// Decodes a host name, which may start with `*.` to match one more label.
fn host_name(node: &Cursor<'_>) -> Option<String> {
    let host = node.text()?;
    let name = host.strip_prefix("*.").unwrap_or(&host);
    if name.split('.').all(names::is_label) && name.len() <= MAX_HOST_LENGTH {
        return Some(host);
    }
    let message = format!("`{host}` is not a valid host name");
    let error = node.error(Code::ModelBadName, message, "not a host name");
    let plain = host
        .split_once("://")
        .map_or(host.as_str(), |(_, rest)| rest);
    let plain = plain.split(['/', ':']).next().unwrap_or_default();
    let plain = plain.to_ascii_lowercase();
    node.report(error.help(if plain.split('.').all(names::is_label) {
        format!("write `{plain}`")
    } else {
        "write a name such as `shop.example.com`".to_owned()
    }));
    None
}

/// Suggests a path for a text that is not one: the path of a URL, or the text
/// after a `/`.
pub(crate) fn suggest_path(text: &str) -> String {
    let rest = match text.split_once("://") {
        Some((_, rest)) => rest.split_once('/').map_or("", |(_, path)| path),
        None => text,
    };
    format!("/{rest}")
}

fn port(node: &Cursor<'_>, ports: &BTreeMap<Name, Port>) -> Option<Name> {
    let declared = match node.child("port") {
        Some(field) => Some(field.text()?),
        None => None,
    };
    let port = if let Some(name) = &declared {
        ports.get_key_value(name)
    } else {
        let only = || ports.iter().next().filter(|_| ports.len() == 1);
        ports.get_key_value("http").or_else(only)
    };
    if let Some((name, port)) = port {
        if port.protocol == Protocol::Udp {
            let user = node.child("port").unwrap_or_else(|| node.clone());
            ports::report_udp(
                &user,
                name,
                ports,
                "remove the route: it forwards HTTP requests",
            );
            return None;
        }
        return Some(name.clone());
    }
    let component = Path(node.path.0[..node.path.0.len().saturating_sub(2)].to_vec());
    if !ports::may_be_incomplete(&component, ports, node.reporter) {
        let message = match &declared {
            Some(name) => format!(
                "`{}` leads to port `{name}`, which the component does not have",
                node.path
            ),
            None if ports.is_empty() => {
                format!("`{}` leads to a component without ports", node.path)
            }
            None => format!("`{}` does not name the port it leads to", node.path),
        };
        let help = if ports.is_empty() {
            "add a `port` to the component".to_owned()
        } else {
            format!("write `port: \"…\"` with one of {}", list_names(ports))
        };
        node.report(
            node.error(Code::CheckRoutePort, message, "which port?")
                .missing_here()
                .help(help),
        );
    }
    None
}
