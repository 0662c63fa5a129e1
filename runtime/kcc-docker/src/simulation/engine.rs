//! The calls of the engine in memory. It imitates what the real one does with each,
//! and notes what kcc must never do: touch objects of others, start a container that is
//! not complete, let two containers write to one volume.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use kcc_diag::Code;
use kcc_lower::{
    Desired,
    docker::{Container, Mount, Restart},
};
use kcc_model::Until;
use kcc_plan::{
    Calls, Error, Inventory, Operation, Options, Plan, Readiness, Scope, Snapshot, Step,
};
use kcc_test_engines::simulation::{Chance, SimulatedEngine};
use serde_json::{Value, json};

use super::{
    state::{Docker, SimulatedContainer, SimulatedNetwork, SimulatedVolume},
    system::{DOOMED, PREFIX, Seeds, docker, doom},
    view::listed,
};
use crate::{
    call::{Call, Creation, Subject, Target},
    calls::calls,
    config,
    driver::counts_for_readiness,
    files::archive_directories,
    observed::{Attachment, ContainerState, Observed, ObservedImage, SUCCESSOR, base_name, label},
    payload::{NewContainer, Payload},
    reconcile::{reconcile, tear_down},
    records::Records,
};

/// The memory of a driver.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// The identities of created containers, by the name that they were created with.
    created: BTreeMap<String, Option<String>>,
    /// The number of init steps that have ended, by the name of their container.
    init_steps: BTreeMap<String, usize>,
}

fn refused(why: String) -> Error {
    Error::new(Code::ApplyRefused, why)
}

/// The container that a call is made on.
enum Found {
    /// Its creation turned out to be unnecessary.
    Unneeded,
    /// It does not exist any more.
    Gone,
    /// Its name.
    Named(String),
}

impl Docker {
    fn next_id(&mut self) -> String {
        self.last_id += 1;
        format!("id{}", self.last_id)
    }

    fn note(&mut self, why: String) {
        self.wrong.get_or_insert(why);
    }

    /// Returns the name of the container that an identity or a name stands for.
    fn find(&self, id: &str) -> Option<String> {
        let mut all = self.containers.iter();
        let by_id = all.find(|(_, container)| container.id == id);
        let by_id = by_id.map(|(name, _)| name.clone());
        by_id.or_else(|| self.containers.contains_key(id).then(|| id.to_owned()))
    }

    /// Finds the container that a call is made on.
    fn subject(&self, subject: &Subject, memory: &Memory) -> Result<Found, Error> {
        let id = match &subject.target {
            Target::Existing(id) => id,
            Target::Created(name) => match memory.created.get(name) {
                None => return Err(refused(format!("{name} was not created"))),
                Some(None) => return Ok(Found::Unneeded),
                Some(Some(id)) => id,
            },
        };
        Ok(self.find(id).map_or(Found::Gone, Found::Named))
    }

    fn touch(&mut self, name: &str) {
        if self.containers.get(name).is_some_and(|found| !found.own) {
            self.note(format!("container {name} of others is touched"));
        }
    }

    fn create(&mut self, creation: &Creation, memory: &mut Memory) -> Result<(), Error> {
        let (name, new) = (&creation.name, &creation.new);
        let container = &new.container;
        let mut joined = None;
        if let Some(main) = &container.sidecar_of {
            let Some(main) = self.containers.get(main) else {
                return Err(refused(format!("{main} is gone")));
            };
            joined = Some(main.id.clone());
        }
        if self.containers.contains_key(name) {
            return Err(refused(format!("the name {name} is taken")));
        }
        let Some(image) = self.images.get(&container.image).cloned() else {
            return Err(refused(format!("image {} is missing", container.image)));
        };
        let mut networks = BTreeMap::new();
        if let Some((network, aliases)) = container.networks.iter().next() {
            networks.insert(network.clone(), self.attach(network, aliases)?);
        }
        for mount in container.mounts.values() {
            if let Mount::Volume(volume) = mount {
                match self.volumes.get(volume) {
                    None => self.note(format!("volume {volume} is created without labels")),
                    Some(found) if !found.own => {
                        self.note(format!("volume {volume} of others is mounted"));
                    }
                    Some(_) => {}
                }
            }
        }
        let id = self.next_id();
        self.created.push(("container", name.clone(), id.clone()));
        memory.created.insert(name.clone(), Some(id.clone()));
        let settings = json!({"Memory": container.memory});
        let created = SimulatedContainer {
            id,
            own: true,
            labels: new.labels.clone(),
            new: Some(new.clone()),
            state: ContainerState::Created,
            image_id: image.id,
            networks,
            joined,
            started: 0,
            files: BTreeSet::new(),
            secret: self.secret,
            settings,
            recorded: false,
        };
        self.containers.insert(name.clone(), created);
        Ok(())
    }

