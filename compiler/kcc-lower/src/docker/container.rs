//! Lowers one component to containers, volumes and images of a Docker engine.

use std::collections::{BTreeMap, BTreeSet};

use kcc_diag::Code;
use kcc_model::{
    Check, Component, Container as ModelContainer, EnvValue, Expose, Health, Image as ModelImage,
    Kind, Name, Profile, Protocol, Run, Strategy, VolumeSource,
};
use kcc_tree::Path;

use super::contents::{Contents, POD_NAME, contents, environment, expanded, has_extra_containers};
use super::names::{self, insert, labels, prefix};
use crate::docker::{
    Container, DockerDesired, HealthCheck, Image, InitStep, Mount, Patch, Publish, Restart, Volume,
    label, networks,
};
use crate::lowering::Lowering;
use crate::source::{Recorder, Sources};
use crate::user::User;

/// Docker's CPU shares for one core.
const CPU_SHARES_PER_CORE: u64 = 1024;
/// The smallest number of CPU shares that the kernel accepts.
const MIN_CPU_SHARES: u64 = 2;

pub(super) fn lower(
    lowering: &mut Lowering<'_>,
    component: &Component,
    desired: &mut DockerDesired,
) {
    let networks = networks::of_component(lowering, component, &desired.networks);
    let sources = names::record(component);
    let template = main(lowering, component, networks, &sources);
    let sidecars = sidecars(lowering, component);
    let others = sidecars.values().map(|(sidecar, _)| sidecar);
    for container in template.with_init().chain(others) {
        image(lowering, component, container, desired);
    }
    let base = format!("{}-{}", prefix(lowering), component.name);
    // A job gets one container per completion. A cron job has a single container,
    // which is started for each run.
    let count = match component.kind {
        Kind::Job(run) => run.completions,
        _ => component.replicas,
    };
    for replica in 1..=count {
        let name = numbered(&base, replica);
        let mut container = template.clone();
        let mut sidecars = sidecars.clone();
        let init = container.init.iter_mut().map(|step| &mut step.container);
        for part in init.chain(sidecars.values_mut().map(|(sidecar, _)| sidecar)) {
            name_pod(part, &name);
        }
        name_pod(&mut container, &name);
        for (volume, path) in persistent(component) {
            let own = component.stateful.then_some(replica);
            let name = numbered(&format!("{base}-{volume}"), own.unwrap_or(1));
            if own.is_some() || replica == 1 {
                let object = Volume {
                    component: Some(component.name.clone()),
                    team: component.team.clone(),
                    labels: labels(lowering, Some(component)),
                };
                let source = names::record(component);
                source.named("", ["volumes", volume]);
                source.kcc("labels", label::IDENTITY);
                source.model("component", &[""]);
                lowering.record("volume", &name, source.finish());
                let at = component.path.join("volumes").join(volume);
                insert(
                    lowering,
                    &mut desired.volumes,
                    name.clone(),
                    object,
                    &at,
                    "volume",
                );
            }
            let init = container.init.iter_mut().map(|step| &mut step.container);
            for extra in init.chain(sidecars.values_mut().map(|(sidecar, _)| sidecar)) {
                let mount = Mount::Volume(name.clone());
                extra.mounts.insert(path.to_owned(), mount);
            }
            container
                .mounts
                .insert(path.to_owned(), Mount::Volume(name));
        }
        if let Kind::Job(run) = component.kind {
            // Limits how many run at once: each waits for the one `parallelism` before.
            let before = replica.checked_sub(run.parallelism).filter(|at| *at > 0);
            container.after = before.map(|at| numbered(&base, at)).into_iter().collect();
        }
        for (sidecar, (container, sources)) in sidecars {
            let container = Container {
                sidecar_of: Some(name.clone()),
                ..container
            };
            let name = Container::extra_name(&name, &sidecar);
            lowering.record("container", &name, sources);
            desired.containers.insert(name, container);
        }
        lowering.record("container", &name, sources.finish());
        let at = &component.path;
        insert(
            lowering,
            &mut desired.containers,
            name,
            container,
            at,
            "container",
        );
    }
}

/// Returns the name of a replica. The first has no number, so that scaling up does
/// not rename it.
fn numbered(name: &str, number: u32) -> String {
    if number == 1 {
        name.to_owned()
    } else {
        format!("{name}-{number}")
    }
}

fn persistent(component: &Component) -> impl Iterator<Item = (&str, &str)> {
    component
        .volumes
        .iter()
        .filter(|(_, volume)| matches!(volume.source, VolumeSource::Persistent { .. }))
        .map(|(name, volume)| (name.as_str(), volume.mount.as_str()))
}

