//! Reports `$(NAME)` in a command or its arguments that is not a variable of the
//! container; engines would leave the text unchanged.

use std::collections::BTreeSet;

use kcc_diag::{Code, Diagnostics};
use kcc_tree::Path;

use super::view::View;
use crate::variables::{is_variable_of, variable_prefix};
use crate::{Component, Container, Piece, split_references};
use kcc_diag::nearest;

pub(super) fn unknown_variable(view: &View<'_>, diagnostics: &mut Diagnostics) {
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
        // The main container has its component's name.
        let container_name = path.0.last().map_or("", String::as_str);
        for (field, (at, text)) in command.chain(args) {
            let names: BTreeSet<_> = split_references(text)
                .into_iter()
                .filter_map(|piece| match piece {
                    Piece::Reference(name) => Some(name),
                    Piece::Text(_) => None,
                })
                .filter(|name| {
                    is_variable(name) && !may_be_known(view, component, &path, container, name)
                })
                .collect();
            for name in names {
                let path = path.join(field).join(at.to_string());
                let message =
                    format!("`{path}`: `$({name})` is not a variable of `{container_name}`");
                let error = view.reporter.error(
                    Code::CheckUnknownVariable,
                    &path,
                    message,
                    "no such variable",
                );
                diagnostics.push(error.missing_here().help(if component.container.env.contains_key(name) {
                    format!(
                        "set `{name}` under `env` of `{container_name}` as well: only the main container \
                         has it"
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

/// Returns true if a text looks like a variable, unlike `$(date)` in a shell
/// command.
fn is_variable(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

/// Returns true if a variable exists, or may be missing because of a mistake that
/// is reported elsewhere.
fn may_be_known(
    view: &View<'_>,
    component: &Component,
    path: &Path,
    container: &Container,
    name: &str,
) -> bool {
    let missing = |other: &String| !view.target.components.contains_key(other);
    container.env.contains_key(name)
        || view.reporter.is_declared(&path.join("env").join(name))
        || component
            .needs
            .keys()
            .any(|other| missing(other) && is_variable_of(name, other))
}

fn help(view: &View<'_>, name: &str) -> String {
    let suffix = ["_HOST", "_PORT", "_URL"]
        .iter()
        .find_map(|suffix| name.strip_suffix(suffix));
    let other = view
        .target
        .components
        .keys()
        .find(|other| Some(variable_prefix(other).as_str()) == suffix);
    match other {
        Some(other) => format!("add the need that provides it: `needs: {other:?}: {{}}`"),
        None => format!("set it under `env`, or write `$$({name})` for the literal text"),
    }
}
