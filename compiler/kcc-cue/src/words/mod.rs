//! The words: what a mistake of the guest's is called here, what stands at each
//! of its labels, and what mends it.
//!
//! The guest sends codes, places and arguments (`guest/wire/errors.go`); this
//! is the only place that turns them into sentences. One file for each kind of
//! mistake. CUE's own words are never shown.

mod bounds;
mod defaults;
mod expression;
mod fields;
mod lines;
mod messages;
mod names;
mod overlay;
mod policy;
mod reading;
mod retyped;
mod stopped;
mod values;

use kcc_diag::{Diagnostic, FileId, Files, Severity, Span};

use crate::{
    decode::{Indexes, role},
    tree::{Declaration, Path, Role},
    wire::Fault,
};

pub(crate) use fields::Misspelt;
pub(crate) use stopped::stopped;

/// What the words of one answer depend on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Words<'a> {
    files: &'a Files,
    indexes: &'a Indexes,
    has_teams: bool,
}

/// A mistake with its places resolved.
struct Mistake<'a> {
    words: Words<'a>,
    fault: &'a Fault,
    path: Path,
    lines: Vec<Line>,
    declarations: &'a [Declaration],
}

/// A marked line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Line {
    span: Span,
    role: Role,
}

impl<'a> Words<'a> {
    pub(crate) fn new(files: &'a Files, indexes: &'a Indexes, has_teams: bool) -> Self {
        Self {
            files,
            indexes,
            has_teams,
        }
    }

    /// Any file of those that were asked about.
    pub(crate) fn first_file(&self) -> Option<FileId> {
        self.indexes.file(0).ok()
    }

    /// Puts a mistake into words.
    pub(crate) fn diagnostic(
        &self,
        fault: &'a Fault,
        declarations: &'a [Declaration],
    ) -> Diagnostic {
        let mut lines: Vec<Line> = Vec::new();
        for label in &fault.labels {
            let span = self
                .indexes
                .span(crate::wire::Span(label.file, label.start, label.end));
            let (Ok(span), Ok(role)) = (span, role(label.role)) else {
                continue;
            };
            if lines.iter().all(|line| line.span != span) {
                lines.push(Line { span, role });
            }
        }
        let path = Path(fault.path.clone());
        let mistake = Mistake {
            words: *self,
            fault,
            path,
            lines,
            declarations,
        };
        let mut diagnostic = mistake.worded();
        if fault.warning {
            diagnostic.severity = Severity::Warning;
        }
        if diagnostic.path.is_none() && !mistake.path.0.is_empty() {
            diagnostic.path = Some(mistake.path.to_string());
        }
        diagnostic
    }
}

impl Mistake<'_> {
    fn worded(&self) -> Diagnostic {
        match self.fault.code.as_str() {
            "syntax" => self.syntax(),
            "package-clause" => self.package_clause(),
            "attribute" => self.attribute(),
            "import" => self.import(),
            "unknown-name" => self.unknown_name(),
            "private-name" => self.private_name(),
            "unknown-field" => self.unknown_field(),
            "unknown-kind" => self.unknown_kind(),
            "missing-field" => self.missing_field(),
            "closed-definition" => self.closed_definition(),
            "conflict" => self.conflict(),
            "not-concrete" => self.not_concrete(),
            "out-of-bounds" => self.out_of_bounds(),
            "wrong-type" => self.wrong_type(),
            "two-defaults" => self.two_defaults(),
            "default-ruled-out" => self.default_ruled_out(),
            "soft-ruled-out" => self.soft_ruled_out(),
            "overlay" => self.overlay(),
            "bad-policy" => self.bad_policy(),
            "policy-violated" => self.policy_violated(),
            "cycle" => self.cycle(),
            "slow-pattern" => self.slow_pattern(),
            "unknown-target" => self.compared_target(),
            _ => self.bad_expression(),
        }
    }

    /// A named word of the guest's; empty where there is none.
    fn arg(&self, name: &str) -> &str {
        self.fault.arg(name)
    }

    /// The known name that another one was probably meant to be.
    fn nearest(&self, name: &str) -> Option<&str> {
        kcc_diag::nearest(name, self.fault.list("candidates"))
    }
}

/// Names for a sentence: "`a`", "`a` and `b`", "`a`, `b` and `c`".
fn joined(names: &[impl AsRef<str>], last: &str) -> String {
    let names: Vec<String> = names
        .iter()
        .map(|name| format!("`{}`", name.as_ref()))
        .collect();
    match names.split_last() {
        Some((end, [])) => end.clone(),
        Some((end, rest)) => format!("{} {last} {end}", rest.join(", ")),
        None => String::new(),
    }
}
