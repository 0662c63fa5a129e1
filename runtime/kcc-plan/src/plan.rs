//! [`Plan`]: operations in an order in which they can be performed, and the
//! components whose readiness ends the apply. [`PlanBuilder`] makes one from
//! drafts; it adds the order that needs ask for and numbers everything.

use std::collections::{BTreeMap, BTreeSet};

use kcc_lower::{Desired, DesiredComponent};
use kcc_model::{Name, Until};
use serde::{Serialize, Serializer, ser::SerializeStruct};

use crate::{Action, EngineName, Operation, OperationId, Options, Scope};

/// What an apply would do. `W` is what the engine needs to perform a step;
/// command lines see plans without it.
///
/// Serialised, it is the documented JSON of `kcc plan --format json`.
#[derive(Debug, Clone)]
pub struct Plan<W = ()> {
    /// Of what.
    pub scope: Scope,
    /// The engine.
    pub engine: EngineName,
    /// The steps; each stands after those that it comes after.
    pub steps: Vec<Step<W>>,
    /// The components that are awaited, by name.
    pub components: BTreeMap<Name, PlannedComponent>,
    /// The number of objects that are as they should be.
    pub unchanged: usize,
}

/// An operation with what the engine needs to perform it.
#[derive(Debug, Clone)]
pub struct Step<W> {
    /// What users see.
    pub operation: Operation,
    /// What has to be true of components first, besides `operation.after`.
    pub waits: BTreeSet<Wait>,
    /// What the engine needs.
    pub work: W,
}

/// A component, or one object of it, that has to be in a state.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wait {
    /// The component.
    pub component: Name,
    /// The object that is meant, by its name; none means the component.
    pub object: Option<String>,
    /// The state.
    pub until: Until,
}

impl Wait {
    /// The name of what is awaited.
    pub fn name(&self) -> &str {
        self.object.as_deref().unwrap_or(&self.component)
    }
}

/// A component as the executor sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedComponent {
    /// The team that owns it; unknown for what no fragment has any more.
    pub team: Option<Name>,
    /// What it has to reach before the apply is complete; none for a component
    /// that is removed.
    pub ready: Option<Until>,
    /// How long that may take once its operations are done, in milliseconds.
    pub deadline_ms: u64,
}

impl<W> Plan<W> {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// The operations in order.
    pub fn operations(&self) -> impl Iterator<Item = &Operation> {
        self.steps.iter().map(|step| &step.operation)
    }

    /// The plan as the command line sees it.
    pub fn without_work(self) -> Plan {
        let bare = |step: Step<W>| Step {
            operation: step.operation,
            waits: step.waits,
            work: (),
        };
        Plan {
            scope: self.scope,
            engine: self.engine,
            steps: self.steps.into_iter().map(bare).collect(),
            components: self.components,
            unchanged: self.unchanged,
        }
    }
}

impl<W> Serialize for Plan<W> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let operations: Vec<_> = self.operations().collect();
        let mut out = serializer.serialize_struct("Plan", 2)?;
        out.serialize_field("target", &self.scope.target)?;
        out.serialize_field("operations", &operations)?;
        out.end()
    }
}

/// A step before it has its number and its place.
#[derive(Debug, Clone)]
pub struct Draft<W> {
    action: Action,
    kind: String,
    name: String,
    cause: String,
    component: Option<Name>,
    team: Option<Name>,
    destroys_data: bool,
    starts: bool,
    after: BTreeSet<(String, String)>,
    after_removal: BTreeSet<(String, String)>,
    waits: BTreeSet<Wait>,
    work: W,
}

impl<W> Draft<W> {
    /// An operation on the object `name` of a kind, and why.
    pub fn new(
        action: Action,
        kind: impl Into<String>,
        name: impl Into<String>,
        cause: impl Into<String>,
        work: W,
    ) -> Self {
        Self {
            action,
            kind: kind.into(),
            name: name.into(),
            cause: cause.into(),
            component: None,
            team: None,
            destroys_data: false,
            starts: false,
            after: BTreeSet::new(),
            after_removal: BTreeSet::new(),
            waits: BTreeSet::new(),
            work,
        }
    }

    /// Says which component it belongs to; the team follows from it.
    #[must_use]
    pub fn component(mut self, component: impl Into<Name>) -> Self {
        self.component = Some(component.into());
        self
    }

    /// Says which team answers for it, where no desired component tells.
    #[must_use]
    pub fn team(mut self, team: impl Into<Name>) -> Self {
        self.team = Some(team.into());
        self
    }

    /// It starts the workload of its component: it waits for what that needs.
    #[must_use]
    pub fn starts(mut self) -> Self {
        self.starts = true;
        self
    }

