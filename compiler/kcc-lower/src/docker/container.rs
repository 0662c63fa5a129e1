//! One component as the containers, volumes and image of a Docker engine.

use std::collections::{BTreeMap, BTreeSet};

use kcc_cue::Path;
use kcc_model::{
    Check, Component, EnvValue, Expose, File, Health, Image as ModelImage, Kind, Protocol, Run,
    Strategy, VolumeSource,
};

use crate::docker::{
    Container, DockerDesired, HealthCheck, Image, Mount, PRE_STOP, Publish, Restart, Volume,
    insert, labels, networks, prefix,
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
    let reference = image(component, desired);
    let template = container(lowering, component, reference);
    let base = format!("{}-{}", prefix(lowering), component.name);
    // A job that has to complete several times does so in as many containers;
    // a cron job's only one is started again and again.
    let count = match component.kind {
        Kind::Job(run) => run.completions,
        _ => component.replicas,
    };
    for replica in 1..=count {
        let mut container = template.clone();
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
            container
                .mounts
                .insert(path.to_owned(), Mount::Volume(name));
        }
        if let Kind::Job(run) = component.kind {
            // No more at once than are allowed.
            let before = replica.checked_sub(run.parallelism).filter(|at| *at > 0);
            container.after = before.map(|at| numbered(&base, at)).into_iter().collect();
        }
        let name = numbered(&base, replica);
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

fn image(component: &Component, desired: &mut DockerDesired) -> String {
    let (reference, build) = match &component.container.image {
        ModelImage::Reference(reference) => (reference, None),
        ModelImage::Build(build) => (&build.tag, Some(build.clone())),
    };
    desired
        .images
        .entry(reference.clone())
        .or_insert_with(|| Image {
            component: component.name.clone(),
            build,
        });
    reference.clone()
}

/// The container that all replicas are made from; their volumes are missing.
fn container(lowering: &mut Lowering<'_>, component: &Component, image: String) -> Container {
    let model = &component.container;
    let env = environment(lowering, component);
    let command = words(
        lowering,
        component,
        "command",
        model.command.as_deref(),
        &env,
    );
    let args = words(lowering, component, "args", model.args.as_deref(), &env);
    let user = User::of(model);
    if model.security.non_root && user.is_root() {
        lowering.unsupported(
            &component.path.join("user"),
            format!(
                "`{}` runs as root, but `security.nonRoot` is true",
                component.path
            ),
            "name another user, or say `security: nonRoot: false`",
        );
    }
    let mut all_labels = component.labels.clone();
    all_labels.extend(labels(lowering, Some(component)));
    if let Some(command) = &component.rollout.pre_stop {
        let command = serde_json::to_string(command).unwrap_or_default();
        all_labels.insert(PRE_STOP.to_owned(), command);
    }
    let (files, mounts) = contents(lowering, component);
    Container {
        component: component.name.clone(),
        image,
        command,
        args,
        working_dir: model.working_dir.clone(),
        user: user.for_docker(),
        env,
        files,
        mounts,
        ports: ports(component),
        networks: networks::of(lowering, component),
        health: health(&model.health),
        memory: model.resources.limits.memory.map(|bytes| bytes.0),
        cpu_millis: model.resources.limits.cpu.map(|cpu| cpu.0),
        cpu_shares: model
            .resources
            .requests
            .cpu
            .map(|cpu| (cpu.0 * SHARES_PER_CORE / 1000).max(LEAST_SHARES)),
        restart: match component.run() {
            Some(Run { retries: 0, .. }) => Restart::No,
            Some(run) => Restart::OnFailure(run.retries),
            None => Restart::UnlessStopped,
        },
        on_demand: component.is_cron_job(),
        stop_timeout: component.grace_period.0.div_ceil(1000),
        read_only: model.security.read_only_root,
        privileged: model.security.privileged,
        add_capabilities: model.security.add_capabilities.clone(),
        after: Vec::new(),
        docker: super::patch::of(lowering, component),
        labels: all_labels,
        recreate: component.rollout.strategy == Some(Strategy::Recreate),
    }
}

/// The environment; what configs hold is known here and written out.
fn environment(lowering: &mut Lowering<'_>, component: &Component) -> BTreeMap<String, EnvValue> {
    let mut env = BTreeMap::new();
    for (variable, value) in &component.container.env {
        let value = match value {
            EnvValue::Config { name, key } => {
                let path = component.path.join("env").join(variable);
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
    component: &Component,
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
    let path: Path = component.path.join(field);
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
