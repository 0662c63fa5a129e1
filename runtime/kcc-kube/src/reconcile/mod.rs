//! Desired state and observed state → plan. Pure: every decision about a cluster is
//! made here, and each step carries its cause.

mod index;
mod limits;
mod recreate;
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
use kcc_model::{Name, Until};
use kcc_plan::{
    Action, Draft, Error, Options, Plan, PlanBuilder, Prune, RESTART, Request, START, Scope, Tool,
    not_running, outdated,
};
use kcc_tree::Engine;
use serde_json::Value;

use self::{
    index::Index,
    recreate::{RECREATED, Recreation},
    refuse::refuse,
};
use crate::{
    diff::{self, Difference},
    former,
    observed::{
        CLAIM, DEFINITION, DryRun, Key, NAMESPACE, Observed, ObservedObject, Ownership, Reference,
        SECRET, label,
    },
    payload::Payload,
    restart,
    scale::{self, AUTOSCALER},
    secrets,
};

/// The kinds that keep pods running, or run them to completion.
const WORKLOADS: [&str; 5] = ["Deployment", "StatefulSet", "DaemonSet", JOB, "CronJob"];
const JOB: &str = "Job";
/// The field with the number of replicas, as plans name it.
const REPLICAS: &str = "replicas";
/// The cause of an update of a Secret.
const CHANGED_VALUE: &str = "its provider's value changed";

/// Returns true if a kind has pods.
pub(crate) fn is_workload(kind: &str) -> bool {
    WORKLOADS.contains(&kind)
}

/// Plans the changes from the observed to the desired state.
pub(crate) fn reconcile(
    desired: &Desired,
    kube: &KubernetesDesired,
    observed: &Observed,
    options: &Options,
) -> Result<Plan<Payload>, Error> {
    refuse(desired, kube, observed, options)?;
    if let Request::Restart(components) = &options.request {
        let mut reconciler = Reconciler::new(desired, kube, observed, options);
        reconciler.restarts(components)?;
        reconciler.await_components();
        return Ok(reconciler.plan.finish());
    }
    Ok(compare(desired, kube, observed, options))
}

/// Compares the observed with the desired state: the plan of an apply that refuses
/// nothing.
pub(crate) fn compare(
    desired: &Desired,
    kube: &KubernetesDesired,
    observed: &Observed,
    options: &Options,
) -> Plan<Payload> {
    let mut reconciler = Reconciler::new(desired, kube, observed, options);
    for object in kube
        .objects
        .iter()
        .filter(|object| object.kind == NAMESPACE)
    {
        reconciler.object(object);
    }
    reconciler.secrets();
    reconciler.discard();
    for object in kube
        .objects
        .iter()
        .filter(|object| object.kind != NAMESPACE)
    {
        reconciler.object(object);
    }
    reconciler.prune();
    for finding in &observed.remains {
        reconciler.plan.add_finding(finding.clone());
    }
    if options.request.components().is_none() {
        reconciler.plan.add_unrecorded(&observed.labelled());
    }
    reconciler.await_components();
    reconciler.plan.finish()
}

struct Reconciler<'a> {
    desired: &'a Desired,
    kube: &'a KubernetesDesired,
    observed: &'a Observed,
    options: &'a Options,
    /// The shared objects that work on some components may change, because these refer
    /// to them.
    references: BTreeSet<(&'a str, &'a str)>,
    /// The objects to remove so that claims can be created again.
    recreation: Recreation<'a>,
    /// The owned objects that are no longer declared.
    orphans: Vec<&'a ObservedObject>,
    index: Index<'a>,
    plan: PlanBuilder<Payload>,
}

/// The treatment of an object.
enum Decision {
    Keep,
    Apply(Action, String, Vec<Difference>),
    Replace(String, Vec<Difference>),
}

impl<'a> Reconciler<'a> {
    fn new(
        desired: &'a Desired,
        kube: &'a KubernetesDesired,
        observed: &'a Observed,
        options: &'a Options,
    ) -> Self {
        let mut reconciler = Self {
            desired,
            kube,
            observed,
            options,
            references: match options.request {
                Request::Only(_) => kube.references(),
                _ => BTreeSet::new(),
            },
            recreation: Recreation::of(kube, observed, options),
            orphans: Vec::new(),
            index: Index::default(),
            plan: PlanBuilder::new(Engine::Kubernetes, desired, options),
        };
        reconciler.orphans = reconciler.find_orphans();
        reconciler.index = Index::of(kube, &reconciler.orphans);
        reconciler
    }

