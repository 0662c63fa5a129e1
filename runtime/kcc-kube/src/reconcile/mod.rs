//! Desired and observed → plan. Pure: every decision about a cluster is made
//! here, and each step says why it is there.

mod refuse;
mod tear_down;
#[cfg(test)]
mod tests;

pub(crate) use tear_down::tear_down;

use std::collections::BTreeSet;

use kcc_lower::{
    Desired,
    kubernetes::{KubernetesDesired, Object},
};
use kcc_model::Until;
use kcc_plan::{Action, Draft, EngineName, Error, Options, Plan, PlanBuilder, Prune};
use serde_json::Value;

use self::refuse::refuse;
use crate::{
    diff,
    observed::{
        DEFINITION, Key, NAMESPACE, Observed, ObservedObject, Ownership, Reference, SECRET, Trial,
    },
    restart, scale,
    work::Work,
};

/// Kinds that keep pods running, or run them to their end, once or again and again.
const WORKLOADS: [&str; 5] = ["Deployment", "StatefulSet", "DaemonSet", JOB, "CronJob"];
const JOB: &str = "Job";
/// A number of replicas in the words of a plan.
const REPLICAS: &str = "replicas";

/// Whether a kind has pods.
pub(crate) fn is_workload(kind: &str) -> bool {
    WORKLOADS.contains(&kind)
}

/// The plan that leads from what is there to what should be.
pub(crate) fn reconcile(
    desired: &Desired,
    kube: &KubernetesDesired,
    observed: &Observed,
    options: &Options,
) -> Result<Plan<Work>, Error> {
    refuse(kube, observed, &options.scope(desired))?;
    let mut reconciler = Reconciler {
        desired,
        kube,
        observed,
        options,
        plan: PlanBuilder::new(EngineName::Kubernetes, desired, options),
    };
    for object in kube
        .objects
        .iter()
        .filter(|object| object.kind == NAMESPACE)
    {
        reconciler.object(object);
    }
    reconciler.secrets();
    for object in kube
        .objects
        .iter()
        .filter(|object| object.kind != NAMESPACE)
    {
        reconciler.object(object);
    }
    reconciler.prune();
    reconciler.await_components();
    Ok(reconciler.plan.finish())
}

struct Reconciler<'a> {
    desired: &'a Desired,
    kube: &'a KubernetesDesired,
    observed: &'a Observed,
    options: &'a Options,
    plan: PlanBuilder<Work>,
}

/// What has to happen to an object.
enum Verdict {
    Keep,
    Apply(Action, String),
    Replace(String),
}

impl<'a> Reconciler<'a> {
    /// Secrets that kcc makes. One with a random value is never touched again,
    /// the others follow whoever applies.
    fn secrets(&mut self) {
        for secret in &self.kube.secrets {
            let reference = Reference::core(SECRET, &self.kube.namespace, &secret.name);
            let there = self.observed.objects.get(&reference.key());
            let (action, cause, work) = match there {
                None => {
                    let secret = secret.clone();
                    let work = Work::MakeSecret { reference, secret };
                    (Action::Create, "it is not there", work)
                }
                Some(there) if self.observed.stale.contains(&secret.name) => {
                    let work = Work::ChangeSecret {
                        reference,
                        secret: secret.clone(),
                        uid: there.uid.clone(),
                    };
                    (Action::Update, "its provider has another value", work)
                }
                Some(_) => {
                    self.plan.unchanged();
                    continue;
                }
            };
            let mut draft = Draft::new(action, SECRET, &secret.name, cause, work)
                .after(NAMESPACE, &self.kube.namespace)
                .team(&secret.team);
            if let Some(component) = &secret.component {
                draft = draft.component(component);
            }
            self.plan.push(draft);
        }
    }

