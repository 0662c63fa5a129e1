//! Expressions that cannot be evaluated.

use kcc_diag::{Code, Diagnostic};

use super::Mistake;

impl Mistake<'_> {
    pub(super) fn cycle(&self) -> Diagnostic {
        let path = &self.path;
        let (message, label, help) = if self.arg("kind") == "structure" {
            (
                format!("`{path}` contains itself without end"),
                "contains itself",
                "refer to the part that is meant, not to what this line stands in",
            )
        } else {
            (
                format!("`{path}` is computed from itself"),
                "leads back to itself",
                "write a value in one of the lines that refer to each other",
            )
        };
        let mut error = self.error(Code::EvalCycle, message, label);
        for line in self.lines.iter().skip(1) {
            error = error.secondary(line.span, "by way of this line");
        }
        error.help(help)
    }

    pub(super) fn bad_expression(&self) -> Diagnostic {
        let name = self.arg("name");
        if self.arg("reason") == "unused" {
            let message = format!("`{name}` is defined and not used");
            let error = self.error(Code::EvalBadExpression, message, "nothing uses it");
            return error.help("remove it, or use it");
        }
        let said = tidy(self.arg("message"));
        let what = if self.path.0.is_empty() {
            "an expression".into()
        } else {
            format!("`{}`", self.path)
        };
        let message = if said.is_empty() {
            format!("{what} cannot be evaluated")
        } else {
            format!("{what} cannot be evaluated: {said}")
        };
        let mut error = self.error(Code::EvalBadExpression, message, "this expression");
        for line in self.lines.iter().skip(1) {
            error = error.secondary(line.span, "together with this line");
        }
        error.help(match self.arg("reason") {
            "refused" => "write the value itself: CUE takes no such expression",
            _ => "write another expression, or the value itself",
        })
    }
}

/// CUE's words, as far as they have to be shown, with backticks and without
/// the position that a label shows.
fn tidy(message: &str) -> String {
    let line = message.lines().next().unwrap_or("").trim();
    line.trim_end_matches([':', '.']).replace(['"', '\''], "`")
}
