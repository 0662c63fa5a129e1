//! Lowers routes to the Gateway API: an `HTTPRoute` each, attached to an existing
//! Gateway or to one that kcc creates, which terminates TLS for hosts whose routes
//! name a certificate. The pinned library does not have the API's types, so this
//! module defines the fields that kcc sets.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kcc_model::{Component, Route};
use kcc_tree::Path;
use serde::Serialize;

use crate::kubernetes::metadata::{self, Owner};
use crate::kubernetes::objects::{Attribution, Objects};
use crate::kubernetes::{Object, network};
use crate::lowering::Lowering;
use crate::source::Recorder;

const API_VERSION: &str = "gateway.networking.k8s.io/v1";
const ROUTE: &str = "HTTPRoute";
const GATEWAY: &str = "Gateway";
/// The listener of routes without a certificate.
const PLAIN: &str = "http";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest<S> {
    api_version: &'static str,
    kind: &'static str,
    metadata: ObjectMeta,
    spec: S,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RouteSpec {
    parent_refs: Vec<ParentRef>,
    hostnames: Vec<String>,
    rules: Vec<Rule>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ParentRef {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    section_name: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    matches: Vec<Match>,
    backend_refs: Vec<Backend>,
}

#[derive(Serialize)]
struct Match {
    path: PathMatch,
}

#[derive(Serialize)]
struct PathMatch {
    #[serde(rename = "type")]
    kind: &'static str,
    value: String,
}

#[derive(Serialize)]
struct Backend {
    name: String,
    port: u16,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GatewaySpec {
    gateway_class_name: String,
    listeners: Vec<Listener>,
}

#[derive(Serialize)]
struct Listener {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hostname: Option<String>,
    port: u16,
    protocol: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls: Option<Tls>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Tls {
    certificate_refs: Vec<Certificate>,
}

#[derive(Serialize)]
struct Certificate {
    name: String,
}

/// The Gateway that routes attach to.
pub(super) struct Parent<'a> {
    name: &'a str,
    namespace: Option<&'a str>,
    /// Set if kcc creates it and therefore knows its listeners.
    own: bool,
}

impl<'a> Parent<'a> {
    /// Refers to an existing Gateway, as `name` or `namespace/name`.
    pub(super) fn existing(gateway: &'a str) -> Self {
        let (namespace, name) = match gateway.split_once('/') {
            Some((namespace, name)) => (Some(namespace), name),
            None => (None, gateway),
        };
        Self {
            name,
            namespace,
            own: false,
        }
    }

    /// Refers to the target's own Gateway, named after the system.
    pub(super) fn own(lowering: &Lowering<'a>) -> Self {
        Self {
            name: lowering.system,
            namespace: None,
            own: true,
        }
    }
}

/// Adds the routes of a component, attached to the target's Gateway.
pub(super) fn routes(
    lowering: &mut Lowering<'_>,
    component: &Component,
    parent: &Parent<'_>,
    objects: &mut Objects<'_>,
) {
    for (name, route) in &component.routes {
        let at = component.path.join("routes").join(name);
        if route.tls.is_some() && !parent.own {
            lowering.unsupported(
                &at.join("tls"),
                format!("`{at}` cannot set the certificate of an existing Gateway"),
                "set the certificate in the Gateway's listener, or let kcc create the Gateway with \
                 `gatewayClass` instead of `gateway`",
            );
        }
        let Some(port) = component.ports.get(&route.port) else {
            // The model reports a route without a port.
            continue;
        };
        let attribution = Attribution {
            path: at,
            ..Attribution::component(component)
        };
        let sources = attribution.sources(lowering);
        let gateway = ["gateway", "gatewayClass"];
        let gateway = gateway.map(|setting| metadata::target_path(lowering, setting));
        sources.paths("spec.parentRefs", gateway.to_vec());
        let source = sources.within(["routes", name]);
        source.model("spec.parentRefs.0.sectionName", &["tls", ""]);
        source.model("spec.hostnames", &["host", ""]);
        source.model("spec.rules", &["port", ""]);
        source.model("spec.rules.0.matches", &["path", ""]);
        let name = format!("{}-{name}", component.name);
        let spec = RouteSpec {
            parent_refs: vec![ParentRef {
                name: parent.name.to_owned(),
                namespace: parent.namespace.map(str::to_owned),
                section_name: parent.own.then(|| listener(route)),
            }],
            hostnames: vec![route.host.clone()],
            rules: vec![Rule {
                matches: vec![Match {
                    path: PathMatch {
                        kind: "PathPrefix",
                        value: route.path.clone(),
                    },
                }],
                backend_refs: vec![Backend {
                    name: component.name.clone(),
                    port: port.number,
                }],
            }],
        };
        add(lowering, objects, ROUTE, name, spec, &attribution, &sources);
    }
}

/// Adds the target's own Gateway if there are routes: one listener for all routes
/// without a certificate, and one for each host with a certificate.
pub(super) fn lower(lowering: &mut Lowering<'_>, class: &str, objects: &mut Objects<'_>) {
    // With the first route that uses each listener.
    let mut plain = None;
    let mut encrypted: BTreeMap<(String, &str), (Path, BTreeSet<String>)> = BTreeMap::new();
    for component in lowering.running() {
        for (name, route) in &component.routes {
            let at = component.path.join("routes").join(name);
            let Some(secret) = &route.tls else {
                plain.get_or_insert(at);
                continue;
            };
            let certificate = network::certificate(lowering, &at.join("tls"), secret);
            encrypted
                .entry((listener(route), &route.host))
                .or_insert_with(|| (at, BTreeSet::new()))
                .1
                .extend(certificate);
        }
    }
    let attribution = Attribution {
        data: false,
        ..Attribution::system()
    };
    let sources = attribution.sources(lowering);
    sources.paths("metadata.name", vec![Path::of(["system", "name"])]);
    let class_path = metadata::target_path(lowering, "gatewayClass");
    sources.paths("spec.gatewayClassName", vec![class_path]);
    let mut listeners = Vec::new();
    if let Some(route) = plain {
        let source = sources.below("spec.listeners.0").instead(route);
        source.model("", &["host", ""]);
        source.model("name", &["tls.secret", ""]);
        listeners.push(Listener {
            name: PLAIN.to_owned(),
            hostname: None,
            port: 80,
            protocol: "HTTP",
            tls: None,
        });
    }
    for ((name, host), (route, certificates)) in encrypted {
        let source = sources.below("spec.listeners").element(listeners.len());
        let source = source.instead(route);
        source.model("hostname", &["host", ""]);
        source.model("name", &["tls.secret", ""]);
        source.model("port", &["tls", ""]);
        source.model("protocol", &["tls", ""]);
        source.model("tls", &["tls.secret", ""]);
        let certificates = certificates.into_iter();
        listeners.push(Listener {
            name,
            hostname: Some(host.to_owned()),
            port: 443,
            protocol: "HTTPS",
            tls: Some(Tls {
                certificate_refs: certificates.map(|name| Certificate { name }).collect(),
            }),
        });
    }
    if listeners.is_empty() {
        return;
    }
    let spec = GatewaySpec {
        gateway_class_name: class.to_owned(),
        listeners,
    };
    let name = lowering.system.to_owned();
    add(
        lowering,
        objects,
        GATEWAY,
        name,
        spec,
        &attribution,
        &sources,
    );
}

/// Returns the listener of the target's own Gateway for a route.
fn listener(route: &Route) -> String {
    match route.tls {
        Some(_) => format!("https-{}", route.host.replace('*', "any")),
        None => PLAIN.to_owned(),
    }
}

fn add<S: Serialize>(
    lowering: &mut Lowering<'_>,
    objects: &mut Objects<'_>,
    kind: &'static str,
    name: String,
    spec: S,
    attribution: &Attribution<'_>,
    sources: &Recorder,
) {
    let owner = attribution
        .component
        .map_or(Owner::System, Owner::Component);
    let manifest = Manifest {
        api_version: API_VERSION,
        kind,
        metadata: metadata::object(lowering, &name, Some(objects.namespace), owner),
        spec,
    };
    let object = Object {
        api_version: API_VERSION.to_owned(),
        kind: kind.to_owned(),
        namespace: Some(objects.namespace.to_owned()),
        name,
        component: attribution
            .component
            .map(|component| component.name.clone()),
        team: attribution.team.map(str::to_owned),
        data: false,
        manifest: serde_json::to_value(manifest).unwrap_or_default(),
    };
    objects.push(lowering, object, &attribution.path, sources);
}
