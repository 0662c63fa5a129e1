//! Outputs of others in a command, its arguments and files: known only once
//! all components are decoded, as those in `env` are.
//!
//! In a command an output means what `$(NAME)` means: where it holds a secret it
//! becomes a variable, and the word refers to that. A file holds text or one
//! secret alone.

use std::collections::BTreeMap;

use kcc_tree::{Path, Value};

use super::{Cursor, component, prefix};
use crate::{Container, EnvValue, FileContent, Name, escape};

/// An output of another component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Late {
    /// Where it is wanted.
    pub(crate) path: Path,
    pub(crate) from: Name,
    pub(crate) output: String,
}

/// A word of a container that is an output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word {
    list: List,
    at: usize,
    pub(crate) late: Late,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum List {
    Command,
    Args,
}

/// What a container runs, as far as it is known: a word that is an output is
/// empty until it is put in its place.
#[derive(Default)]
pub(crate) struct Words {
    pub(crate) command: Option<Vec<String>>,
    pub(crate) args: Option<Vec<String>>,
    pub(crate) late: Vec<Word>,
}

/// Decodes the command of a container and its arguments.
pub(crate) fn words(node: &Cursor<'_>) -> Words {
    let mut late = Vec::new();
    let mut list = |field, list| self::list(&node.child(field)?, list, &mut late);
    Words {
        command: list("command", List::Command),
        args: list("args", List::Args),
        late,
    }
}

fn list(node: &Cursor<'_>, list: List, late: &mut Vec<Word>) -> Option<Vec<String>> {
    let Value::List(items) = &node.node.value else {
        return node.texts();
    };
    (0..items.len())
        .map(|at| {
            let word = node.child(&at.to_string())?;
            if !matches!(word.node.value, Value::Struct(_)) {
                return word.text();
            }
            let output = output(&word)?;
            late.push(Word {
                list,
                at,
                late: output,
            });
            Some(String::new())
        })
        .collect()
}

/// The output that `{from, output}` names.
pub(crate) fn output(node: &Cursor<'_>) -> Option<Late> {
    // Of a file, too, which says more of itself.
    node.only(&["from", "output", "mode", "owner"]);
    let text = |field| node.child(field).and_then(|field| field.text());
    let (Some(from), Some(output)) = (text("from"), text("output")) else {
        component::missing(
            node,
            "`from` or `output`",
            "write `{from: \"component\", output: \"url\"}`",
        );
        return None;
    };
    Some(Late {
        path: node.path.clone(),
        from,
        output,
    })
}

/// The file that holds an output.
pub(crate) fn file(value: EnvValue) -> FileContent {
    match value {
        EnvValue::Literal(text) => FileContent::Content(text),
        EnvValue::Secret(name) => FileContent::Secret(name),
        EnvValue::Template(parts) => FileContent::Template(parts),
        // No output is a key of a config.
        EnvValue::Config { .. } => FileContent::Content(String::new()),
    }
}

impl Word {
    /// Puts the value of the output in its place.
    pub(crate) fn put(&self, value: EnvValue, container: &mut Container) {
        let words = match self.list {
            List::Command => &mut container.command,
            List::Args => &mut container.args,
        };
        if let Some(word) = words.as_mut().and_then(|words| words.get_mut(self.at)) {
            *word = text(&self.late, value, &mut container.env);
        }
    }
}

fn text(late: &Late, value: EnvValue, env: &mut BTreeMap<String, EnvValue>) -> String {
    if let EnvValue::Literal(text) = &value {
        return escape(text);
    }
    let known = env.iter().find(|(_, known)| **known == value);
    let name = if let Some((name, _)) = known {
        name.clone()
    } else {
        let mut name = format!("{}_{}", prefix(&late.from), prefix(&late.output));
        while env.contains_key(&name) {
            name.push('_');
        }
        env.insert(name.clone(), value);
        name
    };
    format!("$({name})")
}
