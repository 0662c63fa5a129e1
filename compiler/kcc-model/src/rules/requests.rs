//! Requests above limits: engines refuse a component that is promised more than
//! it may have.

use kcc_diag::{Code, Diagnostics};
use kcc_tree::Path;

use super::View;
use crate::{Component, Container};

pub(super) fn requests(view: &View<'_>, found: &mut Diagnostics) {
    let components = view.target.components.values();
    for (path, container) in components.flat_map(with_amounts) {
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
            // The short form is the request, and for memory the limit as well.
            let line = |long: &str| {
                let long = all.join(long).join(amount);
                if view.lines.written(&long) {
                    long
                } else {
                    all.join(amount)
                }
            };
            let message = format!("`{path}` requests more {amount} than its limit allows");
            let error = view.lines.error(
                Code::CheckRequestAboveLimit,
                &line("requests"),
                message,
                "set aside for it",
            );
            let error = view.lines.also(error, &line("limits"), "the most it gets");
            found.push(error.help("write a limit that is the request or more"));
        }
    }
}

/// The containers whose amounts a fragment says: an init step gets those of the
/// main one.
fn with_amounts(component: &Component) -> impl Iterator<Item = (Path, &Container)> {
    let sidecars = component.sidecars.iter();
    std::iter::once((component.path.clone(), &component.container)).chain(
        sidecars.map(|(name, container)| (component.path.join("sidecars").join(name), container)),
    )
}
