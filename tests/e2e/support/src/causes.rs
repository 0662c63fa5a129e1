//! The requirements on the causes of recorded failures that hold on either engine.

use std::{fmt::Write, path::Path};

use kcc_model::Name;
use kcc_plan::StatusReport;
use kcc_test_support::golden;

/// A recorded failure: its name, which begins with the kind of the cause, the status that
/// follows from it, and the components that wait for others because of it.
pub struct Recorded {
    /// The name.
    pub name: String,
    /// The status.
    pub report: StatusReport,
    /// Each component that waits, and the one that it needs.
    pub needs: Vec<(Name, Name)>,
}

/// Checks that each failure has the cause that it is named after, and compares the
/// explanations with a file.
pub fn are_named(recorded: impl IntoIterator<Item = Recorded>, expected: &Path) {
    let mut text = String::new();
    let mut wrong = Vec::new();
    for Recorded {
        name,
        report,
        needs,
    } in recorded
    {
        let roots = report.roots();
        let kinds: Vec<_> = roots
            .iter()
            .filter_map(|(_, status)| Some(status.cause.as_ref()?.kind.as_str()))
            .collect();
        if kinds.first() != Some(&kind(&name)) {
            wrong.push(format!("{name}: {kinds:?}"));
        }
        for (component, other) in needs {
            let needs = &report.components[&component].needs;
            if needs.first().is_none_or(|link| link.component != other) {
                wrong.push(format!("{name}: `{component}` does not wait for `{other}`"));
            }
        }
        writeln!(text, "== {name}\n{}", report.explanation()).unwrap();
    }
    assert!(!text.contains("s3cr3t"), "{text}");
    let golden = golden::check(expected, &text);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    golden.unwrap();
}

/// Checks that every cause has a recording, by the names of the files of both, except
/// `others`, for what has no cause of its own.
pub fn are_recorded<'a>(
    causes: impl IntoIterator<Item = &'a str>,
    recordings: &[&String],
    others: &[&str],
) {
    let causes = causes.into_iter().map(|name| name.replace('_', "-"));
    let missing: Vec<_> = causes
        .filter(|cause| !others.contains(&cause.as_str()))
        .filter(|cause| !recordings.iter().any(|name| kind(name) == cause))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

fn kind(name: &str) -> &str {
    name.split('.').next().unwrap_or_default()
}
