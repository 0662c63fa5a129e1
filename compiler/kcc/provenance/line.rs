//! [`Line`]: a line of a file that takes part in a value, and its effect on it.

use kcc_diag::{Files, Span};
use kcc_tree::Origin;
use serde::Serialize;

use super::git::Commit;

/// The effect of a line on a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Effect {
    /// The line determines the value.
    Decides,
    /// The value has to satisfy the line.
    Holds,
    /// A stronger line takes precedence.
    Overruled,
}

impl Effect {
    /// Returns the effect as text and JSON show it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Decides => "decides",
            Self::Holds => "holds",
            Self::Overruled => "overruled",
        }
    }
}

/// The kind of a line, which determines its strength.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum LineKind {
    /// A value in a fragment.
    Value,
    /// A CUE default, marked `*`.
    CueDefault,
    /// A default declared under `defaults`.
    Default,
    /// A type, bound, regular expression or disjunction.
    Constraint,
    /// A policy.
    Policy,
    /// A line of kcc's schema.
    Schema,
}

impl LineKind {
    /// Returns the kind as text shows it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Value => "value",
            Self::CueDefault => "* default",
            Self::Default => "default",
            Self::Constraint => "constraint",
            Self::Policy => "policy",
            Self::Schema => "schema",
        }
    }
}

/// A line that takes part in a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// The effect on the value.
    pub effect: Effect,
    /// The kind of line.
    #[serde(rename = "role")]
    pub kind: LineKind,
    /// The file, relative to the root.
    pub file: String,
    /// First line, from 1.
    pub line: usize,
    /// First column in characters, from 1.
    pub column: usize,
    /// Last line; none for a line of a revision, which does not record it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_line: Option<usize>,
    /// One past the last column.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_column: Option<usize>,
    /// The team that owns it; `None` for the system's own files and the schema.
    pub team: Option<String>,
    /// The file that refers to the line, if it is another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub through: Option<String>,
    /// The source text.
    pub text: String,
    /// The policy that the line belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<Policy>,
    /// The reason for its effect, if that is not obvious.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<&'static str>,
    /// The commit that introduced it; omitted outside a repository, `null` if the
    /// line is not committed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<Option<Commit>>,
}

/// The policy that a line belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Policy {
    /// The policy's name.
    pub name: String,
    /// The message shown on a violation.
    pub message: String,
}

/// Strips the attributes by which the schema tells kcc how to read a field. A
/// default means something to users and stays.
fn without_notes(line: &str) -> &str {
    let notes = ["@component(", "@data(", "@same(", "@short(", "@for("];
    let ends = notes.iter().filter_map(|note| line.find(note));
    line[..ends.min().unwrap_or(line.len())].trim_end()
}

impl Line {
    /// Creates the line for a span.
    pub(super) fn at(files: &Files, span: Span, effect: Effect, kind: LineKind) -> Self {
        let file = files.get(span.file);
        let position = |offset| file.map(|file| file.position(offset));
        let (start, end) = (position(span.start), position(span.end));
        let text = if kind == LineKind::Schema {
            // The span covers only the type; the whole line names the field, too.
            let all = file.map_or("", |file| file.text());
            let line = start.and_then(|start| all.lines().nth(start.line - 1));
            without_notes(line.unwrap_or_default().trim())
        } else {
            files.text(span)
        };
        Self {
            effect,
            kind,
            file: file.map(|file| file.name().to_owned()).unwrap_or_default(),
            line: start.map_or(0, |at| at.line),
            column: start.map_or(0, |at| at.column),
            end_line: end.map(|at| at.line),
            end_column: end.map(|at| at.column),
            team: files.team(span).map(str::to_owned),
            through: None,
            text: text.to_owned(),
            policy: None,
            why: None,
            commit: None,
        }
    }

    /// Creates the line for an origin, which may be a reference from another file.
    pub(super) fn of(files: &Files, origin: &Origin, effect: Effect, kind: LineKind) -> Self {
        let mut line = Self::at(files, origin.span, effect, kind);
        if origin.by != origin.span.file {
            let by = files.get(origin.by);
            line.through = by.map(|file| file.name().to_owned());
            line.team = by.and_then(|file| file.team().map(str::to_owned));
        }
        line
    }

    /// Returns true if the line is in a file of the system, not in the schema.
    pub fn is_fragment(&self) -> bool {
        self.kind != LineKind::Schema && !self.file.starts_with("schema/")
    }

    /// Returns true if two lines are at one place, in two versions of a file or in one.
    pub fn is_at(&self, other: &Self) -> bool {
        (&self.file, self.line, self.column) == (&other.file, other.line, other.column)
    }

    /// Returns the owner in one word: the team, `system` or `kcc`.
    pub fn owner(&self) -> &str {
        match &self.team {
            Some(team) => team,
            None if self.is_fragment() => "system",
            None => "kcc",
        }
    }

    /// Returns the first line of the source text.
    pub fn excerpt(&self) -> String {
        let mut lines = self.text.lines();
        let first = lines.next().unwrap_or_default().trim_end();
        if lines.next().is_some() {
            format!("{first} …")
        } else {
            first.to_owned()
        }
    }
}