    fn attach(&mut self, network: &str, aliases: &[String]) -> Result<Attachment, Error> {
        let mut found = self.networks.iter().filter(|found| found.name == network);
        let Some(first) = found.next().cloned() else {
            return Err(refused(format!("network {network} is missing")));
        };
        if found.next().is_some() {
            return Err(refused(format!("network {network} is ambiguous")));
        }
        if !first.own {
            self.note(format!("network {network} of others is joined"));
        }
        Ok(Attachment {
            network: first.id,
            address: None,
            aliases: aliases.iter().cloned().collect(),
        })
    }

    /// Starts a container, if its turn has come.
    fn start(
        &mut self,
        name: &str,
        shown: &str,
        job: Option<&str>,
        memory: &Memory,
    ) -> Result<(), Error> {
        let container = self.containers[name].clone();
        if container.state == ContainerState::Running {
            return Ok(());
        }
        if let Some(joined) = &container.joined {
            let main = self.find(joined).map(|main| self.containers[&main].state);
            let obsolete = job.and_then(|job| self.containers.get(job));
            let obsolete =
                obsolete.is_some_and(|job| matches!(job.state, ContainerState::Exited(_)));
            if main != Some(ContainerState::Running) {
                let gone = refused(format!("{name} joins a container that does not run"));
                return if obsolete { Ok(()) } else { Err(gone) };
            }
        }
        let Some(new) = container.new.clone() else {
            return Ok(());
        };
        let directories = archive_directories(&new.container);
        if !directories
            .iter()
            .all(|path| container.files.contains(*path))
        {
            self.note(format!("{name} starts without its files"));
        }
        let steps = memory.init_steps.get(shown).copied().unwrap_or_default();
        if container.started == 0 && steps < new.container.init.len() {
            self.note(format!("{name} starts before its init steps"));
        }
        self.check_sharing(name, &container, &new)?;
        self.last_id += 1;
        let once = new.container.restart == Restart::No || name.contains("_i");
        let doomed = new.container.env.contains_key(DOOMED);
        let started = self.last_id;
        if let Some(container) = self.containers.get_mut(name) {
            container.started = started;
            container.state = match (once, doomed) {
                (_, true) => ContainerState::Exited(1),
                (true, false) => ContainerState::Exited(0),
                (false, false) => ContainerState::Running,
            };
        }
        Ok(())
    }

    /// Fails if another container holds a port, and notes another writer of a volume.
    fn check_sharing(
        &mut self,
        name: &str,
        container: &SimulatedContainer,
        new: &NewContainer,
    ) -> Result<(), Error> {
        let volumes: Vec<_> = new.container.mounts.values().filter_map(volume).collect();
        let mut shared = None;
        for (other, found) in &self.containers {
            let Some(theirs) = &found.new else { continue };
            if found.state != ContainerState::Running || found.id == container.id {
                continue;
            }
            let held = |port: &u16| theirs.host_ports().contains(port);
            if let Some(port) = new.host_ports().iter().find(|port| held(port)) {
                return Err(refused(format!("port {port} is held by {other}")));
            }
            let both = theirs.container.mounts.values().filter_map(volume);
            let mut both = both.filter(|mounted| volumes.contains(mounted));
            if let Some(volume) = both.next() {
                shared = Some(format!("{name} and {other} both write to {volume}"));
            }
        }
        if let Some(shared) = shared {
            self.note(shared);
        }
        Ok(())
    }

    fn await_state(&mut self, name: &str, until: Until, memory: &mut Memory) -> Result<(), Error> {
        let container = &self.containers[name];
        match (until, container.state) {
            (Until::Completed, ContainerState::Exited(0)) => {
                let of = base_name(name).to_owned();
                *memory.init_steps.entry(of).or_default() += 1;
                Ok(())
            }
            (Until::Started | Until::Healthy, ContainerState::Running) => Ok(()),
            (_, state) => Err(refused(format!("{name} is {state:?}"))),
        }
    }

