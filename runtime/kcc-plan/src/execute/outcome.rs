//! Builds the report of an apply: the overall result and one outcome per component.

use std::collections::BTreeMap;

use kcc_diag::Code;
use kcc_model::Name;

use super::{Run, end::NodeEnd, graph::Node};
use crate::{
    Action, ApplyReport, ComponentReport, Driver, Event, Failure, FindingKind, Outcome,
    PlannedComponent, listed,
};

impl<D: Driver> Run<'_, D> {
    pub(super) fn report(mut self) -> ApplyReport {
        self.report_findings();
        let performed = |index: &usize| matches!(self.ends[*index], Some(NodeEnd::Done));
        let mut components: BTreeMap<Name, ComponentReport> = BTreeMap::new();
        let mut own: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (index, node) in self.nodes.iter().enumerate() {
            let component = match node {
                Node::Step(step) => self.plan.steps[*step].operation.component.as_ref(),
                Node::Wait(wait) => Some(&wait.component),
            };
            if let Some(component) = component {
                own.entry(component).or_default().push(index);
            }
        }
        for (name, planned) in &self.plan.components {
            let own = own.get(name.as_str()).map_or(&[][..], Vec::as_slice);
            components.insert(name.clone(), self.component(own, planned));
        }
        ApplyReport {
            scope: self.plan.scope.clone(),
            components,
            performed: (0..self.plan.steps.len()).filter(performed).count(),
            planned: self.plan.steps.len(),
            mutating_calls: self.driver.mutating_calls(),
            cancelled: self.cancel.is_cancelled(),
            failures: self.failures,
            left: self.left,
            not_ready: self.not_ready,
        }
    }

    /// Reports the objects that no record lists, and the fields that keep the values
    /// of other field managers. If a fragment sets such a field, the apply is
    /// incomplete.
    fn report_findings(&mut self) {
        let unrecorded: Vec<_> = self
            .plan
            .findings
            .iter()
            .filter(|finding| finding.finding == FindingKind::Unrecorded)
            .map(|finding| format!("{} `{}`", finding.kind, finding.name))
            .collect();
        if !unrecorded.is_empty() {
            let text = &format!(
                "left alone, because not in kcc's record: {}; take back what kcc created with `{}`",
                listed(&unrecorded),
                self.plan.scope.recover_command()
            );
            self.reporter.event(&Event::Note { text });
        }
        for finding in &self.plan.findings {
            match finding.finding {
                FindingKind::Conflict => {
                    for way in &finding.alternatives {
                        let text = &format!("{}: {way}", finding.name);
                        self.reporter.event(&Event::Note { text });
                    }
                    self.failures.push(Failure {
                        code: Code::ApplyConflict,
                        component: finding.component.clone(),
                        team: finding.team.clone(),
                        message: finding.cause.clone(),
                        detail: Vec::new(),
                        help: finding.help.clone(),
                    });
                }
                FindingKind::Yielded | FindingKind::Moved | FindingKind::Remains => {
                    self.reporter.event(&Event::Note {
                        text: &finding.cause,
                    });
                }
                // The executor waits for what is not ready.
                FindingKind::NotReady | FindingKind::Unknown | FindingKind::Unrecorded => {}
            }
        }
    }

    /// Reports a component, by its nodes.
    fn component(&self, own: &[usize], planned: &PlannedComponent) -> ComponentReport {
        let mut outcome = Outcome::Unchanged;
        let mut why = None;
        for &index in own {
            let action = match &self.nodes[index] {
                Node::Step(step) => Some(self.plan.steps[*step].operation.action),
                Node::Wait(_) => None,
            };
            let end = &self.ends[index];
            let next = match end {
                Some(NodeEnd::Failed(_)) => Outcome::Failed,
                Some(NodeEnd::Skipped(_)) => Outcome::Skipped,
                Some(NodeEnd::Left | NodeEnd::NotReady) => Outcome::Unchanged,
                Some(NodeEnd::Done) | None => action.map_or(Outcome::Unchanged, outcome_of),
            };
            if rank(next) > rank(outcome) {
                outcome = next;
                why = match end {
                    Some(NodeEnd::Failed(reason) | NodeEnd::Skipped(reason)) => {
                        Some(reason.clone())
                    }
                    _ => None,
                };
            }
        }
        ComponentReport {
            team: planned.team.clone(),
            outcome,
            why,
            addresses: Vec::new(),
            address_pending: false,
        }
    }
}

fn outcome_of(action: Action) -> Outcome {
    match action {
        Action::Create => Outcome::Created,
        Action::Update | Action::Run => Outcome::Updated,
        Action::Replace => Outcome::Replaced,
        Action::Delete => Outcome::Deleted,
    }
}

/// Ranks outcomes: a component with several reports the highest.
fn rank(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Unchanged => 0,
        Outcome::Deleted => 1,
        Outcome::Updated => 2,
        Outcome::Created => 3,
        Outcome::Replaced => 4,
        Outcome::Skipped => 5,
        Outcome::Failed => 6,
    }
}
