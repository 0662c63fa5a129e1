//! The calls of the cluster in memory. It imitates what the real one does with each,
//! and notes what kcc must never do: change or remove objects of others, or let a
//! number of replicas fall back to the server's default.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};

use kcc_diag::Code;
use kcc_lower::Desired;
use kcc_model::Until;
use kcc_plan::{Calls, Error, Operation, Options, Plan, Readiness, Snapshot, Step};
use kcc_test_engines::simulation::{Chance, SimulatedEngine};
use serde_json::{Value, json};

use super::{
    state::{CONTROLLER, Cluster, Stored, time},
    system::{SPACE, Seeds, THING, TOKEN, doom, kube},
    view::{conflicts, inventory, is_immutable},
};
use crate::{
    calls::{Call, calls},
    observed::{
        CLAIM, DEFINITION, Key, MANAGER, NAMESPACE, Observed, Reference, SECRET, holds_data,
    },
    payload::Payload,
    reconcile::{is_workload, reconcile, tear_down},
    records::{Inventory, Records},
    scale::SCALE_MANAGER,
    secrets,
};

fn refused(why: String) -> Error {
    Error::new(Code::ApplyRefused, why)
}

impl Cluster {
    fn note(&mut self, why: String) {
        self.wrong.get_or_insert(why);
    }

    fn create(&mut self, reference: &Reference, manifest: &Value, own: bool) {
        self.clock += 1;
        let uid = format!("uid{}", self.clock);
        let reads = secrets::referenced(manifest)
            .iter()
            .any(|name| name == TOKEN);
        let new = Stored {
            reference: reference.clone(),
            uid: uid.clone(),
            own,
            applied: json!({}),
            created: self.clock,
            removing: false,
            scaled_by: BTreeSet::new(),
            replicas: None,
            annotations: BTreeMap::new(),
            secret: if reads { self.current_secret() } else { 0 },
            changed: None,
        };
        let mut new = new.with(manifest);
        if is_scaled(&reference.kind) && new.replicas.is_none() {
            new.replicas = Some(1);
        }
        let key = reference.key();
        if own {
            self.created.push((key.clone(), uid));
        }
        self.objects.insert(key, new);
        if reference.kind == "StatefulSet" {
            let name = format!("data-{}-0", reference.name);
            let claim = Reference::core(CLAIM, SPACE, &name);
            // The set waits until a removed claim is gone.
            if self
                .objects
                .get(&claim.key())
                .is_some_and(|one| one.removing)
            {
                self.objects.remove(&claim.key());
            }
            if !self.objects.contains_key(&claim.key()) {
                let labels = manifest.pointer("/metadata/labels");
                let manifest = json!({"metadata": {"name": name, "labels": labels}, "spec": {}});
                self.create(&claim, &manifest, own);
                // The cluster created it.
                self.created.pop();
            }
        }
    }

    /// Returns the number of the value that the external Secret has.
    fn current_secret(&self) -> u64 {
        let key = Reference::core(SECRET, SPACE, TOKEN).key();
        self.objects.get(&key).map_or(0, |stored| stored.secret)
    }

    /// Returns the object of a call, if it has this identity.
    fn existing(&self, reference: &Reference, uid: &str) -> Result<&Stored, Error> {
        let found = self.objects.get(&reference.key());
        let found = found.filter(|stored| stored.uid == uid);
        found.ok_or_else(|| refused(format!("{reference} is another")))
    }

    fn apply(&mut self, reference: &Reference, manifest: &Value, force: bool) -> Result<(), Error> {
        let key = reference.key();
        let namespace = Reference::namespace(SPACE).key();
        if reference.namespace.is_some() && !self.objects.contains_key(&namespace) {
            return Err(refused("the namespace is missing".to_owned()));
        }
        if reference.kind == THING && !self.served.load(Ordering::Relaxed) {
            return Err(refused(format!("the kind of {reference} is not served")));
        }
        let uid = manifest.pointer("/metadata/uid").and_then(Value::as_str);
        let Some(stored) = self.objects.get(&key).cloned() else {
            if uid.is_some() {
                return Err(refused(format!("{reference} is gone")));
            }
            self.create(reference, manifest, true);
            return Ok(());
        };
        if uid.is_some_and(|uid| uid != stored.uid) {
            return Err(refused(format!("{reference} is another")));
        }
        if !stored.own {
            self.note(format!("{reference} of others is changed"));
        }
        if !force && !conflicts(&stored, manifest).is_empty() {
            return Err(refused(format!("{reference} is in conflict")));
        }
        if is_immutable(&stored, manifest) {
            return Err(refused(format!("{reference} is immutable")));
        }
        let mut next = stored.with(manifest);
        if force {
            next.scaled_by
                .retain(|manager| *manager != SCALE_MANAGER && *manager != CONTROLLER);
        }
        let fell = next.replicas < stored.replicas && manifest.pointer("/spec/replicas").is_none();
        if fell {
            self.note(format!("{reference} falls back to one replica"));
        }
        if next.applied["spec"]["template"] != stored.applied["spec"]["template"] {
            next.secret = self.current_secret();
        }
        self.clock += 1;
        self.objects.insert(key, next);
        Ok(())
    }

