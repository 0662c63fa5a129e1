//! The plan of `kcc down`. Pure, like all of reconciling.

use std::collections::{BTreeMap, BTreeSet};

use kcc_lower::Desired;
use kcc_plan::{EngineName, Error, Options, Plan, PlanBuilder};

use super::{is_workload, refuse::refuse_unrecorded, removal};
use crate::{
    observed::{NAMESPACE, Observed, ObservedObject, Ownership},
    work::Work,
};

const ALL: &str = "everything is taken down";

/// The plan that removes everything of ours: a workload before those that it
/// needs, what they stand on after them, data only on request, and the namespace
/// last, if nobody else has anything in it.
pub(crate) fn tear_down(
    desired: &Desired,
    observed: &Observed,
    order: &BTreeMap<String, BTreeSet<String>>,
    options: &Options,
) -> Result<Plan<Work>, Error> {
    refuse_unrecorded(observed, &options.scope(desired))?;
    let mut plan = PlanBuilder::new(EngineName::Kubernetes, desired, options);
    let ours: Vec<&ObservedObject> = observed
        .objects
        .values()
        .filter(|there| there.ownership == Ownership::Ours && !there.terminating)
        .collect();
    let workloads = || {
        ours.iter()
            .filter(|there| is_workload(&there.reference.kind))
    };
    for there in workloads() {
        let mut draft = removal(there, ALL);
        for other in workloads().filter(|other| needs(order, other, there)) {
            draft = draft.after(&other.reference.kind, &other.reference.name);
        }
        plan.push(draft);
    }
    for there in ours
        .iter()
        .filter(|there| !is_workload(&there.reference.kind) && !there.data)
    {
        let mut draft = removal(there, ALL);
        for other in workloads() {
            draft = draft.after(&other.reference.kind, &other.reference.name);
        }
        plan.push(draft);
    }
    for there in ours.iter().filter(|there| there.data) {
        let namespace = there.reference.kind == NAMESPACE;
        if !options.volumes || (namespace && !observed.strangers.is_empty()) {
            plan.unchanged();
            continue;
        }
        let mut draft = removal(there, "`--volumes` was given").destroys_data();
        let before = ours.iter().filter(|other| {
            other.reference != there.reference && (namespace || is_workload(&other.reference.kind))
        });
        for other in before {
            draft = draft.after(&other.reference.kind, &other.reference.name);
        }
        plan.push(draft);
    }
    Ok(plan.finish())
}

/// Whether one object's component starts after another's.
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
