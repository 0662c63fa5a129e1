//! Messages about expressions that cannot be evaluated.

use kcc_diag::{Code, Diagnostic};

use super::{
    cue_messages::{named_type, translate},
    mistake::Mistake,
};
use crate::wire::{Cause, CycleKind, Part};

impl Mistake<'_> {
    pub(super) fn cycle(&self, kind: CycleKind) -> Diagnostic {
        let path = &self.path;
        let (message, label, help) = match kind {
            CycleKind::Structure => (
                format!("`{path}` contains itself"),
                "contains itself",
                "refer to a part of it, not to the struct that contains this line",
            ),
            CycleKind::Value => (
                format!("`{path}` depends on itself"),
                "refers back to itself",
                "write a value in one of these lines",
            ),
        };
        let mut error = self.error(Code::EvalCycle, message, label);
        for line in self.lines.iter().skip(1) {
            error = error.secondary(line.span, "through this line");
        }
        error.help(help)
    }

    pub(super) fn slow_pattern(&self, name: &str) -> Diagnostic {
        let message = format!("this pattern visits every field of `{name}` once per component");
        let mut warning = self.error(Code::EvalSlowPattern, message, format!("all of `{name}`"));
        for line in self.lines.iter().skip(1) {
            warning = warning.secondary(line.span, "once per component here");
        }
        warning.help(format!(
            "visit them once, in a root field such as `_names: [for name, _ in {name} {{name}}]`, and \
             refer to that field"
        ))
    }

    /// A field that is in no value and in no other error.
    pub(super) fn unaccounted(&self, name: Option<&str>) -> Diagnostic {
        let name = name.map_or_else(|| "this field".to_owned(), |name| format!("`{name}`"));
        let message = format!("{name} is not part of the model");
        let error = self.error(Code::EvalUnaccounted, message, "kcc lost this field");
        error.help("write the field differently, and report this as a bug in kcc")
    }

    pub(super) fn unused_name(&self, name: &str, alias: bool) -> Diagnostic {
        let message = format!("`{name}` is defined but not used");
        let error = self.error(Code::EvalBadExpression, message, "unused");
        error.help(if alias {
            format!("write `{name}: …` to make it a field, or remove the name")
        } else {
            "remove it, or use it".to_owned()
        })
    }

    pub(super) fn function_value(&self) -> Diagnostic {
        let message = format!("`{}` is a function, not a value", self.path);
        let error = self.error(Code::EvalBadExpression, message, "a function");
        error.help("call it with its arguments")
    }

    /// A fragment's own `error("…")`.
    pub(super) fn raised_error(&self, text: Option<&str>) -> Diagnostic {
        let path = &self.path;
        let message = match text {
            Some(text) if !self.is_sensitive() => format!("`{path}` is rejected: {text}"),
            _ => format!("`{path}` is rejected"),
        };
        let error = self.error(Code::EvalBadExpression, message, "rejected by this line");
        error.help("write what the message asks for, or change the line")
    }

    pub(super) fn refused_expression(&self, cause: &Cause) -> Diagnostic {
        self.without_result(Some(cause))
            .help("write the value itself: CUE does not allow this expression")
    }

    pub(super) fn failed_expression(
        &self,
        part: Option<Part>,
        cause: Option<&Cause>,
    ) -> Diagnostic {
        if let (Some(Part::Embedding), None) = (part, cause) {
            let message = format!(
                "cannot embed {} {}: not a struct",
                self.code(),
                self.location()
            );
            let error = self.error(Code::EvalBadExpression, message, "embedded here");
            return error.help("embed a struct, or assign the value to a field");
        }
        self.without_result(cause)
            .help("correct the expression, or write the value itself")
    }

    /// An expression that has no result, with CUE's reason if it can be shown.
    fn without_result(&self, cause: Option<&Cause>) -> Diagnostic {
        let subject = if self.path.0.is_empty() {
            "an expression".into()
        } else {
            format!("`{}`", self.path)
        };
        let message = match cause.and_then(|cause| self.reason(cause)) {
            Some(reason) => format!("{subject} cannot be evaluated: {reason}"),
            None => format!("{subject} cannot be evaluated"),
        };
        let mut error = self.error(Code::EvalBadExpression, message, "this expression");
        for line in self.lines.iter().skip(1) {
            error = error.secondary(line.span, "caused by this line");
        }
        error
    }

    /// An expression that depends on a value which is not concrete.
    pub(super) fn incomplete_expression(
        &self,
        part: Option<Part>,
        reference: Option<&str>,
        cause: Option<&Cause>,
    ) -> Diagnostic {
        let Some(part) = part else {
            let reason = match reference {
                Some(name) if is_showable(name) => Some(format!("`{name}` has no concrete value")),
                _ => cause.and_then(|cause| self.reason(cause)),
            };
            let reason = reason.map_or_else(String::new, |reason| format!(": {reason}"));
            let message = format!("`{}` is incomplete{reason}", self.path);
            let error = self.error(Code::EvalBadExpression, message, "no concrete value");
            return self
                .with_declarations(error)
                .help("give every field it refers to a concrete value");
        };
        let (name, help) = match part {
            Part::Condition => (
                "condition",
                "give what it refers to a concrete value, or a default such as `*false | bool`",
            ),
            Part::Embedding => (
                "embedding",
                "choose one alternative, or set the fields that distinguish them",
            ),
            Part::Label => ("field name", "give what it refers to a concrete value"),
            Part::Source => ("`for` clause", "give what it refers to a concrete value"),
            Part::Pattern => ("pattern", "give what it refers to a concrete value"),
        };
        let message = format!(
            "incomplete {name} {}: {} has no concrete value",
            self.location(),
            self.code()
        );
        let error = self.error(Code::EvalBadExpression, message, "no concrete value");
        self.with_declarations(error).help(help)
    }

    /// Labels the declarations of the values that are not concrete.
    fn with_declarations(&self, mut error: Diagnostic) -> Diagnostic {
        for line in self.lines.iter().skip(1) {
            error = error.secondary(line.span, "declared without a concrete value");
        }
        error
    }

    /// Returns the location that the path stands for.
    fn location(&self) -> String {
        if self.path.0.is_empty() {
            "at the root".to_owned()
        } else {
            format!("in `{}`", self.path)
        }
    }

    /// Returns the source of the first line, if it is short and not sensitive.
    pub(super) fn code(&self) -> String {
        let text = self
            .lines
            .first()
            .map(|line| self.files.text(line.span).trim());
        match text {
            Some(text) if is_showable(text) && (!self.is_sensitive() || is_reference(text)) => {
                format!("`{text}`")
            }
            _ => "this".to_owned(),
        }
    }

    /// Returns kcc's description of CUE's message.
    pub(super) fn reason(&self, cause: &Cause) -> Option<String> {
        if self.is_sensitive() {
            // CUE's message may contain values.
            let text = translate_message(&cause.bare)?.replace("`…`", "this");
            (!text.contains('…')).then_some(text)
        } else {
            translate_message(&cause.message)
        }
    }

    /// A line that chooses the evaluated target.
    pub(super) fn target(&self) -> Diagnostic {
        let line = self.lines.first();
        let several = line.is_some_and(|line| self.files.text(line.span).contains('|'));
        if several {
            let message = "this line does not allow the evaluated target";
            let error = self.error(
                Code::EvalBadExpression,
                message.to_owned(),
                "not all targets",
            );
            return error.help("list all targets of the system");
        }
        let message = "`target` is set by kcc and cannot be chosen in a fragment";
        let error = self.error(
            Code::EvalBadExpression,
            message.to_owned(),
            "another target",
        );
        error.help(
            "remove the line; use `--target` to choose a target, and `on: TARGET: …` for what differs",
        )
    }
}

