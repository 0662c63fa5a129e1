//! One component as the containers, volumes and image of a Docker engine.

use std::collections::{BTreeMap, BTreeSet};

use kcc_cue::Path;
use kcc_model::{
    Check, Component, Container as ModelContainer, EnvValue, Expose, File, Health,
    Image as ModelImage, Kind, Name, Protocol, Run, Strategy, VolumeSource,
};

use crate::docker::{
    Container, DockerDesired, HealthCheck, Image, InitStep, Mount, PRE_STOP, Publish, Restart,
    Volume, insert, labels, networks, prefix,
};
use crate::expand::{Variable, expand};
use crate::lowering::Lowering;
use crate::user::User;

/// The weight that Docker gives to one core.
const SHARES_PER_CORE: u64 = 1024;
/// The smallest weight that the kernel takes.
const LEAST_SHARES: u64 = 2;

pub(super) fn lower(
    lowering: &mut Lowering<'_>,
    component: &Component,
    desired: &mut DockerDesired,
) {
    let networks = networks::of(lowering, component, &desired.networks);
    let template = main(lowering, component, networks);
    let sidecars = sidecars(lowering, component);
    for container in template.with_init().chain(sidecars.values()) {
        image(component, container, desired);
    }
    let base = format!("{}-{}", prefix(lowering), component.name);
    // A job that has to complete several times does so in as many containers;
    // a cron job's only one is started again and again.
    let count = match component.kind {
        Kind::Job(run) => run.completions,
        _ => component.replicas,
    };
    for replica in 1..=count {
        let name = numbered(&base, replica);
        let mut container = template.clone();
        let mut sidecars = sidecars.clone();
        for (volume, path) in persistent(component) {
            let own = component.stateful.then_some(replica);
            let name = numbered(&format!("{base}-{volume}"), own.unwrap_or(1));
            if own.is_some() || replica == 1 {
                let object = Volume {
                    component: component.name.clone(),
                    labels: labels(lowering, Some(component)),
                };
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
            for beside in init.chain(sidecars.values_mut()) {
                let mount = Mount::Volume(name.clone());
                beside.mounts.insert(path.to_owned(), mount);
            }
            container
                .mounts
                .insert(path.to_owned(), Mount::Volume(name));
        }
        if let Kind::Job(run) = component.kind {
            // No more at once than are allowed.
            let before = replica.checked_sub(run.parallelism).filter(|at| *at > 0);
            container.after = before.map(|at| numbered(&base, at)).into_iter().collect();
        }
        for (sidecar, container) in sidecars {
            let container = Container {
                sidecar_of: Some(name.clone()),
                ..container
            };
            let beside = Container::beside(&name, &sidecar);
            desired.containers.insert(beside, container);
        }
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

/// The first keeps its plain name, so that more replicas leave it alone.
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

/// Notes the image of a container as one that has to be there.
fn image(component: &Component, container: &Container, desired: &mut DockerDesired) {
    let build = match &component.container.image {
        ModelImage::Build(build) if build.tag == container.image => Some(build.clone()),
        _ => None,
    };
    let wanted = || Image {
        component: component.name.clone(),
        build,
    };
    desired
        .images
        .entry(container.image.clone())
        .or_insert_with(wanted);
}

/// The main container that all replicas are made from; persistent volumes are
/// missing.
fn main(
    lowering: &mut Lowering<'_>,
    component: &Component,
    networks: BTreeMap<String, Vec<String>>,
) -> Container {
    let model = &component.container;
    if model.security.non_root && User::of(model).is_root() {
        lowering.runs_as_root(component);
    }
    let plain = plain(lowering, component, &component.path, model);
    let mut labels = plain.labels.clone();
    if let Some(command) = &component.rollout.pre_stop {
        let command = serde_json::to_string(command).unwrap_or_default();
        labels.insert(PRE_STOP.to_owned(), command);
    }
    Container {
        ports: ports(component),
        init: init(lowering, component, &networks),
        networks,
        restart: match component.run() {
            Some(Run { retries: 0, .. }) => Restart::No,
            Some(run) => Restart::OnFailure(run.retries),
            None => Restart::UnlessStopped,
        },
        on_demand: component.is_cron_job(),
        docker: super::patch::of(lowering, component),
        labels,
        recreate: component.rollout.strategy == Some(Strategy::Recreate),
        ..plain
    }
}

/// Whether containers beside the main one are made here: whoever starts the run
/// of a cron job starts the main container alone.
fn has_company(component: &Component) -> bool {
    let alone = component.init.is_empty() && component.sidecars.is_empty();
    !alone && !component.is_cron_job()
}

/// The init steps: on the networks of the main container, without its name.
fn init(
    lowering: &mut Lowering<'_>,
    component: &Component,
    main: &BTreeMap<String, Vec<String>>,
) -> Vec<InitStep> {
    let own = main.keys();
    let networks: BTreeMap<_, _> = own.map(|network| (network.clone(), Vec::new())).collect();
    let mut steps = Vec::new();
    for step in component.init.iter().filter(|_| has_company(component)) {
        let path = component.path.join("init").join(&step.name);
        let plain = plain(lowering, component, &path, &step.container);
        steps.push(InitStep {
            name: step.name.clone(),
            container: Container {
                networks: networks.clone(),
                ..plain
            },
        });
    }
    steps
}

/// The sidecars. What listens in them is published through the main container.
fn sidecars(lowering: &mut Lowering<'_>, component: &Component) -> BTreeMap<Name, Container> {
    let mut sidecars = BTreeMap::new();
    for (name, model) in component.sidecars.iter().filter(|_| has_company(component)) {
        let path = component.path.join("sidecars").join(name);
        let plain = plain(lowering, component, &path, model);
        let sidecar = Container {
            restart: Restart::UnlessStopped,
            ..plain
        };
        sidecars.insert(name.clone(), sidecar);
    }
    sidecars
}

/// What all containers of a component have.
fn plain(
    lowering: &mut Lowering<'_>,
    component: &Component,
    path: &Path,
    model: &ModelContainer,
) -> Container {
    let env = environment(lowering, path, model);
    let command = words(lowering, path, "command", model.command.as_deref(), &env);
    let args = words(lowering, path, "args", model.args.as_deref(), &env);
    let mut all_labels = component.labels.clone();
    all_labels.extend(labels(lowering, Some(component)));
    let (files, mounts) = contents(lowering, component);
    Container {
        component: component.name.clone(),
        image: match &model.image {
            ModelImage::Reference(reference) => reference.clone(),
            ModelImage::Build(build) => build.tag.clone(),
        },
        command,
        args,
        working_dir: model.working_dir.clone(),
        user: User::of(model).for_docker(),
        env,
        files,
        mounts,
        ports: Vec::new(),
        networks: BTreeMap::new(),
        health: health(&model.health),
        memory: model.resources.limits.memory.map(|bytes| bytes.0),
        cpu_millis: model.resources.limits.cpu.map(|cpu| cpu.0),
        cpu_shares: model
            .resources
            .requests
            .cpu
            .map(|cpu| (cpu.0 * SHARES_PER_CORE / 1000).max(LEAST_SHARES)),
        restart: Restart::No,
        on_demand: false,
        stop_timeout: component.grace_period.0.div_ceil(1000),
        read_only: model.security.read_only_root,
        privileged: model.security.privileged,
        add_capabilities: model.security.add_capabilities.clone(),
        after: Vec::new(),
        docker: None,
        init: Vec::new(),
        sidecar_of: None,
        labels: all_labels,
        recreate: false,
    }
}

/// The environment; what configs hold is known here and written out.
fn environment(
    lowering: &mut Lowering<'_>,
    of: &Path,
    container: &ModelContainer,
) -> BTreeMap<String, EnvValue> {
    let mut env = BTreeMap::new();
    for (variable, value) in &container.env {
        let value = match value {
            EnvValue::Config { name, key } => {
                let path = of.join("env").join(variable);
                let Some(text) = lowering.config(&path, name, key) else {
                    continue;
                };
                EnvValue::Literal(text.to_owned())
            }
            other => other.clone(),
        };
        env.insert(variable.clone(), value);
    }
    env
}

/// A command or its arguments, with the variables in them replaced: Docker
/// itself replaces none. A secret has no place there, because whoever may
/// inspect a container sees its command.
fn words(
    lowering: &mut Lowering<'_>,
    of: &Path,
    field: &str,
    words: Option<&[String]>,
    env: &BTreeMap<String, EnvValue>,
) -> Option<Vec<String>> {
    let mut secret = BTreeSet::new();
    let variable = |name: &str| match env.get(name) {
        Some(EnvValue::Literal(text)) => Variable::Text(text),
        Some(EnvValue::Secret(_) | EnvValue::Template(_)) => Variable::Secret,
        Some(EnvValue::Config { .. }) | None => Variable::Unknown,
    };
    let expanded = words?
        .iter()
        .map(|word| {
            expand(word, variable).unwrap_or_else(|name| {
                secret.insert(name.to_owned());
                String::new()
            })
        })
        .collect();
    let path = of.join(field);
    for name in secret {
        lowering.unsupported(
            &path,
            format!("`$({name})` in `{path}` holds a secret, and Docker shows {field} to anyone"),
            format!("let the program read the environment variable `{name}` itself"),
        );
    }
    Some(expanded)
}

/// What stands in the file system besides persistent volumes.
fn contents(
    lowering: &mut Lowering<'_>,
    component: &Component,
) -> (BTreeMap<String, String>, BTreeMap<String, Mount>) {
    let mut files = BTreeMap::new();
    let mut mounts = BTreeMap::new();
    for (path, file) in &component.files {
        match file {
            File::Content(text) => _ = files.insert(path.clone(), text.clone()),
            File::Secret(secret) => {
                mounts.insert(path.clone(), Mount::Secret(secret.clone()));
            }
            // Reported for all components together.
            File::Template(_) => {}
        }
    }
    for (name, volume) in &component.volumes {
        let below = |leaf: &str| format!("{}/{leaf}", volume.mount.trim_end_matches('/'));
        match &volume.source {
            VolumeSource::Persistent { .. } => {}
            // Memory is one container's own.
            VolumeSource::Ephemeral {} if has_company(component) => {
                mounts.insert(volume.mount.clone(), Mount::Shared(name.clone()));
            }
            VolumeSource::Ephemeral {} => {
                mounts.insert(volume.mount.clone(), Mount::Tmpfs {});
            }
            VolumeSource::HostPath(path) => {
                mounts.insert(volume.mount.clone(), Mount::Host(path.clone()));
            }
            VolumeSource::Config(config) => {
                let path = component.path.join("volumes").join(name);
                let data = lowering.config_data(&path, config);
                files.extend(
                    data.into_iter()
                        .flatten()
                        .map(|(key, text)| (below(key), text.clone())),
                );
            }
            VolumeSource::Secret(secret) => {
                mounts.insert(below(secret), Mount::Secret(secret.clone()));
            }
        }
    }
    (files, mounts)
}

/// Ports on the host: those that are exposed, and those that a route leads to.
fn ports(component: &Component) -> Vec<Publish> {
    let routed: BTreeSet<_> = component.routes.values().map(|route| &route.port).collect();
    component
        .ports
        .iter()
        .filter_map(|(name, port)| {
            let host = match port.expose {
                Expose::Port(number) => Some(number),
                Expose::Free => None,
                Expose::No if routed.contains(name) => None,
                Expose::No => return None,
            };
            Some(Publish {
                container: port.number,
                protocol: protocol(port.protocol),
                host,
            })
        })
        .collect()
}

fn protocol(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
    }
}

/// Docker knows one check: the one that says when the component is ready.
fn health(health: &Health) -> Option<HealthCheck> {
    let probe = health
        .readiness
        .as_ref()
        .or(health.startup.as_ref())
        .or(health.liveness.as_ref())?;
    if matches!(probe.check, Check::Grpc { .. }) {
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