    fn delete(&mut self, reference: &Reference, uid: &str) -> Result<(), Error> {
        let Some(stored) = self.objects.get(&reference.key()).cloned() else {
            return Ok(());
        };
        if stored.uid != uid {
            return Err(refused(format!("{reference} is another")));
        }
        if !stored.own {
            self.note(format!("{reference} of others is removed"));
        }
        if holds_data(&reference.kind) && reference.kind != SECRET {
            self.destroyed.push(reference.to_string());
        }
        if let Some(stored) = self.objects.get_mut(&reference.key()) {
            stored.removing = true;
        }
        Ok(())
    }

    /// Returns true if a workload mounts a claim, which keeps it. One that is being
    /// removed goes without being awaited.
    fn is_mounted(&self, key: &Key) -> bool {
        let mut workloads = self.objects.values().filter(|stored| !stored.removing);
        key.kind == CLAIM
            && workloads.any(|stored| {
                let kind = stored.reference.kind.as_str();
                let of_set = format!("data-{}-0", stored.reference.name);
                let volume = &stored.applied["spec"]["template"]["spec"]["volumes"][0];
                let claim = &volume["persistentVolumeClaim"]["claimName"];
                (kind == "StatefulSet" && of_set == key.name)
                    || (is_workload(kind) && claim.as_str() == Some(&key.name))
            })
    }

    /// Lets what is being removed go.
    fn finish_removal(&mut self, key: &Key) {
        let removing = self.objects.get(key).is_some_and(|stored| stored.removing);
        if !removing || self.is_mounted(key) {
            return;
        }
        if key.kind == NAMESPACE {
            // Nobody can know what appears after the last look.
            let seen = self.seen.load(Ordering::Relaxed);
            let mut inside = self
                .objects
                .values()
                .filter(|stored| stored.created <= seen);
            let other = inside.find(|stored| !stored.own && stored.reference.namespace.is_some());
            if let Some(other) = other.map(|stored| stored.reference.to_string()) {
                self.note(format!("{other} of others goes with the namespace"));
            }
            self.objects
                .retain(|_, stored| stored.reference.namespace.is_none());
        }
        if key.kind == DEFINITION {
            self.served.store(false, Ordering::Relaxed);
            self.objects.retain(|key, _| key.kind != THING);
        }
        self.objects.remove(key);
    }
}

fn is_scaled(kind: &str) -> bool {
    matches!(kind, "Deployment" | "StatefulSet")
}

impl SimulatedEngine for Cluster {
    type Payload = Payload;
    type Call = Call;
    type Observed = Observed;
    type Inventory = Inventory;
    type Memory = ();

    fn new(chance: &mut Chance) -> Self {
        let mut cluster = Self {
            seeds: Seeds::new(chance),
            clock: 0,
            objects: BTreeMap::new(),
            seen: AtomicU64::new(0),
            served: AtomicBool::new(false),
            secret: 0,
            created: Vec::new(),
            destroyed: Vec::new(),
            wrong: None,
        };
        if chance.one_in(4) {
            let manifest = json!({"metadata": {"name": SPACE}});
            cluster.create(&Reference::namespace(SPACE), &manifest, false);
            let name = if chance.one_in(2) { "c0" } else { "other" };
            let service = Reference::core("Service", SPACE, name);
            let manifest = json!({"metadata": {"name": name}});
            cluster.create(&service, &manifest, false);
        }
        cluster
    }

    fn desired(&self, _: &mut Chance) -> Desired {
        self.seeds.desired()
    }

