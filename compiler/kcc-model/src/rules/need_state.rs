//! Needs that wait for a state which the other side never reaches: `healthy`
//! of what has no health, `completed` of what runs forever.

use kcc_diag::{Code, Diagnostics};

use super::View;
use crate::Until;

pub(super) fn need_state(view: &View<'_>, found: &mut Diagnostics) {
    for component in view.target.components.values() {
        for (name, need) in &component.needs {
            let Some(other) = view.target.components.get(name) else {
                continue;
            };
            let (why, label, help) = match need.until {
                Until::Healthy if !other.runs() => (
                    "is external",
                    "kcc does not watch its health",
                    "remove `until`, or write `until: \"started\"`".to_owned(),
                ),
                Until::Healthy | Until::Completed if other.is_cron_job() => (
                    "is a cron job",
                    "it runs again and again",
                    format!("make `{name}` a job, or write `until: \"started\"`"),
                ),
                Until::Healthy if other.is_job() => (
                    "is a job",
                    "a job completes",
                    "write `until: \"completed\"`".to_owned(),
                ),
                Until::Healthy
                    if !other.container.health.says_ready()
                        && !view.lines.written(&other.path.join("health")) =>
                {
                    (
                        "has no health",
                        "no `health` here",
                        format!("give `{name}` a `health`, or write `until: \"started\"`"),
                    )
                }
                Until::Healthy if other.container.health == crate::Health::default() => continue,
                Until::Healthy if !other.container.health.says_ready() => (
                    "never says that it is ready",
                    "no `readiness` here",
                    format!("give `{name}` a `readiness` probe, or write `until: \"started\"`"),
                ),
                Until::Completed if !other.is_job() => (
                    "runs for as long as the system does",
                    "no job",
                    "write `until: \"healthy\"` or `until: \"started\"`".to_owned(),
                ),
                _ => continue,
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
                view.lines
                    .error(Code::CheckNeedNotHealthy, &path, message, "waits forever");
            let error = view.lines.also(error, &other.path, label);
            found.push(error.help(help));
        }
    }
}
