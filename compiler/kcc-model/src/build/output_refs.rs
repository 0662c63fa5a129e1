//! References to outputs of other components in commands, arguments and files.
//! Their values, like those in `env`, are known only after all components are
//! decoded.
//!
//! A command must not contain a secret: an output with a secret becomes a
//! variable, and the argument refers to it as `$(NAME)`. A file contains either
//! text or a single secret.

use std::collections::BTreeMap;

use kcc_tree::{Path, Value};

use super::Cursor;
use crate::variables::variable_prefix;
use crate::{Container, EnvValue, FileContent, Name, escape_references};

/// A reference to an output of another component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OutputRef {
    /// The path of the reference itself.
    pub(crate) path: Path,
    pub(crate) from: Name,
    pub(crate) output: String,
}

/// An element of a command or argument list that is an output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OutputArg {
    list: List,
    at: usize,
    pub(crate) output: OutputRef,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum List {
    Command,
    Args,
}

/// The command and arguments of a container. Elements that are outputs are empty
/// until they are filled in.
#[derive(Default)]
pub(crate) struct CommandLine {
    pub(crate) command: Option<Vec<String>>,
    pub(crate) args: Option<Vec<String>>,
    pub(crate) output_args: Vec<OutputArg>,
}

/// Decodes the command and arguments of a container.
pub(crate) fn command_line(node: &Cursor<'_>) -> CommandLine {
    let mut output_args = Vec::new();
    let mut list = |field, list| self::list(&node.child(field)?, list, &mut output_args);
    CommandLine {
        command: list("command", List::Command),
        args: list("args", List::Args),
        output_args,
    }
}

fn list(node: &Cursor<'_>, list: List, output_args: &mut Vec<OutputArg>) -> Option<Vec<String>> {
    let Value::List(items) = &node.node.value else {
        return node.text_list();
    };
    (0..items.len())
        .map(|at| {
            let element = node.child(&at.to_string())?;
            if !matches!(element.node.value, Value::Struct(_)) {
                return element.process_text();
            }
            let output = decode(&element)?;
            output_args.push(OutputArg { list, at, output });
            Some(String::new())
        })
        .collect()
}

/// Decodes `{from, output}`.
pub(crate) fn decode(node: &Cursor<'_>) -> Option<OutputRef> {
    // `mode` and `owner` are valid for files, which are decoded here as well.
    let text = |field| node.child(field).and_then(|field| field.text());
    let (Some(from), Some(output)) = (text("from"), text("output")) else {
        node.report_missing(
            "`from` or `output`",
            "write `{from: \"component\", output: \"url\"}`",
        );
        return None;
    };
    Some(OutputRef {
        path: node.path.clone(),
        from,
        output,
    })
}

/// Converts the value of an output to the content of a file.
pub(crate) fn file_content(value: EnvValue) -> FileContent {
    match value {
        EnvValue::Literal(text) => FileContent::Content(text),
        EnvValue::Secret(name) => FileContent::Secret(name),
        EnvValue::Template(parts) => FileContent::Template(parts),
        // An output never is a key of a config.
        EnvValue::Config { .. } | EnvValue::Field(_) => FileContent::Content(String::new()),
    }
}

impl OutputArg {
    /// Fills in the value of the output.
    pub(crate) fn fill(&self, value: EnvValue, container: &mut Container) {
        let list = match self.list {
            List::Command => &mut container.command,
            List::Args => &mut container.args,
        };
        if let Some(element) = list.as_mut().and_then(|list| list.get_mut(self.at)) {
            *element = argument_text(&self.output, value, &mut container.env);
        }
    }
}

fn argument_text(
    output: &OutputRef,
    value: EnvValue,
    env: &mut BTreeMap<String, EnvValue>,
) -> String {
    if let EnvValue::Literal(text) = &value {
        return escape_references(text);
    }
    let known = env.iter().find(|(_, known)| **known == value);
    let name = if let Some((name, _)) = known {
        name.clone()
    } else {
        let mut name = format!(
            "{}_{}",
            variable_prefix(&output.from),
            variable_prefix(&output.output)
        );
        while env.contains_key(&name) {
            name.push('_');
        }
        env.insert(name.clone(), value);
        name
    };
    format!("$({name})")
}
