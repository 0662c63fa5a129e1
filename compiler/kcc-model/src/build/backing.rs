//! Backings: the recipe of the kind gives the container and the outputs; one
//! that is external has an address and no container.

use std::{collections::BTreeMap, net::IpAddr};

use kcc_diag::Code;
use kcc_tree::{Path, Value};

use super::component::{self, Draft};
use super::{Cursor, Scope, needs};
use crate::{Component, Expose, Identity, Kind, Name, Output, Placement, Port, Protocol, Rollout};

/// Decodes a backing.
pub(crate) fn backing(scope: &Scope<'_>, name: &str, node: &Cursor<'_>) -> Option<Draft> {
    let Some(kind) = node.child("kind") else {
        if scope
            .owners
            .get(&node.path)
            .is_none_or(|owner| !owner.unclaimed)
        {
            component::missing(node, "`kind`", "write `kind: \"postgres\"`");
        }
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
        return Some(external_draft(scope, name, node, kind, ports));
    }
    // A kind without a recipe is reported where the recipes are.
    let recipe = node.child("component")?;
    let kind = Kind::Backing {
        kind,
        outputs,
        external: false,
    };
    let mut draft = component::decode(scope, name, node, &recipe, kind)?;
    draft.component.stateful = true;
    draft.needs = needs::raw(&recipe);
    Some(draft)
}

/// The name of the secret that holds a backing's password where nobody names one.
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

/// The port of an external backing, and the outputs that its address is.
fn external_address(
    external: &Cursor<'_>,
    outputs: &mut BTreeMap<String, Output>,
) -> BTreeMap<Name, Port> {
    external.only(&["host", "port", "username", "database", "tls"]);
    match external.child("host") {
        Some(host) => {
            if let Some(host) = server(&host) {
                outputs
                    .entry("host".to_owned())
                    .or_insert(Output::Text(host));
            }
        }
        None => component::missing(external, "`host`", "write the host name of the server"),
    }
    let usual = || match outputs.get("port")? {
        Output::Text(text) => text.parse().ok(),
        Output::Secret(_) => None,
    };
    let port = external.child("port").and_then(|port| port.number::<u16>());
    let Some(number) = port.or_else(usual) else {
        return BTreeMap::new();
    };
    outputs
        .entry("port".to_owned())
        .or_insert(Output::Text(number.to_string()));
    let port = Port {
        number,
        protocol: Protocol::Tcp,
        expose: Expose::No,
        sidecar: None,
    };
    BTreeMap::from([("main".to_owned(), port)])
}

/// The name or the address of a server. An address that holds more may hold a
/// password, so it is not repeated.
fn server(node: &Cursor<'_>) -> Option<String> {
    let host = node.text()?;
    let plain = |host: &str| {
        let inner = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        !host.is_empty() && host.chars().all(inner) && !host.starts_with(['-', '.'])
    };
    if plain(&host) || host.parse::<IpAddr>().is_ok() {
        return Some(host);
    }
    let message = format!("`{}` is no name of a host", node.path);
    let error = node.error(Code::ModelBadName, message, "a name alone is expected");
    let rest = host.split_once("://").map_or(&host[..], |(_, rest)| rest);
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    let rest = rest.split('/').next().unwrap_or_default();
    node.report(error.help(match rest.split_once(':') {
        Some((name, port)) if plain(name) && port.parse::<u16>().is_ok() => {
            format!("write `host: {name:?}` and `port: {port}`")
        }
        None if plain(rest) => format!("write `host: {rest:?}`"),
        _ => "write a name such as `orders.db.internal`".to_owned(),
    }));
    None
}

fn external_draft(
    scope: &Scope<'_>,
    name: &str,
    node: &Cursor<'_>,
    kind: Kind,
    ports: BTreeMap<Name, Port>,
) -> Draft {
    let path: Path = node.path.clone();
    let component = Component {
        name: name.to_owned(),
        kind,
        team: scope.team(&path),
        path,
        container: component::no_container(),
        init: Vec::new(),
        sidecars: BTreeMap::new(),
        ports,
        needs: BTreeMap::new(),
        replicas: 0,
        scale: None,
        volumes: BTreeMap::new(),
        files: BTreeMap::new(),
        routes: BTreeMap::new(),
        stateful: true,
        every_node: false,
        rollout: Rollout::default(),
        disruption: None,
        identity: Identity::default(),
        placement: Placement::default(),
        grace_period: scope.engine.grace_period(),
        deadline: component::DEADLINE,
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
    };
    Draft {
        component,
        open: Vec::new(),
        files: BTreeMap::new(),
        needs: needs::raw(node),
    }
}