/// Returns whether source consists of names only, so that it has no value in it.
fn is_reference(source: &str) -> bool {
    source
        .chars()
        .all(|c| c.is_alphanumeric() || matches!(c, '_' | '#' | '.'))
        && !source.starts_with(|c: char| c.is_ascii_digit())
}

/// Returns whether source is short enough for a message.
fn is_showable(source: &str) -> bool {
    source.len() <= 40 && !source.contains(['\n', '`'])
}

/// Translates CUE's message, if there is a translation.
fn translate_message(message: &str) -> Option<String> {
    let line = message
        .lines()
        .next()
        .unwrap_or("")
        .trim()
        .trim_end_matches([':', '.']);
    // CUE puts a path in front, which the diagnostic has already.
    let line = match line.split_once(": ") {
        Some((path, rest)) if !path.contains(' ') => rest,
        _ => line,
    };
    // The inner message is more specific.
    let line = line.strip_prefix("invalid interpolation: ").unwrap_or(line);
    argument(line)
        .or_else(|| operands(line))
        .or_else(|| index(line))
        .or_else(|| clash(line))
        .or_else(|| operand(line))
        .or_else(|| translate(line))
}

/// `cannot use "b" (type string) as int in argument 2 to strings.Repeat`
fn argument(line: &str) -> Option<String> {
    let rest = line.strip_prefix("cannot use ")?;
    let (_, rest) = rest.rsplit_once("(type ")?;
    let (actual, rest) = rest.split_once(") as ")?;
    if let Some((_, operator)) = rest
        .strip_prefix("type ")
        .and_then(|rest| rest.split_once(" in "))
    {
        return Some(format!(
            "`{operator}` cannot be applied to {}",
            named_type(actual)
        ));
    }
    let (expected, rest) = rest.split_once(" in argument ")?;
    let (number, function) = rest.split_once(" to ")?;
    Some(format!(
        "argument {number} of `{function}` must be {}, not {}",
        named_type(expected),
        named_type(actual)
    ))
}

