//! Reports needs that name an unknown port.

use kcc_diag::{Code, Diagnostics};

use super::view::View;

pub(super) fn need_port(view: &View<'_>, diagnostics: &mut Diagnostics) {
    for component in view.target.components.values() {
        for (name, need) in &component.needs {
            let Some(other) = view.target.components.get(name) else {
                continue;
            };
            if crate::build::ports_may_be_incomplete(other, view.reporter) {
                continue;
            }
            let Some(port) = need
                .port
                .as_ref()
                .filter(|port| !other.ports.contains_key(*port))
            else {
                continue;
            };
            let message = format!(
                "`{}` needs port `{port}` of `{name}`, which does not exist",
                component.path
            );
            let path = component.path.join("needs").join(name).join("port");
            let error = view
                .reporter
                .error(Code::CheckNeedPort, &path, message, "no such port");
            let error = error.help(if other.ports.is_empty() {
                "remove `port`".to_owned()
            } else {
                let ports: Vec<_> = other.ports.keys().map(|port| format!("`{port}`")).collect();
                format!("write one of the ports of `{name}`: {}", ports.join(", "))
            });
            diagnostics.push(view.reporter.add_label(
                error.missing(name),
                &other.path,
                format!("`{name}` of `{}`", other.team),
            ));
        }
    }
}
