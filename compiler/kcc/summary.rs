//! Limits on the text output of many diagnostics, and the closing count of errors
//! by team. The machine-readable formats always contain everything.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

use kcc_diag::{Diagnostic, Diagnostics, FileId, Severity};

use crate::failure::Diagnosis;

/// The maximum number of errors shown as text.
pub const MAX_ERRORS: usize = 50;

/// The number of warnings with the same code up to which each is shown; more are
/// merged into one.
const MAX_SIMILAR_WARNINGS: usize = 3;

/// Returns the diagnostics to show as text: the first errors, and the warnings,
/// merged by code if there are many.
pub fn shown(diagnostics: &Diagnostics) -> Diagnostics {
    let mut errors = 0;
    let within_limit = |diagnostic: &&Diagnostic| {
        errors += usize::from(diagnostic.severity == Severity::Error);
        errors <= MAX_ERRORS
    };
    let mut warnings: BTreeMap<&'static str, Vec<&Diagnostic>> = BTreeMap::new();
    for warning in diagnostics {
        if warning.severity == Severity::Warning {
            warnings
                .entry(warning.code.as_str())
                .or_default()
                .push(warning);
        }
    }
    diagnostics
        .iter()
        .take_while(within_limit)
        .filter_map(|diagnostic| {
            if diagnostic.severity == Severity::Error {
                return Some(diagnostic.clone());
            }
            let similar = &warnings[diagnostic.code.as_str()];
            if similar.len() <= MAX_SIMILAR_WARNINGS {
                return Some(diagnostic.clone());
            }
            std::ptr::eq(diagnostic, similar[0]).then(|| merge(similar))
        })
        .collect()
}

/// Merges warnings with the same code: the message of the first, the labels of the
/// first few, and the number of others.
fn merge(similar: &[&Diagnostic]) -> Diagnostic {
    let mut first = similar[0].clone();
    first.message = format!(
        "{} (and {} more like this; `--format json` lists all)",
        first.message,
        similar.len() - 1
    );
    for other in &similar[1..MAX_SIMILAR_WARNINGS] {
        let primary = other.labels.iter().filter(|label| label.primary);
        first.labels.extend(primary.cloned());
    }
    first.targets = similar
        .iter()
        .flat_map(|warning| warning.targets.iter().cloned())
        .collect();
    first
}

/// The number of errors of one team or of the system's own files.
#[derive(Default)]
struct Count {
    errors: usize,
    files: BTreeSet<FileId>,
}

/// Formats the number of errors on one line, followed by one line per team if not
/// all errors were shown.
pub fn summary(diagnosis: &Diagnosis) -> String {
    let errors: Vec<&Diagnostic> = diagnosis
        .diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.severity == Severity::Error)
        .collect();
    let mut teams: BTreeMap<Option<&str>, Count> = BTreeMap::new();
    let mut without_file = 0;
    for error in &errors {
        let label = error.labels.iter().find(|label| label.primary);
        let Some(label) = label.or(error.labels.first()) else {
            without_file += 1;
            continue;
        };
        let count = teams.entry(diagnosis.files.team(label.span)).or_default();
        count.errors += 1;
        count.files.insert(label.span.file);
    }
    let files: BTreeSet<FileId> = teams
        .values()
        .flat_map(|count| &count.files)
        .copied()
        .collect();
    let mut out = counted(errors.len(), "error");
    if !files.is_empty() {
        let _ = write!(out, " in {}", counted(files.len(), "file"));
    }
    let named = teams.keys().flatten().count();
    if named > 0 {
        let _ = write!(out, " of {}", counted(named, "team"));
    }
    if errors.len() > MAX_ERRORS {
        let _ = write!(
            out,
            "; showing the first {MAX_ERRORS}, use `--format json` for all"
        );
        for (team, count) in &teams {
            let _ = write!(
                out,
                "\n  {}: {} in {}",
                team.unwrap_or("the system's own files"),
                counted(count.errors, "error"),
                counted(count.files.len(), "file")
            );
        }
        if without_file > 0 {
            let _ = write!(
                out,
                "\n  without a file: {}",
                counted(without_file, "error")
            );
        }
    }
    out
}

/// Formats a number of things, such as `1 component` or `2 components`.
pub fn counted(number: usize, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}
