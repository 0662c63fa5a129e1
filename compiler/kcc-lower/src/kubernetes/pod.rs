//! Lowers a component to the pod template of its workload.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Container as KubeContainer, ContainerPort, HostAlias, PodSpec, PodTemplateSpec,
    ResourceRequirements,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kcc_model::{
    Amounts, Component, Container, EngineTarget, EnvValue, Image, IpAddr, Name, Port, Probe,
    Protocol, Resources, VolumeSource,
};
use kcc_tree::Path;

use crate::expand::escape_for_kubernetes;
use crate::kubernetes::metadata::{self, some};
use crate::kubernetes::storage::Mounted;
use crate::kubernetes::{
    availability, env, label, limits, permissions, probe, quantity, security, storage,
};
use crate::lowering::Lowering;
use crate::source::Recorder;

pub(super) fn template(
    lowering: &mut Lowering<'_>,
    component: &Component,
    sources: &Recorder,
) -> PodTemplateSpec {
    record(lowering, component, sources);
    let metadata = pod_metadata(lowering, component, sources);
    let sources = sources.below("spec");
    let mounted = storage::mounts(lowering, component);
    let main = main_container(lowering, component, &mounted, &sources);
    let preceding = preceding_containers(lowering, component, &mounted, &sources);
    PodTemplateSpec {
        metadata: Some(metadata),
        spec: Some(PodSpec {
            init_containers: (!preceding.is_empty()).then_some(preceding),
            containers: vec![main],
            service_account_name: Some(permissions::account(component).to_owned()),
            automount_service_account_token: Some(permissions::has_any(component)),
            enable_service_links: Some(false),
            security_context: Some(security::pod(lowering, component)),
            termination_grace_period_seconds: Some(probe::seconds(component.grace_period).into()),
            host_aliases: host_aliases(component, &sources.below("hostAliases")),
            host_network: component.host_network.then_some(true),
            // By default such a pod resolves only the names of its node.
            dns_policy: component
                .host_network
                .then(|| "ClusterFirstWithHostNet".to_owned()),
            node_selector: some(nodes(component)),
            priority_class_name: component.placement.priority_class.clone(),
            tolerations: availability::tolerations(component, &sources.below("tolerations")),
            topology_spread_constraints: availability::spread(lowering, component, &sources),
            volumes: mounted.volumes(&sources.below("volumes")),
            ..PodSpec::default()
        }),
    }
}

/// Returns the labels and annotations, among them the hash of the pod's files.
fn pod_metadata(
    lowering: &mut Lowering<'_>,
    component: &Component,
    sources: &Recorder,
) -> ObjectMeta {
    let ObjectMeta {
        labels,
        annotations,
        ..
    } = metadata::workload(lowering, &component.name, "", component);
    let mut annotations = annotations.unwrap_or_default();
    if let Some(hash) = config_hash(lowering, component) {
        annotations.insert(label::CONFIG_HASH.to_owned(), hash);
        let field = sources
            .below("metadata.annotations")
            .entry(label::CONFIG_HASH);
        field.kcc(
            "",
            "it changes with the files of the pod, so that the pod is replaced",
        );
    }
    ObjectMeta {
        labels,
        annotations: some(annotations),
        ..ObjectMeta::default()
    }
}

fn main_container(
    lowering: &mut Lowering<'_>,
    component: &Component,
    mounted: &Mounted,
    pod: &Recorder,
) -> KubeContainer {
    let sources = pod.below("containers.0");
    let (path, name, model) = (&component.path, &component.name, &component.container);
    KubeContainer {
        ports: ports(component, None, &sources),
        lifecycle: availability::lifecycle(component),
        volume_mounts: mounted.mounts(component, model, &sources.below("volumeMounts")),
        ..base_container(lowering, component, path, name, model, &sources)
    }
}

