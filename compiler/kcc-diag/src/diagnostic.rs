//! [`Diagnostic`] (one mistake or warning) and [`Diagnostics`] (everything a
//! stage reported).
//!
//! Stages push diagnostics in any order. [`Diagnostics::sort`] then orders them
//! independently of the order in which files were read and targets evaluated,
//! and merges those that differ only in their targets; all output formats rely
//! on that order.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{Code, Files, MistakeKind, Path, Span, Subject};

/// The severity of a diagnostic; any error fails the stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Severity {
    /// A mistake that makes the configuration unusable.
    Error,
    /// A suspicious but usable configuration.
    Warning,
}

impl Severity {
    /// Returns `error` or `warning`.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

/// A marked span in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// The range to mark.
    pub span: Span,
    /// A few words about the span; may be empty.
    pub text: String,
    /// Set for the span that the message is about.
    pub primary: bool,
}

/// One mistake or warning, with everything needed to render it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// The code, which has a page.
    pub code: Code,
    /// The severity.
    pub severity: Severity,
    /// One line: lower case, no final period, backticks around names and paths.
    pub message: String,
    /// The thing that is wrong or absent.
    pub subject: Subject,
    /// The kind of statement about the subject.
    pub kind: MistakeKind,
    /// The affected targets; empty if the target does not matter.
    pub targets: BTreeSet<String>,
    /// The marked spans, primary ones first.
    pub labels: Vec<Label>,
    /// One action that fixes it, in the imperative.
    pub help: Option<String>,
}

impl Diagnostic {
    /// Creates an error.
    pub fn error(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            message: message.into(),
            subject: Subject::System,
            kind: MistakeKind::Wrong,
            targets: BTreeSet::new(),
            labels: Vec::new(),
            help: None,
        }
    }

    /// Creates a warning.
    pub fn warning(code: Code, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(code, message)
        }
    }

    /// Sets the subject.
    #[must_use]
    pub fn at(mut self, subject: impl Into<Subject>) -> Self {
        self.subject = subject.into();
        self
    }

    /// Marks it as a statement that something is missing, which a file would
    /// declare that contains `name`.
    #[must_use]
    pub fn missing(mut self, name: impl Into<String>) -> Self {
        self.kind = MistakeKind::Missing(name.into());
        self
    }

    /// Marks it as a statement that the subject or a part of it is missing.
    #[must_use]
    pub fn missing_here(self) -> Self {
        let path = self.subject.path();
        let name = path.and_then(Path::declared_name).unwrap_or_default();
        let name = name.to_owned();
        self.missing(name)
    }

    /// Marks it as a statement that nothing in any target uses the subject, which
    /// every file may do.
    #[must_use]
    pub fn unused(self) -> Self {
        self.unused_by_name(std::iter::empty::<String>())
    }

    /// Marks it as a statement that nothing in any target uses the subject, which a
    /// file would do that contains one of the names; without any, every file may.
    #[must_use]
    pub fn unused_by_name<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.kind = MistakeKind::Unused(names.into_iter().map(Into::into).collect());
        self
    }

    /// Adds a primary label: the span that the message is about.
    #[must_use]
    pub fn primary(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label {
            span,
            text: text.into(),
            primary: true,
        });
        self
    }

    /// Adds a secondary label: another span that takes part.
    #[must_use]
    pub fn secondary(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label {
            span,
            text: text.into(),
            primary: false,
        });
        self
    }

    /// Sets the help.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds an affected target.
    #[must_use]
    pub fn target(mut self, target: impl Into<String>) -> Self {
        self.targets.insert(target.into());
        self
    }

    /// Returns true if the two differ at most in their targets.
    pub fn same_mistake(&self, other: &Self) -> bool {
        self.code == other.code
            && self.severity == other.severity
            && self.message == other.message
            && self.subject == other.subject
            && self.labels == other.labels
            && self.help == other.help
    }
}

/// The sort key of a diagnostic. Targets come last, so that diagnostics that
/// differ only in their targets are adjacent and can be merged.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Order {
    labels: Vec<(Option<String>, u32, u32, bool, String)>,
    code: &'static str,
    message: String,
    subject: Subject,
    severity: Severity,
    help: Option<String>,
    targets: BTreeSet<String>,
}

impl Order {
    fn of(diagnostic: &Diagnostic, files: &Files) -> Self {
        let key = |label: &Label| {
            let Span { file, start, end } = label.span;
            let name = files.get(file).map(|file| file.name().to_owned());
            (name, start, end, !label.primary, label.text.clone())
        };
        Self {
            labels: diagnostic.labels.iter().map(key).collect(),
            code: diagnostic.code.as_str(),
            message: diagnostic.message.clone(),
            subject: diagnostic.subject.clone(),
            severity: diagnostic.severity,
            help: diagnostic.help.clone(),
            targets: diagnostic.targets.clone(),
        }
    }
}

/// Adds to a message the number of other paths with the same mistake, which goes
/// away with this one.
#[must_use]
pub fn at_more_paths(message: String, others: usize) -> String {
    match others {
        0 => message,
        1 => format!("{message} (and at 1 more path)"),
        _ => format!("{message} (and at {others} more paths)"),
    }
}

