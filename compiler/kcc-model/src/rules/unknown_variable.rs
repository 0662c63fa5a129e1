//! `$(NAME)` in a command or its arguments that is no variable of the
//! container: engines would leave the text as it stands.

use std::collections::BTreeSet;

use kcc_diag::{Code, Diagnostics};
use kcc_tree::Path;

use super::View;
use crate::build::{is_of, prefix};
use crate::{Component, Container, Piece, references};
use kcc_diag::nearest;

pub(super) fn unknown_variable(view: &View<'_>, found: &mut Diagnostics) {
    let components = view.target.components.values();
    let all = components.flat_map(|component| {
        let containers = component.containers();
        containers.map(move |(path, container)| (component, path, container))
    });
    for (component, path, container) in all {
        let command = container
            .command
            .iter()
            .flatten()
            .enumerate()
            .map(|text| ("command", text));
        let args = container
            .args
            .iter()
            .flatten()
            .enumerate()
            .map(|text| ("args", text));
        // The main container has the name of its component.
        let whose = path.0.last().map_or("", String::as_str);
        for (field, (at, text)) in command.chain(args) {
            let names: BTreeSet<_> = references(text)
                .into_iter()
                .filter_map(|piece| match piece {
                    Piece::Reference(name) => Some(name),
                    Piece::Text(_) => None,
                })
                .filter(|name| is_variable(name) && !known(view, component, &path, container, name))
                .collect();
            for name in names {
                let path = path.join(field).join(at.to_string());
                let message = format!("`{path}`: `$({name})` is no variable of `{whose}`");
                let error = view.lines.error(
                    Code::CheckUnknownVariable,
                    &path,
                    message,
                    "no such variable",
                );
                found.push(error.help(if component.container.env.contains_key(name) {
                    format!(
                        "`{name}` is a variable of the main container alone: set it under `env` \
                         of `{whose}`, too"
                    )
                } else {
                    let variables = container.env.keys().map(String::as_str);
                    match nearest(name, variables) {
                        Some(better) => format!("did you mean `$({better})`?"),
                        None => help(view, name),
                    }
                }));
            }
        }
    }
}

/// Whether a text is written like a variable; `$(date)` in a shell command is
/// left alone.
fn is_variable(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

/// Whether it is a variable, or may be one that something reported elsewhere
/// keeps from being known.
fn known(
    view: &View<'_>,
    component: &Component,
    path: &Path,
    container: &Container,
    name: &str,
) -> bool {
    let missing = |other: &String| !view.target.components.contains_key(other);
    view.lines.partly_lost(path)
        || container.env.contains_key(name)
        || view.lines.written(&path.join("env").join(name))
        || component
            .needs
            .keys()
            .any(|other| missing(other) && is_of(name, other))
}

fn help(view: &View<'_>, name: &str) -> String {
    let suffix = ["_HOST", "_PORT", "_URL"]
        .iter()
        .find_map(|suffix| name.strip_suffix(suffix));
    let other = view
        .target
        .components
        .keys()
        .find(|other| Some(prefix(other).as_str()) == suffix);
    match other {
        Some(other) => format!("add the need that gives it: `needs: {other:?}: {{}}`"),
        None => format!("set it under `env`, or write `$$({name})` for the text itself"),
    }
}
