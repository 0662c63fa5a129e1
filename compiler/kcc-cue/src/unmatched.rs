//! Merges the warnings about policies and defaults for components that a target lacks: only those
//! that no target has are kept.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    evaluator::EvaluatorError,
    exchange::Answer,
    wire::{Fault, FaultCode},
};

/// File, start and end of a name in a policy or default.
type Name = (usize, u32, u32);

/// Keeps a warning only if no target has the component, with the names of all targets as
/// candidates. Unless every target was evaluated, all are dropped.
pub(crate) fn merge(answers: &mut [Result<Answer, EvaluatorError>], all: bool) {
    let whole = all
        && answers
            .iter()
            .all(|answer| matches!(answer, Ok(answer) if answer.stopped.is_none()));
    let mut matched: BTreeSet<Name> = BTreeSet::new();
    let mut candidates: BTreeMap<Name, BTreeSet<String>> = BTreeMap::new();
    for answer in answers.iter().flatten() {
        matched.extend(answer.matched.iter().map(|span| (span.0, span.1, span.2)));
        for fault in answer
            .faults
            .iter()
            .filter(|fault| fault.code == FaultCode::NoMatch)
        {
            let names = fault.list("candidates").into_iter().map(str::to_owned);
            candidates.entry(name_of(fault)).or_default().extend(names);
        }
    }
    for answer in answers.iter_mut().flatten() {
        answer.faults.retain(|fault| {
            fault.code != FaultCode::NoMatch || whole && !matched.contains(&name_of(fault))
        });
        for fault in &mut answer.faults {
            if fault.code == FaultCode::NoMatch
                && let Some(names) = candidates.get(&name_of(fault))
            {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                fault.args.insert("candidates".to_owned(), names.join(" "));
            }
        }
    }
}

fn name_of(fault: &Fault) -> Name {
    fault.labels.first().map_or((usize::MAX, 0, 0), |label| {
        (label.file, label.start, label.end)
    })
}
