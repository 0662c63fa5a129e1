//! Reports an inverted range of replicas, and autoscaling without a resource request:
//! Kubernetes measures utilisation in percent of the request.

use kcc_diag::{Code, Diagnostics};
use kcc_tree::Engine;

use super::view::View;
use crate::{Component, Scale};

pub(super) fn scale(view: &View<'_>, diagnostics: &mut Diagnostics) {
    for component in view.target.components.values() {
        let Some(scale) = component.scale else {
            continue;
        };
        range(view, component, scale, diagnostics);
        // Docker runs the minimum and does not autoscale.
        if view.target.engine.is(Engine::Kubernetes) {
            requests(view, component, scale, diagnostics);
        }
    }
}

fn range(view: &View<'_>, component: &Component, scale: Scale, diagnostics: &mut Diagnostics) {
    let Scale { min, max, .. } = scale;
    if min <= max {
        return;
    }
    let path = component.path.join("scale");
    let message = format!("`{path}` has `min` {min} above `max` {max}");
    let label = format!("less than {min}");
    let error = view
        .reporter
        .error(Code::CheckScaleRange, &path.join("max"), message, label);
    let error = view
        .reporter
        .add_label(error, &path.join("min"), format!("at least {min}"));
    diagnostics.push(error.help(format!("raise `max` to {min} or more, or lower `min`")));
}

fn requests(view: &View<'_>, component: &Component, scale: Scale, diagnostics: &mut Diagnostics) {
    let requests = &component.container.resources.requests;
    let missing = [
        ("cpu", scale.follows_cpu(), requests.cpu.is_none(), "250m"),
        (
            "memory",
            scale.memory.is_some(),
            requests.memory.is_none(),
            "128Mi",
        ),
    ];
    for (amount, follows, missing, example) in missing {
        let path = component.path.join("scale");
        let resources = component.path.join("resources");
        let unknown = [
            resources.join(amount),
            resources.join("requests").join(amount),
        ];
        if !(follows && missing) || unknown.iter().any(|path| view.reporter.is_declared(path)) {
            continue;
        }
        let message = format!(
            "`{}` scales by its {amount} utilisation, but does not request any {amount}",
            component.path
        );
        let error = view.reporter.error(
            Code::CheckScaleWithoutRequest,
            &path.join(amount),
            message,
            "no request to measure against",
        );
        diagnostics.push(error.help(format!(
            "write `resources: {amount}: {example:?}` with the typical usage of one replica"
        )));
    }
}
