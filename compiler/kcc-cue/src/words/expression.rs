//! Expressions that cannot be evaluated.

use kcc_diag::{Code, Diagnostic};

use super::{Mistake, messages::in_words, values::kind_in_words};

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

    pub(super) fn slow_pattern(&self) -> Diagnostic {
        let name = self.arg("name");
        let message = format!("all of `{name}` are gone through once for each of many");
        let mut warning = self.error(Code::EvalSlowPattern, message, format!("all of `{name}`"));
        for line in self.lines.iter().skip(1) {
            warning = warning.secondary(line.span, "once for each of these");
        }
        warning.help(format!(
            "go through them once, in a field of the root such as \
             `_names: [for name, _ in {name} {{name}}]`, and refer to that field"
        ))
    }

    /// A field that is in no value and in no other error.
    pub(super) fn unaccounted(&self) -> Diagnostic {
        let name = match self.arg("name") {
            "" => "this field".to_owned(),
            name => format!("`{name}`"),
        };
        let message = format!("{name} is not part of the model");
        let error = self.error(Code::EvalUnaccounted, message, "kcc lost this field");
        error.help("write the field in another way, and report this as a bug in kcc")
    }

    pub(super) fn bad_expression(&self) -> Diagnostic {
        if self.path.0 == ["target"] {
            return self.target();
        }
        let name = self.arg("name");
        if self.arg("reason") == "unused" {
            let message = format!("`{name}` is defined and not used");
            let error = self.error(Code::EvalBadExpression, message, "nothing uses it");
            return error.help(if self.is_alias() {
                format!("write `{name}: …` if a field is meant, or remove the name")
            } else {
                "remove it, or use it".to_owned()
            });
        }
        if self.arg("reason") == "function" {
            let message = format!("`{}` is a function, not a value", self.path);
            let error = self.error(Code::EvalBadExpression, message, "a function");
            return error.help("call it with its arguments");
        }
        if self.arg("reason") == "said" {
            let (path, said) = (&self.path, self.arg("said"));
            let message = if said.is_empty() || self.quiet() {
                format!("`{path}` is refused")
            } else {
                format!("`{path}` is refused: {said}")
            };
            let error = self.error(Code::EvalBadExpression, message, "says so");
            return error.help("write what it asks for, or change the line that says so");
        }
        if self.arg("reason") == "undecided" {
            return self.incomplete();
        }
        if self.arg("what") == "embedding" && self.arg("message").is_empty() {
            let message = format!(
                "cannot embed {} {}: not a struct",
                self.code(),
                self.place()
            );
            let error = self.error(Code::EvalBadExpression, message, "embedded here");
            return error.help("embed a struct, or give the value to a field");
        }
        let said = self.reason().unwrap_or_default();
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

impl Mistake<'_> {
    /// An expression that depends on a value which is not concrete.
    fn incomplete(&self) -> Diagnostic {
        let part = match self.arg("what") {
            "condition" => "condition",
            "label" => "field name",
            "source" => "`for` clause",
            "embedding" => "embedding",
            "pattern" => "pattern",
            _ => {
                let said = self.reason();
                let said = said.map_or_else(String::new, |said| format!(": {said}"));
                let message = format!("`{}` is incomplete{said}", self.path);
                let error = self.error(Code::EvalBadExpression, message, "no concrete value");
                return self
                    .declared(error)
                    .help("give every field that it refers to a concrete value");
            }
        };
        let message = format!(
            "incomplete {part} {}: {} has no concrete value",
            self.place(),
            self.code()
        );
        let error = self.error(Code::EvalBadExpression, message, "no concrete value");
        self.declared(error).help(match self.arg("what") {
            "condition" => {
                "give what it refers to a concrete value, or a default such as `*false | bool`"
            }
            "embedding" => "choose one alternative, or give the fields that tell them apart",
            _ => "give what it refers to a concrete value",
        })
    }

    /// Adds where the values are declared that are not concrete.
    fn declared(&self, mut error: Diagnostic) -> Diagnostic {
        for line in self.lines.iter().skip(1) {
            error = error.secondary(line.span, "declared without a concrete value");
        }
        error
    }

    /// What the path leads to, as a place.
    fn place(&self) -> String {
        if self.path.0.is_empty() {
            "at the root".to_owned()
        } else {
            format!("in `{}`", self.path)
        }
    }

    /// The first line as it is written, if it is short and may be repeated.
    fn code(&self) -> String {
        let text = self
            .lines
            .first()
            .map(|line| self.words.files.text(line.span).trim());
        match text {
            Some(text) if text.len() <= 40 && !text.contains(['\n', '`']) && !self.quiet() => {
                format!("`{text}`")
            }
            _ => "this".to_owned(),
        }
    }

    /// Why CUE cannot evaluate an expression, in kcc's words.
    pub(super) fn reason(&self) -> Option<String> {
        if self.quiet() {
            // CUE's words may name values.
            let said = plain(self.arg("bare"))?.replace("`…`", "this");
            (!said.contains('…')).then_some(said)
        } else {
            plain(self.arg("message"))
        }
    }

    /// A line that says which target is evaluated.
    fn target(&self) -> Diagnostic {
        let line = self.lines.first();
        let several = line.is_some_and(|line| self.words.files.text(line.span).contains('|'));
        if several {
            let message = "`target` is a target that this line leaves out";
            let error = self.error(
                Code::EvalBadExpression,
                message.to_owned(),
                "not all of them",
            );
            return error.help("write the names of all targets of the system");
        }
        let message = "`target` is the target that is evaluated: no line can choose it";
        let error = self.error(
            Code::EvalBadExpression,
            message.to_owned(),
            "another target",
        );
        error.help(
            "remove the line: `--target` names a target, `on: TARGET: …` holds what differs there",
        )
    }

    /// Whether the first line is a name before `=` that is no `let`.
    fn is_alias(&self) -> bool {
        let Some(line) = self.lines.first() else {
            return false;
        };
        let Some(file) = self.words.files.get(line.span.file) else {
            return false;
        };
        let (start, end) = (line.span.start as usize, line.span.end as usize);
        let before = file.text().get(..start).unwrap_or("");
        let after = file.text().get(end..).unwrap_or("");
        after.trim_start().starts_with('=') && !before.trim_end().ends_with("let")
    }
}