    /// Plans the Secrets that kcc creates. A generated one is never touched again;
    /// others follow their provider.
    fn secrets(&mut self) {
        for secret in &self.kube.secrets {
            let reference = Reference::core(SECRET, &self.kube.namespace, &secret.name);
            let existing = self.observed.objects.get(&reference.key());
            let (action, cause, payload) = match existing {
                None => {
                    let secret = secret.clone();
                    let payload = Payload::CreateSecret { reference, secret };
                    (Action::Create, "does not exist".to_owned(), payload)
                }
                Some(existing) if self.observed.stale.contains(&secret.name) => {
                    let payload = Payload::UpdateSecret {
                        reference,
                        secret: secret.clone(),
                        uid: existing.uid.clone(),
                    };
                    (Action::Update, CHANGED_VALUE.to_owned(), payload)
                }
                Some(existing) if existing.ownership == Ownership::Former => {
                    let payload = Payload::AdoptSecret {
                        reference,
                        secret: secret.clone(),
                        uid: existing.uid.clone(),
                    };
                    let tool = former::maker(&existing.live).map(|tool| tool.to_string());
                    let tool = tool.unwrap_or_else(|| "another tool".to_owned());
                    let cause = format!("taken over from {tool} with its value");
                    (Action::Update, cause, payload)
                }
                Some(_) => {
                    self.plan.count_unchanged();
                    continue;
                }
            };
            let mut draft = Draft::new(action, SECRET, &secret.name, cause, payload)
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
        let existing = self.observed.objects.get(&reference.key());
        let removed = self.recreation.removes(&reference.key());
        let restart = existing.filter(|_| !removed);
        let restart = restart.and_then(|existing| self.restart(object, existing));
        let decision = match existing {
            Some(_) if removed => Decision::Apply(Action::Create, RECREATED.to_owned(), Vec::new()),
            // An unmanaged namespace is used as it is.
            Some(existing)
                if !matches!(existing.ownership, Ownership::Owned | Ownership::Former) =>
            {
                Decision::Keep
            }
            Some(_) if object.component.is_none() && !self.may_change_shared(object) => {
                Decision::Keep
            }
            Some(existing) => self.decide(object, &reference.key(), existing),
            None => Decision::Apply(Action::Create, "does not exist".to_owned(), Vec::new()),
        };
        let resolution = self.observed.resolutions.get(&reference.key());
        for finding in resolution
            .iter()
            .flat_map(|resolution| &resolution.findings)
        {
            self.plan.add_finding(finding.clone());
        }
        let manifest = resolution
            .map_or(&object.manifest, |resolution| &resolution.manifest)
            .clone();
        let (action, cause, differences, payload) = match decision {
            Decision::Keep => {
                match restart {
                    Some(draft) => self.push(draft, object),
                    None => self.plan.count_unchanged(),
                }
                return;
            }
            Decision::Apply(action, cause, differences) => {
                let goes = removed || existing.is_some_and(|existing| existing.terminating);
                let replicas = existing
                    .filter(|_| !goes)
                    .and_then(|existing| self.hand_over(object, existing));
                let payload = Payload::Apply {
                    hand_over: replicas.map(|replicas| scale::replicas_manifest(object, replicas)),
                    force: resolution.is_some_and(|resolution| resolution.force),
                    manifest: if removed {
                        object.manifest.clone()
                    } else {
                        manifest
                    },
                    uid: existing
                        .filter(|_| !goes)
                        .map(|existing| existing.uid.clone()),
                    after_removal: goes,
                    take_over: existing
                        .filter(|_| !goes)
                        .and_then(|existing| self.former(existing)),
                    reference,
                };
                (action, cause, differences, payload)
            }
            Decision::Replace(cause, differences) => {
                let uid = existing
                    .map(|existing| existing.uid.clone())
                    .unwrap_or_default();
                let payload = Payload::Replace {
                    reference,
                    manifest: object.manifest.clone(),
                    uid,
                };
                (Action::Replace, cause, differences, payload)
            }
        };
        let mut draft = Draft::new(action, &object.kind, &object.name, cause, payload)
            .changes(diff::changes(&differences));
        if removed || object.kind == CLAIM {
            draft = self.recreation.after_removals(draft, object);
        }
        self.push(draft, object);
        // A replacement starts anyway.
        if let Some(draft) = restart.filter(|_| action == Action::Update) {
            self.push(draft.after(&object.kind, &object.name), object);
        }
    }

    /// Returns true if the work may change an object that no component owns. A start
    /// changes nothing that others use, and work on some components only what these
    /// refer to.
    fn may_change_shared(&self, object: &Object) -> bool {
        match &self.options.request {
            Request::Apply => true,
            Request::Only(_) => {
                let reference = (object.kind.as_str(), object.name.as_str());
                self.references.contains(&reference)
            }
            Request::Restart(_) | Request::Start(_) | Request::Stop(_) => false,
        }
    }

    /// Drafts the restart of a workload that reads a Secret whose value changes.
    fn restart(&self, object: &Object, existing: &ObservedObject) -> Option<Draft<Payload>> {
        let secret = restart::needed(self.kube, self.observed, object, existing)?;
        let cause = format!("the value of secret `{secret}` changed");
        let why = label::SECRET_CHANGED_AT;
        Some(restart_draft(object, existing, cause, why))
    }

    /// Plans the restarts that are requested. Fails if a component does not exist or
    /// differs from its fragments, as on Docker.
    fn restarts(&mut self, components: &BTreeSet<Name>) -> Result<(), Error> {
        let scope = Scope::of(self.desired);
        for component in components {
            let objects = self.kube.objects.iter();
            let own = objects.filter(|object| object.component.as_ref() == Some(component));
            let mut runs = false;
            let mut difference = None;
            for object in own {
                let key = Reference::of(object).key();
                let existing = self.observed.objects.get(&key);
                let Some(existing) = existing.filter(|existing| !existing.terminating) else {
                    let cause = format!("{} `{}` does not exist", object.kind, object.name);
                    difference.get_or_insert(cause);
                    continue;
                };
                match self.decide(object, &key, existing) {
                    Decision::Keep => {}
                    Decision::Apply(_, cause, _) | Decision::Replace(cause, _) => {
                        let cause = format!("{} `{}`: {cause}", object.kind, object.name);
                        difference.get_or_insert(cause);
                    }
                }
                if restart::is_running(object) {
                    runs = true;
                    let why = label::RESTARTED_AT;
                    let draft = restart_draft(object, existing, RESTART.to_owned(), why);
                    self.push(draft, object);
                }
            }
            match difference {
                _ if !runs => return Err(not_running(&scope, component)),
                Some(cause) => return Err(outdated(&scope, component, &cause)),
                None => {}
            }
        }
        Ok(())
    }

    /// Returns the tool that an object is taken over from.
    fn former(&self, existing: &ObservedObject) -> Option<Tool> {
        let former = existing.ownership == Ownership::Former;
        self.options.take_over.filter(|_| former)
    }

    /// Returns the number of replicas to hand over, once the fields of a former tool are
    /// kcc's.
    fn hand_over(&self, object: &Object, existing: &ObservedObject) -> Option<i64> {
        let moved = self.former(existing);
        let moved = moved.and_then(|tool| former::moved(&existing.live, tool));
        let Some(fields) = moved else {
            return scale::hand_over(self.kube, object, existing);
        };
        let mut existing = existing.clone();
        existing.live["metadata"]["managedFields"] = fields;
        scale::hand_over(self.kube, object, &existing)
    }

    /// Decides about an object, and says whose it was so far.
    fn decide(&self, object: &Object, key: &Key, existing: &ObservedObject) -> Decision {
        let decision = self.decide_by_fields(object, key, existing);
        let Some(tool) = self.former(existing) else {
            return decision;
        };
        let taken = format!("taken over from {tool}");
        match decision {
            Decision::Keep => Decision::Apply(Action::Update, taken, Vec::new()),
            Decision::Apply(action, cause, fields) => {
                Decision::Apply(action, format!("{taken}: {cause}"), fields)
            }
            Decision::Replace(cause, fields) => {
                Decision::Replace(format!("{taken}: {cause}"), fields)
            }
        }
    }

    fn decide_by_fields(&self, object: &Object, key: &Key, existing: &ObservedObject) -> Decision {
        if existing.terminating {
            let cause = "being removed".to_owned();
            return Decision::Apply(Action::Create, cause, Vec::new());
        }
        let starts = matches!(self.options.request, Request::Start(_));
        match ended(existing) {
            Some(_) if starts => return Decision::Replace(START.to_owned(), Vec::new()),
            Some(Err(why)) => {
                let cause = format!("did not complete ({why}); running it again");
                return Decision::Replace(cause, Vec::new());
            }
            _ => {}
        }
        match self.observed.dry_runs.get(key) {
            Some(DryRun::Result(next)) => {
                let mut fields = diff::changed(&existing.live, next);
                let handed = self.hand_over(object, existing);
                if handed.is_some() {
                    // The number stays: the server does not know who takes it over.
                    fields.retain(|field| field.name() != REPLICAS);
                }
                if let (Some(replicas), true) = (handed, fields.is_empty()) {
                    let cause = format!("its autoscaler takes over its replicas ({replicas})");
                    Decision::Apply(Action::Update, cause, Vec::new())
                } else if fields.is_empty() {
                    Decision::Keep
                } else {
                    let cause = diff::cause(&fields, "changed");
                    Decision::Apply(Action::Update, cause, fields)
                }
            }
            Some(DryRun::Immutable(_)) => {
                let fields = diff::missing(&existing.live, &object.manifest);
                let mut cause = diff::cause(&fields, "changed, which requires a replacement");
                cause.push_str(recreate::consequence(object, existing));
                Decision::Replace(cause, fields)
            }
            // `refuse` has failed on every other result.
            _ => Decision::Keep,
        }
    }

    /// Adds a step on an object, after everything it depends on.
    fn push(&mut self, mut draft: Draft<Payload>, object: &Object) {
        if let Some(component) = &object.component {
            draft = draft.component(component);
        }
        if let Some(team) = &object.team {
            draft = draft.team(team);
        }
        if object.kind != NAMESPACE {
            draft = draft.after(NAMESPACE, &self.kube.namespace);
        }
        // A custom resource follows the definition of its kind.
        for definition in self.index.definitions(&object.kind) {
            draft = draft.after(DEFINITION, *definition);
        }
        if is_workload(&object.kind) {
            draft = draft.starts();
            for other in self.index.stands_on(object.component.as_ref()) {
                draft = draft.after(&other.kind, &other.name);
            }
            for secret in secrets::referenced(&object.manifest) {
                draft = draft.after(SECRET, secret);
            }
        }
        // An autoscaler would change the number that its target gets.
        for old in self.index.autoscalers(&object.kind, &object.name) {
            draft = draft.after_removal(AUTOSCALER, *old);
        }
        if object.kind == JOB {
            // Two runs of one job would interfere.
            for old in self.index.jobs(object.component.as_ref()) {
                draft = draft.after_removal(JOB, *old);
            }
        }
        self.plan.push(draft);
    }

    /// Returns the owned objects that are no longer declared.
    fn find_orphans(&self) -> Vec<&'a ObservedObject> {
        let wanted: BTreeSet<Key> = self
            .kube
            .objects
            .iter()
            .map(|object| Reference::of(object).key())
            .collect();
        let objects = self.kube.objects.iter();
        let planned: BTreeSet<_> = objects
            .clone()
            .map(|object| object.component.as_ref())
            .collect();
        let scheduled: BTreeSet<_> = objects
            .filter(|object| object.kind == "CronJob")
            .map(|object| object.component.as_ref())
            .collect();
        let prune = self.options.prune == Prune::Owned;
        let objects = self.observed.objects.iter();
        objects
            .filter_map(|(key, existing)| {
                let component = existing.component.as_ref();
                let (planned, scheduled) =
                    (planned.contains(&component), scheduled.contains(&component));
                let removed = prune
                    && !wanted.contains(key)
                    && self.is_pruned(existing, planned, scheduled)
                    && existing.ownership == Ownership::Owned
                    && !existing.data
                    && !self.recreation.removes(key);
                removed.then_some(existing)
            })
            .collect()
    }