/// Returns the init steps, and the sidecars after them: an init step therefore runs
/// without sidecars, as it does on Docker, and the main container can rely on them. A
/// pod completes without waiting for its sidecars.
fn preceding_containers(
    lowering: &mut Lowering<'_>,
    component: &Component,
    mounted: &Mounted,
    pod: &Recorder,
) -> Vec<KubeContainer> {
    let preceding = pod.below("initContainers");
    let mut containers = Vec::new();
    for step in &component.init {
        let path = component.path.join("init").join(&step.name);
        let sources = preceding.element(containers.len());
        let sources = sources.part("init", &step.name);
        let (name, model) = (&step.name, &step.container);
        containers.push(KubeContainer {
            volume_mounts: mounted.mounts(component, model, &sources.below("volumeMounts")),
            ..base_container(lowering, component, &path, name, model, &sources)
        });
    }
    for (name, model) in &component.sidecars {
        let path = component.path.join("sidecars").join(name);
        let sources = preceding.element(containers.len());
        let sources = sources.part("sidecars", name);
        sources.kcc(
            "restartPolicy",
            "a sidecar runs as long as the main container",
        );
        containers.push(KubeContainer {
            ports: ports(component, Some(name), &sources),
            restart_policy: Some("Always".to_owned()),
            volume_mounts: mounted.mounts(component, model, &sources.below("volumeMounts")),
            ..base_container(lowering, component, &path, name, model, &sources)
        });
    }
    containers
}

/// The labels of a node with its operating system and architecture.
const OS: &str = "kubernetes.io/os";
const ARCHITECTURE: &str = "kubernetes.io/arch";

/// Returns the labels that a node must have: those declared, and the platform.
fn nodes(component: &Component) -> BTreeMap<String, String> {
    let mut nodes = component.placement.nodes.clone();
    let platform = component.container.platform.iter();
    let parts = platform.flat_map(|platform| platform.split('/'));
    for (label, part) in [OS, ARCHITECTURE].into_iter().zip(parts) {
        nodes
            .entry(label.to_owned())
            .or_insert_with(|| part.to_owned());
    }
    nodes
}

/// Records the fields of a pod outside its lists.
fn record(lowering: &Lowering<'_>, component: &Component, sources: &Recorder) {
    sources.kcc("metadata.labels", label::IDENTITY);
    metadata::record_declared(lowering, component, sources);
    let spec = sources.below("spec");
    spec.model("serviceAccountName", &["identity.name", ""]);
    spec.model("automountServiceAccountToken", &["identity.rules", ""]);
    spec.kcc("enableServiceLinks", "avoids undeclared variables");
    spec.model("terminationGracePeriodSeconds", &["rollout.gracePeriod"]);
    spec.alike("nodeSelector", "placement.nodes");
    for label in [OS, ARCHITECTURE] {
        let field = spec.below("nodeSelector").entry(label);
        let declared = ["placement", "nodes", label].map(str::to_owned).to_vec();
        let platform = vec!["platform".to_owned()];
        field.paths("", field.resolve(&[declared, platform]));
    }
    spec.model("hostNetwork", &["hostNetwork"]);
    spec.model("dnsPolicy", &["hostNetwork"]);
    spec.model("priorityClassName", &["placement.priorityClass"]);
    security::record_pod(&spec.below("securityContext"));
}

