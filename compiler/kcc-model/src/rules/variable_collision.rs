//! Reports variables that two needs of a component provide: one of the two values would
//! win silently.

use std::collections::BTreeSet;

use kcc_diag::{Code, Diagnostics, field_label};

use super::view::View;
use crate::Component;
use crate::build::provided_variables;

pub(super) fn variable_collision(view: &View<'_>, diagnostics: &mut Diagnostics) {
    for component in view.target.components.values() {
        let provided: Vec<_> = component
            .needs
            .iter()
            .filter(|(_, need)| need.env)
            .filter_map(|(name, need)| {
                let other = view.target.components.get(name)?;
                let variables = provided_variables(other, need.port.as_deref());
                Some((name, variables.into_keys().collect::<BTreeSet<_>>()))
            })
            .collect();
        for (at, (one, variables)) in provided.iter().enumerate() {
            for (other, others) in &provided[at + 1..] {
                let shared: Vec<_> = variables
                    .intersection(others)
                    .filter(|variable| is_provided(view, component, variable))
                    .map(|variable| format!("`{variable}`"))
                    .collect();
                if shared.is_empty() {
                    continue;
                }
                let needs = component.path.join("needs");
                let message = format!(
                    "`{}` gets {} from both `{one}` and `{other}`",
                    component.path,
                    shared.join(", ")
                );
                let error = view.reporter.error(
                    Code::CheckVariableCollision,
                    &needs.join(*other),
                    message,
                    format!("variables of `{other}`"),
                );
                let error = view.reporter.add_label(
                    error,
                    &needs.join(*one),
                    format!("variables of `{one}`"),
                );
                diagnostics.push(error.help(format!(
                    "write `needs: {}: env: false`, and what it uses of `{other}` under `env`",
                    field_label(other)
                )));
            }
        }
    }
}

/// Returns true if a container has a variable that no fragment sets.
fn is_provided(view: &View<'_>, component: &Component, variable: &str) -> bool {
    component.containers().any(|(path, container)| {
        container.env.contains_key(variable)
            && !view.reporter.is_declared(&path.join("env").join(variable))
    })
}
