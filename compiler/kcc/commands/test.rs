//! `kcc test`: capsules as regression tests.

use std::{fmt::Write as _, path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};
use kcc_capsule::{Purpose, Sighting};
use kcc_diag::{Format, plain};
use kcc_model::Millis;
use serde::Serialize;

use super::{
    CommandResult, json,
    reproduce::{Parts, shown},
};
use crate::{
    args::duration,
    context::Context,
    copy::{self, Copy, Judgement},
    exit::Exit,
    failure::Failure,
    output_file,
    printer::Stdout,
    progress, runtime,
    summary::counted,
};

/// Test that captured failures do not happen with the current fragments
///
/// Brings the components of each capsule up on a Docker engine as the fragments of the
/// current directory declare them now, in the surroundings of the failure, and removes the
/// copy again. A test fails if the failure appears. With `--expect present` the copy is
/// what the capsule holds, no fragments are needed, and a test fails if the failure does
/// not appear.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  kcc test incidents/*.capsule\n  kcc test incidents/*.capsule --junit report.xml\n  kcc test incidents/oom.capsule --expect present     that the capsule still shows it"
)]
pub struct Test {
    /// Capsules that `kcc capture` wrote
    #[arg(value_name = "CAPSULE", required = true)]
    pub capsules: Vec<PathBuf>,
    /// The expected result
    #[arg(long, value_name = "RESULT", value_enum, default_value_t = Expect::Gone)]
    pub expect: Expect,
    /// The parts of them.
    #[command(flatten)]
    pub parts: Parts,
    /// Time limit for each failure to appear
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "120s")]
    pub timeout: Millis,
    /// Write a report in the format of `JUnit` to FILE
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
}

/// The expected result of a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Expect {
    /// With the current fragments the failure does not appear
    Gone,
    /// With what the capsule holds the failure appears
    Present,
}

/// The result of one test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
enum Verdict {
    Passed,
    Failed,
    /// The capsule has no failure that a copy can show.
    Inconclusive,
}

/// One test that ran.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Tested {
    capsule: String,
    expect: Expect,
    verdict: Verdict,
    seconds: u64,
    symptoms: Vec<Sighting>,
    #[serde(skip)]
    text: String,
}

impl Test {
    /// Runs the tests one after the other, and prints a line for each.
    pub fn run(self, context: &Context) -> CommandResult {
        let mut tests = Vec::new();
        let mut exit = Exit::Done;
        for path in &self.capsules {
            let shown = path.display().to_string();
            match self.test(context, path, &shown) {
                Ok(tested) => {
                    exit = exit.or(match tested.verdict {
                        Verdict::Passed => Exit::Done,
                        Verdict::Failed => Exit::Configuration,
                        Verdict::Inconclusive => Exit::Incomplete,
                    });
                    context.printer.data(&match context.settings.format {
                        Format::Json => json(&tested),
                        _ => tested.text.clone(),
                    });
                    tests.push(tested);
                }
                Err(failure) => {
                    context.printer.note(&format!("{shown}: error"));
                    exit = exit.or(context.printer.failure(&failure, Stdout::Data));
                }
            }
        }
        if let Some(path) = &self.junit {
            let full = context.settings.working_dir.join(path);
            let report = junit(&tests, self.capsules.len());
            output_file::replace_durably(&full, report.as_bytes()).map_err(|error| {
                Failure::io(format!("cannot write `{}`", path.display()), error)
            })?;
        }
        let passed = tests.iter().filter(|test| test.verdict == Verdict::Passed);
        context.printer.note(&format!(
            "{} of {} passed",
            passed.count(),
            counted(self.capsules.len(), "test")
        ));
        Ok(exit)
    }

    fn test(
        &self,
        context: &Context,
        path: &std::path::Path,
        name: &str,
    ) -> Result<Tested, Failure> {
        let full = context.settings.working_dir.join(path);
        let capsule = runtime::read_capsule(&full, name)?;
        let (mut choices, images) = self.parts.choices(Purpose::Test);
        if self.expect == Expect::Gone {
            choices.current = Some(copy::current(context, &capsule)?);
        }
        let mut copy = Copy::prepare(context, capsule, choices, images)?;
        copy.pin()?;
        let reporter = progress::reporter(context);
        let time = Duration::from_millis(self.timeout.0);
        let ran = copy.bring_up(reporter.as_ref(), time);
        // What a failed test has left would be in the way of the next one.
        let removed = copy.take_down(reporter.as_ref());
        let (_, judgement) = ran?;
        removed?;
        let verdict = verdict(self.expect, &judgement);
        let word = match verdict {
            Verdict::Passed => "passed",
            Verdict::Failed => "FAILED",
            Verdict::Inconclusive => "inconclusive",
        };
        let mut text = format!("{name}: {word}\n");
        for line in shown(&judgement).lines() {
            let _ = writeln!(text, "  {}", plain(line));
        }
        if self.expect == Expect::Gone && judgement.appeared == Some(false) && !judgement.ready {
            text.push_str("  the components are not ready for another reason\n");
        }
        Ok(Tested {
            capsule: name.to_owned(),
            expect: self.expect,
            verdict,
            seconds: judgement.after.as_secs(),
            symptoms: judgement.sightings,
            text,
        })
    }
}

fn verdict(expect: Expect, judgement: &Judgement) -> Verdict {
    match (expect, judgement.appeared) {
        (_, None) => Verdict::Inconclusive,
        (Expect::Present, Some(true)) => Verdict::Passed,
        // Another failure in its place is not a correction.
        (Expect::Gone, Some(false)) if judgement.ready => Verdict::Passed,
        (Expect::Present, Some(false)) | (Expect::Gone, Some(_)) => Verdict::Failed,
    }
}

/// Formats a report for CI systems. A test that could not run is an error in it.
fn junit(tests: &[Tested], all: usize) -> String {
    let failures = tests.iter().filter(|test| test.verdict == Verdict::Failed);
    let errors = all - tests.len();
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"kcc test\" tests=\"{all}\" failures=\"{}\" errors=\"{errors}\">\n",
        failures.count()
    );
    for test in tests {
        let _ = write!(
            text,
            "  <testcase name=\"{}\" time=\"{}\"",
            escaped(&test.capsule),
            test.seconds
        );
        let tag = match test.verdict {
            Verdict::Passed => None,
            Verdict::Failed => Some("failure"),
            Verdict::Inconclusive => Some("skipped"),
        };
        match tag {
            None => text.push_str("/>\n"),
            Some(tag) => {
                let body = escaped(&test.text);
                let _ = write!(text, ">\n    <{tag}>{body}</{tag}>\n  </testcase>\n");
            }
        }
    }
    text + "</testsuite>\n"
}

/// Escapes a text for XML.
fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_for_ci_names_each_test() {
        let test = |verdict| Tested {
            capsule: "oom<1>.capsule".to_owned(),
            expect: Expect::Gone,
            verdict,
            seconds: 3,
            symptoms: Vec::new(),
            text: "a & b".to_owned(),
        };
        let report = junit(&[test(Verdict::Passed), test(Verdict::Failed)], 3);
        assert!(
            report.contains("tests=\"3\" failures=\"1\" errors=\"1\""),
            "{report}"
        );
        assert!(
            report.contains("name=\"oom&lt;1&gt;.capsule\" time=\"3\"/>"),
            "{report}"
        );
        assert!(report.contains("<failure>a &amp; b</failure>"), "{report}");
    }
}