/// Adds the image of a container to the required ones.
fn image(
    lowering: &mut Lowering<'_>,
    component: &Component,
    container: &Container,
    desired: &mut DockerDesired,
) {
    if !desired.images.contains_key(&container.image) {
        let sources = names::record(component);
        let build = sources.below("build");
        build.kcc("", "the image is pulled, not built");
        sources.model("platform", &["platform"]);
        build.model("context", &["build.context"]);
        build.model("file", &["build.file"]);
        build.alike("args", "build.args");
        build.model("stage", &["build.stage", "build"]);
        build.kcc(
            "tag",
            "the tag is derived from the system and the build inputs",
        );
        sources.kcc("locked", "the digest that `kcc.lock` has");
        lowering.record("image", &container.image, sources.finish());
    }
    let build = match &component.container.image {
        ModelImage::Build(build) if build.tag == container.image => Some(build.clone()),
        _ => None,
    };
    // A pinned reference contains its digest.
    let locked = lowering.images.get(&container.image);
    let locked = locked.and_then(|facts| facts.digest.clone());
    let new = || Image {
        component: component.name.clone(),
        platform: container.platform.clone(),
        build,
        locked: locked.map(String::from),
    };
    desired
        .images
        .entry(container.image.clone())
        .or_insert_with(new);
}

/// Builds the main container, the template of all replicas, without persistent
/// volumes.
fn main(
    lowering: &mut Lowering<'_>,
    component: &Component,
    networks: BTreeMap<String, Vec<String>>,
    sources: &Recorder,
) -> Container {
    let model = &component.container;
    let base = base_container(lowering, component, &component.path, model, sources);
    sources.model("restart", &["retries"]);
    sources.model("onDemand", &["schedule"]);
    sources.model("after", &["parallelism", "completions"]);
    sources.alike("docker", "docker");
    let mut labels = base.labels.clone();
    if let Some(command) = &component.rollout.pre_stop {
        let command = serde_json::to_string(command).unwrap_or_default();
        labels.insert(label::PRE_STOP.to_owned(), command);
        let field = sources.below("labels").entry(label::PRE_STOP);
        field.model("", &["rollout.preStop"]);
    }
    let docker = super::patch::decode(lowering, component);
    check_aliases(lowering, component, docker.as_ref());
    check_gpus(lowering, component, docker.as_ref());
    networks::check_host_network(lowering, component);
    for (at, name) in component.devices.keys().enumerate() {
        let device = sources.below("devices").element(at);
        let device = device.within(["devices", name]);
        device.model("path", &["path"]);
        device.model("mount", &["mount", "path"]);
    }
    Container {
        devices: component.devices.values().cloned().collect(),
        ports: ports(lowering, component, &sources.below("ports")),
        init: init(lowering, component, &networks, &sources.below("init")),
        networks,
        restart: match component.run() {
            Some(Run { retries: 0, .. }) => Restart::No,
            Some(run) => Restart::OnFailure(run.retries),
            None => Restart::UnlessStopped,
        },
        on_demand: component.is_cron_job(),
        docker,
        labels,
        recreate: component.rollout.strategy == Some(Strategy::Recreate),
        ..base
    }
}

/// Reports a patch that would replace the aliases of hosts.
fn check_aliases(lowering: &mut Lowering<'_>, component: &Component, patch: Option<&Patch>) {
    let host = patch.and_then(|patch| patch.host_config.as_ref());
    if component.host_aliases.is_empty() || host.is_none_or(|host| host.extra_hosts.is_none()) {
        return;
    }
    let below = ["HostConfig", "ExtraHosts"].map(str::to_owned);
    let field = lowering.declared_path(component, "docker", &below);
    lowering.error(
        Code::LowerManagedField,
        &field,
        format!(
            "`{field}` is set by kcc, since `{}` has `hostAliases`",
            component.path
        ),
        "set by kcc",
        "move its names to `hostAliases`",
    );
}

/// Reports a patch that would replace the GPUs.
fn check_gpus(lowering: &mut Lowering<'_>, component: &Component, patch: Option<&Patch>) {
    let host = patch.and_then(|patch| patch.host_config.as_ref());
    let free = component.container.resources.gpu.is_none();
    if free || host.is_none_or(|host| host.device_requests.is_none()) {
        return;
    }
    let below = ["HostConfig", "DeviceRequests"].map(str::to_owned);
    let field = lowering.declared_path(component, "docker", &below);
    lowering.error(
        Code::LowerManagedField,
        &field,
        format!(
            "`{field}` is set by kcc, since `{}` has `resources.gpu`",
            component.path
        ),
        "set by kcc",
        "remove `gpu`, or write all requests in the patch",
    );
}

