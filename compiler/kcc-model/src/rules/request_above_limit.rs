//! Reports resource requests above their limits, which engines reject.

use kcc_diag::{Code, Diagnostics};
use kcc_tree::Path;

use super::view::View;
use crate::{Component, Container};

pub(super) fn request_above_limit(view: &View<'_>, diagnostics: &mut Diagnostics) {
    let components = view.target.components.values();
    for (path, container) in components.flat_map(containers_with_resources) {
        let resources = &container.resources;
        let (requests, limits) = (&resources.requests, &resources.limits);
        let amounts = [
            (
                "cpu",
                requests.cpu.map(|cpu| cpu.0),
                limits.cpu.map(|cpu| cpu.0),
            ),
            (
                "memory",
                requests.memory.map(|memory| memory.0),
                limits.memory.map(|memory| memory.0),
            ),
        ];
        for (amount, request, limit) in amounts {
            let (Some(request), Some(limit)) = (request, limit) else {
                continue;
            };
            if request <= limit {
                continue;
            }
            let all = path.join("resources");
            // The short form sets the request, and for memory the limit as well.
            let line = |long: &str| {
                let long = all.join(long).join(amount);
                if view.reporter.is_declared(&long) {
                    long
                } else {
                    all.join(amount)
                }
            };
            let message = format!("`{path}` requests more {amount} than its limit");
            let error = view.reporter.error(
                Code::CheckRequestAboveLimit,
                &line("requests"),
                message,
                "the request",
            );
            let error = view.reporter.add_label(error, &line("limits"), "the limit");
            diagnostics.push(error.help("raise the limit to at least the request"));
        }
    }
}

/// Returns the containers with declared resources: the main one and the sidecars.
/// Init steps have the resources of the main one.
fn containers_with_resources(component: &Component) -> impl Iterator<Item = (Path, &Container)> {
    let sidecars = component.sidecars.iter();
    std::iter::once((component.path.clone(), &component.container)).chain(
        sidecars.map(|(name, container)| (component.path.join("sidecars").join(name), container)),
    )
}
