//! Decodes backings. The recipe of the kind provides the container and the
//! outputs; an external backing has an address and no container.

use std::{collections::BTreeMap, net::IpAddr};

use kcc_diag::Code;
use kcc_tree::{Path, Value};

use super::component;
use super::draft::Draft;
use super::{Cursor, TargetContext, needs};
use crate::{Component, Kind, Name, Output, Port};

/// Decodes a backing.
pub(crate) fn backing(cx: &TargetContext<'_>, name: &str, node: &Cursor<'_>) -> Option<Draft> {
    let Some(kind) = node.child("kind") else {
        node.report_missing("`kind`", "write `kind: \"postgres\"`");
        return None;
    };
    let kind = kind.text()?;
    let mut outputs = outputs(node);
    if let Some(external) = node.child("external") {
        let ports = external_address(&external, &mut outputs);
        let kind = Kind::Backing {
            kind,
            outputs,
            external: true,
        };
        return Some(external_draft(cx, name, node, kind, ports));
    }
    // Evaluation reports a kind without a recipe.
    let recipe = node.child("component")?;
    let kind = Kind::Backing {
        kind,
        outputs,
        external: false,
    };
    let mut draft = component::decode(cx, name, node, &recipe, kind)?;
    draft.component.stateful = true;
    draft.needs = needs::decode(&recipe);
    Some(draft)
}

/// Returns the name of the secret for a backing's password if none is named.
pub(crate) fn implicit_password(backing: &str) -> Name {
    format!("{backing}-password")
}

fn outputs(node: &Cursor<'_>) -> BTreeMap<String, Output> {
    let Some(all) = node.child("outputs") else {
        return BTreeMap::new();
    };
    all.fields()
        .filter_map(|(name, field)| {
            let output = if matches!(field.node.value, Value::Struct(_)) {
                Output::Secret(field.child("secret")?.text()?)
            } else if let Value::Number(number) = &field.node.value {
                Output::Text(number.to_string())
            } else {
                Output::Text(field.text()?)
            };
            Some((name.to_owned(), output))
        })
        .collect()
}

/// Decodes the address of an external backing: returns its port and adds `host`
/// and `port` to the outputs.
fn external_address(
    external: &Cursor<'_>,
    outputs: &mut BTreeMap<String, Output>,
) -> BTreeMap<Name, Port> {
    match external.child("host") {
        Some(host) => {
            if let Some(host) = host_name(&host) {
                outputs
                    .entry("host".to_owned())
                    .or_insert(Output::Text(host));
            }
        }
        None => external.report_missing(
            "`host`",
            "write `host: \"…\"` with the host name of the server",
        ),
    }
    let output_port = || match outputs.get("port")? {
        Output::Text(text) => text.parse().ok(),
        Output::Secret(_) => None,
    };
    let port = external.child("port").and_then(|port| port.number::<u16>());
    let Some(number) = port.or_else(output_port) else {
        return BTreeMap::new();
    };
    outputs
        .entry("port".to_owned())
        .or_insert(Output::Text(number.to_string()));
    BTreeMap::from([("main".to_owned(), Port::inside(number))])
}

/// Decodes a host name or IP address. Anything longer may contain a password,
/// so the message does not repeat it.
fn host_name(node: &Cursor<'_>) -> Option<String> {
    let host = node.text()?;
    let plain = |host: &str| {
        let inner = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        !host.is_empty() && host.chars().all(inner) && !host.starts_with(['-', '.'])
    };
    if plain(&host) || host.parse::<IpAddr>().is_ok() {
        return Some(host);
    }
    let message = format!("`{}` is not a valid host name", node.path);
    let error = node.error(Code::ModelBadName, message, "expected only a host name");
    let rest = host.split_once("://").map_or(&host[..], |(_, rest)| rest);
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    let rest = rest.split('/').next().unwrap_or_default();
    node.report(error.help(match rest.split_once(':') {
        Some((name, port)) if plain(name) && port.parse::<u16>().is_ok() => {
            format!("write `host: {name:?}` and `port: {port}`")
        }
        None if plain(rest) => format!("write `host: {rest:?}`"),
        _ => "write a host name such as `orders.db.internal`".to_owned(),
    }));
    None
}

fn external_draft(
    cx: &TargetContext<'_>,
    name: &str,
    node: &Cursor<'_>,
    kind: Kind,
    ports: BTreeMap<Name, Port>,
) -> Draft {
    let path: Path = node.path.clone();
    let component = Component::external(name, kind, cx.team(&path), path, ports, cx.engine);
    Draft {
        component,
        pending: Vec::new(),
        output_files: BTreeMap::new(),
        needs: needs::decode(node),
    }
}
