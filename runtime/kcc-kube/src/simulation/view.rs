//! Observes the cluster in memory as `observe` does a real one, with dry runs.

use std::{collections::BTreeSet, sync::atomic::Ordering};

use kcc_lower::{
    Desired,
    kubernetes::{KubernetesDesired, Object},
};
use kcc_plan::{Options, Scope};
use serde_json::{Value, json};

use super::{
    state::{CONTROLLER, Cluster, Stored},
    system::{THING, TOKEN, kube},
};
use crate::{
    conflict,
    observe::{self, namespace_ownership, ownership_of},
    observed::{
        CLAIM, ConflictResolution, DEFINITION, DryRun, MANAGER, NAMESPACE, Observed,
        ObservedObject, OwnedField, Ownership, Reference, SECRET,
    },
    records::Records,
    scale::{self, SCALE_MANAGER},
};

impl Cluster {
    pub(super) fn view(&self, desired: &Desired, records: &Records) -> Observed {
        let kube = kube(desired);
        let scope = &Scope::of(desired);
        self.seen.store(self.clock, Ordering::Relaxed);
        // By the time of another command a kind that was defined is served.
        let mut definitions = self.objects.keys();
        if definitions.any(|key| key.kind == DEFINITION) {
            self.served.store(true, Ordering::Relaxed);
        }
        let mut observed = Observed {
            recorded: records.recorded,
            ..Observed::default()
        };
        let namespace = Reference::namespace(&kube.namespace).key();
        if self.objects.contains_key(&namespace) {
            self.objects(kube, scope, records, &mut observed);
        }
        for secret in &kube.secrets {
            let key = Reference::core(SECRET, &kube.namespace, &secret.name).key();
            let stored = self.objects.get(&key);
            if secret.name == TOKEN && stored.is_some_and(|stored| stored.secret != self.secret) {
                observed.stale.insert(secret.name.clone());
            }
        }
        for object in &kube.objects {
            self.dry_run(kube, scope, object, &mut observed);
        }
        let unmanaged = self.objects.values().filter(|stored| !stored.own);
        let blockers = unmanaged.filter(|stored| stored.reference.namespace.is_some());
        observed.namespace_blockers = blockers
            .map(|stored| stored.reference.to_string())
            .collect();
        observed
    }

    fn objects(
        &self,
        kube: &KubernetesDesired,
        scope: &Scope,
        records: &Records,
        observed: &mut Observed,
    ) {
        let wanted = observe::wanted(kube, records).into_iter();
        let wanted: BTreeSet<_> = wanted.map(|reference| reference.key()).collect();
        let mut templates = records.templates();
        for stored in self.objects.values() {
            let (reference, live) = (stored.reference.clone(), stored.live());
            let ownership = match reference.kind.as_str() {
                NAMESPACE => namespace_ownership(scope, records, &live),
                _ => ownership_of(scope, &records.known(), &reference, &live),
            };
            if ownership == Ownership::Owned {
                templates.learn(&live);
            }
            let listed = ownership != Ownership::Unmanaged && reference.namespace.is_some();
            if listed || wanted.contains(&reference.key()) {
                let found = ObservedObject::of(reference, ownership, live);
                observed.objects.insert(found.reference.key(), found);
            }
        }
        for stored in self.objects.values() {
            let name = &stored.reference.name;
            let known = records.known().lists(CLAIM, name, &stored.uid) || templates.created(name);
            if stored.reference.kind == CLAIM && stored.own && known {
                let reference = stored.reference.clone();
                let found = ObservedObject::of(reference, Ownership::Owned, stored.live());
                observed.objects.insert(found.reference.key(), found);
            }
        }
    }

    fn dry_run(
        &self,
        kube: &KubernetesDesired,
        scope: &Scope,
        object: &Object,
        observed: &mut Observed,
    ) {
        let key = Reference::of(object).key();
        let found = observed.objects.get(&key);
        if found.is_some_and(|found| found.ownership != Ownership::Owned || found.terminating) {
            return;
        }
        let namespace = Reference::namespace(&kube.namespace).key();
        let no_namespace = !observed.objects.contains_key(&namespace);
        let result = match (self.objects.get(&key), found) {
            _ if object.namespace.is_some() && no_namespace => DryRun::NotYet,
            _ if object.kind == THING && !self.served.load(Ordering::Relaxed) => DryRun::NotYet,
            (None, _) | (_, None) => DryRun::Created,
            (Some(stored), Some(found)) => {
                let mut resolution = None;
                let owned = conflicts(stored, &object.manifest);
                if !owned.is_empty() {
                    let autoscalers = self.objects.values();
                    let autoscalers = autoscalers
                        .filter(|stored| stored.reference.kind == scale::AUTOSCALER)
                        .map(Stored::live);
                    let autoscalers: Vec<_> = autoscalers.collect();
                    let existing = &observed.objects;
                    let taken_back =
                        scale::is_taken_back(kube, existing, object, &owned, &autoscalers);
                    resolution = Some(if taken_back {
                        ConflictResolution::forced(object)
                    } else {
                        conflict::resolve(object, found, &owned, scope, &Options::default())
                    });
                }
                let manifest = resolution
                    .as_ref()
                    .map_or(&object.manifest, |one| &one.manifest);
                let result = try_on(stored, manifest);
                if let Some(resolution) = resolution {
                    observed.resolutions.insert(key.clone(), resolution);
                }
                result
            }
        };
        observed.dry_runs.insert(key, result);
    }
}

/// Returns the fields of others that a manifest sets to another value.
pub(super) fn conflicts(stored: &Stored, manifest: &Value) -> Vec<OwnedField> {
    let replicas = manifest.pointer("/spec/replicas").and_then(Value::as_i64);
    let others = [SCALE_MANAGER, CONTROLLER].into_iter();
    let others = others.filter(|manager| stored.scaled_by.contains(manager));
    let others = others.filter(|_| replicas.is_some() && replicas != stored.replicas);
    others
        .map(|manager| OwnedField {
            field: ".spec.replicas".to_owned(),
            manager: manager.to_owned(),
        })
        .collect()
}

/// Returns true if a manifest changes what never changes: a job, a claim, and the
/// templates of a set's claims.
pub(super) fn is_immutable(stored: &Stored, manifest: &Value) -> bool {
    let field = match stored.reference.kind.as_str() {
        "Job" | CLAIM => "/spec",
        "StatefulSet" => "/spec/volumeClaimTemplates",
        _ => return false,
    };
    stored.applied.pointer(field) != manifest.pointer(field)
}

/// Tries a manifest on an object.
pub(super) fn try_on(stored: &Stored, manifest: &Value) -> DryRun {
    if is_immutable(stored, manifest) {
        return DryRun::Immutable("field is immutable".to_owned());
    }
    let mut next = stored.with(manifest);
    next.scaled_by.insert(MANAGER);
    let mut next = next.live();
    next["metadata"]["managedFields"] = json!([]);
    DryRun::Result(next)
}

/// Builds the inventory of what is observed; none if there is nothing.
pub(super) fn inventory(
    desired: &Desired,
    observed: &Observed,
    records: &Records,
    created: &BTreeSet<(&str, &str)>,
) -> Option<crate::records::Inventory> {
    let inventory = observe::inventory(observed, records, created, desired);
    (!inventory.is_empty()).then_some(inventory)
}
