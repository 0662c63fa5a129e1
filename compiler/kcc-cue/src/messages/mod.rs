//! Turns the guest's errors into diagnostics: message, labels and help.
//!
//! The guest sends codes, spans and arguments (`wire/faults.rs`); this is the only module that
//! writes sentences about them, one file for each kind of error. CUE's own messages are
//! translated by a table and never shown.

mod bounds;
mod corrections;
mod cue_messages;
mod defaults;
mod expression;
mod fields;
mod limits;
mod mistake;
mod names;
mod overlay;
mod policy;
mod syntax;
mod values;

use kcc_diag::{Code, Diagnostic, FileId, Files, MistakeKind, Severity, Subject};
use kcc_tree::{Declaration, Path, secret_literal};

use self::mistake::{Line, Mistake};
use crate::{
    decode::{self, Indexes},
    wire::{Demand, Detail, Fault},
};

/// The context of the messages for one answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Context<'a> {
    files: &'a Files,
    indexes: &'a Indexes,
    has_teams: bool,
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

    /// Returns the diagnostic for an error of the guest.
    pub(crate) fn diagnostic(&self, fault: &Fault, declarations: &[Declaration]) -> Diagnostic {
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
        let mistake = Mistake {
            files: self.files,
            has_teams: self.has_teams,
            path: Path(fault.path.clone()),
            lines,
            declarations,
        };
        let mut diagnostic = describe(&mistake, &fault.detail);
        if fault.warning {
            diagnostic.severity = Severity::Warning;
        }
        if diagnostic.subject == Subject::System && !mistake.path.0.is_empty() {
            diagnostic.subject = Subject::Path(mistake.path);
        }
        if is_missing(&fault.detail) {
            diagnostic = diagnostic.missing_here();
        } else if let Some(path) = fields::intended_path(fault) {
            diagnostic.kind = MistakeKind::Misspelled(path);
        }
        diagnostic
    }
}

/// Returns whether a field is at the first level because of missing braces that another field above
/// it is missing as well.
pub(crate) fn shares_missing_braces(fault: &Fault, above: &[Fault]) -> bool {
    let block = |fault: &Fault| match &fault.detail {
        Detail::UnknownField {
            indented: Some(indented),
            ..
        } => Some((fault.labels.first()?.file, indented.start)),
        _ => None,
    };
    block(fault).is_some_and(|mine| above.iter().any(|other| block(other) == Some(mine)))
}