    fn change(&mut self, _: &Desired, chance: &mut Chance) -> Desired {
        if chance.one_in(3) {
            self.secret += 1;
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
        reconcile(desired, kube(desired), observed, options)
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
        records: &Snapshot<Inventory>,
        created: &BTreeSet<(&str, &str)>,
    ) -> Option<Inventory> {
        inventory(desired, observed, &Records::from(records.clone()), created)
    }

    fn calls(step: &Step<Payload>) -> Vec<Calls<Call>> {
        calls(&step.payload)
    }

    fn is_last(call: &Call) -> bool {
        matches!(call, Call::Restart { .. } | Call::AwaitServed { .. })
    }

    fn make(&mut self, call: &Call, _: &Operation, (): &mut ()) -> Result<(), Error> {
        match call {
            Call::Apply {
                reference,
                manifest,
                force,
            } => self.apply(reference, manifest, *force)?,
            Call::HandOver { reference, part } => {
                let replicas = part.pointer("/spec/replicas").and_then(Value::as_i64);
                let stored = self.objects.get_mut(&reference.key());
                let stored = stored.ok_or_else(|| refused(format!("{reference} is gone")))?;
                if stored.replicas != replicas {
                    return Err(refused(format!("{reference} is in conflict")));
                }
                stored.scaled_by.insert(SCALE_MANAGER);
            }
            Call::TakeOver { reference, .. } => {
                self.note(format!("{reference} of others is taken over"));
            }
            Call::AwaitServed { reference } => {
                if !self.objects.contains_key(&reference.key()) {
                    return Err(refused(format!("{reference} is gone")));
                }
                self.served.store(true, Ordering::Relaxed);
            }
            Call::Delete { reference, uid } => self.delete(reference, uid)?,
            Call::AwaitRemoval { reference, .. } => {
                let key = reference.key();
                self.finish_removal(&key);
                let stored = self.objects.get(&key);
                if stored.is_some_and(|stored| stored.removing) {
                    return Err(refused(format!("{reference} is in use")));
                }
            }
            Call::CreateSecret { reference, secret } => {
                let namespace = Reference::namespace(SPACE).key();
                if !self.objects.contains_key(&namespace) {
                    return Err(refused("the namespace is missing".to_owned()));
                }
                if !self.objects.contains_key(&reference.key()) {
                    let value = if secret.name == TOKEN { self.secret } else { 0 };
                    let manifest = secrets::object(reference, secret, "");
                    self.create(reference, &manifest, true);
                    if let Some(stored) = self.objects.get_mut(&reference.key()) {
                        stored.secret = value;
                    }
                }
            }
            Call::AdoptSecret { reference, uid, .. } => {
                self.existing(reference, uid)?;
            }
            Call::UpdateSecret { reference, uid, .. } => {
                self.existing(reference, uid)?;
                self.clock += 1;
                let (clock, value) = (self.clock, self.secret);
                if let Some(stored) = self.objects.get_mut(&reference.key()) {
                    stored.secret = value;
                    stored.changed = Some(clock);
                }
            }
            Call::Restart {
                reference,
                uid,
                annotation,
            } => {
                self.existing(reference, uid)?;
                self.clock += 1;
                let (clock, value) = (self.clock, self.current_secret());
                if let Some(stored) = self.objects.get_mut(&reference.key()) {
                    stored.secret = value;
                    stored
                        .annotations
                        .insert((*annotation).to_owned(), time(clock));
                }
            }
        }
        Ok(())
    }

    fn readiness(
        &self,
        desired: &Desired,
        component: &str,
        _: Option<&str>,
        _: Until,
    ) -> Readiness {
        let objects = kube(desired).objects.iter().filter(|object| {
            is_workload(&object.kind) && object.component.as_deref() == Some(component)
        });
        for object in objects {
            let stored = self.stored(object);
            let well = stored.is_some_and(|stored| {
                !stored.removing && stored.applied["spec"]["doomed"] != json!(true)
            });
            if !well {
                let why = format!("{} {} is not ready", object.kind, object.name);
                return Readiness::Failed(kcc_plan::Cause::progress(why));
            }
        }
        Readiness::Ready
    }

    fn interfere(&mut self, _: &Desired, chance: &mut Chance) {
        // Autoscalers work, and what is being removed goes.
        let scalers: Vec<_> = self.objects.values().cloned().collect();
        for scaler in scalers {
            let target = scaler.applied.pointer("/spec/scaleTargetRef/name");
            let Some(name) = target.and_then(Value::as_str) else {
                continue;
            };
            let mut key = Reference::core("Deployment", SPACE, name).key();
            key.group = "apps".to_owned();
            if let Some(stored) = self.objects.get_mut(&key) {
                let replicas = Some(3 + i64::from(chance.one_in(2)));
                if stored.replicas != replicas {
                    stored.scaled_by.remove(MANAGER);
                }
                stored.replicas = replicas;
                stored.scaled_by.insert(CONTROLLER);
                stored.scaled_by.remove(SCALE_MANAGER);
            }
        }
        let keys: Vec<_> = self.objects.keys().cloned().collect();
        for key in &keys {
            if chance.one_in(2) && key.kind != NAMESPACE {
                self.finish_removal(key);
            }
        }
        let own = self.objects.iter().filter(|(key, stored)| {
            stored.own && !holds_data(&key.kind) && stored.reference.namespace.is_some()
        });
        let own: Vec<_> = own.map(|(key, _)| key.clone()).collect();
        match chance.below(4) {
            0 => {
                let name = format!("other{}", chance.below(2));
                let other = Reference::core("ConfigMap", SPACE, &name);
                let namespace = Reference::namespace(SPACE).key();
                let free = !self.objects.contains_key(&other.key());
                if free && self.objects.contains_key(&namespace) {
                    let manifest = json!({"metadata": {"name": name}});
                    self.create(&other, &manifest, false);
                }
            }
            1 | 2 => {
                if let Some(key) = chance.pick(&own) {
                    self.objects.remove(key);
                }
            }
            _ => {
                if let Some(stored) = chance.pick(&own).and_then(|key| self.objects.get_mut(key)) {
                    stored.removing = true;
                }
            }
        }
    }

    fn clear(&mut self, _: &Desired) {
        self.objects
            .retain(|key, stored| stored.own || key.kind == NAMESPACE);
    }

    fn check_calls(&mut self, volumes: bool) -> Result<(), String> {
        if let Some(wrong) = &self.wrong {
            return Err(wrong.clone());
        }
        match self.destroyed.drain(..).next() {
            Some(object) if !volumes => Err(format!("{object} is removed")),
            _ => Ok(()),
        }
    }

    fn check_tracked(&mut self, records: &Snapshot<Inventory>) -> Result<(), String> {
        let created = std::mem::take(&mut self.created);
        if created.is_empty() {
            return Ok(());
        }
        let records = Records::from(records.clone());
        for (key, uid) in created {
            if !records.known().lists(&key.kind, &key.name, &uid) {
                return Err(format!("{} {} is in no record", key.kind, key.name));
            }
        }
        Ok(())
    }

    fn check_desired(&mut self, desired: &Desired) -> Result<(), String> {
        let kube = kube(desired);
        let mut wanted = BTreeSet::new();
        for object in &kube.objects {
            let key = Reference::of(object).key();
            let name = format!("{} {}", object.kind, object.name);
            let stored = self.objects.get(&key);
            let stored = stored.ok_or_else(|| format!("{name} is missing"))?;
            wanted.insert(key);
            if stored.removing {
                return Err(format!("{name} is being removed"));
            }
            // Somebody else may have set the number of replicas that is desired.
            let spec = |manifest: &Value| {
                let mut spec = manifest["spec"].clone();
                if let Some(spec) = spec.as_object_mut() {
                    spec.remove("replicas");
                }
                spec
            };
            let (is, not) = (spec(&stored.applied), spec(&object.manifest));
            if stored.own && is != not {
                return Err(format!("{name} is {is}, not {not}"));
            }
            let replicas = object.manifest.pointer("/spec/replicas");
            let replicas = replicas.and_then(Value::as_i64);
            if replicas.is_some() && replicas != stored.replicas {
                return Err(format!("{name} has {:?} replicas", stored.replicas));
            }
            let reads = secrets::referenced(&object.manifest);
            let running = is_scaled(&object.kind) && reads.iter().any(|name| name == TOKEN);
            if running && stored.secret != self.secret {
                return Err(format!("{name} has an old secret"));
            }
        }
        for secret in &kube.secrets {
            let key = Reference::core(SECRET, SPACE, &secret.name).key();
            let stored = self.objects.get(&key);
            let stored = stored.ok_or_else(|| format!("Secret {} is missing", secret.name))?;
            if secret.name == TOKEN && stored.secret != self.secret {
                return Err("the Secret has an old value".to_owned());
            }
        }
        for (key, stored) in &self.objects {
            // A job of a component that is scheduled by now is a run of it.
            let is_run = key.kind == "Job"
                && wanted.iter().any(|other| {
                    other.kind == "CronJob" && key.name.starts_with(&format!("{}-", other.name))
                });
            if stored.own && !holds_data(&key.kind) && !wanted.contains(key) && !is_run {
                return Err(format!("{} {} is left", key.kind, key.name));
            }
        }
        Ok(())
    }

    fn check_removed(&self, volumes: bool) -> Result<(), String> {
        let left = self.objects.iter().find(|(key, stored)| {
            stored.own && (volumes || !holds_data(&key.kind)) && key.kind != NAMESPACE
        });
        match left {
            Some((key, _)) => Err(format!("{} {} is left", key.kind, key.name)),
            None => Ok(()),
        }
    }
}
