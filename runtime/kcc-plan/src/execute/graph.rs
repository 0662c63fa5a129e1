//! The graph that is walked: each step is a node, and so is each state of a
//! component that somebody waits for. A wait begins when the operations of its
//! component are done, and its deadline begins then.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Plan, Wait};

pub(super) enum Node {
    /// A step, by its place in the plan.
    Step(usize),
    /// A state of a component.
    Wait(Wait),
}

/// The nodes of a plan and, for each, those before it.
pub(super) fn graph<W>(plan: &Plan<W>) -> (Vec<Node>, Vec<BTreeSet<usize>>) {
    let mut waits: BTreeSet<Wait> = BTreeSet::new();
    for (name, component) in &plan.components {
        waits.extend(component.ready.map(|until| Wait {
            component: name.clone(),
            object: None,
            until,
            over: false,
        }));
    }
    waits.extend(
        plan.steps
            .iter()
            .flat_map(|step| step.waits.iter().cloned()),
    );
    let places: BTreeMap<Wait, usize> = waits.into_iter().zip(plan.steps.len()..).collect();
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
                .filter_map(|wait| places.get(wait).copied()),
        );
        nodes.push(Node::Step(index));
        before.push(all);
    }
    for wait in places.into_keys() {
        let own = |index: &usize| {
            let operation = &plan.steps[*index].operation;
            operation.component.as_ref() == Some(&wait.component)
                && wait
                    .object
                    .as_ref()
                    .is_none_or(|object| operation.name == *object)
        };
        before.push((0..plan.steps.len()).filter(own).collect());
        nodes.push(Node::Wait(wait));
    }
    (nodes, before)
}
