//! What text shows of many diagnostics, and the count that `kcc check` ends
//! with: how many errors there are, and whose.
//!
//! The formats that machines read always have all of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

use kcc_diag::{Diagnostic, Diagnostics, FileId, Severity};

use crate::{commands::check::counted, failure::Findings};

/// Text shows as many errors at most; the other formats show all.
pub const MOST: usize = 50;

/// Warnings of one code that text shows one by one; more than these become one.
const ALIKE: usize = 3;

/// Returns the diagnostics that text shows: the first errors, and the warnings
/// with those of one code together where there are many.
pub fn shown(diagnostics: &Diagnostics) -> Diagnostics {
    let mut errors = 0;
    let few = |diagnostic: &&Diagnostic| {
        errors += usize::from(diagnostic.severity == Severity::Error);
        errors <= MOST
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
        .take_while(few)
        .filter_map(|diagnostic| {
            if diagnostic.severity == Severity::Error {
                return Some(diagnostic.clone());
            }
            let alike = &warnings[diagnostic.code.as_str()];
            if alike.len() <= ALIKE {
                return Some(diagnostic.clone());
            }
            std::ptr::eq(diagnostic, alike[0]).then(|| together(alike))
        })
        .collect()
}

/// Makes one warning of many with the same code: the first one's words, the
/// places of the first few, and how many there are.
fn together(alike: &[&Diagnostic]) -> Diagnostic {
    let mut first = alike[0].clone();
    first.message = format!(
        "{} (and {} more like this; `--format json` lists all)",
        first.message,
        alike.len() - 1
    );
    for other in &alike[1..ALIKE] {
        let places = other.labels.iter().filter(|label| label.primary);
        first.labels.extend(places.cloned());
    }
    first.targets = alike
        .iter()
        .flat_map(|warning| warning.targets.iter().cloned())
        .collect();
    first
}

/// The errors of one team, or of the system's own files.
#[derive(Default)]
struct Count {
    errors: usize,
    files: BTreeSet<FileId>,
}

/// One line with the number of errors; where not all were shown, as many more
/// as there are teams.
pub fn summary(findings: &Findings) -> String {
    let errors: Vec<&Diagnostic> = findings
        .diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.severity == Severity::Error)
        .collect();
    let mut teams: BTreeMap<Option<&str>, Count> = BTreeMap::new();
    let mut nowhere = 0;
    for error in &errors {
        let label = error.labels.iter().find(|label| label.primary);
        let Some(label) = label.or(error.labels.first()) else {
            nowhere += 1;
            continue;
        };
        let count = teams.entry(findings.files.team(label.span)).or_default();
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
    if errors.len() > MOST {
        let _ = write!(out, "; the first {MOST} are shown, `--format json` has all");
        for (team, count) in &teams {
            let _ = write!(
                out,
                "\n  {}: {} in {}",
                team.unwrap_or("the system's own files"),
                counted(count.errors, "error"),
                counted(count.files.len(), "file")
            );
        }
        if nowhere > 0 {
            let _ = write!(out, "\n  in no file: {}", counted(nowhere, "error"));
        }
    }
    out
}
