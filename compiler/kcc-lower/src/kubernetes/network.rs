//! Lowers ports to Services, public ones and aliases to further Services, and routes
//! to Ingresses.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::api::networking::v1::{
    HTTPIngressPath, HTTPIngressRuleValue, Ingress, IngressBackend, IngressRule,
    IngressServiceBackend, IngressSpec, IngressTLS, ServiceBackendPort,
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kcc_model::{Component, Name, Port, Protocol, PublicPorts, Route, SecretProvider};
use kcc_tree::Path;

use crate::kubernetes::label;
use crate::kubernetes::metadata::{self, Owner};
use crate::kubernetes::objects::{Attribution, Objects};
use crate::kubernetes::pod;
use crate::kubernetes::stateful::is_stateful;
use crate::lowering::Lowering;
use crate::source::Recorder;

/// The part of the name of a Service for public ports, before the transport.
pub(super) const PUBLIC: &str = "-public-";

/// The ports that a cluster opens on its nodes unless configured otherwise.
const NODE_PORTS: RangeInclusive<u16> = 30_000..=32_767;

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
    let spec = |lowering: &Lowering<'_>, sources: &Recorder| {
        sources.model("spec.clusterIP", &["stateful"]);
        ServiceSpec {
            cluster_ip: is_stateful(component).then(|| "None".to_owned()),
            ..service_spec(lowering, component, component.ports.iter(), sources)
        }
    };
    let owner = Owner::Component(component);
    let attribution = Attribution::component(component);
    let sources = attribution.sources(lowering);
    let service = Service {
        metadata: metadata::object(lowering, &component.name, Some(objects.namespace), owner),
        spec: Some(spec(lowering, &sources)),
        status: None,
    };
    objects.add(lowering, &service, &attribution, &sources);
    // A cluster cannot resolve names with dots, as the ledger says.
    let aliases = component.aliases.iter().enumerate();
    for (at, alias) in aliases.filter(|(_, alias)| !alias.contains('.')) {
        let attribution = Attribution {
            path: component.path.join("aliases").join(at.to_string()),
            ..Attribution::component(component)
        };
        let sources = attribution.sources(lowering);
        sources.named("metadata.name", ["aliases", &at.to_string()]);
        let service = Service {
            metadata: metadata::object(lowering, alias, Some(objects.namespace), owner),
            spec: Some(spec(lowering, &sources)),
            status: None,
        };
        objects.add(lowering, &service, &attribution, &sources);
    }
}

/// Returns the Service of some ports, each under its own number.
fn service_spec<'p>(
    lowering: &Lowering<'_>,
    component: &Component,
    ports: impl Iterator<Item = (&'p Name, &'p Port)>,
    sources: &Recorder,
) -> ServiceSpec {
    sources.kcc("spec.selector", label::IDENTITY);
    let mut all = Vec::new();
    for (name, port) in ports {
        let field = sources.below("spec.ports").element(all.len());
        let field = field.port(component, name);
        field.model("name", &[""]);
        field.model("port", &["number"]);
        field.model("targetPort", &["number"]);
        field.model("protocol", &["protocol"]);
        all.push(ServicePort {
            name: Some(name.clone()),
            port: port.number.into(),
            protocol: Some(pod::protocol(port).to_owned()),
            target_port: Some(IntOrString::Int(port.number.into())),
            ..ServicePort::default()
        });
    }
    ServiceSpec {
        ports: Some(all),
        selector: Some(metadata::selector(lowering, component)),
        ..ServiceSpec::default()
    }
}

/// Adds the Services that lead to public ports from outside. Each transport has one
/// of its own, because many load balancers take only one in a Service.
pub(super) fn public(
    lowering: &mut Lowering<'_>,
    component: &Component,
    kind: PublicPorts,
    objects: &mut Objects<'_>,
) {
    for (protocol, suffix) in [(Protocol::Tcp, "tcp"), (Protocol::Udp, "udp")] {
        let of_protocol = |port: &Port| port.public && port.protocol == protocol;
        let ports = component.ports.iter();
        let ports: Vec<_> = ports.filter(|(_, port)| of_protocol(port)).collect();
        let Some((first, _)) = ports.first() else {
            continue;
        };
        let attribution = Attribution {
            path: component.port_path(first).join("public"),
            ..Attribution::component(component)
        };
        let sources = attribution.sources(lowering);
        let mut spec = service_spec(lowering, component, ports.iter().copied(), &sources);
        let setting = metadata::target_path(lowering, "publicPorts");
        sources.paths("spec.type", vec![setting, attribution.path.clone()]);
        spec.type_ = Some(match kind {
            PublicPorts::LoadBalancer => "LoadBalancer".to_owned(),
            PublicPorts::NodePort => "NodePort".to_owned(),
        });
        let declared = ports
            .iter()
            .map(|(name, port)| (name, port.expose.number()));
        for (at, (name, number)) in declared.enumerate() {
            let field = sources
                .below("spec.ports")
                .element(at)
                .port(component, name);
            let outside = spec.ports.as_mut().and_then(|all| all.get_mut(at));
            let (Some(number), Some(outside)) = (number, outside) else {
                continue;
            };
            match kind {
                PublicPorts::LoadBalancer => {
                    field.model("port", &["expose", "number"]);
                    outside.port = number.into();
                }
                // Another number is for Docker. An instance leaves it to the target.
                PublicPorts::NodePort
                    if NODE_PORTS.contains(&number) && lowering.instance.is_none() =>
                {
                    field.model("nodePort", &["expose"]);
                    outside.node_port = Some(number.into());
                }
                PublicPorts::NodePort => {}
            }
        }
        let name = format!("{}{PUBLIC}{suffix}", component.name);
        let owner = Owner::Component(component);
        let service = Service {
            metadata: metadata::object(lowering, &name, Some(objects.namespace), owner),
            spec: Some(spec),
            status: None,
        };
        objects.add(lowering, &service, &attribution, &sources);
    }
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
