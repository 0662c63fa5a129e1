//! [`evaluate`]: hands the files of a system to the evaluator, which keeps its answers in
//! the cache.

use std::{collections::BTreeSet, path::Path};

use kcc_cue::{Answers, Evaluated, Evaluation, Evaluator, EvaluatorError, Fragment, Limits};

use crate::{cache::Store, load::Sources};

impl Answers for Store {
    fn get(&self, key: &str) -> Option<Vec<u8>> {
        self.read(key)
    }

    fn put(&self, key: &str, answer: &[u8]) {
        self.write(key, answer);
    }
}

/// Returns an evaluator that keeps its answers in the directory of a cache, if there is one.
pub fn evaluator(cache: Option<&Path>) -> Evaluator {
    let store = cache.map(|directory| Store::new(directory.to_owned()));
    Evaluator::with_answers(store.map(|store| Box::new(store) as Box<dyn Answers>))
}

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
