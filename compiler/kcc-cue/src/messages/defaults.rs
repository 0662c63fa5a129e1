//! Messages about defaults: CUE's own, of which two cancel each other, and kcc's.

use kcc_diag::{Code, Diagnostic, field_label};
use kcc_tree::OriginKind;

use super::{bounds, mistake::Mistake, values::count};
use crate::wire::Alternative;

impl Mistake<'_> {
    pub(super) fn two_defaults(&self) -> Diagnostic {
        let path = &self.path;
        let message = format!(
            "`{path}` has {} different defaults",
            count(self.lines.len())
        );
        let error = self.with_lines(
            Diagnostic::error(Code::EvalTwoDefaults, message),
            &self.lines,
        );
        error.help(format!(
            "keep one of them; write one that the owner can override under `defaults`: `defaults: {}`",
            self.as_field("…")
        ))
    }

    pub(super) fn cue_default_ruled_out(
        &self,
        expected: &[Alternative],
        actual: Option<&str>,
    ) -> Diagnostic {
        let message = self.ruled_out("the default", expected, actual);
        let error = self.with_lines(
            Diagnostic::error(Code::EvalDefaultRuledOut, message),
            &self.lines,
        );
        error.help(format!(
            "write a value that satisfies all lines: `{}`",
            self.as_field(&bounds::example(expected))
        ))
    }

    pub(super) fn default_ruled_out(
        &self,
        expected: &[Alternative],
        actual: Option<&str>,
    ) -> Diagnostic {
        let defaults = self.lines_of(&[OriginKind::Default]);
        let subject = if defaults.is_empty() {
            "kcc's default"
        } else {
            "the default"
        };
        let message = self.ruled_out(subject, expected, actual);
        let mut error = Diagnostic::error(Code::EvalSoftRuledOut, message);
        if defaults.is_empty() {
            // The owner of the component can give another value.
            let name = self.path.0.last().map_or("", String::as_str);
            error = self.with_owner(error, &format!("does not set `{name}`"));
        }
        let mut lines = self.lines_of(&[
            OriginKind::Constraint,
            OriginKind::Value,
            OriginKind::CueDefault,
        ]);
        lines.splice(0..0, defaults);
        let error = self.with_lines(error, &lines);
        error.help(format!(
            "write a value that is allowed: `{}`",
            self.as_field(&bounds::example(expected))
        ))
    }

    fn ruled_out(&self, subject: &str, expected: &[Alternative], actual: Option<&str>) -> String {
        let path = &self.path;
        let actual = match actual {
            Some(actual) if !self.is_sensitive() => format!(" `{actual}`"),
            _ => String::new(),
        };
        if expected.is_empty() {
            format!("{subject}{actual} of `{path}` is not allowed")
        } else {
            format!(
                "{subject}{actual} of `{path}` is not allowed: expected {}",
                bounds::describe(expected)
            )
        }
    }

    /// Returns the path as a fragment writes it.
    fn as_field(&self, value: &str) -> String {
        let names: Vec<String> = self.path.0.iter().map(|name| field_label(name)).collect();
        format!("{}: {value}", names.join(": "))
    }
}
