//! Routes by the Gateway API: an `HTTPRoute` for each. The API's types are in
//! no library of the pinned version, so the ones here hold what kcc says.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kcc_model::Component;
use serde::Serialize;

use crate::kubernetes::metadata::{self, Owner};
use crate::kubernetes::{Object, Objects};
use crate::lowering::Lowering;

const API_VERSION: &str = "gateway.networking.k8s.io/v1";
const KIND: &str = "HTTPRoute";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HttpRoute {
    api_version: &'static str,
    kind: &'static str,
    metadata: ObjectMeta,
    spec: Spec,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    parent_refs: Vec<Parent>,
    hostnames: Vec<String>,
    rules: Vec<Rule>,
}

#[derive(Serialize)]
struct Parent {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
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

/// The routes of a component, each attached to the target's Gateway.
pub(super) fn routes(
    lowering: &mut Lowering<'_>,
    component: &Component,
    gateway: &str,
    objects: &mut Objects<'_>,
) {
    let (namespace, gateway) = match gateway.split_once('/') {
        Some((namespace, name)) => (Some(namespace), name),
        None => (None, gateway),
    };
    for (name, route) in &component.routes {
        let at = component.path.join("routes").join(name);
        if route.tls.is_some() {
            lowering.unsupported(
                &at.join("tls"),
                format!("the certificate of `{at}` is a matter of the Gateway"),
                "name the certificate in the Gateway's own listener, and `tls` under `on` for \
                 targets with Ingresses",
            );
        }
        let Some(port) = component.ports.get(&route.port) else {
            // A route to no port has been reported.
            continue;
        };
        let name = format!("{}-{name}", component.name);
        let owner = Owner::Component(component);
        let manifest = HttpRoute {
            api_version: API_VERSION,
            kind: KIND,
            metadata: metadata::of(lowering, &name, Some(objects.namespace), owner),
            spec: Spec {
                parent_refs: vec![Parent {
                    name: gateway.to_owned(),
                    namespace: namespace.map(str::to_owned),
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
            },
        };
        let object = Object {
            api_version: API_VERSION.to_owned(),
            kind: KIND.to_owned(),
            namespace: Some(objects.namespace.to_owned()),
            name,
            component: Some(component.name.clone()),
            team: Some(component.team.clone()),
            data: false,
            manifest: serde_json::to_value(manifest).unwrap_or_default(),
        };
        objects.push(lowering, object, &at);
    }
}
