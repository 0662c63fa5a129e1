//! [`Reproduction`]: a capsule as what a Docker engine should hold. A pure function of the
//! capsule and the [`Choices`] of the user.
//!
//! The model of the revision is lowered again, for Docker and as an instance of its target,
//! so that the copy has names, networks and volumes of its own. Then every field of a
//! container that a Docker engine can have gets the value that it had at the moment of the
//! capsule. Whatever is left to differ is in the [`Fidelity`].

use std::collections::{BTreeMap, BTreeSet};

use kcc_diag::Diagnostics;
use kcc_lower::{
    EngineDesired, Lowered,
    docker::{Container, DockerDesired, HealthCheck, Mount},
    parity::{self, Verdict},
};
use kcc_model::{
    Bytes, CheckedModel, Component, Container as ModelContainer, EngineTarget, EnvValue, Health,
    Image, IpAddr, Kind, Millis, Name, Output, Resources, Rollout, SecretProvider, Security,
    TargetModel,
};
use kcc_plan::{
    Scope,
    revision::{Content, RecordedComponent, Shared},
};
use kcc_tree::{ConfigTree, Engine, Node, Value as TreeValue};
use serde_json::Value;

use crate::{
    Capsule, Fidelity, Ran,
    check::failing,
    order::{Fault, Mode, chain, faults, start_order},
    process::{FIELD, Part, Process, SECRET, Unit},
    processes,
};

/// The user and group of stubs: nobody's.
const NOBODY: &str = "65532:65532";
/// The memory that a container without a limit counts as.
const UNLIMITED: u64 = 128 << 20;

/// The parts of a capsule to reproduce.
#[derive(Debug, Clone, Default)]
pub struct Choices {
    /// All components, and not only those that failed with what they need.
    pub all: bool,
    /// The components to reproduce, with what they need; empty for those that failed.
    pub only: BTreeSet<Name>,
    /// The components that a stub replaces.
    pub without: BTreeSet<Name>,
    /// The memory that all containers may have together.
    pub memory: Option<Bytes>,
    /// The program that stands in for components that do not run.
    pub stub: Stub,
    /// The purpose of the copy.
    pub purpose: Purpose,
    /// The part of the order of events to repeat.
    pub mode: Mode,
    /// The desired state to bring up in the place of the revision's, without what was
    /// edited by hand.
    pub current: Option<Content>,
}

/// A program that listens on ports. Its arguments are `PORT` or `PORT/udp`.
#[derive(Debug, Clone, Default)]
pub struct Stub {
    /// The image.
    pub image: String,
    /// The program in it.
    pub command: Vec<String>,
}

/// A copy of what a capsule holds, for a Docker engine.
#[derive(Debug, Clone)]
pub struct Reproduction {
    /// The desired state.
    pub lowered: Lowered,
    /// The model that it was lowered from.
    pub model: CheckedModel,
    /// The components that run as in production.
    pub copied: BTreeSet<Name>,
    /// The components in the order in which they start.
    pub order: Vec<Name>,
    /// The faults to inject once all have started, in this order.
    pub faults: Vec<Fault>,
    /// The components that do not run, because nothing of them ran in production.
    pub absent: BTreeSet<Name>,
    /// The components that a stub replaces.
    pub stubs: BTreeSet<Name>,
    /// The identities that the images of the copy had in production, by reference.
    pub images: BTreeMap<String, BTreeSet<String>>,
    /// The fields that are the same as in production, and those that are not.
    pub fidelity: Fidelity,
    /// The desired state of production.
    production: Content,
    /// The model of the copy.
    target: TargetModel,
}

/// A reason why nothing can be reproduced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The reason, in one line.
    pub message: String,
    /// One action that resolves it.
    pub help: String,
}

impl Refused {
    fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            help: help.into(),
        }
    }
}

/// The purpose of a copy, which its name begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Purpose {
    /// Somebody looks at it.
    #[default]
    Look,
    /// A test judges it, and takes it down.
    Test,
}

