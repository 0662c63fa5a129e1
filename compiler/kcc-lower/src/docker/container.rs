//! One component as the containers, volumes and image of a Docker engine.

use std::collections::BTreeMap;

use kcc_model::{
    Component, Container as ModelContainer, Image as ModelImage, Kind, Name, Profile, Run,
    Strategy, VolumeSource,
};
use kcc_tree::Path;

use super::{
    contents::{Contents, contents, environment, words},
    reach::{health, ports},
};
use crate::docker::{
    Container, DockerDesired, Image, InitStep, Mount, PRE_STOP, Restart, Volume, insert, labels,
    networks, prefix,
};
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
    if User::is_refused(model) {
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
pub(super) fn has_company(component: &Component) -> bool {
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
    let Contents {
        files,
        access,
        mounts,
    } = contents(lowering, component);
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
        access,
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
