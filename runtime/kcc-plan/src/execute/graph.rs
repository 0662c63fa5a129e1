//! The graph that the executor walks: a node per step, and one per state of a
//! component that something waits for. A wait, and with it its deadline, begins
//! when the operations of its component are done.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Plan, Wait};

pub(super) enum Node {
    /// A step, by its index in the plan.
    Step(usize),
    /// A state of a component.
    Wait(Wait),
}

/// Returns the nodes of a plan and the predecessors of each.
pub(super) fn graph<P>(plan: &Plan<P>) -> (Vec<Node>, Vec<BTreeSet<usize>>) {
    let mut waits: BTreeSet<Wait> = BTreeSet::new();
    for (name, component) in &plan.components {
        waits.extend(component.ready.map(|until| Wait {
            component: name.clone(),
            object: None,
            until,
            or_failed: false,
        }));
    }
    waits.extend(
        plan.steps
            .iter()
            .flat_map(|step| step.waits.iter().cloned()),
    );
    let wait_nodes: BTreeMap<Wait, usize> = waits.into_iter().zip(plan.steps.len()..).collect();
    let ids: BTreeMap<_, _> = plan
        .operations()
        .enumerate()
        .map(|(index, operation)| (operation.id, index))
        .collect();

    let mut nodes = Vec::new();
    let mut before = Vec::new();
    for (index, step) in plan.steps.iter().enumerate() {
        let mut all: BTreeSet<usize> = step
            .operation
            .after
            .iter()
            .filter_map(|id| ids.get(id).copied())
            .collect();
        all.extend(
            step.waits
                .iter()
                .filter_map(|wait| wait_nodes.get(wait).copied()),
        );
        nodes.push(Node::Step(index));
        before.push(all);
    }
    let mut of_components: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, operation) in plan.operations().enumerate() {
        if let Some(component) = &operation.component {
            of_components.entry(component).or_default().push(index);
        }
    }
    for wait in wait_nodes.into_keys() {
        let own = of_components.get(wait.component.as_str());
        let own = own.into_iter().flatten().copied().filter(|index| {
            let name = &plan.steps[*index].operation.name;
            wait.object.as_ref().is_none_or(|object| name == object)
        });
        before.push(own.collect());
        nodes.push(Node::Wait(wait));
    }
    (nodes, before)
}