/// Returns the scope of the copy of a capsule.
pub fn scope(capsule: &Capsule, purpose: Purpose) -> Scope {
    let prefix = match purpose {
        Purpose::Look => "copy",
        Purpose::Test => "test",
    };
    Scope {
        instance: Some(format!("{prefix}-{}", capsule.id)),
        ..capsule.capture.scope.clone()
    }
}

/// Turns a capsule into what a Docker engine should hold.
pub fn reproduce(capsule: &Capsule, choices: &Choices) -> Result<Reproduction, Refused> {
    let ran = Ran::of(capsule);
    let (ran, content) = match &choices.current {
        None => (ran, &capsule.revision.content),
        Some(content) => {
            let desired = content.lowered(&capsule.capture.scope).desired;
            (Ran { desired, ..ran }, content)
        }
    };
    let production = content.model();
    let processes_then = processes(&ran.desired, &production.secrets);
    let selection = Selection::of(capsule, &production, &ran, choices)?;
    check_memory(&selection, &production, &processes_then, choices)?;
    let mut fidelity = Fidelity::new(selection.failing.clone());
    let target = copy_of(
        &production,
        (&selection, &ran.absent),
        &processes_then,
        choices,
        &mut fidelity,
    )?;
    let scope = scope(capsule, choices.purpose);
    let teams = content.shared.teams.clone();
    let model = CheckedModel::of_revision(scope.system.clone(), teams, target.clone());
    let tree = empty_tree();
    let instance = scope.instance.as_deref();
    let lowered = kcc_lower::lower(&tree, &model, &scope.target, instance, &BTreeSet::new());
    let mut lowered = lowered.map_err(|errors| not_lowered(&errors))?.value;
    let EngineDesired::Docker(docker) = &mut lowered.desired.engine else {
        return Err(Refused::new("the copy is not for Docker", "report it"));
    };
    // Nobody can wait for what does not run.
    for component in lowered.desired.components.values_mut() {
        component.after.retain(|need, _| !ran.absent.contains(need));
    }
    let order = start_order(&capsule.capture, &lowered.desired.components);
    if choices.mode != Mode::Pinned {
        let failing = &selection.failing;
        let healthy = order.iter().filter(|name| !failing.contains(*name));
        let healthy = healthy.cloned().collect();
        chain(&mut lowered.desired.components, &order, &healthy);
    }
    let running: Vec<Name> = order
        .iter()
        .filter(|name| selection.copied.contains(*name) && !ran.absent.contains(*name))
        .cloned()
        .collect();
    let faults = faults(&capsule.capture, choices.mode, &running);
    let before = docker.clone();
    for (name, container) in &mut docker.containers {
        if !selection.stubs.contains_key(&container.component) {
            adopt_all(name, container, &processes_then);
            if capsule.capture.engine == Engine::Kubernetes {
                open_tmpfs(container);
            }
        }
    }
    cut(docker, &ran.cut);
    list_images(docker);
    fidelity.compare(
        &processes_then,
        &processes(&lowered.desired, &production.secrets),
        &selection.copied.difference(&ran.absent).cloned().collect(),
    );
    if let EngineDesired::Docker(_) = &lowered.desired.engine {
        fidelity.add_replicas(&production, &before, &selection.copied);
    }
    add_ledger(&target, &selection, &mut fidelity);
    fidelity.add_surroundings(&production, &target, &ran, &selection.copied);
    let absent = ran.absent.intersection(&selection.copied).cloned();
    Ok(Reproduction {
        absent: absent.collect(),
        copied: selection.copied,
        order,
        faults,
        stubs: selection.stubs.into_keys().collect(),
        images: capsule.capture.images.clone(),
        lowered,
        model,
        fidelity: fidelity.sorted(),
        production: content.clone(),
        target,
    })
}

impl Reproduction {
    /// Returns the desired state with its provenance, as a revision of the copy records it.
    pub fn content(&self) -> Content {
        recorded(&self.production, &self.target, &self.lowered)
    }

