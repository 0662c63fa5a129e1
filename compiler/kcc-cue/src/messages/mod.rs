//! Turns the guest's errors into diagnostics: message, labels and help.
//!
//! The guest sends codes, spans and arguments (`guest/wire/errors.go`); this is the only module
//! that writes sentences about them, one file for each kind of error. CUE's own messages are
//! translated by a table and never shown.

mod bounds;
mod corrections;
mod cue_messages;
mod defaults;
mod expression;
mod fields;
mod labels;
mod limits;
mod names;
mod overlay;
mod policy;
mod syntax;
mod values;

use kcc_diag::{Code, Diagnostic, FileId, Files, MistakeKind, Severity, Span, Subject};
use kcc_tree::{Declaration, OriginKind, Path, secret_literal};

use crate::{
    decode::{self, Indexes},
    wire::{Fault, FaultCode},
};

/// The context of the messages for one answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Context<'a> {
    files: &'a Files,
    indexes: &'a Indexes,
    has_teams: bool,
}

/// An error of the guest, with its spans resolved.
struct Mistake<'a> {
    context: Context<'a>,
    fault: &'a Fault,
    path: Path,
    lines: Vec<Line>,
    declarations: &'a [Declaration],
}

/// A labelled line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Line {
    span: Span,
    kind: OriginKind,
}

impl<'a> Context<'a> {
    pub(crate) fn new(files: &'a Files, indexes: &'a Indexes, has_teams: bool) -> Self {
        Self {
            files,
            indexes,
            has_teams,
        }
    }

    /// Returns the files of the request.
    pub(crate) fn all_files(&self) -> &[FileId] {
        self.indexes.files()
    }

    /// Returns whether a field is at the first level because of missing braces that another field
    /// above it is missing as well.
    pub(crate) fn shares_missing_braces(&self, fault: &Fault, above: &[Fault]) -> bool {
        let block = |fault: &Fault| {
            let label = fault
                .labels
                .first()
                .filter(|_| fault.code == FaultCode::UnknownField && fault.path.len() == 1)?;
            let file = self.indexes.file(label.file).ok()?;
            let text = self.files.get(file)?.text();
            let (begins, _) = fields::indented_below(text, label.start as usize)?;
            Some((label.file, begins))
        };
        block(fault).is_some_and(|mine| above.iter().any(|other| block(other) == Some(mine)))
    }

    /// Returns the diagnostic for an error of the guest.
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
            let (Ok(span), Ok(kind)) = (span, decode::kind(label.kind)) else {
                continue;
            };
            if lines.iter().all(|line| line.span != span) {
                lines.push(Line { span, kind });
            }
        }
        let path = Path(fault.path.clone());
        let mistake = Mistake {
            context: *self,
            fault,
            path,
            lines,
            declarations,
        };
        let mut diagnostic = mistake.to_diagnostic();
        if fault.warning {
            diagnostic.severity = Severity::Warning;
        }
        if diagnostic.subject == Subject::System && !mistake.path.0.is_empty() {
            diagnostic.subject = Subject::Path(mistake.path);
        }
        if fault.code == FaultCode::MissingField || !fault.arg("missing").is_empty() {
            diagnostic = diagnostic.missing_here();
        } else if let Some(path) = fields::intended(fault) {
            diagnostic.kind = MistakeKind::Misspelled(path);
        }
        diagnostic
    }
}

impl Mistake<'_> {
    fn to_diagnostic(&self) -> Diagnostic {
        match self.fault.code {
            FaultCode::Syntax => self.syntax(),
            FaultCode::PackageClause => self.package_clause(),
            FaultCode::Attribute => self.attribute(),
            FaultCode::Import => self.import(),
            FaultCode::UnknownName => self.unknown_name(),
            FaultCode::PrivateName => self.private_name(),
            FaultCode::UnknownField => self.unknown_field(),
            FaultCode::UnknownKind => self.unknown_kind(),
            FaultCode::SecretLiteral => self.secret_literal(),
            FaultCode::UnknownVersion => self.unknown_version(),
            FaultCode::MissingField => self.missing_field(),
            FaultCode::ClosedDefinition => self.closed_definition(),
            FaultCode::Conflict => self.conflict(),
            FaultCode::NotConcrete => self.not_concrete(),
            FaultCode::OutOfBounds => self.out_of_bounds(),
            FaultCode::WrongType => self.wrong_type(),
            FaultCode::TwoDefaults => self.two_defaults(),
            FaultCode::CueDefaultRuledOut => self.cue_default_ruled_out(),
            FaultCode::DefaultRuledOut => self.default_ruled_out(),
            FaultCode::Overlay => self.overlay(),
            FaultCode::BadPolicy => self.bad_policy(),
            FaultCode::NoMatch => self.no_match(),
            FaultCode::PolicyViolated => self.policy_violated(),
            FaultCode::Cycle => self.cycle(),
            FaultCode::Unaccounted => self.unaccounted(),
            FaultCode::SlowPattern => self.slow_pattern(),
            FaultCode::UnknownTarget => self.target_comparison(),
            FaultCode::BadExpression
            | FaultCode::Evaluation
            // `exchange` keeps these two back.
            | FaultCode::Protocol
            | FaultCode::Internal => self.bad_expression(),
        }
    }

    fn secret_literal(&self) -> Diagnostic {
        let message = secret_literal::message(&self.path);
        let name = self.path.0.last().map_or("", String::as_str);
        self.error(Code::CheckSecretLiteral, message, secret_literal::LABEL)
            .help(secret_literal::help(&format!("secrets: {name:?}: {{}}")))
    }

    /// Returns an argument of the guest's error, or an empty string.
    fn arg(&self, name: &str) -> &str {
        self.fault.arg(name)
    }

    /// Returns the known name that another one was probably meant to be.
    fn nearest(&self, name: &str) -> Option<&str> {
        kcc_diag::nearest(name, self.fault.list("candidates"))
    }
}

/// Joins names for a sentence: "`a`", "`a` and `b`", "`a`, `b` and `c`".
fn join_names(names: &[impl AsRef<str>], last: &str) -> String {
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
