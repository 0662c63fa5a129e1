//! [`Cursor`]: a node of the configuration tree with its path, for strict reading.
//!
//! Reading never fails as a whole: a value of the wrong type is reported once and
//! then treated as absent, so that one mistake does not hide another.

use std::cell::RefCell;
use std::collections::BTreeMap;

use kcc_diag::{Code, Diagnostic, Diagnostics, Span};
use kcc_tree::schema::{Definition, Schema, references};
use kcc_tree::{Node, OriginKind, Path, Value};

use crate::reporter::Reporter;
use crate::units::BadQuantity;

/// Collects the diagnostics of a stage; in tests also the nodes that it reads.
#[derive(Debug, Default)]
pub(crate) struct Sink {
    diagnostics: RefCell<Diagnostics>,
    #[cfg(test)]
    pub(crate) read: RefCell<std::collections::HashSet<*const Node>>,
}

impl Sink {
    /// Adds a diagnostic.
    pub(crate) fn report(&self, diagnostic: Diagnostic) {
        self.diagnostics.borrow_mut().push(diagnostic);
    }

    /// Returns the diagnostics.
    pub(crate) fn into_diagnostics(self) -> Diagnostics {
        self.diagnostics.into_inner()
    }
}

/// A present node with its path and the collector of its diagnostics.
#[derive(Debug, Clone)]
pub(crate) struct Cursor<'a> {
    pub(crate) node: &'a Node,
    pub(crate) path: Path,
    pub(crate) reporter: Reporter<'a>,
    sink: &'a Sink,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(node: &'a Node, path: Path, reporter: Reporter<'a>, sink: &'a Sink) -> Self {
        Self {
            node,
            path,
            reporter,
            sink,
        }
    }

    /// Returns the child of that name, if present.
    pub(crate) fn child(&self, name: &str) -> Option<Cursor<'a>> {
        Some(self.read(name, self.node.child(name)?))
    }

    fn read(&self, name: &str, node: &'a Node) -> Self {
        #[cfg(test)]
        self.sink.read.borrow_mut().insert(std::ptr::from_ref(node));
        Self {
            node,
            path: self.path.join(name),
            reporter: self.reporter,
            sink: self.sink,
        }
    }

    /// Returns the descendant at the end of a chain of names.
    pub(crate) fn below(&self, names: &[&str]) -> Option<Cursor<'a>> {
        names
            .iter()
            .try_fold(self.clone(), |cursor, name| cursor.child(name))
    }

    /// Iterates over the present fields of a struct; reports any other type.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&'a str, Cursor<'a>)> + '_ {
        if !matches!(self.node.value, Value::Struct(_)) {
            self.report_wrong_type("a struct");
        }
        self.node
            .fields()
            .map(|(name, node)| (name, self.read(name, node)))
    }

    /// Iterates over the elements of a list; yields none for any other type.
    pub(crate) fn items(&self) -> impl Iterator<Item = Cursor<'a>> + use<'a> {
        let count = match &self.node.value {
            Value::List(items) => items.len(),
            _ => 0,
        };
        let list = self.clone();
        (0..count).filter_map(move |at| list.child(&at.to_string()))
    }

    /// Reads a string.
    pub(crate) fn text(&self) -> Option<String> {
        let text = self.node.as_str().map(str::to_owned);
        if text.is_none() {
            self.report_wrong_type("a string");
        }
        text
    }

    /// Reads text that a process gets as a variable or an argument, neither of which
    /// can contain a NUL.
    pub(crate) fn process_text(&self) -> Option<String> {
        let text = self.text()?;
        if text.contains('\0') {
            let message = format!("`{}` contains a NUL character", self.path);
            let error = self.error(Code::ModelBadText, message, "contains `\\u0000`");
            self.report(
                error.help("remove the character, or write the text as a file under `files`"),
            );
            return None;
        }
        Some(text)
    }

    /// Reads a boolean.
    pub(crate) fn boolean(&self) -> Option<bool> {
        if let Value::Bool(flag) = self.node.value {
            return Some(flag);
        }
        self.report_wrong_type("`true` or `false`");
        None
    }

    /// Reads an integer that fits into `T`.
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
        self.report_wrong_type("a non-negative integer");
        None
    }

    /// Reads a command or a list of arguments.
    pub(crate) fn text_list(&self) -> Option<Vec<String>> {
        let Value::List(items) = &self.node.value else {
            self.report_wrong_type("a list of strings");
            return None;
        };
        (0..items.len())
            .map(|at| self.child(&at.to_string())?.process_text())
            .collect()
    }

    /// Reads a struct of strings, by field name.
    pub(crate) fn text_map(&self) -> BTreeMap<String, String> {
        self.fields()
            .filter_map(|(name, value)| Some((name.to_owned(), value.text()?)))
            .collect()
    }

    /// Reads a quantity, written as a string or a plain number.
    pub(crate) fn quantity<T>(&self, parse: fn(&str) -> Result<T, BadQuantity>) -> Option<T> {
        let text = match &self.node.value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => {
                self.report_wrong_type("a string with a unit");
                return None;
            }
        };
        match parse(&text) {
            Ok(quantity) => Some(quantity),
            Err(bad) => {
                let message = format!("`{}`: expected {}, found `{text}`", self.path, bad.expected);
                let error = self.error(Code::ModelBadQuantity, message, "not a valid quantity");
                self.report(error.help(bad.help));
                None
            }
        }
    }

    /// Returns the directory of the fragment that sets this value, for paths
    /// relative to that fragment.
    pub(crate) fn directory(&self) -> &'a str {
        self.span()
            .and_then(|span| self.reporter.tree().files.get(span.file))
            .map_or("", kcc_diag::SourceFile::directory)
    }

    /// Returns the span of this value.
    pub(crate) fn span(&self) -> Option<Span> {
        self.reporter.span(&self.path)
    }

    /// Reports every field that a fragment sets and the schema, in which this node
    /// has type `of`, does not have: evaluation refuses such a field, and none may
    /// be ignored silently. The test `every_field_of_the_schema_is_read` is about
    /// all others.
    pub(crate) fn report_unknown(&self, of: &str) {
        let mut unknown = Vec::new();
        collect_unknown(self.node, of, &mut Vec::new(), &mut unknown);
        for names in unknown {
            let path = Path([&self.path.0[..], &names].concat());
            let message = format!("`{path}` is not supported by this version of kcc");
            let code = Code::EvalUnknownField;
            let error = self.reporter.error(code, &path, message, "not supported");
            self.report(error.help("remove the field"));
        }
    }

    /// Starts an error about this node.
    pub(crate) fn error(
        &self,
        code: Code,
        message: impl Into<String>,
        label: impl Into<String>,
    ) -> Diagnostic {
        self.reporter.error(code, &self.path, message, label)
    }

    /// Adds a diagnostic to those of the stage.
    pub(crate) fn report(&self, diagnostic: Diagnostic) {
        self.sink.report(diagnostic);
    }

    /// Reports a missing required field.
    pub(crate) fn report_missing(&self, what: &str, help: &str) {
        let message = format!("`{}` is missing {what}", self.path);
        let error = self.error(Code::EvalMissingField, message, format!("missing {what}"));
        self.report(error.missing_here().help(help));
    }

    fn report_wrong_type(&self, expected: &str) {
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

/// Collects the fields below a node of type `of` that a fragment sets and the schema
/// does not have, as names relative to the node. Paths are built for these alone:
/// every check visits the whole tree.
fn collect_unknown<'n>(
    node: &'n Node,
    of: &str,
    above: &mut Vec<&'n str>,
    unknown: &mut Vec<Vec<String>>,
) {
    let Value::Struct(fields) = &node.value else {
        return;
    };
    let of_each = of.strip_prefix("[string]: ");
    let structs = match of_each {
        Some(_) => Vec::new(),
        None => structs(of),
    };
    if of_each.is_none() && structs.is_empty() {
        return;
    }
    for (name, node) in fields
        .iter()
        .filter(|(_, node)| node.value != Value::Absent)
    {
        above.push(name);
        let mut known = structs.iter().flat_map(|definition| &definition.fields);
        match (of_each, known.find(|field| field.name == *name)) {
            (Some(of), _) => collect_unknown(node, of, above, unknown),
            (None, Some(field)) if field.opaque => {}
            (None, Some(field)) => collect_unknown(node, &field.of, above, unknown),
            (None, None) => match provided(structs[0], name) {
                Some(of) => collect_unknown(node, of, above, unknown),
                None if node.origins.iter().any(|o| o.kind != OriginKind::Schema) => {
                    unknown.push(above.iter().map(|name| (*name).to_owned()).collect());
                }
                None => {}
            },
        }
        above.pop();
    }
}

/// Returns the type of a field that evaluation adds to a backing, from the recipe of
/// its kind.
fn provided(definition: &Definition, name: &str) -> Option<&'static str> {
    match (definition.name.as_str(), name) {
        ("Backing", "component") => Some("#Service"),
        ("Backing", "outputs") => Some("_"),
        _ => None,
    }
}

/// Returns the definitions of structs that a type refers to.
pub(crate) fn structs(of: &str) -> Vec<&'static Definition> {
    references(of)
        .filter_map(|name| Schema::get().definition(name))
        .flat_map(|definition| {
            let mut all = structs(&definition.is);
            all.extend((!definition.fields.is_empty()).then_some(definition));
            all
        })
        .collect()
}

/// Reads a number without a fraction; CUE may print one as `8080.0`.
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
