//! `routes`: a prefix of a path on a host name leads to a port.

use std::collections::BTreeMap;

use kcc_diag::Code;
use kcc_tree::Path;

use super::ports::{self, listed};
use super::{Cursor, component, names};
use crate::{Name, Port, Route};

/// The longest name of a host.
const LONGEST_HOST: usize = 253;

/// Decodes the routes of a component.
pub(crate) fn routes(node: &Cursor<'_>, ports: &BTreeMap<Name, Port>) -> BTreeMap<Name, Route> {
    let Some(all) = node.child("routes") else {
        return BTreeMap::new();
    };
    all.fields()
        .filter_map(|(name, field)| {
            names::check(&field, "route", name);
            Some((name.to_owned(), route(&field, ports)?))
        })
        .collect()
}

fn route(node: &Cursor<'_>, ports: &BTreeMap<Name, Port>) -> Option<Route> {
    node.only(&["host", "path", "port", "tls"]);
    let Some(host) = node.child("host") else {
        component::missing(node, "`host`", "write `host: \"shop.example.com\"`");
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
                let error = field.error(Code::ModelBadPath, message, "no path of a URL");
                field.report(error.help(format!("write `{}`", path_of(&path))));
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

/// The host name of requests, or `*.` and a name for all just below it.
fn host_name(node: &Cursor<'_>) -> Option<String> {
    let host = node.text()?;
    let name = host.strip_prefix("*.").unwrap_or(&host);
    if name.split('.').all(names::is_label) && name.len() <= LONGEST_HOST {
        return Some(host);
    }
    let message = format!("`{host}` is no name of a host");
    let error = node.error(Code::ModelBadName, message, "requests name no such host");
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

/// The path that was meant by a text that is none: that of an address, or the
/// text behind a `/`.
pub(crate) fn path_of(text: &str) -> String {
    let rest = match text.split_once("://") {
        Some((_, rest)) => rest.split_once('/').map_or("", |(_, path)| path),
        None => text,
    };
    format!("/{rest}")
}

fn port(node: &Cursor<'_>, ports: &BTreeMap<Name, Port>) -> Option<Name> {
    let written = match node.child("port") {
        Some(field) => Some(field.text()?),
        None => None,
    };
    let meant = if let Some(name) = &written {
        ports.get_key_value(name)
    } else {
        let only = || ports.iter().next().filter(|_| ports.len() == 1);
        ports.get_key_value("http").or_else(only)
    };
    if let Some((name, _)) = meant {
        return Some(name.clone());
    }
    let component = Path(node.path.0[..node.path.0.len().saturating_sub(2)].to_vec());
    if !ports::unsure(&component, ports, node.lines) {
        let message = match &written {
            Some(name) => format!(
                "`{}` leads to port `{name}`, which the component does not have",
                node.path
            ),
            None if ports.is_empty() => {
                format!("`{}` leads to a component without ports", node.path)
            }
            None => format!("`{}` does not say which port it leads to", node.path),
        };
        let help = if ports.is_empty() {
            "give the component a `port`".to_owned()
        } else {
            format!("write `port: \"…\"` with one of {}", listed(ports))
        };
        node.report(
            node.error(Code::CheckRoutePort, message, "which port?")
                .help(help),
        );
    }
    None
}