/// Fills in the name of the container that stands for a pod.
fn name_pod(container: &mut Container, name: &str) {
    let env = container.env.values_mut().filter_map(|value| match value {
        EnvValue::Literal(text) => Some(text),
        _ => None,
    });
    let words = [&mut container.command, &mut container.args];
    let words = words.into_iter().flatten().flatten();
    for text in env.chain(words) {
        if text.contains(POD_NAME) {
            *text = text.replace(POD_NAME, name);
        }
    }
}

/// Builds the init steps, which are on the main container's networks without its
/// name.
fn init(
    lowering: &mut Lowering<'_>,
    component: &Component,
    main: &BTreeMap<String, Vec<String>>,
    sources: &Recorder,
) -> Vec<InitStep> {
    let own = main.keys();
    let networks: BTreeMap<_, _> = own.map(|network| (network.clone(), Vec::new())).collect();
    let mut steps = Vec::new();
    for step in component
        .init
        .iter()
        .filter(|_| has_extra_containers(component))
    {
        let path = component.path.join("init").join(&step.name);
        let sources = sources.element(steps.len()).part("init", &step.name);
        sources.model("name", &[""]);
        let sources = sources.below("container");
        sources.component().model("component", &[""]);
        let base = base_container(lowering, component, &path, &step.container, &sources);
        steps.push(InitStep {
            name: step.name.clone(),
            container: Container {
                networks: networks.clone(),
                ..base
            },
        });
    }
    steps
}

/// Builds the sidecars, whose ports are published through the main container.
fn sidecars(
    lowering: &mut Lowering<'_>,
    component: &Component,
) -> BTreeMap<Name, (Container, Sources)> {
    let mut sidecars = BTreeMap::new();
    for (name, model) in component
        .sidecars
        .iter()
        .filter(|_| has_extra_containers(component))
    {
        let path = component.path.join("sidecars").join(name);
        let sources = names::record(component).part("sidecars", name);
        sources.kcc(
            "sidecarOf",
            "a sidecar shares the network of the main container",
        );
        let base = base_container(lowering, component, &path, model, &sources);
        let sidecar = Container {
            restart: Restart::UnlessStopped,
            // It has the hosts file of the container whose network it joins.
            host_network: false,
            on_host: Vec::new(),
            host_aliases: BTreeMap::new(),
            ..base
        };
        sidecars.insert(name.clone(), (sidecar, sources.finish()));
    }
    sidecars
}

/// Builds the settings that all containers of a component share.
fn base_container(
    lowering: &mut Lowering<'_>,
    component: &Component,
    path: &Path,
    model: &ModelContainer,
    sources: &Recorder,
) -> Container {
    if path == &component.path || model.user != component.container.user {
        lowering.check_root(path, model);
    }
    record(component, sources);
    networks::record(lowering, component, sources);
    let env = environment(lowering, component, path, model);
    let command = expanded(lowering, path, "command", model.command.as_deref(), &env);
    let args = expanded(lowering, path, "args", model.args.as_deref(), &env);
    let mut all_labels = component.labels.clone();
    all_labels.extend(labels(lowering, Some(component)));
    for variable in env.keys() {
        let field = sources.below("env").entry(variable);
        field.variable(component, variable);
    }
    let Contents {
        files,
        binary_files,
        access,
        mounts,
        mount_options,
    } = contents(lowering, component, model, &sources.component());
    Container {
        component: component.name.clone(),
        image: lowering.image(path, model),
        command,
        args,
        platform: model.platform.clone(),
        working_dir: model.working_dir.clone(),
        user: User::of(model).for_docker(),
        env,
        files,
        binary_files,
        access,
        mounts,
        mount_options,
        ports: Vec::new(),
        networks: BTreeMap::new(),
        host_network: component.host_network,
        on_host: networks::on_host(lowering, component),
        host_aliases: component.host_aliases.clone(),
        health: health(&model.health, sources),
        has_image_health: matches!(
            model.health.readiness.as_ref().map(|probe| &probe.check),
            Some(Check::Image { .. })
        ),
        memory: model.resources.limits.memory.map(|bytes| bytes.0),
        cpu_millis: model.resources.limits.cpu.map(|cpu| cpu.0),
        cpu_shares: model
            .resources
            .requests
            .cpu
            .map(|cpu| (cpu.0 * CPU_SHARES_PER_CORE / 1000).max(MIN_CPU_SHARES)),
        gpus: model.resources.gpu,
        devices: Vec::new(),
        restart: Restart::No,
        on_demand: false,
        stop_timeout: component.grace_period.0.div_ceil(1000),
        read_only: model.security.read_only_root,
        privileged: model.security.privileged,
        baseline: model.security.profile == Profile::Baseline,
        add_capabilities: model.security.add_capabilities.clone(),
        drop_capabilities: model.security.drop_capabilities.clone(),
        after: Vec::new(),
        docker: None,
        init: Vec::new(),
        sidecar_of: None,
        labels: all_labels,
        recreate: false,
    }
}

