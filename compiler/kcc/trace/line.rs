//! [`Line`]: one line behind a value, and what it does there.

use kcc_diag::{Files, Span};
use kcc_tree::Origin;
use serde::Serialize;

use super::git::Commit;

/// What a line does to a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Effect {
    /// The value is the one that it says.
    Decides,
    /// The value has to satisfy it.
    Holds,
    /// Something stronger stands in its place.
    Overruled,
}

impl Effect {
    /// `decides`, `holds`, `overruled`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Decides => "decides",
            Self::Holds => "holds",
            Self::Overruled => "overruled",
        }
    }
}

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Role {
    /// A value of a fragment.
    Value,
    /// A `*` default of CUE's own.
    CueDefault,
    /// A soft value: `defaults`.
    Default,
    /// A type, a bound, a pattern of texts, a disjunction.
    Constraint,
    /// A policy.
    Policy,
    /// kcc's schema.
    Schema,
}

impl Role {
    /// As text shows it.
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

/// One line behind a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// What it does.
    pub effect: Effect,
    /// What it is.
    pub role: Role,
    /// Its file, relative to the root.
    pub file: String,
    /// First line, from 1.
    pub line: usize,
    /// First column in characters, from 1.
    pub column: usize,
    /// Last line.
    pub end_line: usize,
    /// One past the last column.
    pub end_column: usize,
    /// The team that says it; none for the system's own files and the schema.
    pub team: Option<String>,
    /// The file whose reference brings the line here, if it is another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub through: Option<String>,
    /// What it says.
    pub text: String,
    /// The policy that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<Policy>,
    /// Why it has the effect that it has, where that is not plain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<&'static str>,
    /// The commit that it came with; left out outside a repository, `null` for
    /// what is not committed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<Option<Commit>>,
}

/// A policy, as a line names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Policy {
    /// Its name.
    pub name: String,
    /// What it says to who violates it.
    pub message: String,
}

impl Line {
    /// The line under a span.
    pub(super) fn at(files: &Files, span: Span, effect: Effect, role: Role) -> Self {
        let file = files.get(span.file);
        let place = |offset| file.map(|file| file.position(offset));
        let (start, end) = (place(span.start), place(span.end));
        let text = if role == Role::Schema {
            // A type alone does not say whose it is.
            let all = file.map_or("", |file| file.text());
            let line = start.and_then(|start| all.lines().nth(start.line - 1));
            line.unwrap_or_default().trim()
        } else {
            files.text(span)
        };
        Self {
            effect,
            role,
            file: file.map(|file| file.name().to_owned()).unwrap_or_default(),
            line: start.map_or(0, |at| at.line),
            column: start.map_or(0, |at| at.column),
            end_line: end.map_or(0, |at| at.line),
            end_column: end.map_or(0, |at| at.column),
            team: files.team(span).map(str::to_owned),
            through: None,
            text: text.to_owned(),
            policy: None,
            why: None,
            commit: None,
        }
    }

    /// The line of an origin, which another file may have brought in.
    pub(super) fn of(files: &Files, origin: &Origin, effect: Effect, role: Role) -> Self {
        let mut line = Self::at(files, origin.span, effect, role);
        if origin.by != origin.span.file {
            let by = files.get(origin.by);
            line.through = by.map(|file| file.name().to_owned());
            line.team = by.and_then(|file| file.team().map(str::to_owned));
        }
        line
    }

    /// Whether it stands in a file of the system.
    pub fn is_fragment(&self) -> bool {
        self.role != Role::Schema && !self.file.starts_with("schema/")
    }

    /// Who says it, in one word.
    pub fn who(&self) -> &str {
        match &self.team {
            Some(team) => team,
            None if self.is_fragment() => "system",
            None => "kcc",
        }
    }

    /// The first line of what it says.
    pub fn shown(&self) -> String {
        let mut lines = self.text.lines();
        let first = lines.next().unwrap_or_default().trim_end();
        if lines.next().is_some() {
            format!("{first} …")
        } else {
            first.to_owned()
        }
    }
}
