//! [`examine`]: builds and checks a tree and reports all errors at once.
//!
//! Evaluation continues after an error, and so do building and checking: rules
//! run on whatever could be built. This module decides which diagnostics to drop
//! because they follow from one that is reported anyway, and merges those that
//! point at the same line.

use std::collections::BTreeSet;

use kcc_diag::{Code, Diagnostic, Diagnostics, Outcome, Severity, Stage, nearest};
use kcc_tree::{ConfigTree, schema::component_fields};

use crate::{CheckedModel, ReferencedFiles, SystemModel, build, rules};

/// Builds and checks a tree. `evaluated` are the diagnostics of its evaluation;
/// the outcome contains those of all three stages.
pub fn examine(
    tree: &ConfigTree,
    evaluated: Diagnostics,
    files: ReferencedFiles<'_>,
) -> Outcome<CheckedModel> {
    let (model, built) = build::build_model(tree, files);
    let checked = rules::check_all(tree, &model);
    let later: Diagnostics = built
        .into_iter()
        .chain(checked)
        .filter(|diagnostic| !evaluated.iter().any(|cause| follows(diagnostic, cause)))
        .collect();
    let rejected_line = |diagnostic: &&Diagnostic| {
        is_superseded(diagnostic, later.iter().chain(&evaluated), rejects_line_of)
    };
    let rejected: Vec<Diagnostic> = evaluated.iter().filter(rejected_line).cloned().collect();
    let mut all: Diagnostics = evaluated
        .into_iter()
        .filter(|diagnostic| {
            !is_superseded(diagnostic, later.iter(), describes_better)
                && !rejected.contains(diagnostic)
        })
        .collect();
    all.extend(later);
    all.sort(&tree.files);
    let mut all = merge_same_line(all);
    all.sort(&tree.files);
    all.finish(CheckedModel::new(model))
}

/// Merges diagnostics about the same line at several paths, as a default or a
/// template produces them: one fix repairs them all.
fn merge_same_line(diagnostics: Diagnostics) -> Diagnostics {
    let mut merged: Vec<(Diagnostic, BTreeSet<String>)> = Vec::new();
    for next in diagnostics {
        let same = |(one, _): &&mut (Diagnostic, BTreeSet<String>)| {
            next.code.stage() == Stage::Model
                && one.code == next.code
                && !next.labels.is_empty()
                && one.labels == next.labels
                && one.help == next.help
        };
        if let Some((one, paths)) = merged.iter_mut().find(same) {
            one.targets.extend(next.targets);
            paths.extend(next.path);
        } else {
            let paths = next.path.clone().into_iter().collect();
            merged.push((next, paths));
        }
    }
    let counted = merged.into_iter().map(|(mut one, paths)| {
        match paths.len() {
            0 | 1 => {}
            2 => one.message.push_str(" (and at 1 more path)"),
            count => {
                one.message = format!("{} (and at {} more paths)", one.message, count - 1);
            }
        }
        one
    });
    counted.collect()
}

/// Returns true if a diagnostic only repeats an error of evaluation: a value
/// that is missing or wrong at a path where evaluation failed.
fn follows(diagnostic: &Diagnostic, cause: &Diagnostic) -> bool {
    if diagnostic.code == Code::OwnNoOwner {
        return lacks_owner_because_of(diagnostic, cause);
    }
    if diagnostic.code == Code::OwnSystemComponent {
        // Without its directory a team's fragments count as the system's own.
        let path = cause.path.as_deref().unwrap_or_default();
        return cause.code == Code::LoadTeamFolder || within(path, "system.teams");
    }
    if diagnostic.code == Code::CheckUnusedGrant || diagnostic.code == Code::CheckDisruptionBlocked
    {
        // The grant or budget itself could not be evaluated.
        return match (&diagnostic.path, &cause.path) {
            (Some(path), Some(cause)) => within(cause, path) || within(path, cause),
            _ => false,
        };
    }
    // An attribute that could not be followed would have set the value at its path.
    diagnostic.code.stage() == Stage::Eval
        && cause.severity == Severity::Error
        && diagnostic.targets.is_subset(&cause.targets)
        && match (&diagnostic.path, &cause.path) {
            // An error about all components does not explain a field missing in one.
            (Some(_), Some(cause)) if component_fields().contains(&cause.as_str()) => false,
            (Some(path), Some(cause)) => within(path, cause) || within(cause, path),
            _ => false,
        }
}

/// Returns true if a component has no owner only because its `image`, `build` or
/// `kind` is misspelled or missing, which was reported.
fn lacks_owner_because_of(diagnostic: &Diagnostic, cause: &Diagnostic) -> bool {
    let (Some(component), Some(path)) = (&diagnostic.path, &cause.path) else {
        return false;
    };
    let field = path
        .strip_prefix(component.as_str())
        .and_then(|rest| rest.strip_prefix('.'));
    let defining = ["image", "build", "kind"];
    diagnostic.targets.is_subset(&cause.targets)
        && field.is_some_and(|field| match cause.code {
            Code::EvalUnknownField => nearest(field, defining).is_some(),
            Code::EvalMissingField => defining.contains(&field),
            _ => false,
        })
}

/// Returns true if other diagnostics supersede one in all of its targets.
fn is_superseded<'a>(
    diagnostic: &Diagnostic,
    others: impl Iterator<Item = &'a Diagnostic>,
    supersedes: fn(&Diagnostic, &Diagnostic) -> bool,
) -> bool {
    let mut remaining = diagnostic.targets.clone();
    others
        .filter(|other| supersedes(other, diagnostic))
        .any(|other| {
            remaining.retain(|target| !other.targets.is_empty() && !other.targets.contains(target));
            remaining.is_empty()
        })
}

/// Returns true if a rule describes an error of evaluation better: text instead
/// of a reference to a secret is worse than a wrong type.
fn describes_better(better: &Diagnostic, diagnostic: &Diagnostic) -> bool {
    better.code == Code::CheckSecretLiteral
        && diagnostic.code.stage() == Stage::Eval
        && better.path == diagnostic.path
}

/// Returns true if a line that causes a diagnostic is rejected for another
/// reason: once it is removed, the diagnostic goes away. A line of a team that
/// may not set this path conflicts with nobody, and a policy does not apply to
/// an invalid value.
fn rejects_line_of(other: &Diagnostic, diagnostic: &Diagnostic) -> bool {
    let primary_span = |diagnostic: &Diagnostic| diagnostic.labels.first().map(|label| label.span);
    match (other.code, diagnostic.code) {
        (
            Code::OwnForeignValue | Code::OwnForeignConstraint,
            Code::EvalConflict
            | Code::EvalOutOfBounds
            | Code::EvalWrongType
            | Code::EvalTwoDefaults
            | Code::EvalDefaultRuledOut
            | Code::PolicyViolated,
        ) => diagnostic
            .labels
            .iter()
            .any(|label| Some(label.span) == primary_span(other)),
        (_, Code::PolicyViolated) => {
            matches!(other.code.stage(), Stage::Eval | Stage::Model)
                && other.severity == Severity::Error
                && other.path == diagnostic.path
                && primary_span(other) == primary_span(diagnostic)
        }
        _ => false,
    }
}

/// Returns true if `path` is `above` or below it.
fn within(path: &str, above: &str) -> bool {
    path.strip_prefix(above)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Checks every rule against the model.
pub fn check(tree: &ConfigTree, model: SystemModel) -> Outcome<CheckedModel> {
    let mut found = rules::check_all(tree, &model);
    found.sort(&tree.files);
    found.finish(CheckedModel::new(model))
}
