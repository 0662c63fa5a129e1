//! Changes that cannot be made in place, and whose objects have data: a claim with other
//! settings, a set with other templates of claims. They are refused unless
//! `--recreate` names the object or its component, and `--volumes` allows to discard
//! data where it would be lost. Pure.

use std::collections::{BTreeMap, BTreeSet};

use kcc_diag::Code;
use kcc_lower::kubernetes::{KubernetesDesired, Object};
use kcc_plan::{Action, Draft, Error, Options, Refusal, Scope, object_name};
use serde_json::Value;

use super::{ended, is_workload, removal};
use crate::{
    diff::{self, Difference},
    observed::{CLAIM, DryRun, Key, Observed, ObservedObject, Ownership, Reference, Templates},
    payload::Payload,
};

const SET: &str = "StatefulSet";

/// The cause of the creation of an object that the same plan removes.
pub(super) const RECREATED: &str = "takes the place of the one that is removed";

/// The obstacle to the replacement of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Obstacle {
    /// Its data would be lost.
    Data,
    /// Its claims outlive it, and its new templates do not apply to them.
    Claims,
}

/// Returns the obstacle to the replacement of an object.
fn obstacle(object: &Object, existing: &ObservedObject) -> Option<Obstacle> {
    if object.data || existing.data {
        return Some(Obstacle::Data);
    }
    let retention = existing
        .live
        .pointer("/spec/persistentVolumeClaimRetentionPolicy/whenDeleted");
    if retention.and_then(Value::as_str) == Some("Delete") {
        return Some(Obstacle::Data);
    }
    let templates = |value: &Value| {
        let templates = value.pointer("/spec/volumeClaimTemplates");
        templates.cloned().unwrap_or(Value::Array(Vec::new()))
    };
    let (live, wanted) = (templates(&existing.live), templates(&object.manifest));
    let same = diff::missing(&live, &wanted).is_empty()
        && live.as_array().map(Vec::len) == wanted.as_array().map(Vec::len);
    (!same).then_some(Obstacle::Claims)
}

/// Returns the consequence of a replacement, as its cause ends.
pub(super) fn consequence(object: &Object, existing: &ObservedObject) -> &'static str {
    match object.kind.as_str() {
        SET if obstacle(object, existing) == Some(Obstacle::Claims) => {
            "; its pods stop first, and its claims stay as they are"
        }
        "Deployment" | "DaemonSet" | SET => "; its pods stop first",
        _ => "",
    }
}

fn is_concerned(existing: &ObservedObject) -> bool {
    matches!(existing.ownership, Ownership::Owned | Ownership::Former)
}

/// Returns true if a change of an object may destroy its data.
fn may_discard(object: &Object, options: &Options) -> bool {
    let component = object.component.as_ref();
    options.volumes && options.may_recreate(&object.kind, &object.name, component)
}