    /// Returns true if an undeclared object may be removed: not one that the work does
    /// not concern, and not what is left of something that was started by hand, such
    /// as a task that has ended.
    /// `planned` and `scheduled` say that objects of its component are desired, and that
    /// one of them is a cron job.
    fn is_pruned(&self, existing: &ObservedObject, planned: bool, scheduled: bool) -> bool {
        let component = existing.component.as_ref();
        let job = existing.reference.kind == JOB;
        let desired = component.and_then(|name| self.desired.components.get(name));
        let dormant = desired.is_some_and(|desired| desired.manual) && !planned;
        let concerned = self.options.request.concerns(component);
        let pruned = if self.options.request.applies() {
            !(dormant || (job && scheduled))
        } else {
            job
        };
        concerned && pruned
    }

    /// Removes objects that are no longer declared, unless they hold data.
    fn prune(&mut self) {
        let orphans = std::mem::take(&mut self.orphans);
        for existing in &orphans {
            let component = existing.component.as_ref();
            let mut workloads = self.index.workloads(component).iter();
            let successor =
                existing.reference.kind == JOB && workloads.any(|object| object.kind == JOB);
            let cause = if successor {
                "replaced by a new one"
            } else {
                "no longer declared"
            };
            let mut draft = removal(existing, cause);
            let kind = existing.reference.kind.as_str();
            if !is_workload(kind) && kind != AUTOSCALER {
                for other in self.index.old_users(component) {
                    draft = draft.after(&other.reference.kind, &other.reference.name);
                }
                // A workload may use it until it is changed.
                for object in self.index.workloads(component) {
                    draft = draft.after(&object.kind, &object.name);
                }
            }
            self.plan.push(draft);
        }
    }

