//! Outputs of others in a command, its arguments and files: known only once
//! all components are decoded, as those in `env` are.
//!
//! In a command an output means what `$(NAME)` means: where it holds a secret it
//! becomes a variable, and the word refers to that. A file holds text or one
//! secret alone.

use std::collections::BTreeMap;

use kcc_cue::{Path, Value};

use super::outputs::escape_whole;
use super::{Cursor, component, prefix};
use crate::{Component, EnvValue, File, Name};

/// An output of another component, and where it is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Late {
    pub(crate) place: Place,
    /// Where that is said.
    pub(crate) path: Path,
    pub(crate) from: Name,
    pub(crate) output: String,
}

/// A place inside a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// A word of `command`.
    Command(usize),
    /// A word of `args`.
    Args(usize),
    /// The file at a path.
    File(String),
}

/// Decodes a command or its arguments. A word that is an output is empty until
/// it is put in its place.
pub(crate) fn words(
    node: &Cursor<'_>,
    place: fn(usize) -> Place,
    late: &mut Vec<Late>,
) -> Option<Vec<String>> {
    let Value::List(items) = &node.node.value else {
        return node.texts();
    };
    (0..items.len())
        .map(|at| {
            let word = node.child(&at.to_string())?;
            if !matches!(word.node.value, Value::Struct(_)) {
                return word.text();
            }
            late.push(output(&word, place(at))?);
            Some(String::new())
        })
        .collect()
}

/// The output that `{from, output}` names.
pub(crate) fn output(node: &Cursor<'_>, place: Place) -> Option<Late> {
    node.only(&["from", "output"]);
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
        place,
        path: node.path.clone(),
        from,
        output,
    })
}

/// Puts the value of an output in its place.
pub(crate) fn put(late: &Late, value: EnvValue, component: &mut Component) {
    let container = &mut component.container;
    let (words, at) = match &late.place {
        Place::File(path) => {
            component.files.insert(path.clone(), file(value));
            return;
        }
        Place::Command(at) => (&mut container.command, *at),
        Place::Args(at) => (&mut container.args, *at),
    };
    if let Some(word) = words.as_mut().and_then(|words| words.get_mut(at)) {
        *word = self::word(late, value, &mut container.env);
    }
}

fn file(value: EnvValue) -> File {
    match value {
        EnvValue::Literal(text) => File::Content(text),
        EnvValue::Secret(name) => File::Secret(name),
        EnvValue::Template(parts) => File::Template(parts),
        // No output is a key of a config.
        EnvValue::Config { .. } => File::Content(String::new()),
    }
}

fn word(late: &Late, value: EnvValue, env: &mut BTreeMap<String, EnvValue>) -> String {
    if let EnvValue::Literal(text) = &value {
        return escape_whole(text);
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
