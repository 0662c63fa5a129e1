//! [`Mistake`]: an error of the guest in terms of the fragments, and the parts that messages share:
//! who wrote a line, what a label says, how a path or a component is named.

use kcc_diag::{Code, Diagnostic, Files, Span, nearest};
use kcc_tree::{Declaration, OriginKind, Path};

/// Longer source is not repeated in a sentence; the snippet shows it.
const LONGEST: usize = 40;

/// Fields whose values may be secret and are never repeated in a sentence.
const SENSITIVE: [&str; 4] = ["env", "secrets", "password", "content"];

/// An error of the guest, with its spans resolved.
pub(super) struct Mistake<'a> {
    pub(super) files: &'a Files,
    pub(super) has_teams: bool,
    pub(super) path: Path,
    pub(super) lines: Vec<Line>,
    pub(super) declarations: &'a [Declaration],
}

/// A labelled line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) span: Span,
    pub(super) kind: OriginKind,
}

impl Mistake<'_> {
    /// Starts an error labelled at the first line.
    pub(super) fn error(
        &self,
        code: Code,
        message: String,
        label: impl Into<String>,
    ) -> Diagnostic {
        let error = Diagnostic::error(code, message);
        // Without a line of its own, it is labelled where its component is declared.
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

    /// Labels lines with who says what. The first becomes the primary label if there is none yet.
    /// Lines of kcc's schema are left out; the message says what they require.
    pub(super) fn with_lines(&self, mut error: Diagnostic, lines: &[Line]) -> Diagnostic {
        for line in lines.iter().filter(|line| line.kind != OriginKind::Schema) {
            let text = self.label_text(*line);
            error = if error.labels.is_empty() {
                error.primary(line.span, text)
            } else {
                error.secondary(line.span, text)
            };
        }
        error
    }

    /// Returns the lines of the given kinds.
    pub(super) fn lines_of(&self, kinds: &[OriginKind]) -> Vec<Line> {
        self.lines
            .iter()
            .filter(|line| kinds.contains(&line.kind))
            .copied()
            .collect()
    }

    /// Returns the label of a line: who says what.
    fn label_text(&self, line: Line) -> String {
        let what = match (self.source_of(line), self.is_label(line.span)) {
            (Some(text), _) => text,
            (None, true) => "a struct".to_owned(),
            (None, false) => "this".to_owned(),
        };
        match (self.author(line.span), line.kind) {
            (Some(author), OriginKind::Value) => format!("{author} sets {what}"),
            (None, OriginKind::Value) => format!("sets {what}"),
            (Some(author), OriginKind::Constraint | OriginKind::Schema) => {
                format!("{author} requires {what}")
            }
            (None, OriginKind::Constraint | OriginKind::Schema) => format!("requires {what}"),
            (Some(author), OriginKind::CueDefault | OriginKind::Default) => {
                format!("{author} sets the default {what}")
            }
            (None, OriginKind::CueDefault | OriginKind::Default) => {
                format!("sets the default {what}")
            }
        }
    }

    /// Returns the author of a line: a team in backticks or "the system", or `None` if there are no
    /// teams.
    pub(super) fn author(&self, span: Span) -> Option<String> {
        if !self.has_teams {
            return None;
        }
        let team = self.files.team(span);
        Some(team.map_or_else(|| "the system".to_owned(), |team| format!("`{team}`")))
    }

    /// Returns the source of a line in backticks, if it is short, not a struct, and not sensitive.
    pub(super) fn source_of(&self, line: Line) -> Option<String> {
        let text = self.files.text(line.span).trim();
        let short = !text.is_empty() && text.len() <= LONGEST && !text.contains(['\n', '`']);
        let open = line.kind == OriginKind::Constraint || !self.is_sensitive();
        (short && open && !self.is_label(line.span)).then(|| format!("`{text}`"))
    }

    /// Returns whether the values of this field must stay out of sentences.
    pub(super) fn is_sensitive(&self) -> bool {
        // Elsewhere `data` is an ordinary name.
        const WITH_DATA: [&str; 3] = ["configs", "kubernetes", "objects"];
        let names = &self.path.0;
        let is_sensitive = |name: &str, above: &[String]| {
            SENSITIVE.contains(&name)
                || name == "data" && above.iter().any(|name| WITH_DATA.contains(&&**name))
        };
        let mut each = names.iter().enumerate();
        each.any(|(at, name)| is_sensitive(name, &names[..at]))
    }

    /// Returns whether a span is the label of a field, whose value is then a struct.
    pub(super) fn is_label(&self, span: Span) -> bool {
        let Some(file) = self.files.get(span.file) else {
            return false;
        };
        let rest = file
            .text()
            .get(span.end as usize..)
            .unwrap_or("")
            .trim_start();
        rest.trim_start_matches(['?', '!']).starts_with(':')
    }

    /// Returns the component that contains the path, such as "service `web`" with its team if
    /// known, and the path inside it.
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
        let team = self.declaration().and_then(|span| self.files.team(span));
        let team = team.map(|team| format!(" of `{team}`")).unwrap_or_default();
        Some((format!("{noun} `{name}`{team}"), Path(inside.to_vec())))
    }

    /// Returns the label that declares the component of the path.
    fn declaration(&self) -> Option<Span> {
        let component = self.path.0.get(..2)?;
        let own = self
            .declarations
            .iter()
            .find(|declaration| declaration.path.0 == component)?;
        own.owners.first().or(own.others.first()).copied()
    }

    /// Labels the declaration of the component, with what its team does.
    pub(super) fn with_owner(&self, error: Diagnostic, does: &str) -> Diagnostic {
        let Some(span) = self.declaration() else {
            return error;
        };
        let text = match self.author(span) {
            Some(author) => format!("{author} {does}"),
            None => does.to_owned(),
        };
        if error.labels.is_empty() {
            error.primary(span, text)
        } else {
            error.secondary(span, text)
        }
    }

    /// Names what contains a path, such as "service `web` of `storefront`" or "`system`".
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

/// Returns the known name that another one was probably meant to be.
pub(super) fn intended<'a>(name: &str, candidates: &'a [String]) -> Option<&'a str> {
    nearest(name, candidates.iter().map(String::as_str))
}

/// Joins names for a sentence: "`a`", "`a` and `b`", "`a`, `b` and `c`".
pub(super) fn join_names(names: &[impl AsRef<str>], last: &str) -> String {
    let names: Vec<String> = names
        .iter()
        .map(|name| format!("`{}`", name.as_ref()))
        .collect();
    match names.split_last() {
        Some((end, [])) => end.clone(),
        Some((end, rest)) => format!("{} {last} {end}", rest.join(", ")),
        None => String::new(),
    }
}
