//! Turns the comparison that a plan is made of into [`Deviation`]s: the operations that
//! would remove the differences, the findings, and what a plan would refuse. Pure.
//!
//! Only fields that the manifests set are compared, with one exception: an object that is
//! paused or suspended does not do what its manifest says, although that sets neither.

use std::collections::BTreeSet;

use jiff::Timestamp;
use kcc_lower::kubernetes::{KubernetesDesired, Object};
use kcc_plan::{
    Action, Conflict, Deviation, Evidence, FIELD_MANAGER, FieldChange, Finding, FindingKind, Grade,
    MissingSecret, Operation, Plan, Readiness, Verdict,
};
use serde_json::Value;

use crate::{
    diff,
    live::Live,
    managed,
    observed::{CLAIM, DryRun, NAMESPACE, Observed, ObservedObject, Ownership, Reference, SECRET},
    payload::Payload,
    records::Records,
    rollout,
    scale::CONTROLLER,
};

/// The fields that keep an object from doing what its manifest says.
const SUSPENDING: [&str; 2] = ["paused", "suspend"];

/// The limits of what a field manager's time tells.
const LAST_WRITE: &str = "the time is that of its last write to the object";
/// The limits of what the first writer of an object tells.
const FIRST_WRITE: &str = "the time is that of the object's creation";

/// The facts that the comparison does not see.
pub(crate) struct Surroundings<'a> {
    pub(crate) records: &'a Records,
    pub(crate) live: &'a Live,
    /// The time of the last apply.
    pub(crate) applied: Option<Timestamp>,
    /// The secrets whose values could not be compared.
    pub(crate) missing: &'a [MissingSecret],
}

/// Returns the differences that a comparison found.
pub(crate) fn deviations(
    kube: &KubernetesDesired,
    observed: &Observed,
    plan: &Plan<Payload>,
    surroundings: &Surroundings<'_>,
) -> Vec<Deviation> {
    let mut found = Found {
        kube,
        observed,
        surroundings,
        replaced: replaced(kube, observed, surroundings.records),
        all: Vec::new(),
    };
    for operation in plan.operations() {
        found.operation(operation);
    }
    for finding in &plan.findings {
        found.finding(finding);
    }
    for object in &kube.objects {
        found.object(object);
    }
    found.not_ready(plan);
    found.foreign_objects();
    for secret in surroundings.missing {
        found.all.push(Deviation {
            cause: Some(format!("cannot tell if it changed: {}", secret.why)),
            ..Deviation::new(Verdict::Unknown, SECRET, &secret.name)
        });
    }
    found.all
}

/// Returns the existing objects that have the names of desired ones and that kcc did not
/// make. Namespaces, and data that existed before, are not among them: kcc uses those of
/// any origin.
fn replaced<'a>(
    kube: &KubernetesDesired,
    observed: &'a Observed,
    records: &Records,
) -> Vec<&'a ObservedObject> {
    let names = records.names();
    let secrets = kube.secrets.iter();
    let secrets = secrets.map(|secret| Reference::core(SECRET, &kube.namespace, &secret.name));
    let wanted = kube.objects.iter().map(Reference::of).chain(secrets);
    let existing = wanted.filter_map(|reference| observed.objects.get(&reference.key()));
    existing
        .filter(|existing| {
            let Reference { kind, name, .. } = &existing.reference;
            let data = matches!(kind.as_str(), CLAIM | SECRET);
            existing.ownership != Ownership::Owned
                && kind != NAMESPACE
                && (!data || names.contains(&(kind.as_str(), name.as_str())))
        })
        .collect()
}

struct Found<'a> {
    kube: &'a KubernetesDesired,
    observed: &'a Observed,
    surroundings: &'a Surroundings<'a>,
    replaced: Vec<&'a ObservedObject>,
    all: Vec<Deviation>,
}