/// `invalid operands "a" and 1 to '+' (type string and int)`
fn operands(line: &str) -> Option<String> {
    let rest = line.strip_prefix("invalid operands ")?;
    let (rest, types) = rest.rsplit_once(" (type ")?;
    let (_, operator) = rest.rsplit_once(" to ")?;
    let (left, right) = types.trim_end_matches(')').split_once(" and ")?;
    let operator = operator.trim_matches('\'');
    let (left, right) = (named_type(left), named_type(right));
    Some(format!("cannot apply `{operator}` to {left} and {right}"))
}

/// `index out of range [3] with length 1`
fn index(line: &str) -> Option<String> {
    let (at, length) = line
        .strip_prefix("index out of range [")?
        .split_once("] with length ")?;
    Some(format!(
        "index {at} is out of range for a list of length {length}"
    ))
}

/// `conflicting values {…} and 1 (mismatched types struct and int)`, or the number of errors of a
/// disjunction.
fn clash(line: &str) -> Option<String> {
    if line.ends_with("errors in empty disjunction") {
        return Some("no alternative matches".to_owned());
    }
    let rest = line.strip_prefix("conflicting values ")?;
    let types = rest
        .rsplit_once(" (mismatched types ")
        .map(|(_, types)| types);
    Some(
        match types.and_then(|types| types.trim_end_matches(')').split_once(" and ")) {
            Some((left, right)) => format!(
                "conflicting types: {} and {}",
                named_type(left),
                named_type(right)
            ),
            None => "conflicting values".to_owned(),
        },
    )
}

/// `invalid operand target (found string, want list or struct)`
fn operand(line: &str) -> Option<String> {
    let rest = line.strip_prefix("invalid operand ")?;
    let (operand, rest) = rest.rsplit_once(" (found ")?;
    let (found, wanted) = rest.trim_end_matches(')').split_once(", want ")?;
    let wanted: Vec<&str> = wanted.split(" or ").map(named_type).collect();
    let wanted = wanted.join(" or ");
    Some(format!(
        "`{operand}` is {}, not {wanted}",
        named_type(found)
    ))
}

#[cfg(test)]
mod tests {
    use super::translate_message;

    #[test]
    fn translates_common_messages() {
        for (cue, words) in [
            (
                "cannot use \"b\" (type string) as int in argument 2 to strings.Repeat",
                "argument 2 of `strings.Repeat` must be a number, not a string",
            ),
            (
                "invalid operands \"a\" and 1 to '+' (type string and int)",
                "cannot apply `+` to a string and a number",
            ),
            (
                "index out of range [3] with length 1",
                "index 3 is out of range for a list of length 1",
            ),
            (
                "error in call to div: division by zero",
                "`div` fails with division by zero",
            ),
            (
                "cannot call non-function f (type int)",
                "`f` is a number, not a function",
            ),
        ] {
            assert_eq!(translate_message(cue).as_deref(), Some(words), "{cue}");
        }
    }
}
