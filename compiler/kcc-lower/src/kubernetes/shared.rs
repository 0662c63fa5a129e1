//! Lowers a component that an instance shares with its target: its names lead to the
//! Services in the namespace of the target, and a policy there admits the instance.

use k8s_openapi::api::core::v1::{Service, ServiceSpec};
use kcc_model::Component;

use crate::kubernetes::metadata::{self, Owner};
use crate::kubernetes::objects::{Attribution, Objects};
use crate::kubernetes::policies;
use crate::lowering::Lowering;

/// The domain of names in a cluster. A record that refers to another name has to spell
/// it out, and no API tells of a domain that the cluster's administrator chose instead.
const CLUSTER_DOMAIN: &str = "cluster.local";

pub(super) fn lower(
    lowering: &mut Lowering<'_>,
    component: &Component,
    target_namespace: &str,
    objects: &mut Objects<'_>,
) {
    let attribution = Attribution::team(&component.team, component.path.clone());
    let names = std::iter::once(&component.name).chain(&component.aliases);
    // A cluster cannot resolve names with dots.
    for name in names.filter(|name| !name.contains('.')) {
        let owner = Owner::Team(&component.team);
        let service = Service {
            metadata: metadata::object(lowering, name, Some(objects.namespace), owner),
            spec: Some(ServiceSpec {
                type_: Some("ExternalName".to_owned()),
                external_name: Some(format!("{name}.{target_namespace}.svc.{CLUSTER_DOMAIN}")),
                ..ServiceSpec::default()
            }),
            status: None,
        };
        let sources = attribution.sources(lowering);
        sources.kcc("spec", "an instance shares the component with its target");
        objects.add(lowering, &service, &attribution, &sources);
    }
    // No name of a component contains a dot.
    let instance = lowering.instance.unwrap_or_default();
    let name = format!("{}.{instance}", component.name);
    let place = (name.as_str(), target_namespace);
    policies::shared(lowering, component, place, &attribution, objects);
}
