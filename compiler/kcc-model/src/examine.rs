//! [`examine`]: everything that is wrong with a tree, in one go.
//!
//! Evaluation goes on after an error, and so do building and checking: the
//! rules are held against whatever could be built. What follows from a mistake
//! that evaluation has reported already is left out.

use std::collections::BTreeSet;

use kcc_diag::{Code, Diagnostic, Diagnostics, Outcome, Severity, Stage, nearest};
use kcc_tree::ConfigTree;

use crate::{CheckedModel, Referred, build, owners::COMPONENTS, rules};

/// Builds and checks a tree of which evaluation found `evaluated`; fails with
/// all that the three stages found.
pub fn examine(
    tree: &ConfigTree,
    evaluated: Diagnostics,
    referred: Referred<'_>,
) -> Outcome<CheckedModel> {
    let (model, built) = build::build_all(tree, referred);
    let checked = rules::hold_all(tree, &model);
    let later: Diagnostics = built
        .into_iter()
        .chain(checked)
        .filter(|found| !evaluated.iter().any(|cause| follows(found, cause)))
        .collect();
    let refusing = |found: &&Diagnostic| is_told(found, later.iter().chain(&evaluated), refuses);
    let refused: Vec<Diagnostic> = evaluated.iter().filter(refusing).cloned().collect();
    let mut all: Diagnostics = evaluated
        .into_iter()
        .filter(|found| !is_told(found, later.iter(), says_better) && !refused.contains(found))
        .collect();
    all.extend(later);
    all.sort(&tree.files);
    let mut all = once_for_each_line(all);
    all.sort(&tree.files);
    all.finish(CheckedModel::new(model))
}

/// Leaves the first of what is wrong with one line in several places, such as a
/// default or a template: mended there, it is mended in all.
fn once_for_each_line(found: Diagnostics) -> Diagnostics {
    let mut kept: Vec<(Diagnostic, BTreeSet<String>)> = Vec::new();
    for next in found {
        let same = |(one, _): &&mut (Diagnostic, BTreeSet<String>)| {
            next.code.stage() == Stage::Model
                && one.code == next.code
                && !next.labels.is_empty()
                && one.labels == next.labels
                && one.help == next.help
        };
        if let Some((one, places)) = kept.iter_mut().find(same) {
            one.targets.extend(next.targets);
            places.extend(next.path);
        } else {
            let places = next.path.clone().into_iter().collect();
            kept.push((next, places));
        }
    }
    let counted = kept.into_iter().map(|(mut one, places)| {
        if places.len() > 1 {
            one.message = format!("{} (and in {} more places)", one.message, places.len() - 1);
        }
        one
    });
    counted.collect()
}

/// Whether a finding only repeats an error of evaluation: a value that is
/// missing or wrong in a place where evaluation failed.
fn follows(found: &Diagnostic, cause: &Diagnostic) -> bool {
    if found.code == Code::OwnNoOwner {
        return nameless(found, cause);
    }
    if found.code == Code::OwnSystemComponent {
        // Without its folder a team's fragments are taken for the system's own.
        let path = cause.path.as_deref().unwrap_or_default();
        return cause.code == Code::LoadTeamFolder || within(path, "system.teams");
    }
    if found.code == Code::CheckUnusedGrant || found.code == Code::CheckDisruptionBlocked {
        // What it grants, and how much it holds back, is not known.
        return match (&found.path, &cause.path) {
            (Some(path), Some(cause)) => within(cause, path) || within(path, cause),
            _ => false,
        };
    }
    // An attribute that is not followed was to give the value of its path.
    found.code.stage() == Stage::Eval
        && cause.severity == Severity::Error
        && found.targets.is_subset(&cause.targets)
        && match (&found.path, &cause.path) {
            // What breaks all components is no reason for what one of them lacks.
            (Some(_), Some(cause)) if COMPONENTS.contains(&cause.as_str()) => false,
            (Some(path), Some(cause)) => within(path, cause) || within(cause, path),
            _ => false,
        }
}

/// Whether a component is nobody's only because what says what it is was
/// misspelled or left out, which was reported.
fn nameless(found: &Diagnostic, cause: &Diagnostic) -> bool {
    let (Some(component), Some(path)) = (&found.path, &cause.path) else {
        return false;
    };
    let field = path
        .strip_prefix(component.as_str())
        .and_then(|rest| rest.strip_prefix('.'));
    let says_what = ["image", "build", "kind"];
    found.targets.is_subset(&cause.targets)
        && field.is_some_and(|field| match cause.code {
            Code::EvalUnknownField => nearest(field, says_what).is_some(),
            Code::EvalMissingField => says_what.contains(&field),
            _ => false,
        })
}

/// Whether others make a finding needless in all its targets together.
fn is_told<'a>(
    found: &Diagnostic,
    others: impl Iterator<Item = &'a Diagnostic>,
    tells: fn(&Diagnostic, &Diagnostic) -> bool,
) -> bool {
    let mut untold = found.targets.clone();
    others.filter(|other| tells(other, found)).any(|other| {
        untold.retain(|target| !other.targets.is_empty() && !other.targets.contains(target));
        untold.is_empty()
    })
}

/// Whether a rule has better words for what evaluation found: text in the
/// place of a reference to a secret is more than a wrong type.
fn says_better(better: &Diagnostic, found: &Diagnostic) -> bool {
    better.code == Code::CheckSecretLiteral
        && found.code.stage() == Stage::Eval
        && better.path == found.path
}

/// Whether a line that takes part in a finding is refused by itself: without
/// it there is nothing to find. A line of a team that may not speak here
/// contradicts nobody, and no policy is held against what cannot be a value.
fn refuses(other: &Diagnostic, found: &Diagnostic) -> bool {
    let said = |found: &Diagnostic| found.labels.first().map(|label| label.span);
    match (other.code, found.code) {
        (
            Code::OwnForeignValue | Code::OwnForeignConstraint,
            Code::EvalConflict
            | Code::EvalOutOfBounds
            | Code::EvalWrongType
            | Code::EvalTwoDefaults
            | Code::EvalDefaultRuledOut
            | Code::PolicyViolated,
        ) => found
            .labels
            .iter()
            .any(|label| Some(label.span) == said(other)),
        (_, Code::PolicyViolated) => {
            matches!(other.code.stage(), Stage::Eval | Stage::Model)
                && other.severity == Severity::Error
                && other.path == found.path
                && said(other) == said(found)
        }
        _ => false,
    }
}

/// Whether a path is another one or lies below it.
fn within(path: &str, above: &str) -> bool {
    path.strip_prefix(above)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}