    fn object(&mut self, object: &'a Object) {
        let reference = Reference::of(object);
        let there = self.observed.objects.get(&reference.key());
        let restart = there.and_then(|there| self.restart(object, there));
        let verdict = match there {
            // Somebody's own namespace is used as it is.
            Some(there) if there.ownership != Ownership::Ours => Verdict::Keep,
            Some(there) => self.verdict(object, &reference.key(), there),
            None => Verdict::Apply(Action::Create, "it is not there".to_owned()),
        };
        let sent = self.observed.sent.get(&reference.key());
        for finding in sent.iter().flat_map(|sent| &sent.findings) {
            self.plan.find(finding.clone());
        }
        let manifest = sent.map_or(&object.manifest, |sent| &sent.manifest).clone();
        let (action, cause, work) = match verdict {
            Verdict::Keep => {
                match restart {
                    Some(draft) => self.push(draft, object),
                    None => self.plan.unchanged(),
                }
                return;
            }
            Verdict::Apply(action, cause) => {
                let replicas = there.and_then(|there| scale::hand_over(self.kube, object, there));
                let work = Work::Apply {
                    hand_over: replicas.map(|replicas| scale::waiting(object, replicas)),
                    force: sent.is_some_and(|sent| sent.force),
                    manifest,
                    uid: there
                        .filter(|there| !there.terminating)
                        .map(|there| there.uid.clone()),
                    after_removal: there.is_some_and(|there| there.terminating),
                    reference,
                };
                (action, cause, work)
            }
            Verdict::Replace(cause) => {
                let uid = there.map(|there| there.uid.clone()).unwrap_or_default();
                let work = Work::Replace {
                    reference,
                    manifest: object.manifest.clone(),
                    uid,
                };
                (Action::Replace, cause, work)
            }
        };
        let draft = Draft::new(action, &object.kind, &object.name, cause, work);
        self.push(draft, object);
        // What is replaced starts anyway.
        if let Some(draft) = restart.filter(|_| action == Action::Update) {
            self.push(draft.after(&object.kind, &object.name), object);
        }
    }

    /// What starts a workload again that reads a Secret whose value changes.
    fn restart(&self, object: &Object, there: &ObservedObject) -> Option<Draft<Work>> {
        let secret = restart::needed(self.kube, self.observed, object, there)?;
        let work = Work::Restart {
            reference: there.reference.clone(),
            uid: there.uid.clone(),
        };
        let cause = format!("the value of secret `{secret}` changed");
        Some(Draft::new(
            Action::Run,
            &object.kind,
            &object.name,
            cause,
            work,
        ))
    }

    fn verdict(&self, object: &Object, key: &Key, there: &ObservedObject) -> Verdict {
        if there.terminating {
            let cause = "it is being removed".to_owned();
            return Verdict::Apply(Action::Create, cause);
        }
        if let Some(why) = failed(there) {
            return Verdict::Replace(format!("it did not complete ({why}), and runs again"));
        }
        match self.observed.trials.get(key) {
            Some(Trial::Result(next)) => {
                let mut fields = diff::changed(&there.live, next);
                let handed = scale::hand_over(self.kube, object, there);
                if handed.is_some() {
                    // The number stays: the server does not know yet to whom it goes.
                    fields.remove(REPLICAS);
                }
                if let (Some(replicas), true) = (handed, fields.is_empty()) {
                    let cause = format!("its autoscaler rules its number ({replicas}) from now on");
                    Verdict::Apply(Action::Update, cause)
                } else if fields.is_empty() {
                    Verdict::Keep
                } else {
                    Verdict::Apply(Action::Update, diff::cause(&fields, "changed"))
                }
            }
            Some(Trial::Immutable(_)) => {
                let fields = diff::missing(&there.live, &object.manifest);
                Verdict::Replace(diff::cause(&fields, "changed, which no update can do"))
            }
            // Refused before: nothing else is left.
            _ => Verdict::Keep,
        }
    }

    /// Adds a step on an object, after all that it stands on.
    fn push(&mut self, mut draft: Draft<Work>, object: &Object) {
        if let Some(component) = &object.component {
            draft = draft.component(component);
        }
        if let Some(team) = &object.team {
            draft = draft.team(team);
        }
        if object.kind != NAMESPACE {
            draft = draft.after(NAMESPACE, &self.kube.namespace);
        }
        // A custom resource comes after what defines its kind.
        for definition in self.kube.objects.iter().filter(|other| {
            other.kind == DEFINITION
                && other
                    .manifest
                    .pointer("/spec/names/kind")
                    .and_then(Value::as_str)
                    == Some(&object.kind)
        }) {
            draft = draft.after(DEFINITION, &definition.name);
        }
        if is_workload(&object.kind) {
            draft = draft.starts();
            let stands_on = self.kube.objects.iter().filter(|other| {
                !is_workload(&other.kind)
                    && (other.component.is_none() || other.component == object.component)
            });
            for other in stands_on {
                draft = draft.after(&other.kind, &other.name);
            }
            for secret in &self.kube.secrets {
                draft = draft.after(SECRET, &secret.name);
            }
        }
        if object.kind == JOB {
            // Two runs of one job would disturb each other.
            for old in self.orphans() {
                if old.reference.kind == JOB && old.component == object.component {
                    draft = draft.after_removal(JOB, &old.reference.name);
                }
            }
        }
        self.plan.push(draft);
    }

