//! The uses of fields that a component declares, with their paths below it.
//!
//! Fields that a component or container has once are in tables; each map of named
//! things has a function. Every name is a field of the schema, and the order is of no
//! importance: the ledger sorts by the schema.

use kcc_model::{
    Check, Component, Concurrency, Container, EnvValue, Ephemeral, Expose, Identity, Image, Kind,
    Profile, TargetModel, Until, VolumeSource,
};
use kcc_tree::Engine;

type OfComponent = (&'static str, fn(&Component, &TargetModel) -> bool);

/// The fields of a component itself, each with the test of its use.
const OF_COMPONENT: &[OfComponent] = &[
    ("annotations", |component, _| {
        !component.annotations.is_empty()
    }),
    ("disruption", |component, _| component.disruption.is_some()),
    ("everyNode", |component, _| component.every_node),
    ("hostAliases", |component, _| {
        !component.host_aliases.is_empty()
    }),
    ("hostNetwork", |component, _| component.host_network),
    ("identity", |component, _| {
        component.identity != Identity::default()
    }),
    ("labels", |component, _| !component.labels.is_empty()),
    ("placement.nodes", |component, _| {
        !component.placement.nodes.is_empty()
    }),
    ("placement.priorityClass", |component, _| {
        component.placement.priority_class.is_some()
    }),
    ("placement.spread", |component, _| {
        component.placement.spread.is_some()
    }),
    ("placement.tolerations", |component, _| {
        !component.placement.tolerations.is_empty()
    }),
    ("replicas", |component, _| {
        component.scale.is_none() && component.replicas != 1
    }),
    ("rollout.deadline", |component, target| {
        component.run().is_none() && component.deadline != target.engine.rollout_deadline()
    }),
    ("rollout.gracePeriod", |component, target| {
        component.grace_period != target.engine.grace_period()
    }),
    ("rollout.preStop", |component, _| {
        component.rollout.pre_stop.is_some()
    }),
    ("rollout.strategy", |component, _| {
        component.rollout.strategy.is_some()
    }),
    ("rollout.surge", |component, _| {
        component.rollout.surge.is_some()
    }),
    ("rollout.unavailable", |component, _| {
        component.rollout.unavailable.is_some()
    }),
    ("scale", |component, _| component.scale.is_some()),
    ("security.capabilities", |component, _| {
        !component.container.security.add_capabilities.is_empty()
    }),
    ("security.privileged", |component, _| {
        component.container.security.privileged
    }),
    ("security.profile", |component, _| {
        component.container.security.profile != Profile::default()
    }),
    ("security.readOnlyRoot", |component, _| {
        component.container.security.read_only_root
    }),
    ("start", |component, _| component.manual),
    ("stateful", |component, _| component.stateful),
];

type OfContainer = (&'static str, fn(&Container) -> bool);

/// The fields of every container.
const OF_CONTAINER: &[OfContainer] = &[
    ("args", |container| container.args.is_some()),
    ("command", |container| container.command.is_some()),
    ("env", |container| !container.env.is_empty()),
];

/// The fields of the main container that apply to the component's other containers too.
const OF_MAIN: &[OfContainer] = &[
    ("platform", |container| container.platform.is_some()),
    ("workingDir", |container| container.working_dir.is_some()),
];

/// The fields of the containers that are not init steps.
const OF_RUNNING: &[OfContainer] = &[
    ("resources.gpu", |container| {
        container.resources.gpu.is_some()
    }),
    ("resources.limits.cpu", |container| {
        container.resources.limits.cpu.is_some()
    }),
    ("resources.limits.memory", |container| {
        container.resources.limits.memory.is_some()
    }),
    ("resources.requests.cpu", |container| {
        container.resources.requests.cpu.is_some()
    }),
    ("resources.requests.memory", |container| {
        container.resources.requests.memory.is_some()
    }),
];

/// The uses found so far: each field with the path below the component.
#[derive(Default)]
struct Uses(Vec<(&'static str, Vec<String>)>);

impl Uses {
    /// Adds a field that is used at its own path, with `names` in place of each `*`.
    fn add(&mut self, field: &'static str, used: bool, names: &[&str]) {
        self.add_below(&[], field, used, names);
    }

    /// Adds a field that is used at its own path below another one.
    fn add_below(&mut self, above: &[&str], field: &'static str, used: bool, names: &[&str]) {
        let mut names = names.iter();
        let own = field.split('.').map(|part| match part {
            "*" => names.next().copied().unwrap_or(part),
            part => part,
        });
        let path: Vec<&str> = above.iter().copied().chain(own).collect();
        self.add_at(&path, field, used);
    }

    /// Adds a field at a path of its own.
    fn add_at(&mut self, path: &[&str], field: &'static str, used: bool) {
        if used {
            let path = path.iter().map(|name| (*name).to_owned()).collect();
            self.0.push((field, path));
        }
    }
}

/// Returns the fields that a component uses, with their paths below it.
pub(super) fn of_component(
    component: &Component,
    target: &TargetModel,
) -> Vec<(&'static str, Vec<String>)> {
    let mut uses = Uses::default();
    for (field, used) in OF_COMPONENT {
        uses.add(field, used(component, target), &[]);
    }
    runs(component, &mut uses);
    for (path, container) in component.containers() {
        let within = path.0.iter().skip(component.path.0.len());
        let within: Vec<_> = within.map(String::as_str).collect();
        of_container(component, container, &within, &mut uses);
    }
    ports(component, &mut uses);
    needs(component, target, &mut uses);
    aliases(component, target, &mut uses);
    volumes(component, &mut uses);
    for name in component.devices.keys() {
        uses.add("devices.*", true, &[name]);
    }
    files(component, &mut uses);
    routes(component, &mut uses);
    uses.0
}

/// Adds the fields of one of a component's containers, at path `within` it.
fn of_container(component: &Component, container: &Container, within: &[&str], uses: &mut Uses) {
    let step = matches!(within, ["init", _]);
    let main = within.is_empty();
    match within {
        ["init", name] => uses.add("init.*", true, &[name]),
        ["sidecars", name] => uses.add("sidecars.*", true, &[name]),
        _ => {}
    }
    let every = OF_CONTAINER.iter();
    let of_main = OF_MAIN.iter().filter(|_| main);
    let running = OF_RUNNING.iter().filter(|_| !step);
    for (field, used) in every.chain(of_main).chain(running) {
        uses.add_below(within, field, used(container), &[]);
    }
    match container.image {
        // An init step without an image uses the main container's.
        _ if step && container.image == component.container.image => {}
        Image::Reference(_) => uses.add_below(within, "image", true, &[]),
        Image::Build(_) => uses.add_below(within, "build", true, &[]),
    }
    let own_user = main || container.user != component.container.user;
    uses.add_below(within, "user", own_user && container.user.is_some(), &[]);
    for (name, value) in &container.env {
        let dropped = matches!(value, EnvValue::Field(field) if field.only_in_cluster());
        uses.add_below(within, "env.*.field", dropped, &[name]);
    }
    health(container, within, uses);
}

fn health(container: &Container, within: &[&str], uses: &mut Uses) {
    for (field, name, probe) in [
        ("health.startup", "startup", &container.health.startup),
        ("health.readiness", "readiness", &container.health.readiness),
        ("health.liveness", "liveness", &container.health.liveness),
    ] {
        let Some(probe) = probe else { continue };
        // A check that the engine runs unasked is not a use of a field.
        if matches!(probe.check, Check::Image { declared: false }) {
            continue;
        }
        uses.add_below(within, field, true, &[]);
        let grpc = matches!(probe.check, Check::Grpc { .. });
        let field = "health.*.grpc";
        // The short form is one field in the fragment, so it counts once.
        if !container.health.is_short_form() {
            uses.add_below(within, field, grpc, &[name]);
        } else if name == "liveness" {
            uses.add_at(&[within, &["health", "grpc"]].concat(), field, grpc);
        }
    }
}

fn ports(component: &Component, uses: &mut Uses) {
    for (name, port) in &component.ports {
        // The main port may be written as `port`, and a sidecar's is below it.
        let path = component.port_path(name);
        let path = path.0.iter().skip(component.path.0.len());
        let path: Vec<_> = path.map(String::as_str).collect();
        uses.add_at(&path, "ports.*", true);
        let exposed = port.expose != Expose::No;
        let expose = [&path[..], &["expose"]].concat();
        uses.add_at(&expose, "ports.*.expose", exposed);
        let public = [&path[..], &["public"]].concat();
        uses.add_at(&public, "ports.*.public", port.public);
    }
}

fn needs(component: &Component, target: &TargetModel, uses: &mut Uses) {
    for (name, need) in &component.needs {
        uses.add("needs.*", true, &[name]);
        let other = target.components.get(name);
        let external = other.is_some_and(|other| !other.runs());
        let unchecked = external && need.until == Until::Healthy;
        uses.add("needs.*.until", unchecked, &[name]);
    }
}

fn aliases(component: &Component, target: &TargetModel, uses: &mut Uses) {
    for (at, alias) in component.aliases.iter().enumerate() {
        // On Kubernetes a name without dots is a Service.
        let service = target.engine.is(Engine::Kubernetes) && !alias.contains('.');
        uses.add_at(&["aliases", &at.to_string()], "aliases", !service);
    }
}

fn volumes(component: &Component, uses: &mut Uses) {
    for (name, volume) in &component.volumes {
        let mut add = |field, used| uses.add(field, used, &[name]);
        add("volumes.*", true);
        add("volumes.*.mode", volume.mode.is_some());
        add("volumes.*.propagation", volume.propagation.is_some());
        add("volumes.*.readOnly", volume.read_only);
        match &volume.source {
            VolumeSource::Persistent { class, .. } => {
                add("volumes.*.size", true);
                add("volumes.*.class", class.is_some());
            }
            VolumeSource::Ephemeral(volume) => {
                let exec = volume.exec != Ephemeral::default().exec;
                add("volumes.*.ephemeral", true);
                add("volumes.*.ephemeral.exec", exec);
                add("volumes.*.ephemeral.mode", volume.mode.is_some());
            }
            VolumeSource::HostPath(_) => add("volumes.*.hostPath", true),
            VolumeSource::Shared(_) => add("volumes.*.from", true),
            VolumeSource::Config(_) | VolumeSource::Secret(_) => {}
        }
    }
}

fn files(component: &Component, uses: &mut Uses) {
    for (path, file) in &component.files {
        let names = [file.declared(path)];
        uses.add("files.*", true, &names);
        uses.add("files.*.mode", file.access.mode.is_some(), &names);
        uses.add("files.*.owner", file.access.owner.is_some(), &names);
    }
}

fn routes(component: &Component, uses: &mut Uses) {
    for (name, route) in &component.routes {
        uses.add("routes.*", true, &[name]);
        uses.add("routes.*.tls", route.tls.is_some(), &[name]);
    }
}

/// Adds the fields of jobs and cron jobs.
fn runs(component: &Component, uses: &mut Uses) {
    if let Kind::CronJob(cron) = &component.kind {
        uses.add("schedule", true, &[]);
        uses.add("timeZone", cron.time_zone.is_some(), &[]);
        let concurrency = cron.concurrency != Concurrency::Allow;
        uses.add("concurrency", concurrency, &[]);
    }
    if let Some(run) = component.run() {
        uses.add("retries", true, &[]);
        uses.add("deadline", run.deadline.is_some(), &[]);
        uses.add("completions", run.completions != 1, &[]);
        uses.add("parallelism", run.parallelism != 1, &[]);
    }
}
