//! Requests above limits: engines refuse a component that is promised more than
//! it may have.

use kcc_diag::{Code, Diagnostics};

use super::View;

pub(super) fn requests(view: &View<'_>, found: &mut Diagnostics) {
    for component in view.target.components.values() {
        let resources = &component.container.resources;
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
            let all = component.path.join("resources");
            // The short form is the request, and for memory the limit as well.
            let line = |long: &str| {
                let long = all.join(long).join(amount);
                if view.lines.written(&long) {
                    long
                } else {
                    all.join(amount)
                }
            };
            let message = format!(
                "`{}` requests more {amount} than its limit allows",
                component.path
            );
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
