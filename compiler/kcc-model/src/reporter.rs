//! [`Reporter`]: maps model paths to the lines they come from and starts
//! diagnostics about them.
//!
//! Every diagnostic of this crate starts here, so that each has its path, its
//! target and a label on a team's line. A value filled in by kcc's schema has no
//! such line; the label then goes to the nearest line above it.

use kcc_diag::{Code, Diagnostic, Span};
use kcc_tree::{ConfigTree, Declaration, Node, Origin, OriginKind, Path, Value};

/// Locates paths of one target, or of `system`, in the fragments.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reporter<'a> {
    tree: &'a ConfigTree,
    target: Option<&'a str>,
}

impl<'a> Reporter<'a> {
    /// Creates a reporter for paths of one target.
    pub(crate) fn of(tree: &'a ConfigTree, target: &'a str) -> Self {
        Self {
            tree,
            target: Some(target),
        }
    }

    /// Creates a reporter for paths below `system`.
    pub(crate) fn system(tree: &'a ConfigTree) -> Self {
        Self { tree, target: None }
    }

    /// Returns the configuration tree.
    pub(crate) fn tree(self) -> &'a ConfigTree {
        self.tree
    }

    /// Returns the target; none for `system`.
    pub(crate) fn target(self) -> Option<&'a str> {
        self.target
    }

    /// Returns the span of a path, or of the nearest path above that has one.
    pub(crate) fn span(self, path: &Path) -> Option<Span> {
        (1..=path.0.len())
            .rev()
            .find_map(|length| self.own_span(&path.0[..length]))
    }

    /// Returns the spans of all conjuncts that give the value at a path, else the
    /// one that [`Reporter::span`] finds.
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

    /// Returns the span of exactly this path.
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
        primary_origin(self.node(names)?).map(|origin| origin.span)
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

    /// Returns true if a fragment declares a value at a path, even one that could
    /// not be evaluated.
    pub(crate) fn is_declared(self, path: &Path) -> bool {
        self.node(&path.0).is_some_and(|node| {
            node.value != Value::Absent
                || node
                    .origins
                    .iter()
                    .any(|origin| origin.kind == OriginKind::Value)
        })
    }

    /// Returns the field names at a path, including absent fields.
    pub(crate) fn field_names(self, path: &Path) -> Vec<String> {
        match self.node(&path.0).map(|node| &node.value) {
            Some(Value::Struct(fields)) => fields.keys().cloned().collect(),
            _ => Vec::new(),
        }
    }

    /// Returns `system.name`.
    pub(crate) fn system_name(self) -> &'a str {
        self.tree
            .system
            .child("name")
            .and_then(Node::as_str)
            .unwrap_or("system")
    }

    /// Starts an error about a path, with a label on its line.
    pub(crate) fn error(
        self,
        code: Code,
        path: &Path,
        message: impl Into<String>,
        label: impl Into<String>,
    ) -> Diagnostic {
        self.labelled(Diagnostic::error(code, message), path, label)
    }

    /// Starts a warning about a path, with a label on its line.
    pub(crate) fn warning(
        self,
        code: Code,
        path: &Path,
        message: impl Into<String>,
        label: impl Into<String>,
    ) -> Diagnostic {
        self.labelled(Diagnostic::warning(code, message), path, label)
    }

    fn labelled(self, diagnostic: Diagnostic, path: &Path, label: impl Into<String>) -> Diagnostic {
        let mut diagnostic = diagnostic.at(path);
        if let Some(target) = self.target {
            diagnostic = diagnostic.target(target);
        }
        match self.span(path) {
            Some(span) => diagnostic.primary(span, label),
            None => diagnostic,
        }
    }

    /// Adds a secondary label on the line of another path.
    pub(crate) fn add_label(
        self,
        diagnostic: Diagnostic,
        path: &Path,
        label: impl Into<String>,
    ) -> Diagnostic {
        match self.span(path) {
            Some(span) => diagnostic.secondary(span, label),
            None => diagnostic,
        }
    }
}

/// Returns the origin to show first: a value before a constraint, and never
/// kcc's own schema.
pub(crate) fn primary_origin(node: &Node) -> Option<&Origin> {
    [
        OriginKind::Value,
        OriginKind::CueDefault,
        OriginKind::Constraint,
        OriginKind::Default,
    ]
    .iter()
    .find_map(|kind| node.origins.iter().find(|origin| origin.kind == *kind))
}