fn describe(mistake: &Mistake<'_>, detail: &Detail) -> Diagnostic {
    if mistake.path.0 == ["target"] && is_about_expression(detail) {
        return mistake.target();
    }
    match detail {
        Detail::Syntax { message } => mistake.syntax(message),
        Detail::PackageClause { expected, actual } => {
            mistake.package_clause(expected, actual.as_deref())
        }
        Detail::Attribute { name } => mistake.attribute(name),
        Detail::Import { path, problem } => mistake.import(path, problem),
        Detail::UnknownName {
            name,
            candidates,
            package,
            interpolated,
            key,
        } => match key {
            Some(key) => mistake.key_without_name(name, key),
            None => mistake.unknown_name(name, candidates, package.as_deref(), *interpolated),
        },
        Detail::UnknownReference { reference } => mistake.unknown_reference(reference),
        Detail::PrivateName { name, team } => mistake.private_name(name, team),
        Detail::UnknownField {
            name,
            candidates,
            value,
            indented,
        } => mistake.unknown_field(name, candidates, value.as_deref(), indented.as_ref()),
        Detail::HiddenKey { name } => mistake.hidden_key(name),
        Detail::UnknownKind { name, candidates } => mistake.unknown_kind(name, candidates),
        Detail::UnknownVersion {
            kind,
            version,
            candidates,
        } => mistake.unknown_version(kind, version, candidates),
        Detail::IgnoredField { kind, name, own } => mistake.ignored_field(kind, name, *own),
        Detail::TakenVolume { kind, name } => mistake.taken_volume(kind, name),
        Detail::SecretLiteral {} => secret(mistake),
        Detail::Overlay { problem } => mistake.overlay(problem),
        Detail::BadPolicy { policy, problem } => mistake.bad_policy(policy.as_deref(), problem),
        Detail::NoMatch {
            rule,
            policy,
            name,
            pattern,
            candidates,
        } => {
            let whose = policy::rule(*rule, policy.as_deref());
            if *pattern {
                mistake.no_match_of_pattern(&whose, name, candidates)
            } else {
                mistake.no_match(&whose, name, candidates)
            }
        }
        Detail::UnknownTarget {
            name,
            candidates,
            differs,
        } => mistake.target_comparison(name, candidates, *differs),
        Detail::SlowPattern { name } => mistake.slow_pattern(name),
        Detail::UnusedName { name, alias } => mistake.unused_name(name, *alias),
        Detail::RefusedExpression { cause } => mistake.refused_expression(cause),
        Detail::FailedExpression { part, cause } => {
            mistake.failed_expression(*part, cause.as_ref())
        }
        Detail::RaisedError { text } => mistake.raised_error(text.as_deref()),
        Detail::IncompleteExpression {
            part,
            reference,
            cause,
        } => mistake.incomplete_expression(*part, reference.as_deref(), cause.as_ref()),
        Detail::FunctionValue {} => mistake.function_value(),
        Detail::Conflict { unreplaced } => mistake.conflict(unreplaced.as_ref()),
        Detail::ExclusiveFields { names } => mistake.exclusive_fields(names),
        Detail::DifferentSpellings { other } => mistake.different_spellings(other),
        Detail::EqualDefaults {} => mistake.equal_defaults(),
        Detail::MissingField {
            name,
            expected,
            with,
        } => mistake.missing_field(name, expected, with),
        Detail::NotConcrete {
            name,
            expected,
            by_pattern,
            in_defaults,
        } => mistake.not_concrete(name, expected, *by_pattern, *in_defaults),
        Detail::OutOfBounds {
            expected,
            actual,
            options,
        } => mistake.out_of_bounds(expected, actual.as_deref(), options),
        Detail::WrongType {
            expected,
            actual,
            written,
            unowned,
        } => mistake.wrong_type(expected, *actual, written.as_ref(), *unowned),
        Detail::ClosedDefinition {
            name,
            definition,
            inside,
            imported,
        } => mistake.closed_definition(name, definition.as_deref(), inside.as_deref(), *imported),
        Detail::ClosedStruct { name } => mistake.closed_struct(name),
        Detail::TwoDefaults {} => mistake.two_defaults(),
        Detail::CueDefaultRuledOut { expected, actual } => {
            mistake.cue_default_ruled_out(expected, actual.as_deref())
        }
        Detail::DefaultRuledOut { expected, actual } => {
            mistake.default_ruled_out(expected, actual.as_deref())
        }
        Detail::Cycle { kind } => mistake.cycle(*kind),
        Detail::Unaccounted { name } => mistake.unaccounted(name.as_deref()),
        Detail::PolicyViolated {
            policy,
            message,
            on,
            demand,
        } => mistake.policy_violated(policy, message, on, demand.as_ref()),
        // `exchange` turns these two into errors of the evaluator. An internal one is left only
        // beside mistakes of the fragments, which may have caused it.
        Detail::Protocol { .. } | Detail::Internal { .. } => mistake.failed_expression(None, None),
    }
}

fn is_about_expression(detail: &Detail) -> bool {
    matches!(
        detail,
        Detail::UnusedName { .. }
            | Detail::RefusedExpression { .. }
            | Detail::FailedExpression { .. }
            | Detail::RaisedError { .. }
            | Detail::IncompleteExpression { .. }
            | Detail::FunctionValue {}
    )
}

/// Returns whether an error says that a field is missing.
fn is_missing(detail: &Detail) -> bool {
    matches!(
        detail,
        Detail::MissingField { .. }
            | Detail::PolicyViolated {
                demand: Some(Demand::DemandedField { .. }),
                ..
            }
    )
}

fn secret(mistake: &Mistake<'_>) -> Diagnostic {
    let message = secret_literal::message(&mistake.path);
    let name = mistake.path.0.last().map_or("", String::as_str);
    mistake
        .error(Code::CheckSecretLiteral, message, secret_literal::LABEL)
        .help(secret_literal::help(&format!("secrets: {name:?}: {{}}")))
}