    /// Returns the references of the images that components of production run.
    pub fn references(&self) -> BTreeSet<String> {
        let EngineDesired::Docker(docker) = &self.lowered.desired.engine else {
            return BTreeSet::new();
        };
        let containers = docker.containers.values();
        let copied = containers.filter(|one| self.copied.contains(&one.component));
        let containers = copied.flat_map(Container::with_init);
        containers
            .map(|container| container.image.clone())
            .collect()
    }

    /// Makes sure that the copy runs the images that production ran. `local` are the
    /// identities of those that the engine has, by reference. An image that the engine
    /// lacks, or of which it has another one, is named by its digest, so that a registry
    /// gives that one. With `any` a reference is enough.
    pub fn pin(
        &mut self,
        local: &BTreeMap<String, BTreeSet<String>>,
        any: bool,
    ) -> Result<(), Refused> {
        let mut pinned = BTreeMap::new();
        let mut differ = Vec::new();
        for reference in self.references() {
            let ran = self.images.get(&reference).cloned().unwrap_or_default();
            let here = local.get(&reference);
            let digest = |id: &String| {
                id.rsplit_once('@')
                    .map_or(id.clone(), |(_, id)| id.to_owned())
            };
            let here: BTreeSet<_> = here.into_iter().flatten().map(digest).collect();
            if ran.is_empty() || ran.iter().map(digest).any(|id| here.contains(&id)) {
                continue;
            }
            if any {
                differ.push(reference);
                continue;
            }
            let Some(id) = ran.iter().find(|id| id.contains('@')) else {
                let id = ran.first().map_or("", String::as_str);
                let message = if here.is_empty() {
                    format!(
                        "image `{reference}` is not on this engine, and production had it from no registry"
                    )
                } else {
                    format!(
                        "image `{reference}` is another one on this engine; production ran {id}"
                    )
                };
                return Err(Refused::new(
                    message,
                    "load the image with `docker load`, or run another one of that name with `--any-image`",
                ));
            };
            pinned.insert(reference, id.clone());
        }
        for reference in differ {
            self.fidelity.other_image(&reference);
        }
        if let EngineDesired::Docker(docker) = &mut self.lowered.desired.engine {
            for container in docker.containers.values_mut() {
                if !self.copied.contains(&container.component) {
                    continue;
                }
                let init = container
                    .init
                    .iter_mut()
                    .map(|step| &mut step.container.image);
                for image in init.chain([&mut container.image]) {
                    if let Some(id) = pinned.get(image) {
                        image.clone_from(id);
                    }
                }
            }
            list_images(docker);
        }
        Ok(())
    }
}

/// Lists the images that containers run, which are all pulled if they are absent.
fn list_images(docker: &mut DockerDesired) {
    let mut images = BTreeMap::new();
    for container in docker.containers.values().flat_map(Container::with_init) {
        images
            .entry(container.image.clone())
            .or_insert_with(|| kcc_lower::docker::Image {
                component: container.component.clone(),
                platform: container.platform.clone(),
                build: None,
                locked: None,
            });
    }
    docker.images = images;
}

/// The components of a copy.
struct Selection {
    /// Those that failed.
    failing: BTreeSet<Name>,
    /// Those that run as in production.
    copied: BTreeSet<Name>,
    /// Those that a stub replaces, with the reason.
    stubs: BTreeMap<Name, &'static str>,
}