    /// What is ours and no fragment asks for.
    fn orphans(&self) -> impl Iterator<Item = &'a ObservedObject> + use<'a> {
        let wanted: BTreeSet<Key> = self
            .kube
            .objects
            .iter()
            .map(|object| Reference::of(object).key())
            .collect();
        let prune = self.options.prune == Prune::Owned;
        self.observed
            .objects
            .iter()
            .filter_map(move |(key, there)| {
                let removed = prune
                    && there.ownership == Ownership::Ours
                    && !there.data
                    && !there.terminating
                    && !wanted.contains(key);
                removed.then_some(there)
            })
    }

    /// Removes what no fragment asks for any more; what holds data stays.
    fn prune(&mut self) {
        let orphans: Vec<_> = self.orphans().collect();
        for there in &orphans {
            let successor = there.reference.kind == JOB
                && self
                    .kube
                    .objects
                    .iter()
                    .any(|object| object.kind == JOB && object.component == there.component);
            let cause = if successor {
                "a new one takes its place"
            } else {
                "no fragment asks for it"
            };
            let mut draft = removal(there, cause);
            if !is_workload(&there.reference.kind) {
                for other in orphans
                    .iter()
                    .filter(|other| is_workload(&other.reference.kind))
                {
                    draft = draft.after(&other.reference.kind, &other.reference.name);
                }
                // What runs may use it until it is changed.
                for object in self.kube.objects.iter().filter(|object| {
                    is_workload(&object.kind) && object.component == there.component
                }) {
                    draft = draft.after(&object.kind, &object.name);
                }
            }
            self.plan.push(draft);
        }
    }

    fn await_components(&mut self) {
        for (name, component) in &self.desired.components {
            let mut own = self.kube.objects.iter().filter(|object| {
                is_workload(&object.kind) && object.component.as_ref() == Some(name)
            });
            let Some(workload) = own.next() else {
                continue;
            };
            let ready = match component.job {
                true => Until::Completed,
                false if has_health(&workload.manifest) => Until::Healthy,
                false => Until::Started,
            };
            self.plan.await_component(name, ready);
        }
    }
}

/// Removes an object.
fn removal(there: &ObservedObject, cause: &str) -> Draft<Work> {
    let work = Work::Delete {
        reference: there.reference.clone(),
        uid: there.uid.clone(),
    };
    let reference = &there.reference;
    let mut draft = Draft::new(
        Action::Delete,
        &reference.kind,
        &reference.name,
        cause,
        work,
    );
    if let Some(component) = &there.component {
        draft = draft.component(component);
    }
    if let Some(team) = &there.team {
        draft = draft.team(team);
    }
    draft
}

/// Why a Job failed, if it did. It never runs again by itself.
fn failed(there: &ObservedObject) -> Option<String> {
    if there.reference.kind != JOB {
        return None;
    }
    let conditions = there.live.pointer("/status/conditions")?.as_array()?;
    let is = |condition: &Value, field: &str, text: &str| {
        condition.get(field).and_then(Value::as_str) == Some(text)
    };
    let failed = conditions
        .iter()
        .find(|condition| is(condition, "type", "Failed") && is(condition, "status", "True"))?;
    let reason = failed.get("reason").and_then(Value::as_str);
    Some(reason.unwrap_or("failed").to_owned())
}

/// Whether a workload's own container says when it is ready.
fn has_health(manifest: &Value) -> bool {
    manifest
        .pointer("/spec/template/spec/containers/0/readinessProbe")
        .is_some()
}