/// Lowers the fields that all containers of a pod share, without ports and mounts.
fn base_container(
    lowering: &mut Lowering<'_>,
    component: &Component,
    path: &Path,
    name: &str,
    model: &Container,
    sources: &Recorder,
) -> KubeContainer {
    record_container(sources);
    let image = lowering.image(path, model);
    // No registry may have an image that is built locally.
    let pull = matches!(model.image, Image::Build(_)).then(|| "IfNotPresent".to_owned());
    let health = |purpose: &str, declared: Option<&Probe>| {
        let sources = sources.below(&format!("{purpose}Probe"));
        Some(probe::lower(declared?, purpose, &sources))
    };
    KubeContainer {
        name: name.to_owned(),
        image: Some(image),
        image_pull_policy: pull,
        command: model.command.as_deref().map(escape_list),
        args: model.args.as_deref().map(escape_list),
        working_dir: model.working_dir.clone(),
        env: env::lower(lowering, component, path, model, &sources.below("env")),
        startup_probe: health("startup", model.health.startup.as_ref()),
        readiness_probe: health("readiness", model.health.readiness.as_ref()),
        liveness_probe: health("liveness", model.health.liveness.as_ref()),
        resources: resources(lowering, &model.resources),
        security_context: Some(security::container(lowering, component, path, model)),
        ..KubeContainer::default()
    }
}

/// Records the fields of a container that are its own.
fn record_container(sources: &Recorder) {
    sources.model("name", &[""]);
    sources.model("image", &["image", "build"]);
    sources.model("imagePullPolicy", &["build"]);
    sources.alike("command", "command");
    sources.alike("args", "args");
    sources.model("workingDir", &["workingDir"]);
    let hook = "lifecycle.preStop.exec.command";
    sources.model(hook, &["rollout.preStop"]);
    sources.model("resources.limits", &["resources.gpu"]);
    for amounts in ["requests", "limits"] {
        for resource in ["cpu", "memory"] {
            let long = format!("resources.{amounts}.{resource}");
            sources.model(&long, &[&long, &format!("resources.{resource}")]);
        }
    }
    security::record_container(&sources.below("securityContext"));
}

fn escape_list(list: &[String]) -> Vec<String> {
    list.iter()
        .map(|text| escape_for_kubernetes(text))
        .collect()
}

/// Returns the ports of a sidecar, or of the main container.
fn ports(
    component: &Component,
    sidecar: Option<&Name>,
    sources: &Recorder,
) -> Option<Vec<ContainerPort>> {
    let own = component.ports.iter();
    let own = own.filter(|(_, port)| port.sidecar.as_ref() == sidecar);
    for (at, (name, _)) in own.clone().enumerate() {
        let field = sources.below("ports").element(at);
        let port = field.port(component, name);
        port.model("name", &[""]);
        port.model("containerPort", &["number"]);
        port.model("protocol", &["protocol"]);
    }
    let ports: Vec<_> = own
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

/// Returns the aliases of hosts, which Kubernetes groups by their address.
fn host_aliases(component: &Component, sources: &Recorder) -> Option<Vec<HostAlias>> {
    let mut by_address: BTreeMap<IpAddr, Vec<String>> = BTreeMap::new();
    for (name, address) in &component.host_aliases {
        by_address.entry(*address).or_default().push(name.clone());
    }
    let mut aliases = Vec::new();
    for (address, names) in by_address {
        let source = sources.element(aliases.len());
        source.named("ip", ["hostAliases", &names[0]]);
        for (at, name) in names.iter().enumerate() {
            let host = source.below("hostnames").element(at);
            host.named("", ["hostAliases", name]);
        }
        aliases.push(HostAlias {
            ip: address.to_string(),
            hostnames: Some(names),
        });
    }
    (!aliases.is_empty()).then_some(aliases)
}

fn resources(lowering: &Lowering<'_>, resources: &Resources) -> Option<ResourceRequirements> {
    let mut limits = amounts(&resources.limits);
    if let (Some(count), EngineTarget::Kubernetes { gpu, .. }) =
        (resources.gpu, &lowering.target.engine)
    {
        // The request is the same: an extended resource cannot be overcommitted.
        limits.insert(gpu.clone(), Quantity(count.to_string()));
    }
    let requirements = ResourceRequirements {
        claims: None,
        limits: some(limits),
        requests: some(amounts(&resources.requests)),
    };
    (requirements != ResourceRequirements::default()).then_some(requirements)
}

fn amounts(amounts: &Amounts) -> BTreeMap<String, Quantity> {
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
    all
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
