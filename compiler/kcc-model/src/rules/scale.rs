//! A range of replicas that ends before it begins, and one that could never be
//! followed: a cluster counts the load in percent of what is requested.

use kcc_diag::{Code, Diagnostics};

use super::View;
use crate::{Component, EngineTarget, Scale};

pub(super) fn scale(view: &View<'_>, found: &mut Diagnostics) {
    for component in view.target.components.values() {
        let Some(scale) = component.scale else {
            continue;
        };
        range(view, component, scale, found);
        // Docker runs the least, and follows no load.
        if let EngineTarget::Kubernetes { .. } = view.target.engine {
            requests(view, component, scale, found);
        }
    }
}

fn range(view: &View<'_>, component: &Component, scale: Scale, found: &mut Diagnostics) {
    let Scale { min, max, .. } = scale;
    if min <= max {
        return;
    }
    let path = component.path.join("scale");
    let message = format!("`{path}` begins at {min} and ends at {max}");
    let label = format!("less than {min}");
    let error = view
        .lines
        .error(Code::CheckScaleRange, &path.join("max"), message, label);
    let error = view
        .lines
        .also(error, &path.join("min"), format!("at least {min}"));
    found.push(error.help(format!(
        "write a `max` of {min} or more, or a smaller `min`"
    )));
}

fn requests(view: &View<'_>, component: &Component, scale: Scale, found: &mut Diagnostics) {
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
    for (amount, follows, missing, such) in missing {
        let path = component.path.join("scale");
        let resources = component.path.join("resources");
        let unknown = [
            resources.join(amount),
            resources.join("requests").join(amount),
        ];
        if !(follows && missing) || unknown.iter().any(|path| view.lines.written(path)) {
            continue;
        }
        let message = format!(
            "`{}` follows its use of {amount}, but requests none",
            component.path
        );
        let error = view.lines.error(
            Code::CheckScaleWithoutRequest,
            &path.join(amount),
            message,
            "in percent of nothing",
        );
        found.push(error.help(format!(
            "write `resources: {amount}: {such:?}`, with what one replica usually needs"
        )));
    }
}
