//! Reports needs that wait for a state the other component never reaches: `healthy`
//! without health checks, `completed` for a service.
//!
//! A backing that is external in a target counts as healthy there: kcc cannot check it,
//! and a team that needs it must not have to know where it runs.

use kcc_diag::{Code, Diagnostics};

use super::view::View;
use crate::{Component, Image, Until};

pub(super) fn need_state(view: &View<'_>, diagnostics: &mut Diagnostics) {
    for component in view.target.components.values() {
        for (name, need) in &component.needs {
            let Some(other) = view.target.components.get(name) else {
                continue;
            };
            let Some((why, label, help)) = obstacle(view, name, other, need.until) else {
                continue;
            };
            let state = if need.until == Until::Healthy {
                "healthy"
            } else {
                "complete"
            };
            let path = component.path.join("needs").join(name).join("until");
            let message = format!(
                "`{}` waits until `{name}` is {state}, but `{name}` {why}",
                component.path
            );
            let error =
                view.reporter
                    .error(Code::CheckNeedNotHealthy, &path, message, "waits forever");
            let error = view.reporter.add_label(error, &other.path, label);
            diagnostics.push(error.help(help));
        }
    }
}

/// Returns why a component never reaches a state, a label for it, and what to do.
fn obstacle(
    view: &View<'_>,
    name: &str,
    other: &Component,
    until: Until,
) -> Option<(&'static str, &'static str, String)> {
    Some(match until {
        Until::Healthy if !other.runs() => return None,
        Until::Healthy | Until::Completed if other.is_cron_job() => (
            "is a cron job",
            "runs on a schedule",
            format!("make `{name}` a job, or write `until: \"started\"`"),
        ),
        Until::Healthy if other.is_job() => (
            "is a job",
            "completes instead of becoming healthy",
            "write `until: \"completed\"`".to_owned(),
        ),
        Until::Healthy
            if !other.container.health.has_readiness_signal()
                && !view.reporter.is_declared(&other.path.join("health")) =>
        {
            (
                "has no health check",
                "no `health` here",
                help_without_health(view, name, other),
            )
        }
        Until::Healthy if other.container.health == crate::Health::default() => return None,
        Until::Healthy if !other.container.health.has_readiness_signal() => (
            "has no readiness probe",
            "no `readiness` here",
            format!("add a `readiness` probe to `{name}`, or write `until: \"started\"`"),
        ),
        Until::Completed if !other.is_job() => (
            "runs until it is stopped",
            "not a job",
            "write `until: \"healthy\"` or `until: \"started\"`".to_owned(),
        ),
        _ => return None,
    })
}

/// Returns what to do about a component without `health`, whose image may have a
/// check of its own.
fn help_without_health(view: &View<'_>, name: &str, other: &Component) -> String {
    let Image::Reference(reference) = &other.container.image else {
        return format!("add `health` to `{name}`, or write `until: \"started\"`");
    };
    match view.model.images.get(reference) {
        Some(facts) if facts.health.is_some() => {
            format!("add `health: image: true` to `{name}`, or write `until: \"started\"`")
        }
        Some(_) => format!("add `health` to `{name}`, or write `until: \"started\"`"),
        None => format!(
            "add `health` to `{name}`, write `until: \"started\"`, or run `kcc lock` if its image has \
             a health check"
        ),
    }
}