    /// Plans the removal of claims whose data may be discarded, and of what mounts them.
    /// The claims come first: the cluster marks one that is in use, and lets it go with
    /// the last pod, so a kill in between cannot bring pods back that write to the old
    /// one.
    fn discard(&mut self) {
        for draft in self.recreation.removals() {
            self.plan.push(draft);
        }
    }

    fn await_components(&mut self) {
        for (name, component) in &self.desired.components {
            let Some(workload) = self.index.workloads(Some(name)).first() else {
                continue;
            };
            let ready = match component.job || workload.kind == JOB {
                true => Until::Completed,
                false if has_health(&workload.manifest) => Until::Healthy,
                false => Until::Started,
            };
            let completed = self.observed.is_completed(name);
            self.plan.await_component(name, ready, completed);
        }
    }
}

/// Drafts the restart of a workload, which notes its time in an annotation.
fn restart_draft(
    object: &Object,
    existing: &ObservedObject,
    cause: String,
    annotation: &'static str,
) -> Draft<Payload> {
    let payload = Payload::Restart {
        reference: existing.reference.clone(),
        uid: existing.uid.clone(),
        annotation,
    };
    Draft::new(Action::Run, &object.kind, &object.name, cause, payload)
}

/// Drafts the removal of an object.
fn removal(existing: &ObservedObject, cause: &str) -> Draft<Payload> {
    let payload = Payload::Delete {
        reference: existing.reference.clone(),
        uid: existing.uid.clone(),
    };
    let reference = &existing.reference;
    let mut draft = Draft::new(
        Action::Delete,
        &reference.kind,
        &reference.name,
        cause,
        payload,
    );
    if let Some(component) = &existing.component {
        draft = draft.component(component);
    }
    if let Some(team) = &existing.team {
        draft = draft.team(team);
    }
    draft
}

/// Returns how a Job ended, if it did: with the reason if it failed. A Job never runs
/// again.
fn ended(existing: &ObservedObject) -> Option<Result<(), String>> {
    if existing.reference.kind != JOB {
        return None;
    }
    let conditions = existing.live.pointer("/status/conditions")?.as_array()?;
    let is = |condition: &Value, field: &str, text: &str| {
        condition.get(field).and_then(Value::as_str) == Some(text)
    };
    let find = |what: &str| {
        let mut conditions = conditions.iter();
        conditions.find(|one| is(one, "type", what) && is(one, "status", "True"))
    };
    if let Some(failed) = find("Failed") {
        let reason = failed.get("reason").and_then(Value::as_str);
        return Some(Err(reason.unwrap_or("failed").to_owned()));
    }
    find("Complete").map(|_| Ok(()))
}

/// Returns true if a workload's main container has a readiness probe.
fn has_health(manifest: &Value) -> bool {
    manifest
        .pointer("/spec/template/spec/containers/0/readinessProbe")
        .is_some()
}