    /// Data is gone afterwards.
    #[must_use]
    pub fn destroys_data(mut self) -> Self {
        self.destroys_data = true;
        self
    }

    /// It comes after every operation on that object, if there is one.
    #[must_use]
    pub fn after(mut self, kind: impl Into<String>, name: impl Into<String>) -> Self {
        self.after.insert((kind.into(), name.into()));
        self
    }

    /// It comes after that object is removed, if it is, and before whatever
    /// else happens to one of that name.
    #[must_use]
    pub fn after_removal(mut self, kind: impl Into<String>, name: impl Into<String>) -> Self {
        self.after_removal.insert((kind.into(), name.into()));
        self
    }
}

impl<W> Draft<W> {
    /// It comes after an object of a component is in a state.
    #[must_use]
    pub fn waits_for(
        mut self,
        component: impl Into<Name>,
        object: impl Into<String>,
        until: Until,
    ) -> Self {
        self.waits.insert(Wait {
            component: component.into(),
            object: Some(object.into()),
            until,
        });
        self
    }
}

/// Gathers drafts and makes the plan of them.
#[derive(Debug)]
pub struct PlanBuilder<W> {
    scope: Scope,
    engine: EngineName,
    timeout_ms: Option<u64>,
    desired: BTreeMap<Name, DesiredComponent>,
    components: BTreeMap<Name, PlannedComponent>,
    drafts: Vec<Draft<W>>,
    unchanged: usize,
}

impl<W> PlanBuilder<W> {
    /// A plan towards a desired state.
    pub fn new(engine: EngineName, desired: &Desired, options: &Options) -> Self {
        Self {
            scope: options.scope(desired),
            engine,
            timeout_ms: options.timeout_ms,
            desired: desired.components.clone(),
            components: BTreeMap::new(),
            drafts: Vec::new(),
            unchanged: 0,
        }
    }

    /// A component that is awaited at the end: healthy where it has a health
    /// check, completed if it is a job, else started.
    pub fn await_component(&mut self, name: &str, ready: Until) {
        if let Some(desired) = self.desired.get(name) {
            let component = PlannedComponent {
                team: Some(desired.team.clone()),
                ready: Some(ready),
                deadline_ms: self.timeout_ms.unwrap_or(desired.deadline_ms),
            };
            self.components.insert(name.to_owned(), component);
        }
    }

    /// Adds a step. Steps that nothing orders keep the order in which they are added.
    pub fn push(&mut self, draft: Draft<W>) {
        self.drafts.push(draft);
    }

    /// An object is as it should be.
    pub fn unchanged(&mut self) {
        self.unchanged += 1;
    }

    /// Orders and numbers the steps. Drafts that wait for each other in a
    /// circle, which checked needs never do, keep their order and lose the
    /// edges that close it.
    pub fn finish(mut self) -> Plan<W> {
        let before = self.edges();
        let order = topological(&before);
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
            steps,
            components: self.components,
            unchanged: self.unchanged,
        }
    }

    fn step(&mut self, draft: Draft<W>, id: OperationId, after: Vec<OperationId>) -> Step<W> {
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
            }));
        }
        if let Some(name) = &draft.component {
            self.components
                .entry(name.clone())
                .or_insert_with(|| PlannedComponent {
                    team: team.clone(),
                    ready: None,
                    deadline_ms: 0,
                });
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
            destroys_data: draft.destroys_data,
            after,
        };
        Step {
            operation,
            waits,
            work: draft.work,
        }
    }

    /// For each draft the drafts before it: those on the objects that it names,
    /// and, where it starts a workload, the last ones of what that needs.
    fn edges(&self) -> Vec<BTreeSet<usize>> {
        let mut objects: BTreeMap<(&str, &str), Vec<usize>> = BTreeMap::new();
        let mut starts: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (index, draft) in self.drafts.iter().enumerate() {
            objects
                .entry((&draft.kind, &draft.name))
                .or_default()
                .push(index);
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
                let on_it = |(_, name): &(&str, &str)| *name == object;
                let on_it = objects.iter().filter(|(key, _)| on_it(key));
                all.extend(on_it.flat_map(|(_, indices)| indices));
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

/// An order in which each index stands after those before it; the smallest
/// first where several could be next.
fn topological(before: &[BTreeSet<usize>]) -> Vec<usize> {
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
    fn order_is_stable_and_respects_edges() {
        let before = [set(&[2]), set(&[]), set(&[]), set(&[0, 1])];
        assert_eq!(topological(&before), [1, 2, 0, 3]);
    }

    #[test]
    fn a_circle_ends() {
        let before = [set(&[1]), set(&[0]), set(&[])];
        assert_eq!(topological(&before), [2, 0, 1]);
    }
}