impl Found<'_> {
    /// Returns true if the last apply brought about what an object belongs to.
    fn is_finished(&self, component: Option<&String>) -> bool {
        match component {
            Some(name) => self.observed.is_completed(name),
            None => !self.observed.interrupted && self.observed.unapplied.target.is_none(),
        }
    }

    fn operation(&mut self, operation: &Operation) {
        let Operation { kind, name, .. } = operation;
        let whole = |verdict: Verdict| Deviation {
            component: operation.component.clone(),
            team: operation.team.clone(),
            cause: Some(operation.cause.clone()),
            ..Deviation::new(verdict, kind, name)
        };
        let verdict = match operation.action {
            // A restart only follows from another difference.
            Action::Run => return,
            Action::Delete => {
                self.all.push(whole(Verdict::Added));
                return;
            }
            _ if !self.is_finished(operation.component.as_ref()) => Verdict::Unfinished,
            Action::Create => Verdict::Deleted,
            Action::Replace if operation.changes.is_empty() => Verdict::Decayed,
            Action::Update | Action::Replace => Verdict::Edited,
        };
        if kind == SECRET && operation.action == Action::Update {
            // Its value is never shown.
            self.all.push(Deviation {
                change: Some(FieldChange {
                    path: "data".to_owned(),
                    live: None,
                    desired: None,
                }),
                cause: None,
                ..whole(verdict)
            });
            return;
        }
        if operation.changes.is_empty() {
            self.all.push(whole(verdict));
        }
        for change in &operation.changes {
            self.all.push(Deviation {
                change: Some(change.clone()),
                cause: None,
                ..whole(verdict)
            });
        }
    }

    fn finding(&mut self, finding: &Finding) {
        let Finding { kind, name, .. } = finding;
        let whole = |verdict: Verdict| Deviation {
            component: finding.component.clone(),
            team: finding.team.clone(),
            cause: Some(finding.cause.clone()),
            ..Deviation::new(verdict, kind, name)
        };
        let found = match (&finding.conflict, finding.finding) {
            (Some(conflict), kind) => {
                let evidence = declared(conflict);
                // The last apply left a value that was set before it.
                let applied = self.surroundings.applied;
                let later = applied.is_some_and(|applied| {
                    // The cluster records seconds: within one, nothing says which was first.
                    let after = |at: Timestamp| at.as_second() >= applied.as_second();
                    evidence.at.is_none_or(after)
                });
                let verdict = match kind {
                    _ if is_scaled(conflict) => Verdict::Scaled,
                    FindingKind::Yielded if !later => Verdict::Yielded,
                    _ => Verdict::Edited,
                };
                Deviation {
                    change: Some(FieldChange {
                        path: unquoted(&conflict.field),
                        live: conflict.live.clone(),
                        desired: conflict.desired.clone(),
                    }),
                    cause: None,
                    take: Some(conflict.field.clone()),
                    evidence,
                    ..whole(verdict)
                }
            }
            (None, FindingKind::Moved) => whole(Verdict::ImageMoved),
            (None, FindingKind::Unknown) => whole(Verdict::Unknown),
            // Objects that no record lists are found below.
            (None, _) => return,
        };
        self.all.push(found);
    }

    /// Adds what no operation or finding tells about a desired object.
    fn object(&mut self, object: &Object) {
        let key = Reference::of(object).key();
        let Some(existing) = self.observed.objects.get(&key) else {
            return;
        };
        let whole = |verdict: Verdict| Deviation {
            component: object.component.clone(),
            team: object.team.clone(),
            ..Deviation::new(verdict, &object.kind, &object.name)
        };
        let mut found = Vec::new();
        if let Some(DryRun::Rejected(why)) = self.observed.dry_runs.get(&key) {
            found.push(Deviation {
                cause: Some(format!("the server rejects the recorded object: {why}")),
                ..whole(Verdict::Unknown)
            });
        }
        for field in SUSPENDING {
            let set = |object: &Value| object["spec"].get(field).is_some();
            if existing.live["spec"][field] == true && !set(&object.manifest) {
                let path = ["spec", field].map(str::to_owned);
                found.push(Deviation {
                    change: Some(FieldChange {
                        path: path.join("."),
                        live: Some(true.into()),
                        desired: Some(Value::Null),
                    }),
                    evidence: managed::owner(&existing.live, &path)
                        .map(|owner| self_declared(&owner, LAST_WRITE))
                        .unwrap_or_default(),
                    ..whole(Verdict::Edited)
                });
            }
        }
        self.all.extend(found);
    }

    /// Adds the workloads that failed for good. One that may still become ready is not drift
    /// but a matter of `kcc status`.
    fn not_ready(&mut self, plan: &Plan<Payload>) {
        for object in &self.kube.objects {
            let component = object.component.as_ref();
            let planned = component.and_then(|name| plan.components.get(name));
            let Some(until) = planned.and_then(|planned| planned.ready) else {
                continue;
            };
            let told = self.all.iter().any(|found| {
                found.verdict.is_drift() && found.kind == object.kind && found.name == object.name
            });
            if told || !crate::reconcile::is_workload(&object.kind) {
                continue;
            }
            if let Readiness::Failed(why) =
                rollout::readiness(self.surroundings.live, object, until)
            {
                let verdict = if self.is_finished(component) {
                    Verdict::Decayed
                } else {
                    Verdict::Unfinished
                };
                self.all.push(Deviation {
                    component: component.cloned(),
                    team: object.team.clone(),
                    cause: Some(why.message),
                    ..Deviation::new(verdict, &object.kind, &object.name)
                });
            }
        }
    }

    /// Adds the objects that have the names of desired ones, and those that carry the
    /// labels of the scope without being in its record.
    fn foreign_objects(&mut self) {
        let names: BTreeSet<&str> = self
            .replaced
            .iter()
            .map(|object| object.uid.as_str())
            .collect();
        let mut found = Vec::new();
        let recorded_names = self.surroundings.records.names();
        for existing in &self.replaced {
            let Reference { kind, name, .. } = &existing.reference;
            let recorded = recorded_names.contains(&(kind.as_str(), name.as_str()));
            if !recorded {
                let cause = "kcc did not make it, and its name is needed";
                found.push((*existing, Verdict::Added, cause.to_owned()));
                continue;
            }
            let mut desired = self.kube.objects.iter();
            let desired = desired.find(|object| object.kind == *kind && object.name == *name);
            let fields = desired.map(|object| diff::missing(&existing.live, &object.manifest));
            let fields = fields.unwrap_or_default();
            let mut cause = "another object has its name: the one that kcc made is gone".to_owned();
            if !fields.is_empty() {
                cause = format!("{cause}, and {}", diff::cause(&fields, "differs"));
            }
            found.push((*existing, Verdict::Recreated, cause));
        }
        for existing in self.observed.objects.values() {
            let cause = match existing.ownership {
                _ if names.contains(existing.uid.as_str()) => continue,
                _ if existing.reference.kind == NAMESPACE => continue,
                Ownership::Unrecorded => "created by kcc, but not in its record",
                Ownership::Labelled => "carries kcc's labels, but kcc never wrote it",
                Ownership::Owned | Ownership::Former | Ownership::Unmanaged => continue,
            };
            if self.is_used_data(existing) {
                continue;
            }
            found.push((existing, Verdict::Added, cause.to_owned()));
        }
        for (existing, verdict, cause) in found {
            let Reference { kind, name, .. } = &existing.reference;
            self.all.push(Deviation {
                component: existing.component.clone(),
                team: existing.team.clone(),
                cause: Some(cause),
                evidence: first_writer(&existing.live),
                ..Deviation::new(verdict, kind, name)
            });
        }
    }

    /// Returns true for desired data that were there first.
    fn is_used_data(&self, existing: &ObservedObject) -> bool {
        let Reference { kind, name, .. } = &existing.reference;
        let mut objects = self.kube.objects.iter();
        let desired = objects.any(|object| object.kind == *kind && object.name == *name);
        let mut secrets = self.kube.secrets.iter();
        let secret = kind == SECRET && secrets.any(|secret| secret.name == *name);
        matches!(kind.as_str(), CLAIM | SECRET) && (desired || secret)
    }
}

