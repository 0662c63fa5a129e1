//! Messages about values: conflicts, wrong types, values out of bounds, and incomplete ones.

use kcc_diag::{Code, Diagnostic, field_label as label};
use kcc_tree::OriginKind;

use super::{Line, Mistake, bounds, join_names};

impl Mistake<'_> {
    pub(super) fn conflict(&self) -> Diagnostic {
        let chosen = self.fault.list("alternatives");
        if !chosen.is_empty() {
            return self.alternatives(&chosen);
        }
        let path = &self.path;
        let values = self.lines_of(&[
            OriginKind::Value,
            OriginKind::CueDefault,
            OriginKind::Default,
        ]);
        let shown: Vec<String> = values
            .iter()
            .filter_map(|line| self.source_of(*line))
            .collect();
        let other = self.arg("other");
        let from_defaults = self.arg("soft") == "true";
        let message = match &shown[..] {
            _ if from_defaults => format!(
                "`{path}` has {} defaults of equal strength",
                count(values.len())
            ),
            [a, b] if values.len() == 2 && other.is_empty() => {
                format!("`{path}` cannot be both {a} and {b}")
            }
            _ if !other.is_empty() => {
                format!("`{path}` and `{other}` are the same value, but these lines differ")
            }
            _ if values.len() > 1 => {
                format!("`{path}` has {} different values", count(values.len()))
            }
            _ => format!("no value of `{path}` satisfies all constraints"),
        };
        let error = self.with_lines(Diagnostic::error(Code::EvalConflict, message), &self.lines);
        let teams = self.teams(&self.lines);
        let name = path.0.last().map_or("", String::as_str);
        error.help(match (teams.len(), values.is_empty()) {
            _ if from_defaults => format!(
                "keep one of the lines, or set `{name}` in the owner's own fragment, which takes precedence"
            ),
            _ if !self.arg("overlay").is_empty() => self.overlay_default(),
            (0 | 1, false) => "keep one of the lines; if a target needs another value, write it under \
                               `on: TARGET: …`"
                .to_owned(),
            (0 | 1, true) => "change one of the lines".to_owned(),
            (_, false) => format!("{} must agree on one of the lines", join_and(&teams)),
            (_, true) => format!(
                "{} must agree to change one of the lines",
                join_and(&teams)
            ),
        })
    }

    /// An overlay's line that does not replace another line of its team.
    fn overlay_default(&self) -> String {
        let (means, field) = (self.arg("overlay"), label(self.arg("field")));
        let written = self.arg("as");
        let default = if written.is_empty() || self.is_sensitive() || written.contains(['\n', '`'])
        {
            format!("{field}: *… | …")
        } else {
            format!("{field}: {written}")
        };
        format!(
            "write it there as a default, `{default}`: an overlay does not replace a value from {means}"
        )
    }

    /// Fields that exclude each other.
    fn alternatives(&self, chosen: &[&str]) -> Diagnostic {
        let owner = self.owner_of(&self.path.0);
        let both = if chosen.len() == 2 { "both " } else { "" };
        let message = format!(
            "{owner} has {both}{}, which exclude each other",
            join_names(chosen, "and")
        );
        let mut error = Diagnostic::error(Code::EvalConflict, message);
        for (at, line) in self.lines.iter().enumerate() {
            // If each has one line, they are in the same order.
            let one_each = self.lines.len() == chosen.len();
            let what = match chosen.get(at) {
                Some(name) if one_each => format!("`{name}`"),
                _ => "this".to_owned(),
            };
            let text = match (self.author(line.span), line.kind) {
                (Some(author), OriginKind::Default) => format!("{author} sets {what} as a default"),
                (Some(author), _) => format!("{author} writes {what}"),
                (None, OriginKind::Default) => format!("sets {what} as a default"),
                (None, _) => format!("writes {what}"),
            };
            error = if error.labels.is_empty() {
                error.primary(line.span, text)
            } else {
                error.secondary(line.span, text)
            };
        }
        error.help(format!("keep {}", join_names(chosen, "or")))
    }

    pub(super) fn not_concrete(&self) -> Diagnostic {
        let path = &self.path;
        let name = path.0.last().map_or("", String::as_str);
        let message = format!("`{path}` has no value");
        let error = self.with_lines(
            Diagnostic::error(Code::EvalNotConcrete, message),
            &self.lines,
        );
        error.help(if self.arg("pattern") == "true" {
            format!(
                "write `{name}?:` to constrain only components that have it, or make it a policy"
            )
        } else if self.arg("soft") == "true" {
            format!(
                "write a value in `defaults`: `{name}: {}`",
                bounds::example(self.arg("expected"))
            )
        } else {
            format!(
                "write a value: `{name}: {}`",
                bounds::example(self.arg("expected"))
            )
        })
    }

    pub(super) fn out_of_bounds(&self) -> Diagnostic {
        let path = &self.path;
        let options = self.fault.list("candidates");
        let expected = if options.is_empty() {
            bounds::describe(self.arg("expected"))
        } else {
            join_names(&options, "or")
        };
        let actual = self.arg("actual");
        let message = if self.is_sensitive() || actual.is_empty() {
            format!("`{path}`: expected {expected}")
        } else {
            format!("`{path}`: expected {expected}, found `{actual}`")
        };
        let error = self.with_lines(
            Diagnostic::error(Code::EvalOutOfBounds, message),
            &self.lines,
        );
        let near = self.nearest(actual.trim_matches('"'));
        error.help(match (near, self.constraining_team()) {
            (Some(near), _) => format!("did you mean `\"{near}\"`?"),
            (None, Some(constraining_team)) => {
                format!("write a value that {constraining_team} allows, or ask {constraining_team} to change the constraint")
            }
            (None, None) if expected.starts_with("a ") => format!("write {expected}"),
            (None, None) if options.is_empty() => {
                match bounds::example(self.arg("expected")).as_str() {
                    example if example.contains('…') => {
                        "write a value that is allowed".to_owned()
                    }
                    example => format!("write a value that is allowed, such as `{example}`"),
                }
            }
            (None, None) => format!("write {}", join_names(&quoted(&options), "or")),
        })
    }

    pub(super) fn wrong_type(&self) -> Diagnostic {
        let path = &self.path;
        let (expected, actual) = (self.arg("expected"), self.arg("actual"));
        let kind = actual.split(' ').next().unwrap_or("");
        let wanted = bounds::describe(expected);
        let found = match kind {
            "float" if expected.starts_with("int") => "a number with a fraction",
            _ => type_name(kind),
        };
        if let [line, ..] = self.lines_of(&[OriginKind::Constraint])[..]
            && self.lines.first() == Some(&line)
        {
            let message = format!("`{path}`: expected {wanted}, but a line requires {found}");
            let error = Diagnostic::error(Code::EvalWrongType, message);
            return self
                .with_lines(error, &self.lines)
                .help("change the line, or remove it");
        }
        let message = format!("`{path}`: expected {wanted}, found {found}");
        let mut error = Diagnostic::error(Code::EvalWrongType, message);
        for line in self
            .lines
            .iter()
            .filter(|line| line.kind != OriginKind::Schema)
        {
            if error.labels.is_empty() {
                error = error.primary(line.span, format!("expected {wanted}"));
            } else {
                error = self.with_lines(error, &[*line]);
            }
        }
        error.help(match self.path.0.last() {
            Some(name) if self.arg("soft") == "true" => {
                format!("write `[string]: {name}: …` for all components, or name one")
            }
            _ => self.corrected_type(expected, kind),
        })
    }

    /// Returns the team whose constraint rules a value out, unless it wrote the value itself.
    fn constraining_team(&self) -> Option<String> {
        let writers = self.teams(&self.lines_of(&[OriginKind::Value]));
        let mut constraining_team = self.teams(&self.lines_of(&[OriginKind::Constraint]));
        constraining_team.retain(|team| !writers.contains(team));
        constraining_team.into_iter().next()
    }

    /// Returns the teams of lines, each once, in order.
    pub(super) fn teams(&self, lines: &[Line]) -> Vec<String> {
        let mut teams = Vec::new();
        for team in lines.iter().filter_map(|line| self.author(line.span)) {
            if !teams.contains(&team) {
                teams.push(team);
            }
        }
        teams
    }
}

/// Joins names that are in backticks already: "`a` and `b`".
fn join_and(names: &[String]) -> String {
    match names.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
        None => String::new(),
    }
}

pub(super) fn count(number: usize) -> String {
    if number == 2 {
        "two".to_owned()
    } else {
        number.to_string()
    }
}

fn quoted(options: &[&str]) -> Vec<String> {
    options
        .iter()
        .map(|option| format!("\"{option}\""))
        .collect()
}

/// Names one of CUE's types.
pub(super) fn type_name(kind: &str) -> &'static str {
    match kind {
        "string" => "a string",
        "int" | "float" | "number" => "a number",
        "bool" => "a boolean",
        "null" => "`null`",
        "struct" => "a struct",
        "list" => "a list",
        "bytes" => "bytes",
        _ => "something else",
    }
}