    fn on_container(
        &mut self,
        call: &Call,
        subject: &Subject,
        memory: &mut Memory,
    ) -> Result<(), Error> {
        let name = match self.subject(subject, memory)? {
            Found::Unneeded => return Ok(()),
            Found::Named(name) => name,
            // Stopping what is gone is done.
            Found::Gone if matches!(call, Call::Stop(_)) => return Ok(()),
            Found::Gone => return Err(refused(format!("{} is gone", subject.name))),
        };
        if !matches!(call, Call::Await { .. }) {
            self.touch(&name);
        }
        match call {
            Call::Connect {
                network, aliases, ..
            } => {
                let attachment = self.attach(network, aliases)?;
                let container = self.containers.get_mut(&name);
                container.map(|found| found.networks.insert(network.clone(), attachment));
            }
            Call::Upload { directory, .. } => {
                let container = self.containers.get_mut(&name);
                container.map(|found| found.files.insert(directory.clone()));
            }
            Call::Start { job, .. } => {
                return self.start(&name, &subject.name, job.as_deref(), memory);
            }
            Call::Await { until, .. } => return self.await_state(&name, *until, memory),
            Call::Unpause(_) => self.set_state(&name, ContainerState::Running),
            Call::Stop(_) => {
                let state = self.containers[&name].state;
                if matches!(state, ContainerState::Running | ContainerState::Paused) {
                    self.set_state(&name, ContainerState::Exited(143));
                }
            }
            Call::Rename { name: to, .. } => {
                if self.containers.contains_key(to) {
                    return Err(refused(format!("the name {to} is taken")));
                }
                if let Some(container) = self.containers.remove(&name) {
                    self.created
                        .push(("container", to.clone(), container.id.clone()));
                    self.containers.insert(to.clone(), container);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn remove(&mut self, subject: &Subject, memory: &mut Memory) {
        let name = match &subject.target {
            Target::Existing(id) => self.find(id),
            Target::Created(name) => {
                let id = memory.created.get_mut(name).and_then(Option::take);
                id.and_then(|id| self.find(&id))
            }
        };
        if let Some(name) = name {
            self.touch(&name);
            self.containers.remove(&name);
        }
    }

    pub(super) fn set_state(&mut self, name: &str, state: ContainerState) {
        if let Some(container) = self.containers.get_mut(name) {
            container.state = state;
        }
    }

    /// Lets somebody else create an object.
    fn create_unmanaged(&mut self, chance: &mut Chance) {
        let names = [
            format!("{PREFIX}-c0"),
            format!("{PREFIX}-c1{SUCCESSOR}"),
            format!("{PREFIX}-c2-data"),
            PREFIX.to_owned(),
            "other".to_owned(),
        ];
        let Some(name) = chance.pick(&names).cloned() else {
            return;
        };
        let mut labels = BTreeMap::new();
        if name == "other" {
            // A copy of kcc's labels proves nothing.
            labels.insert(label::SYSTEM.to_owned(), "s".to_owned());
            labels.insert(label::TARGET.to_owned(), "t".to_owned());
        }
        let id = self.next_id();
        match chance.below(3) {
            0 if !self.containers.contains_key(&name) => {
                let container = SimulatedContainer {
                    id,
                    own: false,
                    labels,
                    new: None,
                    state: ContainerState::Running,
                    image_id: String::new(),
                    networks: BTreeMap::new(),
                    joined: None,
                    started: 1,
                    files: BTreeSet::new(),
                    secret: 0,
                    settings: Value::Null,
                    recorded: false,
                };
                self.containers.insert(name, container);
            }
            1 if !self.networks.iter().any(|network| network.name == name) => {
                self.networks.push(SimulatedNetwork {
                    id,
                    name,
                    own: false,
                    labels,
                });
            }
            2 if !self.volumes.contains_key(&name) => {
                let volume = SimulatedVolume { own: false, labels };
                self.volumes.insert(name, volume);
            }
            _ => {}
        }
    }

    fn check_container(
        &self,
        name: &str,
        container: &Container,
        desired: &Desired,
    ) -> Result<(), String> {
        let found = self.containers.get(name).filter(|found| found.own);
        let found = found.ok_or_else(|| format!("{name} is missing"))?;
        let job = desired.components[&container.component].job;
        let runs = match found.state {
            ContainerState::Running => !job,
            ContainerState::Exited(0) => job,
            ContainerState::Created => container.on_demand,
            _ => false,
        };
        // A job that has completed stays as it is.
        let done = job && found.state == ContainerState::Exited(0);
        let labels = config::labels(container);
        let hash = labels.get(label::CONFIG_HASH);
        let reads = container.mounts.contains_key("/run/key");
        let main = container.sidecar_of.as_ref();
        let main = main.map(|main| self.containers[main].id.clone());
        let directories = archive_directories(container);
        let networks = container.networks.keys().all(|network| {
            let attached = found.networks.get(network);
            let mut networks = self.networks.iter();
            attached.is_some_and(|attached| networks.any(|own| own.id == attached.network))
        });
        let checks = [
            (runs || container.on_demand, "does not run"),
            (found.labels.get(label::CONFIG_HASH) == hash, "is another"),
            (
                found.image_id == self.images[&container.image].id,
                "has another image",
            ),
            (!reads || found.secret == self.secret, "has an old secret"),
            (found.joined == main, "shares another network"),
            (done || networks, "lacks a network"),
            (
                done || found.networks.len() == container.networks.len(),
                "has more networks",
            ),
            (
                directories.iter().all(|path| found.files.contains(*path)),
                "lacks files",
            ),
            (
                done || found.settings == json!({"Memory": container.memory}),
                "has other settings",
            ),
        ];
        match checks.iter().find(|(well, _)| !well) {
            Some((_, why)) => Err(format!("{name} {why}: {:?}", found.state)),
            None => Ok(()),
        }
    }
}

fn volume(mount: &Mount) -> Option<&String> {
    match mount {
        Mount::Volume(volume) => Some(volume),
        _ => None,
    }
}

impl SimulatedEngine for Docker {
    type Payload = Payload;
    type Call = Call;
    type Observed = Observed;
    type Inventory = Inventory;
    type Memory = Memory;

    fn new(chance: &mut Chance) -> Self {
        let mut engine = Self {
            seeds: Seeds::new(chance),
            last_id: 0,
            containers: BTreeMap::new(),
            networks: Vec::new(),
            volumes: BTreeMap::new(),
            images: BTreeMap::new(),
            context: "k0".to_owned(),
            secret: 0,
            created: Vec::new(),
            destroyed: Vec::new(),
            wrong: None,
        };
        if chance.one_in(4) {
            engine.create_unmanaged(chance);
        }
        engine
    }

    fn desired(&self, _: &mut Chance) -> Desired {
        self.seeds.desired()
    }

    fn change(&mut self, _: &Desired, chance: &mut Chance) -> Desired {
        if chance.one_in(4) {
            self.secret += 1;
        }
        if chance.one_in(4) {
            self.context = format!("k{}", chance.below(3));
        }
        self.seeds.change(chance);
        self.seeds.desired()
    }

    fn doom(desired: &Desired, chance: &mut Chance) -> Desired {
        doom(desired, chance)
    }

    fn observe(&self, desired: &Desired, records: &Snapshot<Inventory>) -> Observed {
        self.view(desired, &Records::from(records.clone()))
    }

    fn plan(
        desired: &Desired,
        observed: &Observed,
        options: &Options,
    ) -> Result<Plan<Payload>, Error> {
        reconcile(desired, docker(desired), observed, options)
    }

    fn removal(
        desired: &Desired,
        observed: &Observed,
        options: &Options,
    ) -> Result<Plan<Payload>, Error> {
        tear_down(desired, observed, &desired.order(), options)
    }

    fn inventory(
        desired: &Desired,
        observed: &Observed,
        _: &Snapshot<Inventory>,
        created: &BTreeSet<(&str, &str)>,
    ) -> Option<Inventory> {
        let inventory = Inventory {
            scope: Scope::of(desired),
            engine: kcc_tree::Engine::Docker,
            since: 0,
            objects: crate::record_writer::owned_objects(observed, created),
            after: desired.order(),
            unapplied: kcc_plan::Unapplied::default(),
            secrets: BTreeSet::new(),
            shared: BTreeSet::new(),
        };
        (!inventory.objects.is_empty()).then_some(inventory)
    }

    fn calls(step: &Step<Payload>) -> Vec<Calls<Call>> {
        calls(&step.operation.name, &step.payload)
    }

    fn make(&mut self, call: &Call, _: &Operation, memory: &mut Memory) -> Result<(), Error> {
        match call {
            Call::Pull { reference, .. } => {
                let image = image(format!("sha256:{reference}"), None);
                self.images.insert(reference.clone(), image);
            }
            Call::Build {
                build,
                context_hash,
                ..
            } => {
                let image = image(format!("sha256:{context_hash}"), Some(context_hash.clone()));
                self.images.insert(build.tag.clone(), image);
            }
            Call::CheckImage { .. } | Call::CheckImageUsers(_) => {}
            Call::CreateNetwork { name, labels } => {
                if self.networks.iter().any(|network| network.name == *name) {
                    return Err(refused(format!("network {name} exists")));
                }
                let id = self.next_id();
                self.created.push(("network", name.clone(), id.clone()));
                self.networks.push(SimulatedNetwork {
                    id,
                    name: name.clone(),
                    own: true,
                    labels: labels.clone(),
                });
            }
            Call::CreateVolume { name, labels } => {
                if !self.volumes.contains_key(name) {
                    let volume = SimulatedVolume {
                        own: true,
                        labels: labels.clone(),
                    };
                    self.created.push(("volume", name.clone(), name.clone()));
                    self.volumes.insert(name.clone(), volume);
                } else if self.volumes[name].labels != *labels {
                    return Err(refused(format!("volume {name} is not kcc's")));
                }
            }
            Call::CreateCopier { volume, .. }
            | Call::CopyVolume { volume }
            | Call::RemoveCopier { volume }
            | Call::RemoveFormer { name: volume, .. } => {
                self.note(format!("{volume} is taken over from somebody"));
            }
            Call::RemoveNetwork { name, id } => {
                let uses = |found: &SimulatedContainer| {
                    let mut networks = found.networks.values();
                    found.state == ContainerState::Running
                        && networks.any(|attached| attached.network == *id)
                };
                if self.containers.values().any(uses) {
                    return Err(refused(format!("network {name} is in use")));
                }
                let mut networks = self.networks.iter();
                if networks.any(|network| network.id == *id && !network.own) {
                    self.note(format!("network {name} of others is removed"));
                }
                self.networks.retain(|network| network.id != *id);
            }
            Call::RemoveVolume { name } => {
                let uses = |found: &SimulatedContainer| {
                    let new = found.new.iter();
                    let mut mounts = new.flat_map(|new| new.container.mounts.values());
                    mounts.any(|mount| volume(mount) == Some(name))
                };
                if self.containers.values().any(uses) {
                    return Err(refused(format!("volume {name} is in use")));
                }
                if let Some(volume) = self.volumes.remove(name) {
                    self.destroyed.push(name.clone());
                    if !volume.own {
                        self.note(format!("volume {name} of others is removed"));
                    }
                }
            }
            Call::Create(creation) => return self.create(creation, memory),
            Call::CreateDirectoryHelper { name, new, .. } => {
                // As if the volumes of every second component needed an owner.
                if new.container.component.ends_with(['0', '2', '4']) {
                    memory.created.insert(name.clone(), None);
                    return Ok(());
                }
                let container = Container {
                    networks: BTreeMap::new(),
                    ..new.container.clone()
                };
                return self.create(
                    &Creation {
                        name: name.clone(),
                        directories_of: None,
                        new: Arc::new(new.temporary(container)),
                    },
                    memory,
                );
            }
            Call::Remove(subject) => self.remove(subject, memory),
            Call::Connect { container, .. }
            | Call::Upload { container, .. }
            | Call::Start { container, .. }
            | Call::Await { container, .. }
            | Call::Rename { container, .. }
            | Call::UnpackDirectories(container)
            | Call::Unpause(container)
            | Call::Stop(container) => return self.on_container(call, container, memory),
        }
        Ok(())
    }

    fn readiness(
        &self,
        desired: &Desired,
        component: &str,
        object: Option<&str>,
        until: Until,
    ) -> Readiness {
        let docker = docker(desired);
        let own = docker
            .containers
            .iter()
            .filter(|(name, container)| match object {
                Some(object) => name.as_str() == object,
                None => container.component == component && counts_for_readiness(docker, container),
            });
        for (name, container) in own {
            let state = self.containers.get(name).map(|found| found.state);
            let ready = match state {
                _ if container.on_demand && until != Until::Completed => true,
                Some(ContainerState::Exited(0)) => until == Until::Completed,
                Some(ContainerState::Running) => until != Until::Completed,
                _ => false,
            };
            if !ready {
                let why = format!("{name} is {state:?}");
                return Readiness::Failed(kcc_plan::Cause::progress(why));
            }
        }
        Readiness::Ready
    }

    fn interfere(&mut self, _: &Desired, chance: &mut Chance) {
        let own = self.containers.iter().filter(|(_, found)| found.own);
        let own: Vec<_> = own.map(|(name, _)| name.clone()).collect();
        let name = chance.pick(&own).cloned().unwrap_or_default();
        match chance.below(10) {
            0..=2 => self.create_unmanaged(chance),
            3 => drop(self.containers.remove(&name)),
            4 => self.set_state(&name, ContainerState::Exited(137)),
            5 if self
                .containers
                .get(&name)
                .is_some_and(|found| found.state == ContainerState::Running) =>
            {
                self.set_state(&name, ContainerState::Paused);
            }
            6 => {
                // Settings that are changed before the apply ends count as kcc's.
                let found = self.containers.get_mut(&name);
                if let Some(found) = found.filter(|found| found.recorded) {
                    found.settings = json!({"Memory": 99});
                }
            }
            7 => {
                if let Some(found) = self.containers.get_mut(&name) {
                    found.networks.clear();
                }
            }
            8 => {
                let images: Vec<_> = self.images.keys().cloned().collect();
                if let Some(image) = chance.pick(&images) {
                    self.images.remove(image);
                }
            }
            _ => {
                // A container that shares the network of another one cannot join any.
                let found = self.containers.get_mut(&name);
                if let Some(found) = found.filter(|found| found.joined.is_none()) {
                    found
                        .networks
                        .insert("other".to_owned(), Attachment::default());
                }
            }
        }
    }

    fn clear(&mut self, _: &Desired) {
        self.containers.retain(|_, found| found.own);
        self.networks.retain(|found| found.own);
        self.volumes.retain(|_, found| found.own);
    }

    fn check_calls(&mut self, volumes: bool) -> Result<(), String> {
        if let Some(wrong) = &self.wrong {
            return Err(wrong.clone());
        }
        match self.destroyed.drain(..).next() {
            Some(volume) if !volumes => Err(format!("volume {volume} is removed")),
            _ => Ok(()),
        }
    }

    fn check_tracked(&mut self, records: &Snapshot<Inventory>) -> Result<(), String> {
        let created = std::mem::take(&mut self.created);
        if created.is_empty() {
            return Ok(());
        }
        let records = Records::from(records.clone());
        for (kind, name, id) in created {
            let listed = listed(&name, &id, &BTreeMap::new());
            if !records.known().lists(kind, &listed) {
                return Err(format!("{kind} {name} is in no record"));
            }
        }
        Ok(())
    }

    fn is_last(call: &Call) -> bool {
        matches!(call, Call::Rename { .. } | Call::Connect { .. })
    }

    fn check_desired(&mut self, desired: &Desired) -> Result<(), String> {
        let docker = docker(desired);
        for (name, container) in &docker.containers {
            let job = desired.components[&container.component].job;
            if job && container.sidecar_of.is_some() {
                continue;
            }
            self.check_container(name, container, desired)?;
        }
        for found in self.containers.values_mut() {
            found.recorded = true;
        }
        for (name, found) in &self.containers {
            let side = docker.containers.get(name).is_some_and(|container| {
                desired.components[&container.component].job && container.sidecar_of.is_some()
            });
            if found.own && (side || !docker.containers.contains_key(name)) {
                return Err(format!("container {name} is left"));
            }
        }
        for network in &self.networks {
            if network.own && !docker.networks.contains_key(&network.name) {
                return Err(format!("network {} is left", network.name));
            }
        }
        for name in docker.networks.keys() {
            if !self.networks.iter().any(|network| network.name == *name) {
                return Err(format!("network {name} is missing"));
            }
        }
        for name in docker.volumes.keys() {
            if !self.volumes.contains_key(name) {
                return Err(format!("volume {name} is missing"));
            }
        }
        Ok(())
    }

    fn check_removed(&self, volumes: bool) -> Result<(), String> {
        let containers = self.containers.iter().filter(|(_, found)| found.own);
        let networks = self.networks.iter().filter(|found| found.own);
        let data = self
            .volumes
            .iter()
            .filter(|(_, found)| found.own && volumes);
        let left = containers
            .map(|(name, _)| name)
            .chain(networks.map(|found| &found.name))
            .chain(data.map(|(name, _)| name));
        match left.into_iter().next() {
            Some(name) => Err(format!("{name} is left")),
            None => Ok(()),
        }
    }
}

fn image(id: String, context_hash: Option<String>) -> ObservedImage {
    ObservedImage {
        id,
        context_hash,
        user: String::new(),
        platform: "linux/amd64".to_owned(),
        digests: Vec::new(),
        has_health_check: false,
    }
}
