//! Warns about ports that are published on Docker and have no way in on Kubernetes.

use kcc_diag::{Code, Diagnostics};
use kcc_tree::Engine;

use super::view::View;
use crate::{Expose, covers};

pub(super) fn no_way_in(view: &View<'_>, diagnostics: &mut Diagnostics) {
    if !view.target.engine.is(Engine::Kubernetes) {
        return;
    }
    let components = view.target.components.values();
    // The ports of a component on the network of its node are ports of the node.
    for component in components.filter(|component| !component.host_network) {
        for (name, port) in &component.ports {
            let routed = component.routes.values().any(|route| route.port == *name);
            // Nothing comes in through a loopback address on Docker either.
            let local = port.expose.address().is_some_and(|ip| ip.is_loopback());
            if port.expose == Expose::No || port.public || routed || local {
                continue;
            }
            let path = component.port_path(name).join("expose");
            let mut accepted = view.target.parity_accept.keys();
            if accepted.any(|pattern| covers(pattern, &path.0)) {
                continue;
            }
            let message = format!(
                "port `{name}` of `{}` is exposed, but on Kubernetes nothing leads to it from outside",
                component.path
            );
            let warning =
                view.reporter
                    .warning(Code::CheckNoWayIn, &path, message, "only for Docker");
            diagnostics.push(warning.help(
                "write `public: true` beside it, add a route, or move `expose` below `on` for the \
                 Docker targets",
            ));
        }
    }
}
