//! Who says what: the teams behind the lines of a mistake, and the texts at
//! its labels.

use kcc_diag::{Code, Diagnostic, Span};
use kcc_tree::{OriginKind, Path};

use super::{Line, Mistake};

/// Longer code is not repeated in a sentence: it stands in the frame.
const LONGEST: usize = 40;

/// Fields whose values are not repeated in a sentence: they may be what nobody
/// should read in a log.
const QUIET: [&str; 4] = ["env", "secrets", "password", "content"];

impl Mistake<'_> {
    /// Begins an error at the first line, with a text at it.
    pub(super) fn error(
        &self,
        code: Code,
        message: String,
        label: impl Into<String>,
    ) -> Diagnostic {
        let error = Diagnostic::error(code, message);
        // Without a line of its own it is shown where its component is declared.
        match self
            .lines
            .first()
            .map(|line| line.span)
            .or_else(|| self.declaration())
        {
            Some(span) => error.primary(span, label),
            None => error,
        }
    }

    /// Adds the lines, each with who says what there; the first is the primary
    /// one where there is none yet. kcc's schema has no line of its own: what
    /// it says is in the message.
    pub(super) fn with_lines(&self, mut error: Diagnostic, lines: &[Line]) -> Diagnostic {
        for line in lines.iter().filter(|line| line.kind != OriginKind::Schema) {
            let text = self.says(*line);
            error = if error.labels.is_empty() {
                error.primary(line.span, text)
            } else {
                error.secondary(line.span, text)
            };
        }
        error
    }

    /// Returns the lines of the given kinds.
    pub(super) fn of(&self, kinds: &[OriginKind]) -> Vec<Line> {
        self.lines
            .iter()
            .filter(|line| kinds.contains(&line.kind))
            .copied()
            .collect()
    }

    /// Who says what in a line, for its label.
    fn says(&self, line: Line) -> String {
        let what = match (self.shown(line), self.is_label(line.span)) {
            (Some(text), _) => text,
            (None, true) => "a struct".to_owned(),
            (None, false) => "this".to_owned(),
        };
        match (self.who(line.span), line.kind) {
            (Some(who), OriginKind::Value) => format!("{who} says {what}"),
            (None, OriginKind::Value) => format!("says {what}"),
            (Some(who), OriginKind::Constraint | OriginKind::Schema) => {
                format!("{who} requires {what}")
            }
            (None, OriginKind::Constraint | OriginKind::Schema) => format!("requires {what}"),
            (Some(who), OriginKind::CueDefault | OriginKind::Default) => {
                format!("{who} gives the default {what}")
            }
            (None, OriginKind::CueDefault | OriginKind::Default) => {
                format!("gives the default {what}")
            }
        }
    }

    /// Who writes a line: a team in backticks or "the system"; nobody in
    /// particular where there are no teams.
    pub(super) fn who(&self, span: Span) -> Option<String> {
        if !self.words.has_teams {
            return None;
        }
        let team = self.words.files.team(span);
        Some(team.map_or_else(|| "the system".to_owned(), |team| format!("`{team}`")))
    }

    /// The code of a line in backticks, if it is short, no struct, and may be
    /// repeated.
    pub(super) fn shown(&self, line: Line) -> Option<String> {
        let text = self.words.files.text(line.span).trim();
        let short = !text.is_empty() && text.len() <= LONGEST && !text.contains(['\n', '`']);
        let open = line.kind == OriginKind::Constraint || !self.quiet();
        (short && open && !self.is_label(line.span)).then(|| format!("`{text}`"))
    }

    /// Whether values of this field stay out of sentences.
    pub(super) fn quiet(&self) -> bool {
        // Elsewhere `data` is only a usual name.
        const WITH_DATA: [&str; 3] = ["configs", "kubernetes", "objects"];
        let names = &self.path.0;
        let quiet = |name: &str, above: &[String]| {
            QUIET.contains(&name)
                || name == "data" && above.iter().any(|name| WITH_DATA.contains(&&**name))
        };
        let mut each = names.iter().enumerate();
        each.any(|(at, name)| quiet(name, &names[..at]))
    }

    /// Whether a span is the label of a field, which then has a struct as its value.
    pub(super) fn is_label(&self, span: Span) -> bool {
        let Some(file) = self.words.files.get(span.file) else {
            return false;
        };
        let rest = file
            .text()
            .get(span.end as usize..)
            .unwrap_or("")
            .trim_start();
        rest.trim_start_matches(['?', '!']).starts_with(':')
    }

    /// The component that the path leads into, such as "service `web`", with
    /// its team if that is known, and the path inside it.
    pub(super) fn component(&self) -> Option<(String, Path)> {
        let [kind, name, inside @ ..] = self.path.0.as_slice() else {
            return None;
        };
        let noun = match kind.as_str() {
            "services" => "service",
            "jobs" => "job",
            "cronJobs" => "cron job",
            "backing" => "backing",
            _ => return None,
        };
        let team = self
            .declaration()
            .and_then(|span| self.words.files.team(span));
        let team = team.map(|team| format!(" of `{team}`")).unwrap_or_default();
        Some((format!("{noun} `{name}`{team}"), Path(inside.to_vec())))
    }

    /// The label that makes the component of the path exist.
    fn declaration(&self) -> Option<Span> {
        let component = self.path.0.get(..2)?;
        let own = self
            .declarations
            .iter()
            .find(|declaration| declaration.path.0 == component)?;
        own.owners.first().or(own.others.first()).copied()
    }

    /// Adds the line where the component is declared, with what its team does.
    pub(super) fn with_owner(&self, error: Diagnostic, does: &str) -> Diagnostic {
        let Some(span) = self.declaration() else {
            return error;
        };
        let text = match self.who(span) {
            Some(who) => format!("{who} {does}"),
            None => does.to_owned(),
        };
        if error.labels.is_empty() {
            error.primary(span, text)
        } else {
            error.secondary(span, text)
        }
    }

    /// What a path is in, such as "service `web` of `storefront`" or "`system`".
    pub(super) fn owner_of(&self, path: &[String]) -> String {
        match (self.component(), path) {
            (_, []) => "a system".to_owned(),
            (Some((component, _)), [_, _]) => component,
            (Some((component, _)), [_, _, inside @ ..]) => {
                format!("`{}` of {component}", Path(inside.to_vec()))
            }
            _ => format!("`{}`", Path(path.to_vec())),
        }
    }
}
