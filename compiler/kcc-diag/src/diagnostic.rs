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

    fn same_but_for_targets(&self, other: &Self) -> bool {
        self.code == other.code
            && self.severity == other.severity
            && self.message == other.message
            && self.path == other.path
            && self.labels == other.labels
            && self.help == other.help
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
        let name = |d: &Diagnostic| {
            d.labels
                .first()
                .and_then(|label| Some((files.get(label.span.file)?.name(), label.span.start)))
        };
        self.0.sort_by(|a, b| {
            (name(a), a.code.as_str(), &a.message, &a.path, &a.targets).cmp(&(
                name(b),
                b.code.as_str(),
                &b.message,
                &b.path,
                &b.targets,
            ))
        });
        self.0.dedup_by(|next, kept| {
            let same = kept.same_but_for_targets(next);
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
