//! Merges the warnings about policies and defaults for components that a target lacks: only those
//! that no target has are kept.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    evaluator::EvaluatorError,
    exchange::Answer,
    wire::{Detail, Fault, Match},
};

/// Keeps a warning only if no target has the component, with the names of all targets as
/// candidates. Unless every target was evaluated, all are dropped.
pub(crate) fn merge(answers: &mut [Result<Answer, EvaluatorError>], all: bool) {
    let whole = all
        && answers
            .iter()
            .all(|answer| matches!(answer, Ok(answer) if answer.stops.is_empty()));
    let mut matched: BTreeSet<Match> = BTreeSet::new();
    let mut candidates: BTreeMap<Match, BTreeSet<String>> = BTreeMap::new();
    for answer in answers.iter().flatten() {
        matched.extend(answer.matched.iter().cloned());
        for fault in &answer.faults {
            if let Detail::NoMatch {
                candidates: names, ..
            } = &fault.detail
            {
                let names = names.iter().cloned();
                candidates.entry(name_of(fault)).or_default().extend(names);
            }
        }
    }
    for answer in answers.iter_mut().flatten() {
        answer.faults.retain(|fault| {
            let unmatched = matches!(fault.detail, Detail::NoMatch { .. });
            !unmatched || whole && !matched.contains(&name_of(fault))
        });
        for fault in &mut answer.faults {
            let name = name_of(fault);
            if let Detail::NoMatch {
                candidates: names, ..
            } = &mut fault.detail
                && let Some(all) = candidates.get(&name)
            {
                *names = all.iter().cloned().collect();
            }
        }
    }
}

/// Returns what the answer of a target has in its place that has the component.
fn name_of(fault: &Fault) -> Match {
    let name = match &fault.detail {
        Detail::NoMatch { name, .. } => name.clone(),
        _ => String::new(),
    };
    let label = fault.labels.first();
    let (file, start, end) = label.map_or((usize::MAX, 0, 0), |label| {
        (label.file, label.start, label.end)
    });
    Match(file, start, end, name)
}
