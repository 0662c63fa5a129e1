//! [`examine`]: builds and checks a tree and reports all errors at once.
//!
//! Evaluation continues after an error, and so do building and checking: rules
//! run on whatever could be built. Which of the diagnostics follow from others is
//! decided in `consequences`; this module merges those that point at the same line.

use std::collections::BTreeSet;

use kcc_diag::{Diagnostic, Diagnostics, Outcome, Path, Stage, at_more_paths};
use kcc_tree::ConfigTree;

use crate::{
    CheckedModel, ReferencedFiles, SystemModel, build, consequences::without_consequences, rules,
};

/// Builds and checks a tree. `evaluated` are the diagnostics of its evaluation;
/// the outcome contains those of all three stages.
pub fn examine(
    tree: &ConfigTree,
    evaluated: Diagnostics,
    files: ReferencedFiles<'_>,
) -> Outcome<CheckedModel> {
    let (model, mut found) = build::build_model(tree, files);
    found.extend(rules::check_all(tree, &model));
    finish(tree, model, evaluated, found)
}

/// Checks every rule against a model that was built already.
pub fn check(tree: &ConfigTree, model: SystemModel) -> Outcome<CheckedModel> {
    let found = rules::check_all(tree, &model);
    finish(tree, model, Diagnostics::new(), found)
}

fn finish(
    tree: &ConfigTree,
    model: SystemModel,
    evaluated: Diagnostics,
    found: Diagnostics,
) -> Outcome<CheckedModel> {
    let mut found = without_consequences(tree, evaluated, found);
    found.sort(&tree.files);
    let mut found = merge_same_line(found);
    found.sort(&tree.files);
    found.finish(CheckedModel::new(model))
}

/// Merges diagnostics about the same line at several paths, as a default or a
/// template produces them: one fix repairs them all.
fn merge_same_line(diagnostics: Diagnostics) -> Diagnostics {
    let mut merged: Vec<(Diagnostic, BTreeSet<Path>)> = Vec::new();
    // They are sorted by their labels, so those about one line are neighbours.
    let mut line = 0;
    for next in diagnostics {
        if merged
            .last()
            .is_some_and(|(one, _)| one.labels != next.labels)
        {
            line = merged.len();
        }
        let same = |(one, _): &&mut (Diagnostic, BTreeSet<Path>)| {
            next.code.stage() == Stage::Model
                && one.code == next.code
                && !next.labels.is_empty()
                && one.help == next.help
        };
        if let Some((one, paths)) = merged[line..].iter_mut().find(same) {
            one.targets.extend(next.targets);
            paths.extend(next.subject.path().cloned());
        } else {
            let paths = next.subject.path().cloned().into_iter().collect();
            merged.push((next, paths));
        }
    }
    let counted = merged.into_iter().map(|(mut one, paths)| {
        one.message = at_more_paths(one.message, paths.len().saturating_sub(1));
        one
    });
    counted.collect()
}
