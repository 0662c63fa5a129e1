//! Needs that name a port which the other side does not have, or leave open
//! which one is meant.

use kcc_diag::{Code, Diagnostics};

use super::View;
use crate::build::prefix;
use crate::{Component, Kind};

pub(super) fn need_port(view: &View<'_>, found: &mut Diagnostics) {
    for component in view.target.components.values() {
        for (name, need) in &component.needs {
            let Some(other) = view.target.components.get(name) else {
                continue;
            };
            if view.lines.partly_lost(&other.path) || crate::build::ports_unsure(other, view.lines)
            {
                continue;
            }
            let path = component.path.join("needs").join(name);
            let ports: Vec<_> = other.ports.keys().map(|port| format!("`{port}`")).collect();
            let ports = ports.join(", ");
            let error = match &need.port {
                Some(port) if !other.ports.contains_key(port) => {
                    let message = format!(
                        "`{}` needs port `{port}` of `{name}`, which has none of that name",
                        component.path
                    );
                    let error = view.lines.error(
                        Code::CheckNeedPort,
                        &path.join("port"),
                        message,
                        "no such port",
                    );
                    error.help(if ports.is_empty() {
                        "remove `port`".to_owned()
                    } else {
                        format!("the ports of `{name}` are {ports}")
                    })
                }
                None if ambiguous(other) => {
                    let message = format!(
                        "`{}` needs `{name}` without saying which of its ports",
                        component.path
                    );
                    let error =
                        view.lines
                            .error(Code::CheckNeedWithoutPort, &path, message, "which port?");
                    let variable = prefix(name);
                    error.help(format!(
                        "write `needs: {name:?}: port: \"…\"` with one of {ports}: `{variable}_PORT` and `{variable}_URL` will mean it"
                    ))
                }
                _ => continue,
            };
            found.push(view.lines.also(
                error,
                &other.path,
                format!("`{name}` of `{}`", other.team),
            ));
        }
    }
}

/// Whether a component has several ports and none of them is the usual one. A
/// component without ports is needed for its start alone, and a backing's kind
/// says which port is meant.
fn ambiguous(other: &Component) -> bool {
    let says = match &other.kind {
        Kind::Backing { outputs, .. } => outputs.contains_key("port"),
        Kind::Service | Kind::Job(_) | Kind::CronJob(_) => false,
    };
    !says && !other.ports.is_empty() && other.default_port().is_none()
}
