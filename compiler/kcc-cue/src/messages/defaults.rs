//! Messages about defaults: CUE's own, of which two cancel each other, and kcc's.

use kcc_diag::{Code, Diagnostic, field_label};
use kcc_tree::OriginKind;

use super::{Mistake, bounds, values::count};

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

    pub(super) fn cue_default_ruled_out(&self) -> Diagnostic {
        let message = self.ruled_out("the default");
        let error = self.with_lines(
            Diagnostic::error(Code::EvalDefaultRuledOut, message),
            &self.lines,
        );
        error.help(format!(
            "write a value that satisfies all lines: `{}`",
            self.as_field(&bounds::example(self.arg("expected")))
        ))
    }

    pub(super) fn default_ruled_out(&self) -> Diagnostic {
        let defaults = self.lines_of(&[OriginKind::Default]);
        let subject = if defaults.is_empty() {
            "kcc's default"
        } else {
            "the default"
        };
        let message = self.ruled_out(subject);
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
            self.as_field(&bounds::example(self.arg("expected")))
        ))
    }

    fn ruled_out(&self, subject: &str) -> String {
        let (path, expected, actual) = (&self.path, self.arg("expected"), self.arg("actual"));
        let actual = if actual.is_empty() || self.is_sensitive() {
            String::new()
        } else {
            format!(" `{actual}`")
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
