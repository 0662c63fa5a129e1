//! Defaults: CUE's own, of which two leave neither, and soft values.

use kcc_diag::{Code, Diagnostic, field_label};
use kcc_tree::OriginKind;

use super::{Mistake, bounds, values::count};

impl Mistake<'_> {
    pub(super) fn two_defaults(&self) -> Diagnostic {
        let path = &self.path;
        let message = format!(
            "`{path}` has {} defaults that differ",
            count(self.lines.len())
        );
        let error = self.with_lines(
            Diagnostic::error(Code::EvalTwoDefaults, message),
            &self.lines,
        );
        error.help(format!(
            "keep one of them; a default that the owner can replace is written under `defaults`: \
             `defaults: {}`",
            self.as_field("…")
        ))
    }

    pub(super) fn default_ruled_out(&self) -> Diagnostic {
        let message = self.ruled_out("the default");
        let error = self.with_lines(
            Diagnostic::error(Code::EvalDefaultRuledOut, message),
            &self.lines,
        );
        error.help(format!(
            "write a value that all lines allow: `{}`",
            self.as_field(&bounds::example(self.arg("expected")))
        ))
    }

    pub(super) fn soft_ruled_out(&self) -> Diagnostic {
        let soft = self.of(&[OriginKind::Default]);
        let whose = if soft.is_empty() {
            "kcc's default"
        } else {
            "the default"
        };
        let message = self.ruled_out(whose);
        let mut error = Diagnostic::error(Code::EvalSoftRuledOut, message);
        if soft.is_empty() {
            // Who has the component can give another value.
            let name = self.path.0.last().map_or("", String::as_str);
            error = self.with_owner(error, &format!("gives no `{name}` itself"));
        }
        let mut lines = self.of(&[
            OriginKind::Constraint,
            OriginKind::Value,
            OriginKind::CueDefault,
        ]);
        lines.splice(0..0, soft);
        let error = self.with_lines(error, &lines);
        error.help(format!(
            "write a value that is allowed: `{}`",
            self.as_field(&bounds::example(self.arg("expected")))
        ))
    }

    fn ruled_out(&self, what: &str) -> String {
        let (path, expected, actual) = (&self.path, self.arg("expected"), self.arg("actual"));
        let actual = if actual.is_empty() || self.quiet() {
            String::new()
        } else {
            format!(" `{actual}`")
        };
        if expected.is_empty() {
            format!("{what}{actual} of `{path}` is not allowed")
        } else {
            format!(
                "{what}{actual} of `{path}` is not allowed: expected {}",
                bounds::plain(expected)
            )
        }
    }

    /// The path as a fragment writes it.
    fn as_field(&self, value: &str) -> String {
        let names: Vec<String> = self.path.0.iter().map(|name| field_label(name)).collect();
        format!("{}: {value}", names.join(": "))
    }
}