/// The diagnostics of a stage; in display order after [`Diagnostics::sort`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    /// Creates an empty collection.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a diagnostic.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.0.push(diagnostic);
    }

    /// Adds every diagnostic of another collection.
    pub fn extend(&mut self, others: impl IntoIterator<Item = Diagnostic>) {
        self.0.extend(others);
    }

    /// Returns true if there are neither errors nor warnings.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns true if at least one diagnostic is an error.
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|d| d.severity == Severity::Error)
    }

    /// Iterates over all diagnostics.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.0.iter()
    }

    /// Sorts by file, span, code and message, and merges diagnostics that differ
    /// only in their targets; one for which the target does not matter stays so.
    pub fn sort(&mut self, files: &Files) {
        for diagnostic in &mut self.0 {
            diagnostic.labels.sort_by_key(|label| !label.primary);
        }
        self.0.sort_by_cached_key(|d| Order::of(d, files));
        self.0.dedup_by(|next, first| {
            let same = first.same_mistake(next);
            if same && !first.targets.is_empty() {
                first.targets.append(&mut next.targets);
            }
            same
        });
    }

    /// Ends a stage: returns its value with the warnings, or all diagnostics if
    /// there is an error.
    pub fn finish<T>(self, value: T) -> Outcome<T> {
        if self.has_errors() {
            Err(self)
        } else {
            Ok(Warned {
                value,
                warnings: self,
            })
        }
    }
}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl FromIterator<Diagnostic> for Diagnostics {
    fn from_iter<I: IntoIterator<Item = Diagnostic>>(iter: I) -> Self {
        Self(iter.into_iter().collect())
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        Self(vec![diagnostic])
    }
}

/// A stage's value with its warnings.
#[derive(Debug, Clone)]
pub struct Warned<T> {
    /// The result of the stage.
    pub value: T,
    /// Its warnings; never an error.
    pub warnings: Diagnostics,
}

/// The result of a stage: a value with its warnings, or every diagnostic if
/// there was an error.
pub type Outcome<T> = Result<Warned<T>, Diagnostics>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FileId;

    fn files() -> Files {
        let mut files = Files::new();
        // Added out of alphabetical order: the order of reading must not matter.
        files.add("teams/storefront/web.cue", "services: web: replicas: 1\n");
        files.add(
            "teams/platform/rules.cue",
            "services: [string]: replicas: >=2\n",
        );
        files
    }

    fn at(file: u32, start: u32) -> Span {
        Span {
            file: FileId(file),
            start,
            end: start + 1,
        }
    }

    fn error(message: &str) -> Diagnostic {
        Diagnostic::error(Code::EvalConflict, message)
    }

    fn sorted(all: impl IntoIterator<Item = Diagnostic>) -> Vec<Diagnostic> {
        let mut all: Diagnostics = all.into_iter().collect();
        all.sort(&files());
        all.into_iter().collect()
    }

    #[test]
    fn sorts_by_location_independently_of_insertion_order() {
        let expected = [
            error("no label"),
            error("platform").primary(at(1, 3), ""),
            error("first in storefront").primary(at(0, 2), ""),
            error("second in storefront").primary(at(0, 20), ""),
        ];
        let forwards = sorted(expected.clone());
        let backwards = sorted(expected.iter().rev().cloned());
        assert_eq!(forwards, expected);
        assert_eq!(backwards, expected);
    }

    #[test]
    fn merges_the_same_mistake_in_several_targets() {
        let conflict = |other: u32, target: &str| {
            error("two values")
                .primary(at(0, 2), "one")
                .secondary(at(1, other), "the other")
                .target(target)
        };
        // Reported target by target, so the two mistakes alternate.
        let all = sorted([
            conflict(5, "prod"),
            conflict(9, "prod"),
            conflict(5, "dev"),
            conflict(9, "dev"),
        ]);
        let both = BTreeSet::from(["dev".to_owned(), "prod".to_owned()]);
        assert_eq!(all.len(), 2);
        assert!(
            all.iter().all(|diagnostic| diagnostic.targets == both),
            "{all:?}"
        );
    }

    #[test]
    fn a_mistake_whose_target_does_not_matter_keeps_none() {
        let all = sorted([
            error("no").target("dev"),
            error("no"),
            error("no").target("a"),
        ]);
        assert_eq!(all, [error("no")]);
    }

    #[test]
    fn does_not_merge_different_labels_helps_paths_or_severities() {
        let plain = error("no");
        let all = sorted([
            plain.clone(),
            plain.clone().help("do this"),
            plain.clone().at(Path::of(["services", "web"])),
            plain.clone().primary(at(0, 1), ""),
            Diagnostic::warning(Code::EvalConflict, "no"),
            plain,
        ]);
        assert_eq!(all.len(), 5);
    }

    #[test]
    fn sorts_primary_labels_first() {
        let all = sorted([error("no").secondary(at(1, 0), "b").primary(at(0, 7), "a")]);
        assert!(all[0].labels[0].primary && !all[0].labels[1].primary);
    }

    #[test]
    fn a_stage_fails_on_errors_but_not_on_warnings() {
        let warning = || Diagnostic::warning(Code::CheckUnusedBacking, "unused");
        let warned = Diagnostics::from(warning()).finish(7).unwrap();
        assert_eq!((warned.value, warned.warnings.iter().count()), (7, 1));
        let both: Diagnostics = [warning(), error("no")].into_iter().collect();
        let all = both.finish(7).unwrap_err();
        assert_eq!(all.iter().count(), 2);
    }
}