impl Selection {
    fn of(
        capsule: &Capsule,
        model: &TargetModel,
        ran: &Ran,
        choices: &Choices,
    ) -> Result<Self, Refused> {
        let known = |name: &Name| {
            if model.components.contains_key(name) {
                return Ok(());
            }
            let names: Vec<_> = model
                .components
                .keys()
                .map(|name| format!("`{name}`"))
                .collect();
            Err(Refused::new(
                format!("the capsule has no component `{name}`"),
                format!("its components are {}", names.join(", ")),
            ))
        };
        for name in choices.only.iter().chain(&choices.without) {
            known(name)?;
        }
        let failing = failing(&capsule.capture, &ran.absent);
        let failing: BTreeSet<Name> = failing
            .into_iter()
            .filter(|name| model.components.contains_key(name))
            .collect();
        let roots = if choices.all || choices.only.is_empty() && failing.is_empty() {
            model.components.keys().cloned().collect()
        } else if choices.only.is_empty() {
            // What waited for it may be what brings the failure about: it calls.
            let waiting = capsule.capture.waiting.iter();
            let waiting = waiting.map(|waiting| waiting.component.clone());
            let ran = waiting
                .filter(|name| model.components.contains_key(name) && !ran.absent.contains(name));
            failing.iter().cloned().chain(ran).collect()
        } else {
            choices.only.clone()
        };
        let mut copied = BTreeSet::new();
        let mut stubs = BTreeMap::new();
        let mut pending: Vec<(Name, bool)> = roots.into_iter().map(|name| (name, true)).collect();
        let mut optional = BTreeSet::new();
        while let Some((name, wanted)) = pending.pop() {
            let Some(component) = model.components.get(&name) else {
                continue;
            };
            if !component.runs() {
                stubs.insert(name, "it runs outside the system");
            } else if choices.without.contains(&name) {
                stubs.insert(name, "left out by `--without`");
            } else if !wanted {
                optional.insert(name);
            } else if copied.insert(name) {
                let needs = component.needs.iter();
                pending.extend(needs.map(|(need, how)| (need.clone(), !how.optional)));
            }
        }
        for name in optional {
            if !copied.contains(&name) {
                stubs.insert(name, "no failing component depends on it to start");
            }
        }
        Ok(Self {
            failing,
            copied,
            stubs,
        })
    }
}

/// Fails if the containers may use more memory than the budget.
fn check_memory(
    selection: &Selection,
    model: &TargetModel,
    processes: &BTreeMap<Unit, Process>,
    choices: &Choices,
) -> Result<(), Refused> {
    let Some(budget) = choices.memory else {
        return Ok(());
    };
    let mut sizes: BTreeMap<&Name, u64> = BTreeMap::new();
    for (unit, process) in processes {
        // Init steps have ended when the others run.
        if selection.copied.contains(&unit.component) && !matches!(unit.part, Part::Init(_)) {
            let limit = process.fields.get("memory").and_then(Value::as_u64);
            let replicas = model.components.get(&unit.component);
            let replicas = replicas.map_or(1, |component| u64::from(component.replicas.max(1)));
            *sizes.entry(&unit.component).or_default() += limit.unwrap_or(UNLIMITED) * replicas;
        }
    }
    let total: u64 = sizes.values().sum();
    if total <= budget.0 {
        return Ok(());
    }
    let mut largest: Vec<_> = sizes
        .iter()
        .filter(|(name, _)| !selection.failing.contains(**name))
        .collect();
    largest.sort_by_key(|(name, size)| (std::cmp::Reverse(**size), **name));
    let mut over = total - budget.0;
    let mut out = Vec::new();
    for (name, size) in largest {
        if over == 0 {
            break;
        }
        out.push(format!("--without {name}"));
        over = over.saturating_sub(*size);
    }
    let message = format!(
        "the copy may use {}, and the budget is {}",
        size(total),
        size(budget.0)
    );
    let help = if out.is_empty() || over > 0 {
        format!("raise it: `--memory {}`", size(total))
    } else {
        format!(
            "leave components out: `{}`, or raise it: `--memory {}`",
            out.join(" "),
            size(total)
        )
    };
    Err(Refused::new(message, help))
}

/// Formats a size in whole mebibytes.
fn size(bytes: u64) -> String {
    format!("{}Mi", bytes.div_ceil(1 << 20))
}

