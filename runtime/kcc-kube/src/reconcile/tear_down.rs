//! Plans `kcc down`. Pure, like all of reconcile.

use std::collections::{BTreeMap, BTreeSet};

use kcc_lower::Desired;
use kcc_plan::{Error, Options, Plan, PlanBuilder, Scope};
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
    refuse_unrecorded(observed, &Scope::of(desired))?;
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
    let workloads = || {
        owned
            .iter()
            .filter(|existing| is_workload(&existing.reference.kind))
    };
    for existing in workloads() {
        let mut draft = removal(existing, cause);
        for other in workloads().filter(|other| needs(order, other, existing)) {
            draft = draft.after(&other.reference.kind, &other.reference.name);
        }
        plan.push(draft);
    }
    for existing in owned
        .iter()
        .filter(|existing| !is_workload(&existing.reference.kind) && !existing.data)
    {
        let mut draft = removal(existing, cause);
        for other in workloads() {
            draft = draft.after(&other.reference.kind, &other.reference.name);
        }
        plan.push(draft);
    }
    for existing in owned.iter().filter(|existing| existing.data) {
        let namespace = existing.reference.kind == NAMESPACE;
        if !options.volumes || (namespace && !observed.namespace_blockers.is_empty()) {
            plan.count_unchanged();
            continue;
        }
        let mut draft = removal(existing, "`--volumes` was given").destroys_data();
        let before = owned.iter().filter(|other| {
            other.reference != existing.reference
                && (namespace || is_workload(&other.reference.kind))
        });
        for other in before {
            draft = draft.after(&other.reference.kind, &other.reference.name);
        }
        plan.push(draft);
    }
    Ok(plan.finish())
}

/// Returns true if one object's component starts after another's.
fn needs(
    order: &BTreeMap<String, BTreeSet<String>>,
    one: &ObservedObject,
    other: &ObservedObject,
) -> bool {
    let after = one.component.as_ref().and_then(|name| order.get(name));
    match (after, &other.component) {
        (Some(after), Some(other)) => after.contains(other),
        _ => false,
    }
}
