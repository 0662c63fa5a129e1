//! [`Problem`]: a file that could not be loaded. It becomes a diagnostic once there
//! is a table of files to point into, which evaluation returns.

use std::ops::Range;

use kcc_diag::{Code, Diagnostic, Diagnostics, FileId, Files, Span};
use kcc_tree::Node;

/// A file or directory that could not be loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The code.
    pub code: Code,
    /// The path relative to the root.
    pub name: String,
    /// The message.
    pub message: String,
    /// One action that fixes it.
    pub help: String,
    /// The excerpt to show, if the file has text.
    pub excerpt: Option<Excerpt>,
}

/// The text of a file with the range that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    /// The text of the file.
    pub text: String,
    /// The range of bytes to mark.
    pub range: Range<usize>,
    /// The text of the label.
    pub label: String,
}

/// All problems of one load.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Adds a problem.
    pub fn push(&mut self, problem: Problem) {
        self.0.push(problem);
    }

    /// Returns true if the operating system could not read a file, so that a part of
    /// the system is unknown.
    pub fn is_environment(&self) -> bool {
        self.0
            .iter()
            .any(|problem| problem.code == Code::LoadUnreadable)
    }

    /// Returns the problem of a file, if it has one.
    pub fn of(&self, name: &str) -> Option<&Problem> {
        self.0.iter().find(|problem| problem.name == name)
    }

    /// Iterates over all problems in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }

    /// Converts the problems to diagnostics. Adds their files to the table, with
    /// their teams if the system is known.
    pub fn report(&self, files: &mut Files, system: Option<&Node>) -> Diagnostics {
        self.0
            .iter()
            .map(|problem| {
                let team = system.and_then(|system| kcc_tree::team_of(system, &problem.name));
                problem.report(files, team)
            })
            .collect()
    }
}

impl Problem {
    fn report(&self, files: &mut Files, team: Option<String>) -> Diagnostic {
        let excerpt = self.excerpt.clone().unwrap_or_else(|| Excerpt {
            text: String::new(),
            range: 0..0,
            label: String::new(),
        });
        let file = files.add(self.name.clone(), excerpt.text);
        files.set_team(file, team);
        Diagnostic::error(self.code, self.message.clone())
            .primary(span(file, &excerpt.range), excerpt.label)
            .help(self.help.clone())
    }
}

fn span(file: FileId, range: &Range<usize>) -> Span {
    let [start, end] = [range.start, range.end].map(|at| u32::try_from(at).unwrap_or(u32::MAX));
    Span { file, start, end }
}
