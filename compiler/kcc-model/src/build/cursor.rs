//! [`Cursor`]: a node of the tree with its path, read strictly.
//!
//! Reading is total: what has the wrong kind is reported once and then treated
//! as if it were not there, so that one mistake hides no other.

use std::cell::RefCell;
use std::collections::BTreeMap;

use kcc_diag::{Code, Diagnostic, Diagnostics, Span};
use kcc_tree::{Node, OriginKind, Path, Value};

use crate::lines::Lines;
use crate::units::BadQuantity;

/// Where a stage's findings go.
pub(crate) type Found = RefCell<Diagnostics>;

/// A present node, its path and where mistakes are reported.
#[derive(Debug, Clone)]
pub(crate) struct Cursor<'a> {
    pub(crate) node: &'a Node,
    pub(crate) path: Path,
    pub(crate) lines: Lines<'a>,
    found: &'a Found,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(node: &'a Node, path: Path, lines: Lines<'a>, found: &'a Found) -> Self {
        Self {
            node,
            path,
            lines,
            found,
        }
    }

    /// The child of that name, if it is present.
    pub(crate) fn child(&self, name: &str) -> Option<Cursor<'a>> {
        let node = self.node.child(name)?;
        Some(Self {
            node,
            path: self.path.join(name),
            lines: self.lines,
            found: self.found,
        })
    }

    /// The field at the end of a chain of names.
    pub(crate) fn below(&self, names: &[&str]) -> Option<Cursor<'a>> {
        names
            .iter()
            .try_fold(self.clone(), |cursor, name| cursor.child(name))
    }

    /// The present fields of a struct.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&'a str, Cursor<'a>)> + '_ {
        if !matches!(self.node.value, Value::Struct(_)) {
            self.wrong_kind("a struct");
        }
        self.node.fields().map(|(name, node)| {
            let path = self.path.join(name);
            (
                name,
                Self {
                    node,
                    path,
                    lines: self.lines,
                    found: self.found,
                },
            )
        })
    }

    /// The elements of a list; none of anything else.
    pub(crate) fn items(&self) -> impl Iterator<Item = Cursor<'a>> + use<'a> {
        let count = match &self.node.value {
            Value::List(items) => items.len(),
            _ => 0,
        };
        let list = self.clone();
        (0..count).filter_map(move |at| list.child(&at.to_string()))
    }

    /// The text that it is.
    pub(crate) fn text(&self) -> Option<String> {
        let text = self.node.as_str().map(str::to_owned);
        if text.is_none() {
            self.wrong_kind("a string");
        }
        text
    }

    /// The boolean that it is.
    pub(crate) fn flag(&self) -> Option<bool> {
        if let Value::Bool(flag) = self.node.value {
            return Some(flag);
        }
        self.wrong_kind("`true` or `false`");
        None
    }

    /// The whole number that it is, where it fits.
    pub(crate) fn number<T: TryFrom<u64>>(&self) -> Option<T> {
        if let Value::Number(number) = &self.node.value
            && let Some(whole) = whole(number)
        {
            let fits = T::try_from(whole).ok();
            if fits.is_none() {
                let message = format!("{whole} is too large for `{}`", self.path);
                self.report(self.error(Code::EvalOutOfBounds, message, "too large"));
            }
            return fits;
        }
        self.wrong_kind("a whole number that is not negative");
        None
    }

    /// The list of texts that it is.
    pub(crate) fn texts(&self) -> Option<Vec<String>> {
        let Value::List(items) = &self.node.value else {
            self.wrong_kind("a list of strings");
            return None;
        };
        (0..items.len())
            .map(|at| self.child(&at.to_string())?.text())
            .collect()
    }

    /// The texts of a struct, by name.
    pub(crate) fn text_map(&self) -> BTreeMap<String, String> {
        self.fields()
            .filter_map(|(name, value)| Some((name.to_owned(), value.text()?)))
            .collect()
    }

    /// The quantity that it is, written as text or as a plain number.
    pub(crate) fn quantity<T>(&self, parse: fn(&str) -> Result<T, BadQuantity>) -> Option<T> {
        let text = match &self.node.value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => {
                self.wrong_kind("text with a unit");
                return None;
            }
        };
        match parse(&text) {
            Ok(quantity) => Some(quantity),
            Err(bad) => {
                let message = format!("`{}`: expected {}, found `{text}`", self.path, bad.expected);
                let found = self.error(Code::ModelBadQuantity, message, "no such quantity");
                self.report(found.help(bad.help));
                None
            }
        }
    }

    /// The folder of the file whose line gives this value, for paths that
    /// fragments write relative to themselves.
    pub(crate) fn folder(&self) -> &'a str {
        self.span()
            .and_then(|span| self.lines.tree().files.get(span.file))
            .map_or("", kcc_diag::SourceFile::folder)
    }

    /// The line behind it.
    pub(crate) fn span(&self) -> Option<Span> {
        self.lines.span(&self.path)
    }

    /// Reports every field that is none of these and that a fragment wrote:
    /// what the model does not hold must not be ignored in silence.
    pub(crate) fn only(&self, known: &[&str]) {
        for (name, field) in self.node.fields() {
            let written = || {
                field
                    .origins
                    .iter()
                    .any(|origin| origin.kind != OriginKind::Schema)
            };
            if known.contains(&name) || !(written() || field.origins.is_empty()) {
                continue;
            }
            let path = self.path.join(name);
            let message = format!("`{path}` is not supported by this version of kcc");
            let found = self
                .lines
                .error(Code::EvalUnknownField, &path, message, "not supported");
            self.report(found.help("remove the field"));
        }
    }

    /// Begins an error about this node.
    pub(crate) fn error(
        &self,
        code: Code,
        message: impl Into<String>,
        label: impl Into<String>,
    ) -> Diagnostic {
        self.lines.error(code, &self.path, message, label)
    }

    /// Adds an error to those of the stage.
    pub(crate) fn report(&self, diagnostic: Diagnostic) {
        self.found.borrow_mut().push(diagnostic);
    }

    fn wrong_kind(&self, expected: &str) {
        let actual = match &self.node.value {
            Value::Absent => "nothing",
            Value::Null => "`null`",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::List(_) => "a list",
            Value::Struct(_) => "a struct",
        };
        let message = format!("`{}`: expected {expected}, found {actual}", self.path);
        self.report(self.error(Code::EvalWrongType, message, format!("expected {expected}")));
    }
}

/// A number without a fraction; CUE may print one as `8080.0`.
fn whole(number: &serde_json::Number) -> Option<u64> {
    number.as_u64().or_else(|| {
        let text = number.to_string();
        let (whole, fraction) = text.split_once('.')?;
        fraction
            .bytes()
            .all(|digit| digit == b'0')
            .then(|| whole.parse().ok())?
    })
}