/// Records the fields that all containers of a component have.
fn record(component: &Component, sources: &Recorder) {
    sources.model("image", &["image", "build"]);
    sources.alike("command", "command");
    sources.alike("args", "args");
    sources.model("platform", &["platform"]);
    sources.model("gpus", &["resources.gpu"]);
    sources.model("workingDir", &["workingDir"]);
    sources.model("user", &["user"]);
    for (field, amounts, resource) in [
        ("memory", "limits", "memory"),
        ("cpuMillis", "limits", "cpu"),
        ("cpuShares", "requests", "cpu"),
    ] {
        let long = format!("resources.{amounts}.{resource}");
        let mut paths = vec![long.as_str()];
        // A limit of the CPU has no short form.
        let short = format!("resources.{resource}");
        if field != "cpuMillis" {
            paths.push(&short);
        }
        sources.model(field, &paths);
    }
    sources.component().model("restart", &["retries"]);
    sources.model("stopTimeout", &["rollout.gracePeriod"]);
    sources.model("readOnly", &["security.readOnlyRoot"]);
    sources.model("privileged", &["security.privileged"]);
    sources.model("baseline", &["security.profile"]);
    let add = ["security.capabilities.add", "security"];
    sources.model("addCapabilities", &add);
    sources.model("dropCapabilities", &["security.capabilities.drop"]);
    sources.component().alike("hostAliases", "hostAliases");
    sources.component().model("hostNetwork", &["hostNetwork"]);
    sources.component().model("onHost", &["needs"]);
    sources.kcc("labels", label::IDENTITY);
    for name in component.labels.keys() {
        let field = sources.below("labels").entry(name);
        field.component().named("", ["labels", name]);
    }
}

/// Returns the published ports: exposed ones and those that a route leads to. An
/// instance gets free host ports, because the plain target holds the numbers.
fn ports(lowering: &Lowering<'_>, component: &Component, sources: &Recorder) -> Vec<Publish> {
    if component.host_network {
        // They are ports of the host already.
        return Vec::new();
    }
    let routed: BTreeSet<_> = component.routes.values().map(|route| &route.port).collect();
    let mut published = Vec::new();
    for (name, port) in &component.ports {
        let outside = port.public || routed.contains(name);
        if port.expose == Expose::No && !outside {
            continue;
        }
        let field = sources.element(published.len());
        let source = field.port(component, name);
        source.model("container", &["number"]);
        source.model("protocol", &["protocol"]);
        source.model_or(
            "host",
            &["expose", "public"],
            &field.component(),
            &["routes"],
        );
        source.model("address", &["expose"]);
        published.push(Publish {
            container: port.number,
            protocol: protocol(port.protocol),
            host: port.expose.number().filter(|_| lowering.instance.is_none()),
            address: port.expose.address(),
        });
    }
    published
}

fn protocol(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
    }
}

/// Returns the health check. Docker has only one, so readiness wins.
fn health(health: &Health, sources: &Recorder) -> Option<HealthCheck> {
    let (purpose, probe) = [
        ("readiness", &health.readiness),
        ("startup", &health.startup),
        ("liveness", &health.liveness),
    ]
    .into_iter()
    .find_map(|(purpose, probe)| Some((purpose, probe.as_ref()?)))?;
    let check = sources.below("health").within(["health", purpose]);
    check.model("check.http.path", &["http"]);
    let component = sources.component();
    let ports = ["ports.http.number", "ports"];
    check.model_or("check.http.port", &["port"], &component, &ports);
    check.model("check.tcp.port", &["tcp"]);
    check.model("check.grpc.port", &["grpc"]);
    check.model("check.exec", &["exec"]);
    check.model("startPeriodMs", &["delay"]);
    check.model("intervalMs", &["period"]);
    check.model("timeoutMs", &["timeout"]);
    check.model("retries", &["failures"]);
    // The engine runs the image's own check unless it gets another one.
    if matches!(probe.check, Check::Image { .. }) {
        return None;
    }
    let start = health.startup.as_ref().map_or(probe.delay.0, |startup| {
        startup.delay.0 + startup.period.0 * u64::from(startup.failures)
    });
    Some(HealthCheck {
        check: probe.check.clone(),
        start_period_ms: start,
        interval_ms: probe.period.0,
        timeout_ms: probe.timeout.0,
        retries: probe.failures,
    })
}
