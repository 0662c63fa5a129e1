//! Messages about values: conflicts, wrong types, values out of bounds, and incomplete ones.

use kcc_diag::{Code, Diagnostic, field_label as label};
use kcc_tree::OriginKind;

use super::{
    bounds,
    mistake::{Line, Mistake, intended, join_names},
};
use crate::wire::{Alternative, Type, Unreplaced, Written};

impl Mistake<'_> {
    pub(super) fn conflict(&self, unreplaced: Option<&Unreplaced>) -> Diagnostic {
        let path = &self.path;
        let values = self.values();
        let shown: Vec<String> = values
            .iter()
            .filter_map(|line| self.source_of(*line))
            .collect();
        let message = match &shown[..] {
            [a, b] if values.len() == 2 => format!("`{path}` cannot be both {a} and {b}"),
            _ if values.len() > 1 => {
                format!("`{path}` has {} different values", count(values.len()))
            }
            _ => format!("no value of `{path}` satisfies all constraints"),
        };
        let help = match unreplaced {
            Some(unreplaced) => self.as_default(unreplaced),
            None => self.agreement(!values.is_empty()),
        };
        self.with_lines(Diagnostic::error(Code::EvalConflict, message), &self.lines)
            .help(help)
    }

    /// A field whose short and long form have different values.
    pub(super) fn different_spellings(&self, other: &str) -> Diagnostic {
        let message = format!(
            "`{}` and `{other}` are the same value, but these lines differ",
            self.path
        );
        self.with_lines(Diagnostic::error(Code::EvalConflict, message), &self.lines)
            .help(self.agreement(!self.values().is_empty()))
    }

    /// Different defaults of equal strength.
    pub(super) fn equal_defaults(&self) -> Diagnostic {
        let path = &self.path;
        let message = format!(
            "`{path}` has {} defaults of equal strength",
            count(self.values().len())
        );
        let name = path.0.last().map_or("", String::as_str);
        self.with_lines(Diagnostic::error(Code::EvalConflict, message), &self.lines)
            .help(format!(
                "keep one of the lines, or set `{name}` in the owner's own fragment, which takes precedence"
            ))
    }

    fn values(&self) -> Vec<Line> {
        self.lines_of(&[
            OriginKind::Value,
            OriginKind::CueDefault,
            OriginKind::Default,
        ])
    }

    /// Returns who has to change which of the lines.
    fn agreement(&self, has_values: bool) -> String {
        let teams = self.teams(&self.lines);
        match (teams.len(), has_values) {
            (0 | 1, true) => {
                "keep one of the lines; if a target needs another value, write it under \
                               `on: TARGET: …`"
                    .to_owned()
            }
            (0 | 1, false) => "change one of the lines".to_owned(),
            (_, true) => format!("{} must agree on one of the lines", join_and(&teams)),
            (_, false) => format!("{} must agree to change one of the lines", join_and(&teams)),
        }
    }

    /// An overlay's line that does not replace another line of its team.
    fn as_default(&self, unreplaced: &Unreplaced) -> String {
        let Unreplaced {
            by,
            field,
            default,
            overlay,
        } = unreplaced;
        if *overlay {
            let names: Vec<String> = self.path.0.iter().map(|name| label(name)).collect();
            return format!(
                "write it out as `on: TARGET: {}: …`: an overlay inside `if`, `for` or a computed name \
                 replaces nothing",
                names.join(": ")
            );
        }
        let field = label(field);
        let default = match default {
            Some(default) if !self.is_sensitive() && !default.contains(['\n', '`']) => {
                format!("{field}: {default}")
            }
            _ => format!("{field}: *… | …"),
        };
        format!(
            "write it there as a default, `{default}`: an overlay does not replace a value from {by}"
        )
    }

    /// Fields that exclude each other.
    pub(super) fn exclusive_fields(&self, chosen: &[String]) -> Diagnostic {
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

    pub(super) fn not_concrete(
        &self,
        name: &str,
        expected: &[Alternative],
        by_pattern: bool,
        in_defaults: bool,
    ) -> Diagnostic {
        let path = &self.path;
        let message = format!("`{path}` has no value");
        let error = self.with_lines(
            Diagnostic::error(Code::EvalNotConcrete, message),
            &self.lines,
        );
        error.help(if by_pattern {
            format!(
                "write `{name}?:` to constrain only components that have it, or make it a policy"
            )
        } else if in_defaults {
            format!(
                "write a value in `defaults`: `{name}: {}`",
                bounds::example(expected)
            )
        } else {
            format!("write a value: `{name}: {}`", bounds::example(expected))
        })
    }

    pub(super) fn out_of_bounds(
        &self,
        bounds: &[Alternative],
        actual: Option<&str>,
        options: &[String],
    ) -> Diagnostic {
        let path = &self.path;
        let expected = if options.is_empty() {
            bounds::describe(bounds)
        } else {
            join_names(options, "or")
        };
        let message = match actual {
            Some(actual) if !self.is_sensitive() => {
                format!("`{path}`: expected {expected}, found `{actual}`")
            }
            _ => format!("`{path}`: expected {expected}"),
        };
        let error = self.with_lines(
            Diagnostic::error(Code::EvalOutOfBounds, message),
            &self.lines,
        );
        let near = intended(actual.unwrap_or_default().trim_matches('"'), options);
        error.help(match (near, self.constraining_team()) {
            (Some(near), _) => format!("did you mean `\"{near}\"`?"),
            (None, Some(constraining_team)) => {
                format!("write a value that {constraining_team} allows, or ask {constraining_team} to change the constraint")
            }
            (None, None) if expected.starts_with("a ") => format!("write {expected}"),
            (None, None) if options.is_empty() => {
                match bounds::example(bounds).as_str() {
                    example if example.contains('…') => {
                        "write a value that is allowed".to_owned()
                    }
                    example => format!("write a value that is allowed, such as `{example}`"),
                }
            }
            (None, None) => format!("write {}", join_names(&quoted(options), "or")),
        })
    }

    pub(super) fn wrong_type(
        &self,
        expected: &[Alternative],
        actual: Type,
        written: Option<&Written>,
        unowned: bool,
    ) -> Diagnostic {
        let path = &self.path;
        let wanted = bounds::describe(expected);
        let found = match actual {
            Type::Float if bounds::first_type(expected) == Some(Type::Int) => {
                "a number with a fraction"
            }
            _ => type_name(actual),
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
            Some(name) if unowned => {
                format!("write `[string]: {name}: …` for all components, or name one")
            }
            _ => self.corrected_type(expected, actual, written),
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

fn quoted(options: &[String]) -> Vec<String> {
    options
        .iter()
        .map(|option| format!("\"{option}\""))
        .collect()
}

/// Names one of CUE's types.
pub(super) fn type_name(kind: Type) -> &'static str {
    match kind {
        Type::String => "a string",
        Type::Int | Type::Uint | Type::Float | Type::Number => "a number",
        Type::Bool => "a boolean",
        Type::Null => "`null`",
        Type::Struct => "a struct",
        Type::List => "a list",
        Type::Bytes => "bytes",
        Type::Other => "something else",
    }
}
