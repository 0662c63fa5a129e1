//! Lowers ports to Services and routes to Ingresses.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::api::networking::v1::{
    HTTPIngressPath, HTTPIngressRuleValue, Ingress, IngressBackend, IngressRule,
    IngressServiceBackend, IngressSpec, IngressTLS, ServiceBackendPort,
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kcc_model::{Component, Route, SecretProvider};
use kcc_tree::Path;

use crate::kubernetes::label;
use crate::kubernetes::metadata::{self, Owner};
use crate::kubernetes::objects::{Attribution, Objects};
use crate::kubernetes::pod;
use crate::kubernetes::stateful::is_stateful;
use crate::lowering::Lowering;

/// Adds the Service that provides a component's host name. A StatefulSet has a
/// headless one, so that each pod has a name.
pub(super) fn service(
    lowering: &mut Lowering<'_>,
    component: &Component,
    objects: &mut Objects<'_>,
) {
    if component.run().is_some() || component.ports.is_empty() {
        return;
    }
    let ports = component
        .ports
        .iter()
        .map(|(name, port)| ServicePort {
            name: Some(name.clone()),
            port: port.number.into(),
            protocol: Some(pod::protocol(port).to_owned()),
            target_port: Some(IntOrString::Int(port.number.into())),
            ..ServicePort::default()
        })
        .collect();
    let attribution = Attribution::component(component);
    let sources = attribution.sources(lowering);
    sources.model("spec.clusterIP", &["stateful"]);
    sources.kcc("spec.selector", label::IDENTITY);
    for (at, name) in component.ports.keys().enumerate() {
        let port = sources.below("spec.ports").element(at);
        let port = port.port(component, name);
        port.model("name", &[""]);
        port.model("port", &["number"]);
        port.model("targetPort", &["number"]);
        port.model("protocol", &["protocol"]);
    }
    let owner = Owner::Component(component);
    let service = Service {
        metadata: metadata::object(lowering, &component.name, Some(objects.namespace), owner),
        spec: Some(ServiceSpec {
            cluster_ip: is_stateful(component).then(|| "None".to_owned()),
            ports: Some(ports),
            selector: Some(metadata::selector(lowering, component)),
            ..ServiceSpec::default()
        }),
        status: None,
    };
    objects.add(lowering, &service, &attribution, &sources);
}

/// Adds the Ingress with all routes of a component.
pub(super) fn ingress(
    lowering: &mut Lowering<'_>,
    component: &Component,
    class: Option<&str>,
    objects: &mut Objects<'_>,
) {
    if component.routes.is_empty() {
        return;
    }
    let mut by_host: BTreeMap<&str, Vec<HTTPIngressPath>> = BTreeMap::new();
    let mut tls: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, route) in &component.routes {
        by_host
            .entry(&route.host)
            .or_default()
            .push(path(component, route));
        if let Some(secret) = &route.tls {
            let at = component.path.join("routes").join(name).join("tls");
            let Some(certificate) = certificate(lowering, &at, secret) else {
                continue;
            };
            let hosts = tls.entry(certificate).or_default();
            if !hosts.contains(&route.host) {
                hosts.push(route.host.clone());
            }
        }
    }
    let rules = by_host
        .into_iter()
        .map(|(host, paths)| IngressRule {
            host: Some(host.to_owned()),
            http: Some(HTTPIngressRuleValue { paths }),
        })
        .collect();
    let tls: Vec<_> = tls
        .into_iter()
        .map(|(secret, hosts)| IngressTLS {
            hosts: Some(hosts),
            secret_name: Some(secret),
        })
        .collect();
    let owner = Owner::Component(component);
    let ingress = Ingress {
        metadata: metadata::object(lowering, &component.name, Some(objects.namespace), owner),
        spec: Some(IngressSpec {
            ingress_class_name: class.map(str::to_owned),
            rules: Some(rules),
            tls: (!tls.is_empty()).then_some(tls),
            default_backend: None,
        }),
        status: None,
    };
    let attribution = Attribution::component(component);
    let sources = attribution.sources(lowering);
    let class = metadata::target_path(lowering, "ingressClass");
    sources.paths("spec.ingressClassName", vec![class]);
    sources.model("spec.tls", &["routes"]);
    sources.model("spec.rules", &["routes"]);
    objects.add(lowering, &ingress, &attribution, &sources);
}

/// Returns the existing Secret with a certificate. It has two keys, while a Secret
/// that kcc creates has one.
pub(super) fn certificate(lowering: &mut Lowering<'_>, at: &Path, secret: &str) -> Option<String> {
    let declared = lowering.target.secrets.get(secret);
    if let Some(SecretProvider::Kubernetes { name, .. }) = declared.map(|found| &found.provider) {
        return Some(name.clone());
    }
    lowering.unsupported(
        at,
        format!("certificate `{secret}` is not an existing Secret of the cluster"),
        format!("write `secrets: {secret:?}: kubernetes: {{name: …, key: …}}`"),
    );
    None
}

fn path(component: &Component, route: &Route) -> HTTPIngressPath {
    HTTPIngressPath {
        path: Some(route.path.clone()),
        path_type: "Prefix".to_owned(),
        backend: IngressBackend {
            resource: None,
            service: Some(IngressServiceBackend {
                name: component.name.clone(),
                port: Some(ServiceBackendPort {
                    name: Some(route.port.clone()),
                    number: None,
                }),
            }),
        },
    }
}
