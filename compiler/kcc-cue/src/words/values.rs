//! Values that cannot be: lines that contradict each other, the wrong kind, out
//! of bounds, or not decided.

use kcc_diag::{Code, Diagnostic, field_label as label};
use kcc_tree::OriginKind;

use super::{Line, Mistake, bounds, joined};

impl Mistake<'_> {
    pub(super) fn conflict(&self) -> Diagnostic {
        let chosen = self.fault.list("alternatives");
        if !chosen.is_empty() {
            return self.alternatives(&chosen);
        }
        let path = &self.path;
        let values = self.of(&[
            OriginKind::Value,
            OriginKind::CueDefault,
            OriginKind::Default,
        ]);
        let shown: Vec<String> = values.iter().filter_map(|line| self.shown(*line)).collect();
        let other = self.arg("other");
        let soft = self.arg("soft") == "true";
        let message = match &shown[..] {
            _ if soft => format!(
                "`{path}` has {} defaults of equal strength",
                count(values.len())
            ),
            [a, b] if values.len() == 2 && other.is_empty() => {
                format!("`{path}` cannot be both {a} and {b}")
            }
            _ if !other.is_empty() => {
                format!("`{path}` and `{other}` are one value, and these lines differ")
            }
            _ if values.len() > 1 => {
                format!("`{path}` has {} values that differ", count(values.len()))
            }
            _ => format!("no value of `{path}` satisfies all that is required of it"),
        };
        let error = self.with_lines(Diagnostic::error(Code::EvalConflict, message), &self.lines);
        let teams = self.teams(&self.lines);
        let name = path.0.last().map_or("", String::as_str);
        error.help(match (teams.len(), values.is_empty()) {
            _ if soft => format!(
                "keep one of the lines, or let the owner write `{name}` itself: that is stronger"
            ),
            _ if !self.arg("overlay").is_empty() => self.default_beside_overlay(),
            (0 | 1, false) => "keep one of the lines; where a target needs another value, write \
                               it under `on: TARGET: …`"
                .to_owned(),
            (0 | 1, true) => "change one of the lines".to_owned(),
            (_, false) => format!("{} have to agree on one of the lines", and(&teams)),
            (_, true) => format!(
                "{} have to agree: one of the lines has to change",
                and(&teams)
            ),
        })
    }

    /// An overlay's line that does not replace another one of its team.
    fn default_beside_overlay(&self) -> String {
        let (means, field) = (self.arg("overlay"), label(self.arg("field")));
        let written = self.arg("as");
        let default = if written.is_empty() || self.quiet() || written.contains(['\n', '`']) {
            format!("{field}: *… | …")
        } else {
            format!("{field}: {written}")
        };
        format!(
            "write it there as a default, `{default}`: an overlay does not replace what {means} gives"
        )
    }

    /// Fields that exclude each other.
    fn alternatives(&self, chosen: &[&str]) -> Diagnostic {
        let owner = self.owner_of(&self.path.0);
        let both = if chosen.len() == 2 { "both " } else { "" };
        let message = format!(
            "{owner} has {both}{}: one excludes the other",
            joined(chosen, "and")
        );
        let mut error = Diagnostic::error(Code::EvalConflict, message);
        for (at, line) in self.lines.iter().enumerate() {
            // Where each has one line, they are in the same order.
            let one_each = self.lines.len() == chosen.len();
            let what = match chosen.get(at) {
                Some(name) if one_each => format!("`{name}`"),
                _ => "this".to_owned(),
            };
            let text = match (self.who(line.span), line.kind) {
                (Some(who), OriginKind::Default) => format!("{who} gives {what} as a default"),
                (Some(who), _) => format!("{who} writes {what}"),
                (None, OriginKind::Default) => format!("gives {what} as a default"),
                (None, _) => format!("writes {what}"),
            };
            error = if error.labels.is_empty() {
                error.primary(line.span, text)
            } else {
                error.secondary(line.span, text)
            };
        }
        error.help(format!("keep {}", joined(chosen, "or")))
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
            format!("write `{name}?:` to constrain only those that have it, or make it a policy")
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
            bounds::plain(self.arg("expected"))
        } else {
            joined(&options, "or")
        };
        let actual = self.arg("actual");
        let message = if self.quiet() || actual.is_empty() {
            format!("`{path}`: expected {expected}")
        } else {
            format!("`{path}`: expected {expected}, found `{actual}`")
        };
        let error = self.with_lines(
            Diagnostic::error(Code::EvalOutOfBounds, message),
            &self.lines,
        );
        let near = self.nearest(actual.trim_matches('"'));
        error.help(match (near, self.rulers()) {
            (Some(near), _) => format!("did you mean `\"{near}\"`?"),
            (None, Some(rulers)) => {
                format!("write a value that {rulers} allows, or ask {rulers} to change the line")
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
            (None, None) => format!("write {}", joined(&quoted(&options), "or")),
        })
    }

    pub(super) fn wrong_type(&self) -> Diagnostic {
        let path = &self.path;
        let (expected, actual) = (self.arg("expected"), self.arg("actual"));
        let kind = actual.split(' ').next().unwrap_or("");
        let wanted = bounds::plain(expected);
        let found = match kind {
            "float" if expected.starts_with("int") => "a number with a fraction",
            _ => kind_in_words(kind),
        };
        if let [line, ..] = self.of(&[OriginKind::Constraint])[..]
            && self.lines.first() == Some(&line)
        {
            let message = format!("`{path}` takes {wanted}, and a line requires {found}");
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
                format!("write `[string]: {name}: …` for all of them, or the name of one")
            }
            _ => self.other_type(expected, kind),
        })
    }

    /// The team whose constraint rules a value out, if it is not the team that
    /// wrote the value.
    fn rulers(&self) -> Option<String> {
        let writers = self.teams(&self.of(&[OriginKind::Value]));
        let mut rulers = self.teams(&self.of(&[OriginKind::Constraint]));
        rulers.retain(|team| !writers.contains(team));
        rulers.into_iter().next()
    }

    /// The teams behind some lines, each once, in the order of the lines.
    pub(super) fn teams(&self, lines: &[Line]) -> Vec<String> {
        let mut teams = Vec::new();
        for team in lines.iter().filter_map(|line| self.who(line.span)) {
            if !teams.contains(&team) {
                teams.push(team);
            }
        }
        teams
    }
}

/// "`a` and `b`", from names that have their backticks already.
fn and(names: &[String]) -> String {
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

/// A type of CUE's in words.
pub(super) fn kind_in_words(kind: &str) -> &'static str {
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