/// Returns the model of the copy: for Docker, with generated secrets, and with stubs for
/// what does not run.
fn copy_of(
    production: &TargetModel,
    (selection, absent): (&Selection, &BTreeSet<Name>),
    processes: &BTreeMap<Unit, Process>,
    choices: &Choices,
    fidelity: &mut Fidelity,
) -> Result<TargetModel, Refused> {
    let mut copy = production.clone();
    copy.engine = EngineTarget::Docker {};
    copy.pin_images = false;
    copy.objects.clear();
    copy.patches.clear();
    for secret in copy.secrets.values_mut() {
        secret.provider = SecretProvider::Generate {};
    }
    copy.components
        .retain(|name, _| selection.copied.contains(name) || selection.stubs.contains_key(name));
    for component in copy.components.values_mut() {
        let name = component.name.clone();
        if let Some(why) = selection.stubs.get(&name) {
            *component = stub_of(component, &choices.stub)?;
            fidelity.stubbed(&name, why);
        } else {
            if absent.contains(&name) {
                run_none(component);
            }
            component.needs.retain(|need, _| {
                selection.copied.contains(need) || selection.stubs.contains_key(need)
            });
            // What ran was built before: nothing is built again.
            reference_images(component, processes);
        }
    }
    let ledger = parity::ledger(&copy).into_iter();
    let dropped = ledger.filter(|entry| matches!(entry.verdict, Verdict::Dropped(_)));
    for entry in dropped {
        let pattern = kcc_model::narrowest(&entry.path.0);
        copy.parity_accept
            .insert(pattern, "a Docker engine has nothing like it".to_owned());
    }
    Ok(copy)
}

/// Lets a component have no container.
fn run_none(component: &mut Component) {
    component.replicas = 0;
    component.scale = None;
    if let Kind::Job(run) = &mut component.kind {
        run.completions = 0;
    }
}

/// Puts the references that ran in the place of images that are built.
fn reference_images(component: &mut Component, processes: &BTreeMap<Unit, Process>) {
    let name = component.name.clone();
    let image = |part: Part| {
        let unit = Unit {
            component: name.clone(),
            part,
        };
        let field = processes.get(&unit)?.fields.get("image")?;
        Some(Image::Reference(field.as_str()?.to_owned()))
    };
    let set = |container: &mut ModelContainer, part: Part| {
        if let Some(image) = image(part) {
            container.image = image;
        } else if let Image::Build(build) = &container.image {
            container.image = Image::Reference(build.tag.clone());
        }
    };
    set(&mut component.container, Part::Main);
    for step in &mut component.init {
        let part = Part::Init(step.name.clone());
        set(&mut step.container, part);
    }
    for (name, container) in &mut component.sidecars {
        set(container, Part::Sidecar(name.clone()));
    }
}

/// Returns a component that only listens on the ports of another one, under its names.
fn stub_of(component: &Component, stub: &Stub) -> Result<Component, Refused> {
    let mut aliases = component.aliases.clone();
    if let Kind::Backing { outputs, .. } = &component.kind
        && let Some(Output::Text(host)) = outputs.get("host")
        && *host != component.name
    {
        if host.parse::<IpAddr>().is_ok() {
            return Err(Refused::new(
                format!(
                    "`{}` is at the address {host}, which the copy would reach itself",
                    component.path
                ),
                format!(
                    "give it a host name in production, or leave out what needs it: `--without {}`",
                    component.name
                ),
            ));
        }
        aliases.push(host.clone());
    }
    let ports = component.ports.values().map(|port| match port.protocol {
        kcc_model::Protocol::Tcp => port.number.to_string(),
        kcc_model::Protocol::Udp => format!("{}/udp", port.number),
    });
    let container = ModelContainer {
        image: Image::Reference(stub.image.clone()),
        command: Some(stub.command.clone()),
        args: Some(ports.collect()),
        platform: None,
        working_dir: None,
        user: Some(NOBODY.to_owned()),
        env: BTreeMap::new(),
        host_paths: BTreeSet::new(),
        health: Health::default(),
        resources: Resources::default(),
        security: Security::default(),
    };
    let mut ports = component.ports.clone();
    for port in ports.values_mut() {
        port.expose = kcc_model::Expose::No;
        port.public = false;
        port.sidecar = None;
    }
    Ok(Component {
        kind: Kind::Service,
        container,
        ports,
        aliases,
        init: Vec::new(),
        sidecars: BTreeMap::new(),
        needs: BTreeMap::new(),
        host_aliases: BTreeMap::new(),
        replicas: 1,
        scale: None,
        volumes: BTreeMap::new(),
        host_network: false,
        devices: BTreeMap::new(),
        files: BTreeMap::new(),
        routes: BTreeMap::new(),
        stateful: false,
        every_node: false,
        manual: false,
        rollout: Rollout::default(),
        disruption: None,
        identity: kcc_model::Identity::default(),
        placement: kcc_model::Placement::default(),
        grace_period: Millis(1000),
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
        ..component.clone()
    })
}

