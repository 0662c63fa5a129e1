//! Lowers a component to the pod template of its workload.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Container as KubeContainer, ContainerPort, PodSpec, PodTemplateSpec, ResourceRequirements,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kcc_model::{
    Amounts, Component, Container, EnvValue, Image, Name, Port, Protocol, Resources, VolumeSource,
};
use kcc_tree::Path;

use crate::expand::escape_for_kubernetes;
use crate::kubernetes::metadata::{self, some};
use crate::kubernetes::{
    availability, env, limits, permissions, probe, quantity, security, storage,
};
use crate::lowering::Lowering;

/// The annotation that changes with the files and configs of a pod, so that the pod
/// is replaced.
const CONFIG_HASH: &str = "kcc.dev/config-hash";

pub(super) fn template(lowering: &mut Lowering<'_>, component: &Component) -> PodTemplateSpec {
    let ObjectMeta {
        labels,
        annotations,
        ..
    } = metadata::workload(lowering, &component.name, "", component);
    let mut annotations = annotations.unwrap_or_default();
    if let Some(hash) = config_hash(lowering, component) {
        annotations.insert(CONFIG_HASH.to_owned(), hash);
    }
    let (volumes, volume_mounts) = storage::mounts(lowering, component);
    let base = |lowering: &mut Lowering<'_>, path: &Path, name: &str, model: &Container| {
        let container = base_container(lowering, path, name, model);
        KubeContainer {
            volume_mounts: volume_mounts.clone(),
            ..container
        }
    };
    let main = KubeContainer {
        ports: ports(component, None),
        lifecycle: availability::lifecycle(component),
        ..base(
            lowering,
            &component.path,
            &component.name,
            &component.container,
        )
    };
    let mut init = Vec::new();
    for step in &component.init {
        let path = component.path.join("init").join(&step.name);
        init.push(base(lowering, &path, &step.name, &step.container));
    }
    // After the init steps, which therefore run without sidecars as they do on
    // Docker, and before the main container, which can rely on them. A pod
    // completes without waiting for them.
    for (name, model) in &component.sidecars {
        let path = component.path.join("sidecars").join(name);
        init.push(KubeContainer {
            ports: ports(component, Some(name)),
            restart_policy: Some("Always".to_owned()),
            ..base(lowering, &path, name, model)
        });
    }
    PodTemplateSpec {
        metadata: Some(ObjectMeta {
            labels,
            annotations: some(annotations),
            ..ObjectMeta::default()
        }),
        spec: Some(PodSpec {
            init_containers: (!init.is_empty()).then_some(init),
            containers: vec![main],
            service_account_name: Some(permissions::account(component).to_owned()),
            automount_service_account_token: Some(permissions::has_any(component)),
            // Off, since it would add undeclared variables for every Service.
            enable_service_links: Some(false),
            security_context: Some(security::pod(lowering, component)),
            termination_grace_period_seconds: Some(probe::seconds(component.grace_period).into()),
            node_selector: some(component.placement.nodes.clone()),
            tolerations: availability::tolerations(component),
            topology_spread_constraints: availability::spread(lowering, component),
            volumes,
            ..PodSpec::default()
        }),
    }
}

/// Lowers the fields that all containers of a pod share, without ports and mounts.
fn base_container(
    lowering: &mut Lowering<'_>,
    path: &Path,
    name: &str,
    model: &Container,
) -> KubeContainer {
    let (image, pull) = match &model.image {
        Image::Reference(reference) => (reference.clone(), None),
        // No registry may have an image that is built locally.
        Image::Build(build) => (build.tag.clone(), Some("IfNotPresent".to_owned())),
    };
    KubeContainer {
        name: name.to_owned(),
        image: Some(image),
        image_pull_policy: pull,
        command: model.command.as_deref().map(escape_list),
        args: model.args.as_deref().map(escape_list),
        working_dir: model.working_dir.clone(),
        env: env::lower(lowering, path, model),
        startup_probe: model.health.startup.as_ref().map(probe::lower),
        readiness_probe: model.health.readiness.as_ref().map(probe::lower),
        liveness_probe: model.health.liveness.as_ref().map(probe::lower),
        resources: resources(&model.resources),
        security_context: Some(security::container(&model.security)),
        ..KubeContainer::default()
    }
}

fn escape_list(list: &[String]) -> Vec<String> {
    list.iter()
        .map(|text| escape_for_kubernetes(text))
        .collect()
}

/// Returns the ports of a sidecar, or of the main container.
fn ports(component: &Component, sidecar: Option<&Name>) -> Option<Vec<ContainerPort>> {
    let ports: Vec<_> = component
        .ports
        .iter()
        .filter(|(_, port)| port.sidecar.as_ref() == sidecar)
        .map(|(name, port)| ContainerPort {
            // Only informative here, and more restricted than in the model.
            name: limits::is_port_name(name).then(|| name.clone()),
            container_port: port.number.into(),
            protocol: Some(protocol(port).to_owned()),
            ..ContainerPort::default()
        })
        .collect();
    (!ports.is_empty()).then_some(ports)
}

pub(super) fn protocol(port: &Port) -> &'static str {
    match port.protocol {
        Protocol::Tcp => "TCP",
        Protocol::Udp => "UDP",
    }
}

fn resources(resources: &Resources) -> Option<ResourceRequirements> {
    let requirements = ResourceRequirements {
        claims: None,
        limits: amounts(&resources.limits),
        requests: amounts(&resources.requests),
    };
    (requirements != ResourceRequirements::default()).then_some(requirements)
}

fn amounts(amounts: &Amounts) -> Option<BTreeMap<String, Quantity>> {
    let mut all = BTreeMap::new();
    all.extend(
        amounts
            .cpu
            .map(|cpu| ("cpu".to_owned(), quantity::cpu(cpu))),
    );
    all.extend(
        amounts
            .memory
            .map(|memory| ("memory".to_owned(), quantity::size(memory))),
    );
    some(all)
}

/// Hashes everything that a pod reads from ConfigMaps.
fn config_hash(lowering: &Lowering<'_>, component: &Component) -> Option<String> {
    let mounted = component
        .volumes
        .values()
        .filter_map(|volume| match &volume.source {
            VolumeSource::Config(config) => Some(config),
            _ => None,
        });
    let env = component
        .containers()
        .flat_map(|(_, container)| container.env.values());
    let named = env.filter_map(|value| match value {
        EnvValue::Config { name, .. } => Some(name),
        _ => None,
    });
    let configs: BTreeMap<_, _> = mounted
        .chain(named)
        .filter_map(|name| Some((name, &lowering.target.configs.get(name)?.data)))
        .collect();
    if configs.is_empty() && component.files.is_empty() {
        return None;
    }
    Some(crate::hash::of_json(&(configs, &component.files)))
}
