//! [`PlanBuilder`] collects [`Draft`]s and findings while an engine crate
//! reconciles, and turns them into a [`Plan`]: it derives the order of the steps
//! from the declared needs and numbers them.

use std::collections::{BTreeMap, BTreeSet};

use kcc_lower::{Desired, DesiredComponent};
use kcc_model::{Name, Until};
use kcc_tree::Engine;

use crate::{
    Action, Draft, Finding, FindingKind, LabelledObject, Operation, OperationId, Options, Plan,
    PlannedComponent, Scope, Step, Wait,
};

/// Collects drafts and findings, and orders them into a plan.
#[derive(Debug)]
pub struct PlanBuilder<P> {
    scope: Scope,
    engine: Engine,
    only: Option<BTreeSet<Name>>,
    shared: BTreeSet<Name>,
    timeout_ms: Option<u64>,
    keep_waiting: bool,
    desired: BTreeMap<Name, DesiredComponent>,
    components: BTreeMap<Name, PlannedComponent>,
    drafts: Vec<Draft<P>>,
    findings: Vec<Finding>,
    unchanged: usize,
}

impl<P> PlanBuilder<P> {
    /// Starts an empty plan towards a desired state.
    pub fn new(engine: Engine, desired: &Desired, options: &Options) -> Self {
        Self {
            scope: Scope::of(desired),
            engine,
            only: options.request.components().cloned(),
            shared: desired.shared.keys().cloned().collect(),
            timeout_ms: options.timeout_ms,
            keep_waiting: options.keep_waiting,
            desired: desired.components.clone(),
            components: BTreeMap::new(),
            drafts: Vec::new(),
            findings: Vec::new(),
            unchanged: 0,
        }
    }

    /// Makes the apply end by waiting for a component to reach `ready`: healthy
    /// if it has a health check, completed if it is a job, otherwise started.
    /// `completed` says that the last apply completed the component.
    pub fn await_component(&mut self, name: &str, ready: Until, completed: bool) {
        if let Some(desired) = self.desired.get(name) {
            let component = PlannedComponent {
                team: Some(desired.team.clone()),
                ready: Some(ready),
                deadline_ms: self.timeout_ms.unwrap_or(desired.deadline_ms),
                keep_waiting: self.keep_waiting,
                unaffected: completed,
            };
            self.components.insert(name.to_owned(), component);
        }
    }

    /// Adds a step. Steps without an order between them keep the order of insertion.
    pub fn push(&mut self, draft: Draft<P>) {
        self.drafts.push(draft);
    }

    /// Counts an object that is already as desired.
    pub fn count_unchanged(&mut self) {
        self.unchanged += 1;
    }

    /// Adds a finding. Unless it names a team, its team is the component's.
    pub fn add_finding(&mut self, mut finding: Finding) {
        let component = finding.component.as_ref();
        let desired = component.and_then(|name| self.desired.get(name));
        finding.team = finding
            .team
            .or_else(|| desired.map(|component| component.team.clone()));
        self.findings.push(finding);
    }

    /// Adds a finding for each object that kcc made and no record lists.
    pub fn add_unrecorded(&mut self, objects: &[LabelledObject]) {
        let help = format!("take it back: `{}`", self.scope.recover_command());
        for object in objects.iter().filter(|object| object.is_recoverable()) {
            self.add_finding(Finding {
                finding: FindingKind::Unrecorded,
                kind: object.kind.clone(),
                name: object.name.clone(),
                component: object.component.clone(),
                team: object.team.clone(),
                cause: "created by kcc, but not in its record".to_owned(),
                help: Some(help.clone()),
                alternatives: Vec::new(),
                conflict: None,
            });
        }
    }

    /// Orders and numbers the steps. Drafts that depend on each other in a cycle,
    /// which the needs of a checked model never do, keep their order and lose the
    /// edges that close the cycle.
    pub fn finish(mut self) -> Plan<P> {
        let before = self.edges();
        let order = topological_order(&before);
        let mut ids = vec![0; order.len()];
        for (id, &index) in (1..).zip(&order) {
            ids[index] = id;
        }
        let mut drafts: Vec<_> = std::mem::take(&mut self.drafts)
            .into_iter()
            .map(Some)
            .collect();
        let mut steps = Vec::with_capacity(order.len());
        for &index in &order {
            let Some(draft) = drafts[index].take() else {
                continue;
            };
            let id: OperationId = ids[index];
            let mut after: Vec<_> = before[index]
                .iter()
                .map(|&other| ids[other])
                .filter(|&other| other < id)
                .collect();
            after.sort_unstable();
            steps.push(self.step(draft, id, after));
        }
        Plan {
            scope: self.scope,
            engine: self.engine,
            only: self.only,
            shared: self.shared,
            steps,
            findings: self.findings,
            components: self.components,
            unchanged: self.unchanged,
        }
    }