/// Lets everybody write to each tmpfs, as in a pod. Without a mode an engine may give it
/// that of a directory that it has just made, which is root's.
fn open_tmpfs(container: &mut Container) {
    let steps = container
        .init
        .iter_mut()
        .map(|step| &mut step.container.mounts);
    let all = steps.chain([&mut container.mounts]);
    for mount in all.flat_map(BTreeMap::values_mut) {
        if let Mount::Tmpfs(options) = mount {
            options.mode.get_or_insert(0o1777);
        }
    }
}

/// Gives a container and its init steps the values that they had.
fn adopt_all(name: &str, container: &mut Container, processes: &BTreeMap<Unit, Process>) {
    let unit = |part| Unit {
        component: container.component.clone(),
        part,
    };
    let part = match &container.sidecar_of {
        None => Part::Main,
        Some(main) => {
            let own = name.strip_prefix(main.as_str()).unwrap_or(name);
            Part::Sidecar(own.trim_start_matches('_').to_owned())
        }
    };
    let own = processes.get(&unit(part));
    let steps: Vec<_> = container
        .init
        .iter()
        .map(|step| processes.get(&unit(Part::Init(step.name.clone()))))
        .collect();
    if let Some(process) = own {
        adopt(container, process);
    }
    for (step, process) in container.init.iter_mut().zip(steps) {
        if let Some(process) = process {
            adopt(&mut step.container, process);
        }
    }
}

/// Gives a container the values that it had, as far as a Docker engine has such fields.
fn adopt(container: &mut Container, process: &Process) {
    let fields = &process.fields;
    let text = |field: &str| fields.get(field).and_then(Value::as_str).map(str::to_owned);
    let number = |field: &str| fields.get(field).and_then(Value::as_u64);
    let words = |field: &str| -> Option<Vec<String>> {
        serde_json::from_value(fields.get(field)?.clone()).ok()
    };
    if let Some(image) = text("image") {
        container.image = image;
    }
    container.command = words("command");
    container.args = words("args");
    container.working_dir = text("workingDir");
    if let Some(user) = text("user") {
        container.user = Some(user);
    }
    container.memory = number("memory");
    container.cpu_millis = number("cpuMillis");
    container.read_only = fields.get("readOnlyRoot").and_then(Value::as_bool) == Some(true);
    if let Some(seconds) = number("stopSeconds") {
        container.stop_timeout = seconds;
    }
    adopt_env(container, process);
    for (field, value) in fields {
        if let (Some(path), Some(content)) = (field.strip_prefix("file."), value.as_str()) {
            container.files.insert(path.to_owned(), content.to_owned());
        }
    }
    let start = container
        .health
        .as_ref()
        .map(|health| health.start_period_ms);
    let check = fields.get("health").and_then(|health| {
        Some(HealthCheck {
            check: serde_json::from_value(health["check"].clone()).ok()?,
            start_period_ms: start.unwrap_or_default(),
            interval_ms: health["periodMs"].as_u64()?,
            timeout_ms: health["timeoutMs"].as_u64()?,
            retries: u32::try_from(health["failures"].as_u64()?).ok()?,
        })
    });
    if !container.has_image_health {
        container.health = check;
    }
}

