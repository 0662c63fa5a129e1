//! [`Problem`]: what is wrong with one file, before there is a table of files
//! that a diagnostic could point into.

use std::ops::Range;

use kcc_diag::{Code, Diagnostic, Diagnostics, FileId, Files, Span};
use kcc_tree::Node;

/// What is wrong with one file or folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The code.
    pub code: Code,
    /// The file or folder, relative to the root.
    pub name: String,
    /// The message.
    pub message: String,
    /// What mends it.
    pub help: String,
    /// As much of the text as can be shown, and the bytes of it that are meant.
    pub shown: Option<Shown>,
}

/// A part of a text that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The text.
    pub text: String,
    /// The bytes of it that are meant.
    pub range: Range<usize>,
    /// What stands there.
    pub label: String,
}

/// All problems of one load.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Adds one.
    pub fn push(&mut self, problem: Problem) {
        self.0.push(problem);
    }

    /// Whether the operating system refused something: then nothing is known
    /// about a part of the system.
    pub fn is_environment(&self) -> bool {
        self.0
            .iter()
            .any(|problem| problem.code == Code::LoadUnreadable)
    }

    /// The problem of a file, if it has one.
    pub fn of(&self, name: &str) -> Option<&Problem> {
        self.0.iter().find(|problem| problem.name == name)
    }

    /// Every problem in the order in which it was found.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }

    /// The problems as diagnostics. Their files join the table, each with its
    /// team if the system is known.
    pub fn report(self, files: &mut Files, system: Option<&Node>) -> Diagnostics {
        self.0
            .into_iter()
            .map(|problem| {
                let team = system.and_then(|system| super::teams::of(system, &problem.name));
                problem.report(files, team)
            })
            .collect()
    }
}

impl Problem {
    fn report(self, files: &mut Files, team: Option<String>) -> Diagnostic {
        let shown = self.shown.unwrap_or_else(|| Shown {
            text: String::new(),
            range: 0..0,
            label: String::new(),
        });
        let file = files.add(self.name, shown.text);
        files.set_team(file, team);
        Diagnostic::error(self.code, self.message)
            .primary(span(file, &shown.range), shown.label)
            .help(self.help)
    }
}

fn span(file: FileId, range: &Range<usize>) -> Span {
    let [start, end] = [range.start, range.end].map(|at| u32::try_from(at).unwrap_or(u32::MAX));
    Span { file, start, end }
}
