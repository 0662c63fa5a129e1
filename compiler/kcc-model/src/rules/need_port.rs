//! Reports needs that name an unknown port, or that leave the port ambiguous.

use kcc_diag::{Code, Diagnostics};

use super::view::View;
use crate::variables::variable_prefix;
use crate::{Component, Kind};

pub(super) fn need_port(view: &View<'_>, diagnostics: &mut Diagnostics) {
    for component in view.target.components.values() {
        for (name, need) in &component.needs {
            let Some(other) = view.target.components.get(name) else {
                continue;
            };
            if crate::build::ports_may_be_incomplete(other, view.reporter) {
                continue;
            }
            let path = component.path.join("needs").join(name);
            let ports: Vec<_> = other.ports.keys().map(|port| format!("`{port}`")).collect();
            let ports = ports.join(", ");
            let error = match &need.port {
                Some(port) if !other.ports.contains_key(port) => {
                    let message = format!(
                        "`{}` needs port `{port}` of `{name}`, which does not exist",
                        component.path
                    );
                    let error = view.reporter.error(
                        Code::CheckNeedPort,
                        &path.join("port"),
                        message,
                        "no such port",
                    );
                    error.help(if ports.is_empty() {
                        "remove `port`".to_owned()
                    } else {
                        format!("write one of the ports of `{name}`: {ports}")
                    })
                }
                None if ambiguous(other) => {
                    let message = format!(
                        "`{}` needs `{name}` without naming one of its ports",
                        component.path
                    );
                    let error = view.reporter.error(
                        Code::CheckNeedWithoutPort,
                        &path,
                        message,
                        "which port?",
                    );
                    let variable = variable_prefix(name);
                    error.help(format!(
                        "write `needs: {name:?}: port: \"…\"` with one of {ports} for `{variable}_PORT` and `{variable}_URL`"
                    ))
                }
                _ => continue,
            };
            diagnostics.push(view.reporter.add_label(
                error.missing(name),
                &other.path,
                format!("`{name}` of `{}`", other.team),
            ));
        }
    }
}

/// Returns true if a component has several ports and no default one. A component
/// without ports is needed only for the start order, and the kind of a backing
/// declares its port.
fn ambiguous(other: &Component) -> bool {
    let declares_port = match &other.kind {
        Kind::Backing { outputs, .. } => outputs.contains_key("port"),
        Kind::Service | Kind::Job(_) | Kind::CronJob(_) => false,
    };
    !declares_port && !other.ports.is_empty() && other.default_port().is_none()
}