/// Gives a container the variables that it had. Those with secrets, and those that the
/// cluster fills in, stay as they were lowered.
fn adopt_env(container: &mut Container, process: &Process) {
    let then: BTreeMap<&str, &str> = process
        .fields
        .iter()
        .filter_map(|(field, value)| Some((field.strip_prefix("env.")?, value.as_str()?)))
        .collect();
    container
        .env
        .retain(|name, _| then.contains_key(name.as_str()));
    for (name, value) in then {
        if !value.contains(SECRET) && !value.contains(FIELD) {
            let literal = EnvValue::Literal(value.to_owned());
            container.env.insert(name.to_owned(), literal);
        }
    }
}

/// Takes components off the networks of those that they could not reach.
fn cut(docker: &mut DockerDesired, pairs: &BTreeSet<(Name, Name)>) {
    for (from, to) in pairs {
        let networks = docker.networks.iter();
        let of_needed: Vec<String> = networks
            .filter(|(_, network)| network.component.as_ref() == Some(to))
            .map(|(name, _)| name.clone())
            .collect();
        let containers = docker.containers.values_mut();
        for container in containers.filter(|container| container.component == *from) {
            for name in &of_needed {
                container.networks.remove(name);
                for step in &mut container.init {
                    step.container.networks.remove(name);
                }
            }
        }
    }
}

/// Adds the fields that a Docker engine approximates or drops.
fn add_ledger(copy: &TargetModel, selection: &Selection, fidelity: &mut Fidelity) {
    for entry in parity::ledger(copy) {
        let mut components = copy.components.values();
        let owner = components.find(|component| entry.path.is_within(&component.path));
        let owner = owner.map(|component| component.name.clone());
        if owner
            .as_ref()
            .is_none_or(|name| selection.copied.contains(name))
        {
            fidelity.add_verdict(owner, &entry.path.to_string(), entry.verdict);
        }
    }
}

/// Returns the copy as a revision records it.
fn recorded(production: &Content, copy: &TargetModel, lowered: &Lowered) -> Content {
    let (shared, mut parts) = lowered.split();
    let empty = shared.without_objects();
    let components = copy.components.iter().map(|(name, model)| {
        let values = production.components.get(name);
        let recorded = RecordedComponent {
            model: model.clone(),
            lowered: parts.remove(name).unwrap_or_else(|| empty.clone()),
            values: values.map(|one| one.values.clone()).unwrap_or_default(),
            parity: Vec::new(),
        };
        (name.clone(), recorded)
    });
    let components = components.collect();
    Content {
        repositories: production.repositories.clone(),
        fragments: production.fragments.clone(),
        shared: Shared {
            teams: production.shared.teams.clone(),
            policies: production.shared.policies.clone(),
            model: copy.without_components(),
            lowered: shared,
            values: production.shared.values.clone(),
            parity: Vec::new(),
        },
        components,
    }
}

/// Returns a tree without any fragment: a copy is lowered from a model alone.
pub fn empty_tree() -> ConfigTree {
    ConfigTree {
        files: std::sync::Arc::default(),
        system: Node {
            value: TreeValue::Absent,
            origins: Vec::new(),
        },
        targets: BTreeMap::new(),
        declarations: BTreeMap::new(),
        policies: BTreeMap::new(),
        partial: BTreeSet::new(),
        blame: BTreeMap::new(),
    }
}

fn not_lowered(errors: &Diagnostics) -> Refused {
    let messages: Vec<_> = errors.iter().map(|error| error.message.clone()).collect();
    let mut components = errors.iter().filter_map(|error| error.help.clone());
    Refused::new(
        format!("it cannot run on Docker: {}", messages.join("; ")),
        components
            .next()
            .unwrap_or_else(|| "leave the component out with `--without`".to_owned()),
    )
}
