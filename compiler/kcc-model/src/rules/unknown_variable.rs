//! Reports `$(NAME)` in a command or its arguments that is not a variable of the
//! container; engines would leave the text unchanged.

use std::collections::BTreeSet;

use kcc_diag::{Code, Diagnostics, field_label};
use kcc_tree::Path;

use super::view::View;
use crate::build::{
    ambiguous_port, has_ambiguous_port, ports_may_be_incomplete, provided_variables,
};
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
                if let Some(other) = ambiguous_need(view, component, name) {
                    let used = format!("`$({name})`");
                    if !ports_may_be_incomplete(other, view.reporter) {
                        diagnostics.push(ambiguous_port(view.reporter, &path, &used, other));
                    }
                    continue;
                }
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
                    let given = given(view, component);
                    let known = container.env.keys().chain(&given);
                    match nearest(name, known.map(String::as_str)) {
                        Some(better) => format!("did you mean `$({better})`?"),
                        None => help(view, component, name),
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

/// Returns the variables that the needs of a component provide, including those that a
/// container gets only if it refers to them.
fn given(view: &View<'_>, component: &Component) -> BTreeSet<String> {
    let needs = component.needs.iter().filter(|(_, need)| need.env);
    needs
        .filter_map(|(other, need)| Some((view.target.components.get(other)?, need)))
        .flat_map(|(other, need)| provided_variables(other, need.port.as_deref()).into_keys())
        .collect()
}

/// Returns the needed component whose port or URL a variable would be, if it has several
/// ports and the need names none.
fn ambiguous_need<'v>(
    view: &View<'v>,
    component: &Component,
    variable: &str,
) -> Option<&'v Component> {
    let prefix = ["_PORT", "_URL"]
        .iter()
        .find_map(|suffix| variable.strip_suffix(suffix))?;
    let (other, _) = component.needs.iter().find(|(other, need)| {
        need.env && need.port.is_none() && variable_prefix(other) == prefix
    })?;
    let other = view.target.components.get(other)?;
    has_ambiguous_port(other).then_some(other)
}

fn help(view: &View<'_>, component: &Component, name: &str) -> String {
    let suffix = ["_HOST", "_PORT", "_URL"]
        .iter()
        .find_map(|suffix| name.strip_suffix(suffix));
    let other = view
        .target
        .components
        .keys()
        .find(|other| Some(variable_prefix(other).as_str()) == suffix);
    match other.map(|other| (other, component.needs.get(other))) {
        Some((other, None)) => format!(
            "add the need that provides it: `needs: {}: {{}}`",
            field_label(other)
        ),
        Some((other, Some(need))) if !need.env => {
            format!("remove `env: false` from `needs: {}`", field_label(other))
        }
        _ => format!("set it under `env`, or write `$$({name})` for the literal text"),
    }
}
