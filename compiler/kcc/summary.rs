//! How many errors there are, and whose: what `kcc check` says last.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

use kcc_diag::{Diagnostic, Diagnostics, FileId, Severity};

use crate::{commands::check::counted, failure::Findings};

/// Text shows as many errors at most; the other formats show all.
pub const MOST: usize = 50;

/// The diagnostics that text shows: all, or the first ones.
pub fn shown(diagnostics: &Diagnostics) -> Diagnostics {
    let mut errors = 0;
    let few = |diagnostic: &&Diagnostic| {
        errors += usize::from(diagnostic.severity == Severity::Error);
        errors <= MOST
    };
    diagnostics.iter().take_while(few).cloned().collect()
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
