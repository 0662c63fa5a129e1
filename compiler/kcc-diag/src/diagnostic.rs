//! [`Diagnostic`]: one mistake, and [`Diagnostics`]: all that a stage found.

use std::collections::BTreeSet;

use crate::{Code, Files, Span};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The configuration cannot be used.
    Error,
    /// Probably not what was meant.
    Warning,
}

impl Severity {
    /// `error` or `warning`.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

/// A marked place in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What stands there, in a few words; may be empty.
    pub text: String,
    /// The place that the message speaks of.
    pub primary: bool,
}

/// One mistake, with everything that is needed to show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The code, which has a page.
    pub code: Code,
    /// Error or warning.
    pub severity: Severity,
    /// One line: lower case, no final period, backticks round names and paths.
    pub message: String,
    /// The path in the model, such as `services.web.replicas`.
    pub path: Option<String>,
    /// The targets that it holds in; empty where the target does not matter.
    pub targets: BTreeSet<String>,
    /// The places; the primary ones first.
    pub labels: Vec<Label>,
    /// One action that mends it.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error.
    pub fn error(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            message: message.into(),
            path: None,
            targets: BTreeSet::new(),
            labels: Vec::new(),
            help: None,
        }
    }

    /// A warning.
    pub fn warning(code: Code, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(code, message)
        }
    }

    /// Sets the path in the model.
    #[must_use]
    pub fn at(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into());
        self
    }

    /// Adds the place that the message speaks of.
    #[must_use]
    pub fn primary(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label {
            span,
            text: text.into(),
            primary: true,
        });
        self
    }

    /// Adds a place that takes part.
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

    /// Says that it holds in a target.
    #[must_use]
    pub fn target(mut self, target: impl Into<String>) -> Self {
        self.targets.insert(target.into());
        self
    }

    /// Whether another one says the same, whatever targets both hold in.
    pub fn same_mistake(&self, other: &Self) -> bool {
        self.code == other.code
            && self.severity == other.severity
            && self.message == other.message
            && self.path == other.path
            && self.labels == other.labels
            && self.help == other.help
    }
}

/// What diagnostics are sorted by. The targets come last, so that those that
/// differ in nothing else stand side by side.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Order {
    places: Vec<(Option<String>, u32, u32, bool, String)>,
    code: &'static str,
    message: String,
    path: Option<String>,
    severity: Severity,
    help: Option<String>,
    targets: BTreeSet<String>,
}

impl Order {
    fn of(diagnostic: &Diagnostic, files: &Files) -> Self {
        let place = |label: &Label| {
            let Span { file, start, end } = label.span;
            let name = files.get(file).map(|file| file.name().to_owned());
            (name, start, end, !label.primary, label.text.clone())
        };
        Self {
            places: diagnostic.labels.iter().map(place).collect(),
            code: diagnostic.code.as_str(),
            message: diagnostic.message.clone(),
            path: diagnostic.path.clone(),
            severity: diagnostic.severity,
            help: diagnostic.help.clone(),
            targets: diagnostic.targets.clone(),
        }
    }
}

/// What a stage found, in the order in which it is shown once [`Diagnostics::sort`] ran.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.0.push(diagnostic);
    }

    /// Adds all of another collection.
    pub fn extend(&mut self, others: impl IntoIterator<Item = Diagnostic>) {
        self.0.extend(others);
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether at least one is an error.
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|d| d.severity == Severity::Error)
    }

    /// All of them.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.0.iter()
    }

    /// Sorts by file, place, code and message, and joins those that differ in
    /// nothing but the targets they hold in.
    pub fn sort(&mut self, files: &Files) {
        for diagnostic in &mut self.0 {
            diagnostic.labels.sort_by_key(|label| !label.primary);
        }
        self.0.sort_by_cached_key(|d| Order::of(d, files));
        self.0.dedup_by(|next, kept| {
            let same = kept.same_mistake(next);
            if same {
                kept.targets.append(&mut next.targets);
            }
            same
        });
    }

    /// Ends a stage: its value with the warnings if there is no error.
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
    /// The value.
    pub value: T,
    /// Warnings only.
    pub warnings: Diagnostics,
}

/// What a stage returns: a value with its warnings, or everything that is wrong.
pub type Outcome<T> = Result<Warned<T>, Diagnostics>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FileId;

    fn files() -> Files {
        let mut files = Files::new();
        // The order in which files were read decides nothing.
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
    fn they_are_sorted_by_place_whatever_order_they_were_found_in() {
        let expected = [
            error("no place"),
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
    fn the_same_in_several_targets_is_one() {
        let conflict = |other: u32, target: &str| {
            error("two values")
                .primary(at(0, 2), "one")
                .secondary(at(1, other), "the other")
                .target(target)
        };
        // Found target by target: the two mistakes take turns.
        let all = sorted([
            conflict(5, "prod"),
            conflict(9, "prod"),
            conflict(5, "dev"),
            conflict(9, "dev"),
        ]);
        let both = BTreeSet::from(["dev".to_owned(), "prod".to_owned()]);
        assert_eq!(all.len(), 2);
        assert!(all.iter().all(|found| found.targets == both), "{all:?}");
    }

    #[test]
    fn other_lines_other_help_and_other_severity_are_not_the_same() {
        let plain = error("no");
        let all = sorted([
            plain.clone(),
            plain.clone().help("do this"),
            plain.clone().at("services.web"),
            plain.clone().primary(at(0, 1), ""),
            Diagnostic::warning(Code::EvalConflict, "no"),
            plain,
        ]);
        assert_eq!(all.len(), 5);
    }

    #[test]
    fn the_primary_place_comes_first() {
        let all = sorted([error("no").secondary(at(1, 0), "b").primary(at(0, 7), "a")]);
        assert!(all[0].labels[0].primary && !all[0].labels[1].primary);
    }

    #[test]
    fn a_stage_fails_by_errors_and_never_by_warnings() {
        let warning = || Diagnostic::warning(Code::CheckUnusedBacking, "unused");
        let warned = Diagnostics::from(warning()).finish(7).unwrap();
        assert_eq!((warned.value, warned.warnings.iter().count()), (7, 1));
        let both: Diagnostics = [warning(), error("no")].into_iter().collect();
        let all = both.finish(7).unwrap_err();
        assert_eq!(all.iter().count(), 2);
    }
}