/// Fails on changes that need the removal of an object with data, unless the options
/// allow them.
pub(super) fn refuse_loss(
    kube: &KubernetesDesired,
    observed: &Observed,
    scope: &Scope,
    options: &Options,
) -> Result<(), Error> {
    let apply = scope.command("apply");
    let mut refusals = Vec::new();
    for object in &kube.objects {
        let key = Reference::of(object).key();
        let Some(existing) = observed.objects.get(&key) else {
            continue;
        };
        let name = object_name(&object.kind, &object.name);
        let reference = &existing.reference;
        let mut refuse = |message: String, help: String, field: Vec<String>| {
            refusals.push(Refusal {
                code: Code::PlanImmutable,
                message,
                help,
                component: object.component.clone(),
                object: (object.kind.to_lowercase(), object.name.clone()),
                field,
            });
        };
        if existing.terminating && object.kind == CLAIM {
            let user = holders(observed, &BTreeSet::from([object.name.as_str()]))
                .into_values()
                .next();
            if let Some(user) = user.filter(|_| !may_discard(object, options)) {
                refuse(
                    format!(
                        "{reference} is being removed, but {} still uses it",
                        user.reference
                    ),
                    format!(
                        "to create both again, with an empty claim: \
                         `{apply} --recreate {name} --volumes`"
                    ),
                    Vec::new(),
                );
            }
            continue;
        }
        let Some(DryRun::Immutable(reason)) = observed.dry_runs.get(&key) else {
            continue;
        };
        let fields = diff::missing(&existing.live, &object.manifest);
        let field = fields.first().map(Difference::path).unwrap_or_default();
        let names: BTreeSet<_> = fields.iter().map(Difference::name).collect();
        let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
        let names = if names.is_empty() {
            "the configuration".to_owned()
        } else {
            names.join(", ")
        };
        let component = object.component.as_ref();
        let chosen = options.may_recreate(&object.kind, &object.name, component);
        let recreatable = [CLAIM, SET].contains(&object.kind.as_str());
        match obstacle(object, existing) {
            Some(Obstacle::Claims) if !chosen => refuse(
                format!("cannot change {names} of {reference} in place: {reason}"),
                format!(
                    "to replace it and leave its claims as they are: \
                     `{apply} --recreate {name}` (with `--volumes` without their data)"
                ),
                field,
            ),
            Some(Obstacle::Data) if !recreatable => refuse(
                format!("cannot change {names} of {reference} without losing its data: {reason}"),
                "undo the change; or back up the data, remove it with `kcc down --volumes`, \
                 and restore it"
                    .to_owned(),
                field,
            ),
            Some(Obstacle::Data) if !may_discard(object, options) => refuse(
                format!("cannot change {names} of {reference} without losing its data: {reason}"),
                format!(
                    "undo the change; or back up the data and discard it: \
                     `{apply} --recreate {name} --volumes`"
                ),
                field,
            ),
            _ => {}
        }
    }
    if refusals.is_empty() {
        return Ok(());
    }
    Err(refusals.into())
}

/// The objects to remove so that claims can be created again.
#[derive(Debug, Default)]
pub(super) struct Recreation<'a> {
    /// The claims with the reason for their removal.
    claims: BTreeMap<&'a str, (&'a ObservedObject, String)>,
    /// The workloads that mount them, by identity.
    users: BTreeMap<Key, &'a ObservedObject>,
}

impl<'a> Recreation<'a> {
    /// Finds the claims that the options allow to discard, and the workloads that mount
    /// them.
    pub(super) fn of(
        kube: &'a KubernetesDesired,
        observed: &'a Observed,
        options: &Options,
    ) -> Self {
        let mut all = Self::default();
        if !options.volumes || options.recreate.is_empty() {
            return all;
        }
        for object in kube.objects.iter().filter(|one| may_discard(one, options)) {
            let key = Reference::of(object).key();
            let existing = observed.objects.get(&key);
            let Some(existing) = existing.filter(|one| is_concerned(one)) else {
                continue;
            };
            let immutable = matches!(observed.dry_runs.get(&key), Some(DryRun::Immutable(_)));
            if object.kind == CLAIM && (immutable || existing.terminating) {
                let fields = diff::missing(&existing.live, &object.manifest);
                let cause = diff::cause(&fields, "changed, which requires a replacement");
                all.claims.insert(&object.name, (existing, cause));
            }
            if object.kind == SET && obstacle(object, existing).is_some() {
                let mut templates = Templates::default();
                templates.learn(&existing.live);
                let claims = observed.objects.values().filter(|claim| {
                    claim.reference.kind == CLAIM
                        && claim.ownership == Ownership::Owned
                        && templates.created(&claim.reference.name)
                });
                for claim in claims.filter(|claim| immutable || claim.terminating) {
                    let cause = format!("{} is replaced", existing.reference);
                    all.claims.insert(&claim.reference.name, (claim, cause));
                }
                if immutable {
                    all.users.insert(key, existing);
                }
            }
        }
        let names = all.claims.keys().copied().collect();
        all.users.extend(holders(observed, &names));
        all
    }