/// Returns true if an autoscaler set the number of replicas.
fn is_scaled(conflict: &Conflict) -> bool {
    conflict.owner == CONTROLLER && conflict.field.ends_with(":spec.replicas")
}

/// Returns the evidence of a field manager that owns a field.
fn declared(conflict: &Conflict) -> Evidence {
    let since = conflict.since.as_ref();
    let owner = managed::Owner {
        manager: conflict.owner.clone(),
        operation: None,
        time: since.and_then(|time| time.parse().ok()),
    };
    self_declared(&owner, LAST_WRITE)
}

/// Returns the evidence of the field manager that wrote an object first.
fn first_writer(live: &Value) -> Evidence {
    let created = live["metadata"]["creationTimestamp"].as_str();
    let Some(mut first) = managed::first(live) else {
        return Evidence::default();
    };
    first.time = created.and_then(|time| time.parse().ok());
    self_declared(&first, FIRST_WRITE)
}

fn self_declared(owner: &managed::Owner, note: &'static str) -> Evidence {
    Evidence {
        grade: Grade::SelfDeclared,
        source: Some(FIELD_MANAGER),
        action: owner.operation.clone(),
        manager: Some(owner.manager.clone()),
        at: owner.time,
        note: owner.time.map(|_| note.to_owned()),
        ..Evidence::default()
    }
}

/// Returns the names of a path in a reference to a field, joined by dots, as in
/// [`FieldChange::path`]: quotes around names are left out.
fn unquoted(field: &str) -> String {
    let path = field.split_once(':').map_or(field, |(_, path)| path);
    let (mut out, mut rest) = (String::new(), path);
    while let Some(at) = rest.find('"') {
        out.push_str(&rest[..at]);
        let mut texts = serde_json::Deserializer::from_str(&rest[at..]).into_iter::<String>();
        let Some(Ok(text)) = texts.next() else {
            break;
        };
        out.push_str(&text);
        rest = &rest[at + texts.byte_offset()..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unquotes_the_names_in_a_field() {
        for (field, path) in [
            ("deployment/web:spec.replicas", "spec.replicas"),
            (
                "deployment/web:metadata.labels.\"app.kubernetes.io/name\"",
                "metadata.labels.app.kubernetes.io/name",
            ),
            ("configmap/web:data.\"a\\\"b\".c", "data.a\"b.c"),
        ] {
            assert_eq!(unquoted(field), path);
        }
    }
}
