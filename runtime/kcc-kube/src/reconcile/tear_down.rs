//! Plans `kcc down`. Pure, like all of reconcile.

use std::collections::{BTreeMap, BTreeSet};

use kcc_lower::Desired;
use kcc_plan::{Draft, Error, Options, Plan, PlanBuilder, Scope, refuse_shared};
use kcc_tree::Engine;

use super::{is_workload, refuse::refuse_unrecorded, removal};
use crate::{
    observed::{NAMESPACE, Observed, ObservedObject, Ownership},
    payload::Payload,
};

/// Plans the removal of all owned objects: a workload before those that it needs,
/// the objects it depends on after it, data only on request, and the namespace
/// last, if it contains nothing unmanaged.
pub(crate) fn tear_down(
    desired: &Desired,
    observed: &Observed,
    order: &BTreeMap<String, BTreeSet<String>>,
    options: &Options,
) -> Result<Plan<Payload>, Error> {
    let scope = &Scope::of(desired);
    refuse_unrecorded(observed, scope)?;
    refuse_shared(scope, &options.request, observed.sharers.iter().cloned())?;
    let cause = options.request.removal_cause();
    let mut plan = PlanBuilder::new(Engine::Kubernetes, desired, options);
    plan.add_unrecorded(&observed.labelled());
    let owned: Vec<&ObservedObject> = observed
        .objects
        .values()
        // Those that are being removed too: a finalizer may hold them.
        .filter(|existing| existing.ownership == Ownership::Owned)
        .filter(|existing| options.request.concerns(existing.component.as_ref()))
        .collect();
    let users = Users::of(&owned, order);
    for existing in owned
        .iter()
        .filter(|existing| is_workload(&existing.reference.kind))
    {
        let mut draft = removal(existing, cause);
        for other in users.of_needed(existing.component.as_ref()) {
            draft = draft.after(&other.reference.kind, &other.reference.name);
        }
        plan.push(draft);
    }
    for existing in owned
        .iter()
        .filter(|existing| !is_workload(&existing.reference.kind) && !existing.data)
    {
        plan.push(users.before(removal(existing, cause), existing));
    }
    for existing in owned.iter().filter(|existing| existing.data) {
        let namespace = existing.reference.kind == NAMESPACE;
        if !options.volumes || (namespace && !observed.namespace_blockers.is_empty()) {
            plan.count_unchanged();
            continue;
        }
        let mut draft = removal(existing, "`--volumes` was given").destroys_data();
        if namespace {
            let others = owned.iter();
            for other in others.filter(|other| other.reference != existing.reference) {
                draft = draft.after(&other.reference.kind, &other.reference.name);
            }
        } else {
            draft = users.before(draft, existing);
        }
        plan.push(draft);
    }
    Ok(plan.finish())
}

/// The owned workloads by component, and the components that start after each.
struct Users<'a> {
    workloads: BTreeMap<Option<&'a String>, Vec<&'a ObservedObject>>,
    needed_by: BTreeMap<&'a String, Vec<&'a String>>,
}

impl<'a> Users<'a> {
    fn of(owned: &[&'a ObservedObject], order: &'a BTreeMap<String, BTreeSet<String>>) -> Self {
        let mut users = Self {
            workloads: BTreeMap::new(),
            needed_by: BTreeMap::new(),
        };
        for existing in owned.iter().copied() {
            if is_workload(&existing.reference.kind) {
                let component = existing.component.as_ref();
                users.workloads.entry(component).or_default().push(existing);
            }
        }
        for (component, needs) in order {
            for need in needs {
                users.needed_by.entry(need).or_default().push(component);
            }
        }
        users
    }

    /// Returns the workloads of the components that start after one.
    fn of_needed<'s>(
        &'s self,
        component: Option<&'s String>,
    ) -> impl Iterator<Item = &'a ObservedObject> + use<'s, 'a> {
        let users = component.and_then(|component| self.needed_by.get(component));
        let users = users.into_iter().flatten();
        users
            .filter_map(|user| self.workloads.get(&Some(*user)))
            .flatten()
            .copied()
    }

    /// Orders the removal of what workloads use after theirs: after those of its
    /// component and of the components that need it, or after all if it is shared.
    fn before(&self, mut draft: Draft<Payload>, existing: &ObservedObject) -> Draft<Payload> {
        let component = existing.component.as_ref();
        let all = self.workloads.values().filter(|_| component.is_none());
        let own = component.and_then(|_| self.workloads.get(&component));
        let others = all.chain(own).flatten().copied();
        for other in others.chain(self.of_needed(component)) {
            draft = draft.after(&other.reference.kind, &other.reference.name);
        }
        draft
    }
}