    fn step(&mut self, draft: Draft<P>, id: OperationId, after: Vec<OperationId>) -> Step<P> {
        let desired = draft
            .component
            .as_ref()
            .and_then(|name| self.desired.get(name));
        let team = draft
            .team
            .or_else(|| desired.map(|component| component.team.clone()));
        let mut waits = draft.waits;
        if let Some(component) = desired.filter(|_| draft.starts) {
            waits.extend(component.after.iter().map(|(name, until)| Wait {
                component: name.clone(),
                object: None,
                until: *until,
                or_failed: false,
            }));
        }
        if let Some(name) = &draft.component {
            self.components
                .entry(name.clone())
                .or_insert_with(|| PlannedComponent {
                    team: team.clone(),
                    ready: None,
                    deadline_ms: 0,
                    keep_waiting: false,
                    unaffected: false,
                })
                .unaffected = false;
        }
        let operation = Operation {
            id,
            action: draft.action,
            engine: self.engine,
            kind: draft.kind,
            name: draft.name,
            component: draft.component,
            team,
            cause: draft.cause,
            changes: draft.changes,
            destroys_data: draft.destroys_data,
            after,
        };
        Step {
            operation,
            waits,
            payload: draft.payload,
        }
    }

    /// Returns the predecessors of each draft: the drafts on the objects it names
    /// and, if it starts a workload, the drafts that start the workloads it needs.
    fn edges(&self) -> Vec<BTreeSet<usize>> {
        let mut objects: BTreeMap<(&str, &str), Vec<usize>> = BTreeMap::new();
        let mut names: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        let mut starts: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (index, draft) in self.drafts.iter().enumerate() {
            objects
                .entry((&draft.kind, &draft.name))
                .or_default()
                .push(index);
            names.entry(&draft.name).or_default().push(index);
            if let Some(component) = draft.component.as_deref().filter(|_| draft.starts) {
                starts.entry(component).or_default().push(index);
            }
        }
        let none = Vec::new();
        let mut before = Vec::with_capacity(self.drafts.len());
        for (index, draft) in self.drafts.iter().enumerate() {
            let mut all = BTreeSet::new();
            for wait in &draft.waits {
                let object = wait.object.as_deref().unwrap_or_default();
                all.extend(names.get(object).unwrap_or(&none));
            }
            for (kind, name) in &draft.after {
                all.extend(
                    objects
                        .get(&(kind.as_str(), name.as_str()))
                        .unwrap_or(&none),
                );
            }
            for (kind, name) in &draft.after_removal {
                let on_it = objects
                    .get(&(kind.as_str(), name.as_str()))
                    .unwrap_or(&none);
                all.extend(
                    on_it
                        .iter()
                        .filter(|&&on| self.drafts[on].action == Action::Delete),
                );
            }
            let needs = draft.component.as_ref().filter(|_| draft.starts);
            for need in needs
                .and_then(|name| self.desired.get(name))
                .iter()
                .flat_map(|c| c.after.keys())
            {
                all.extend(starts.get(need.as_str()).unwrap_or(&none));
            }
            all.remove(&index);
            before.push(all);
        }
        before
    }
}

/// Sorts the indices topologically. Among several that could be next, the
/// smallest comes first, so that equal input gives equal plans.
fn topological_order(before: &[BTreeSet<usize>]) -> Vec<usize> {
    let mut open: Vec<BTreeSet<usize>> = before.to_vec();
    let mut next: Vec<Vec<usize>> = vec![Vec::new(); before.len()];
    for (index, all) in before.iter().enumerate() {
        for &other in all {
            next[other].push(index);
        }
    }
    let mut ready: BTreeSet<usize> = (0..before.len())
        .filter(|&index| open[index].is_empty())
        .collect();
    let mut left: BTreeSet<usize> = (0..before.len()).collect();
    let mut order = Vec::with_capacity(before.len());
    while let Some(index) = ready.pop_first().or_else(|| left.first().copied()) {
        left.remove(&index);
        order.push(index);
        for &later in &next[index] {
            if open[later].remove(&index) && open[later].is_empty() && left.contains(&later) {
                ready.insert(later);
            }
        }
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(items: &[usize]) -> BTreeSet<usize> {
        items.iter().copied().collect()
    }

    #[test]
    fn sorts_stably_along_the_edges() {
        let before = [set(&[2]), set(&[]), set(&[]), set(&[0, 1])];
        assert_eq!(topological_order(&before), [1, 2, 0, 3]);
    }

    #[test]
    fn breaks_a_cycle() {
        let before = [set(&[1]), set(&[0]), set(&[])];
        assert_eq!(topological_order(&before), [2, 0, 1]);
    }
}
