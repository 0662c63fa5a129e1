//! [`evaluate`]: hands the files of a system to the evaluator.

use std::collections::BTreeSet;

use kcc_cue::{Evaluated, Evaluation, Evaluator, EvaluatorError, Fragment, Limits};

use crate::load::Sources;

/// Evaluates some targets, or all if none is named; a name that no target has evaluates
/// none. `explain` keeps all lines behind each value.
pub fn evaluate(
    evaluator: &Evaluator,
    sources: &Sources,
    targets: &BTreeSet<String>,
    limits: Limits,
    explain: bool,
) -> Result<Evaluated, EvaluatorError> {
    let files = sources.cue_files.iter().map(|file| Fragment {
        name: &file.name,
        text: &file.text,
    });
    let evaluation = Evaluation {
        fragments: &files.collect::<Vec<_>>(),
        imports: &sources.imports,
        targets,
        limits,
        explain,
    };
    kcc_cue::evaluate(evaluator, &evaluation)
}
