//! `kcc check --watch`: checks again whenever something that the last check depends on
//! has changed, and prints what broke and what was fixed.
//!
//! Changes are noticed by what the cache compares: the sources, and the files that the
//! check asked about. That needs no service of the operating system, works on every file
//! system, and misses nothing that would change the outcome.

use std::{
    collections::BTreeMap,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use kcc_diag::{Diagnostic, Files, Severity};

use super::report::{report, summarise};
use crate::{
    checked::Checked,
    commands::CommandResult,
    context::Context,
    exit::Exit,
    failure::{Diagnosis, Failure},
    pipeline::{self, Targets},
    printer::Stdout,
    summary::counted,
};

/// The shortest time between two looks at the files.
const PAUSE: Duration = Duration::from_millis(200);

/// The pause after a look at the files, as a multiple of the time that it took.
const IDLE: u32 = 10;

/// The mistakes and warnings of a check, by what identifies each.
type Known = BTreeMap<String, Diagnostic>;

/// Checks a system repeatedly, until the reader of the output has gone or the user
/// ends the process.
pub(super) fn run(context: &Context, dir: Option<&Path>, targets: &Targets) -> CommandResult {
    let (outcome, mut inputs) = pipeline::check_with_inputs(context, dir, targets);
    let mut known = known(diagnosis(&outcome).unwrap_or(&Diagnosis::default()));
    match outcome {
        Ok(checked) => report(context, &checked),
        Err(failure @ (Failure::Configuration(_) | Failure::Unavailable(_))) => {
            context.printer.failure(&failure, Stdout::Diagnostics);
        }
        Err(failure) => return Err(failure),
    }
    while !context.printer.is_closed() {
        let start = Instant::now();
        let changed = inputs.have_changed(context, dir, targets);
        thread::sleep(PAUSE.max(start.elapsed() * IDLE));
        if changed {
            let outcome;
            (outcome, inputs) = pipeline::check_with_inputs(context, dir, targets);
            known = report_changes(context, outcome, &known)?;
        }
    }
    Ok(Exit::Done)
}

/// Prints the difference between the last check and this one; returns what is wrong now.
fn report_changes(
    context: &Context,
    outcome: Result<Checked, Failure>,
    before: &Known,
) -> Result<Known, Failure> {
    let Some(diagnosis) = diagnosis(&outcome) else {
        return outcome.map(|_| Known::new());
    };
    let now = known(diagnosis);
    let fixed = before.iter().filter(|(key, _)| !now.contains_key(*key));
    for (_, fixed) in fixed {
        let (severity, message) = (fixed.severity.as_str(), &fixed.message);
        context
            .printer
            .note(&format!("fixed {severity}: {message}"));
    }
    let broken = now.iter().filter(|(key, _)| !before.contains_key(*key));
    let mut broken = Diagnosis {
        diagnostics: broken.map(|(_, found)| found.clone()).collect(),
        files: diagnosis.files.clone(),
        targets: diagnosis.targets.clone(),
        root: diagnosis.root.clone(),
    };
    broken.diagnostics.sort(&diagnosis.files);
    context.printer.diagnosis(&broken, Stdout::Diagnostics);
    let errors = now.values();
    let errors = errors.filter(|found| found.severity == Severity::Error);
    match &outcome {
        Ok(checked) => summarise(context, checked),
        Err(_) => context.printer.note(&counted(errors.count(), "error")),
    }
    Ok(now)
}

/// Returns the mistakes and warnings of a check that came to an end.
fn diagnosis(outcome: &Result<Checked, Failure>) -> Option<&Diagnosis> {
    match outcome {
        Ok(checked) => Some(&checked.diagnosis),
        Err(Failure::Configuration(diagnosis) | Failure::Unavailable(diagnosis)) => Some(diagnosis),
        Err(_) => None,
    }
}

fn known(diagnosis: &Diagnosis) -> Known {
    let found = diagnosis.diagnostics.iter();
    let pairs = found.map(|found| (identity(found, &diagnosis.files), found.clone()));
    pairs.collect()
}

/// Returns what a diagnostic has in common with the same one after an edit elsewhere in
/// its files: everything but the positions of its labels.
fn identity(found: &Diagnostic, files: &Files) -> String {
    let labels = found.labels.iter();
    let labels = labels.map(|label| {
        let file = files.get(label.span.file);
        (file.map(kcc_diag::SourceFile::name), files.text(label.span))
    });
    format!(
        "{} {:?} {:?} {:?} {:?}",
        found.code,
        found.message,
        found.subject,
        found.targets,
        labels.collect::<Vec<_>>()
    )
}
