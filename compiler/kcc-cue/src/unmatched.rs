//! Rules for something that no target has: each target reports those that it
//! has nothing for, and here the answers of all targets are joined.

use std::collections::{BTreeMap, BTreeSet};

use crate::{ask::Answer, engine::EngineError};

/// The guest's code of a rule for something that a target lacks.
const NO_MATCH: &str = "no-match";

/// File, first byte and one past the last of a name in a rule.
type Name = (usize, u32, u32);

/// Keeps a rule among the faults only if no target has what it is about, with
/// the names of all targets to choose from. Nothing is known of that unless
/// every target was evaluated.
pub(crate) fn join(answers: &mut [Result<Answer, EngineError>], all: bool) {
    let whole = all
        && answers
            .iter()
            .all(|answer| matches!(answer, Ok(answer) if answer.stopped.is_none()));
    let mut matched: BTreeSet<Name> = BTreeSet::new();
    let mut candidates: BTreeMap<Name, BTreeSet<String>> = BTreeMap::new();
    for answer in answers.iter().flatten() {
        matched.extend(answer.matched.iter().map(|span| (span.0, span.1, span.2)));
        for fault in answer.faults.iter().filter(|fault| fault.code == NO_MATCH) {
            let names = fault.list("candidates").into_iter().map(str::to_owned);
            candidates.entry(name_of(fault)).or_default().extend(names);
        }
    }
    for answer in answers.iter_mut().flatten() {
        answer
            .faults
            .retain(|fault| fault.code != NO_MATCH || whole && !matched.contains(&name_of(fault)));
        for fault in &mut answer.faults {
            if fault.code == NO_MATCH
                && let Some(names) = candidates.get(&name_of(fault))
            {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                fault.args.insert("candidates".to_owned(), names.join(" "));
            }
        }
    }
}

fn name_of(fault: &crate::wire::Fault) -> Name {
    fault.labels.first().map_or((usize::MAX, 0, 0), |label| {
        (label.file, label.start, label.end)
    })
}