/// CUE's words in kcc's, if it has some for them.
fn plain(message: &str) -> Option<String> {
    let line = message
        .lines()
        .next()
        .unwrap_or("")
        .trim()
        .trim_end_matches([':', '.']);
    // A path of CUE's own in front, which the diagnostic has as its own.
    let line = match line.split_once(": ") {
        Some((path, rest)) if !path.contains(' ') => rest,
        _ => line,
    };
    // What stands inside of it says more.
    let line = line.strip_prefix("invalid interpolation: ").unwrap_or(line);
    argument(line)
        .or_else(|| operands(line))
        .or_else(|| index(line))
        .or_else(|| clash(line))
        .or_else(|| operand(line))
        .or_else(|| in_words(line))
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
            "`{operator}` does not go with {}",
            kind_in_words(actual)
        ));
    }
    let (expected, rest) = rest.split_once(" in argument ")?;
    let (number, function) = rest.split_once(" to ")?;
    Some(format!(
        "argument {number} of `{function}` has to be {}, not {}",
        kind_in_words(expected),
        kind_in_words(actual)
    ))
}

/// `invalid operands "a" and 1 to '+' (type string and int)`
fn operands(line: &str) -> Option<String> {
    let rest = line.strip_prefix("invalid operands ")?;
    let (rest, types) = rest.rsplit_once(" (type ")?;
    let (_, operator) = rest.rsplit_once(" to ")?;
    let (left, right) = types.trim_end_matches(')').split_once(" and ")?;
    let operator = operator.trim_matches('\'');
    let (left, right) = (kind_in_words(left), kind_in_words(right));
    Some(format!("`{operator}` does not go with {left} and {right}"))
}

/// `index out of range [3] with length 1`
fn index(line: &str) -> Option<String> {
    let (at, length) = line
        .strip_prefix("index out of range [")?
        .split_once("] with length ")?;
    Some(format!(
        "there is no element {at} in a list of {length}, counted from 0"
    ))
}

/// `conflicting values {…} and 1 (mismatched types struct and int)`, or the
/// count of what is wrong with each alternative.
fn clash(line: &str) -> Option<String> {
    if line.ends_with("errors in empty disjunction") {
        return Some("none of its alternatives fits".to_owned());
    }
    let rest = line.strip_prefix("conflicting values ")?;
    let types = rest
        .rsplit_once(" (mismatched types ")
        .map(|(_, types)| types);
    Some(
        match types.and_then(|types| types.trim_end_matches(')').split_once(" and ")) {
            Some((left, right)) => format!(
                "it would be {} and {} at once",
                kind_in_words(left),
                kind_in_words(right)
            ),
            None => "it would be two values at once".to_owned(),
        },
    )
}

/// `invalid operand target (found string, want list or struct)`
fn operand(line: &str) -> Option<String> {
    let rest = line.strip_prefix("invalid operand ")?;
    let (operand, rest) = rest.rsplit_once(" (found ")?;
    let (found, wanted) = rest.trim_end_matches(')').split_once(", want ")?;
    let wanted: Vec<&str> = wanted.split(" or ").map(kind_in_words).collect();
    let wanted = wanted.join(" or ");
    Some(format!(
        "`{operand}` is {}, not {wanted}",
        kind_in_words(found)
    ))
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn the_usual_mistakes_are_said_in_plain_words() {
        for (cue, words) in [
            (
                "cannot use \"b\" (type string) as int in argument 2 to strings.Repeat",
                "argument 2 of `strings.Repeat` has to be a number, not a string",
            ),
            (
                "invalid operands \"a\" and 1 to '+' (type string and int)",
                "`+` does not go with a string and a number",
            ),
            (
                "index out of range [3] with length 1",
                "there is no element 3 in a list of 1, counted from 0",
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
            assert_eq!(plain(cue).as_deref(), Some(words), "{cue}");
        }
    }
}