    /// Returns true if an object is removed.
    pub(super) fn removes(&self, key: &Key) -> bool {
        self.users.contains_key(key)
            || key.kind == CLAIM && self.claims.contains_key(key.name.as_str())
    }

    /// Drafts the removals: each claim is marked, then what mounts it is removed.
    pub(super) fn removals(&self) -> Vec<Draft<Payload>> {
        let marked = self.claims.values();
        let marked = marked.filter(|(claim, _)| !claim.terminating);
        let marked = marked.map(|(claim, cause)| {
            let payload = Payload::Discard {
                reference: claim.reference.clone(),
                uid: claim.uid.clone(),
            };
            let name = &claim.reference.name;
            let draft = Draft::new(Action::Delete, CLAIM, name, cause, payload);
            belonging_to(draft, claim).destroys_data()
        });
        let users = self.users.values().map(|user| {
            let mounted = mounted(user);
            let mut claims = self.claims.keys().filter(|name| mounted.has(name));
            let cause = match claims.next() {
                Some(claim) => format!("uses {CLAIM} `{claim}`, which is created again"),
                None => "replaced, which stops its pods first".to_owned(),
            };
            let mut draft = removal(user, &cause);
            for claim in self.claims.keys().filter(|name| mounted.has(name)) {
                draft = draft.after_removal(CLAIM, *claim);
            }
            draft
        });
        marked.chain(users).collect()
    }

    /// Orders the creation of an object after the removals that it waits for.
    pub(super) fn after_removals(
        &self,
        mut draft: Draft<Payload>,
        object: &Object,
    ) -> Draft<Payload> {
        draft = draft.after_removal(&object.kind, &object.name);
        if object.kind == CLAIM && self.claims.contains_key(object.name.as_str()) {
            for user in self.users.values() {
                draft = draft.after_removal(&user.reference.kind, &user.reference.name);
            }
        }
        draft
    }
}

fn belonging_to(mut draft: Draft<Payload>, existing: &ObservedObject) -> Draft<Payload> {
    if let Some(component) = &existing.component {
        draft = draft.component(component);
    }
    if let Some(team) = &existing.team {
        draft = draft.team(team);
    }
    draft
}

/// The claims that a workload mounts: by name, and those of its templates.
struct Mounted<'a> {
    names: BTreeSet<&'a str>,
    templates: Templates,
}

impl Mounted<'_> {
    fn has(&self, claim: &str) -> bool {
        self.names.contains(claim) || self.templates.created(claim)
    }
}

fn mounted(workload: &ObservedObject) -> Mounted<'_> {
    let live = &workload.live;
    let pod = live
        .pointer("/spec/template/spec/volumes")
        .or_else(|| live.pointer("/spec/jobTemplate/spec/template/spec/volumes"));
    let volumes = pod.and_then(Value::as_array).into_iter().flatten();
    let names = volumes.filter_map(|volume| {
        let name = volume.pointer("/persistentVolumeClaim/claimName")?;
        name.as_str()
    });
    let mut templates = Templates::default();
    templates.learn(live);
    Mounted {
        names: names.collect(),
        templates,
    }
}

/// Returns the owned workloads whose pods mount one of some claims. A job that has ended
/// uses nothing any more.
fn holders<'a>(
    observed: &'a Observed,
    claims: &BTreeSet<&str>,
) -> BTreeMap<Key, &'a ObservedObject> {
    let objects = observed.objects.iter().filter(|(_, existing)| {
        is_workload(&existing.reference.kind)
            && is_concerned(existing)
            && !existing.terminating
            && ended(existing).is_none()
    });
    let users = objects.filter(|(_, existing)| {
        let mounted = mounted(existing);
        claims.iter().any(|claim| mounted.has(claim))
    });
    users.map(|(key, user)| (key.clone(), user)).collect()
}
