//! [`Lines`]: the line in a fragment that a path of the model comes from.
//!
//! Every diagnostic of this crate is begun here, so that each has its path,
//! its target and a label on a team's line. A value that kcc's schema filled
//! in has no such line; it is shown at the nearest one above.

use kcc_diag::{Code, Diagnostic, Span};
use kcc_tree::{ConfigTree, Declaration, Node, Origin, OriginKind, Path, Value};

/// Finds lines in one target, or in `system`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lines<'a> {
    tree: &'a ConfigTree,
    target: Option<&'a str>,
}

impl<'a> Lines<'a> {
    /// The lines of one target.
    pub(crate) fn of(tree: &'a ConfigTree, target: &'a str) -> Self {
        Self {
            tree,
            target: Some(target),
        }
    }

    /// The lines of `system`.
    pub(crate) fn system(tree: &'a ConfigTree) -> Self {
        Self { tree, target: None }
    }

    /// The tree that the lines are those of.
    pub(crate) fn tree(self) -> &'a ConfigTree {
        self.tree
    }

    /// The target; none for `system`.
    pub(crate) fn target(self) -> Option<&'a str> {
        self.target
    }

    /// Whether something may be missing only because a file could be read in part.
    pub(crate) fn partial(self) -> bool {
        !self.tree.partial.is_empty()
    }

    /// Whether what is missing under a name may stand in a file that could be
    /// read only in part. A file that does not hold the name says nothing of it:
    /// the mistakes of one team are not hidden by another's.
    pub(crate) fn lost(self, name: &str) -> bool {
        let files = &self.tree.files;
        let mut partial = self.tree.partial.iter();
        partial.any(|id| {
            files
                .get(*id)
                // A file that cannot be read at all may hold any name.
                .is_some_and(|file| file.text().is_empty() || has_word(file.text(), name))
        })
    }

    /// Whether a part of the component that a path leads into may be missing so.
    pub(crate) fn partly_lost(self, path: &Path) -> bool {
        path.0
            .get(1)
            .or(path.0.first())
            .is_some_and(|name| self.lost(name))
    }

    /// The line behind a path, or behind the nearest path above that has one.
    pub(crate) fn span(self, path: &Path) -> Option<Span> {
        (1..=path.0.len())
            .rev()
            .find_map(|length| self.own_span(&path.0[..length]))
    }

    /// Every line that says the value at a path, else the one that [`Lines::span`]
    /// finds.
    pub(crate) fn spans(self, path: &Path) -> Vec<Span> {
        let origins = self.node(&path.0).map_or(&[][..], |node| &node.origins);
        let values = origins
            .iter()
            .filter(|origin| origin.kind == OriginKind::Value);
        let mut spans: Vec<_> = values.map(|origin| origin.span).collect();
        if spans.is_empty() {
            spans.extend(self.span(path));
        }
        spans
    }

    /// The line behind exactly this path.
    fn own_span(self, names: &[String]) -> Option<Span> {
        if names.len() == 2
            && let Some(label) = self.declaration(names).and_then(|declaration| {
                declaration
                    .owners
                    .first()
                    .or(declaration.others.first())
                    .copied()
            })
        {
            return Some(label);
        }
        deciding(self.node(names)?).map(|origin| origin.span)
    }

    fn node(self, names: &[String]) -> Option<&'a Node> {
        if let Some(target) = self.target {
            return self.tree.get(target, &Path(names.to_vec()));
        }
        let (first, below) = names.split_first()?;
        if first != "system" {
            return None;
        }
        below
            .iter()
            .try_fold(&self.tree.system, |node, name| node.child(name))
    }

    fn declaration(self, names: &[String]) -> Option<&'a Declaration> {
        let all = self.tree.declarations.get(self.target?)?;
        all.iter().find(|declaration| declaration.path.0 == names)
    }

    /// Whether a value is written at a path, be it one that could not be evaluated.
    pub(crate) fn written(self, path: &Path) -> bool {
        self.node(&path.0).is_some_and(|node| {
            node.value != Value::Absent
                || node
                    .origins
                    .iter()
                    .any(|origin| origin.kind == OriginKind::Value)
        })
    }

    /// The fields at a path, absent ones too.
    pub(crate) fn names_at(self, path: &Path) -> Vec<String> {
        match self.node(&path.0).map(|node| &node.value) {
            Some(Value::Struct(fields)) => fields.keys().cloned().collect(),
            _ => Vec::new(),
        }
    }

    /// `system.name`.
    pub(crate) fn system_name(self) -> &'a str {
        self.tree
            .system
            .child("name")
            .and_then(Node::as_str)
            .unwrap_or("system")
    }

    /// An error about a path, with a label on its line.
    pub(crate) fn error(
        self,
        code: Code,
        path: &Path,
        message: impl Into<String>,
        label: impl Into<String>,
    ) -> Diagnostic {
        self.mark(Diagnostic::error(code, message), path, label)
    }

    /// A warning about a path, with a label on its line.
    pub(crate) fn warning(
        self,
        code: Code,
        path: &Path,
        message: impl Into<String>,
        label: impl Into<String>,
    ) -> Diagnostic {
        self.mark(Diagnostic::warning(code, message), path, label)
    }

    fn mark(self, found: Diagnostic, path: &Path, label: impl Into<String>) -> Diagnostic {
        let mut found = found.at(path.to_string());
        if let Some(target) = self.target {
            found = found.target(target);
        }
        match self.span(path) {
            Some(span) => found.primary(span, label),
            None => found,
        }
    }

    /// Adds a label on the line of another path.
    pub(crate) fn also(
        self,
        found: Diagnostic,
        path: &Path,
        label: impl Into<String>,
    ) -> Diagnostic {
        match self.span(path) {
            Some(span) => found.secondary(span, label),
            None => found,
        }
    }
}

/// The origin that a reader looks for first: a value before a bound, and never
/// kcc's own schema.
pub(crate) fn deciding(node: &Node) -> Option<&Origin> {
    [
        OriginKind::Value,
        OriginKind::CueDefault,
        OriginKind::Constraint,
        OriginKind::Default,
    ]
    .iter()
    .find_map(|role| node.origins.iter().find(|origin| origin.kind == *role))
}

/// Whether a text holds a name as a word of its own.
fn has_word(text: &str, name: &str) -> bool {
    let inside = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    !name.is_empty()
        && text.match_indices(name).any(|(at, found)| {
            !text[..at].ends_with(inside) && !text[at + found.len()..].starts_with(inside)
        })
}
