//! Reports disruption budgets that allow no disruption, so that no node with a
//! replica could ever be drained.

use kcc_diag::{Code, Diagnostics};
use kcc_tree::Engine;

use super::view::View;
use crate::Disruption;

pub(super) fn disruption(view: &View<'_>, diagnostics: &mut Diagnostics) {
    // Docker has a single host and no disruption budgets.
    if !view.target.engine.is(Engine::Kubernetes) {
        return;
    }
    for component in view.target.components.values() {
        let Some(budget) = component.disruption else {
            continue;
        };
        let min = component.replicas;
        if min == 0 || budget.allows(min) > 0 {
            continue;
        }
        let path = component.path.join("disruption");
        let (field, label) = match budget {
            Disruption::MinAvailable(share) => {
                ("minAvailable", format!("{share} have to stay available"))
            }
            Disruption::MaxUnavailable(_) => {
                ("maxUnavailable", "none may be unavailable".to_owned())
            }
        };
        let count = match min {
            1 => "1 replica".to_owned(),
            more => format!("{more} replicas"),
        };
        let message = format!(
            "`{path}` prevents draining any node that runs `{}`: {count}, none of which may be unavailable",
            component.name
        );
        let error = view.reporter.error(
            Code::CheckDisruptionBlocked,
            &path.join(field),
            message,
            label,
        );
        let replicas = match component.scale {
            Some(_) => component.path.join("scale").join("min"),
            None => component.path.join("replicas"),
        };
        let error = if view.reporter.is_declared(&replicas) {
            view.reporter.add_label(error, &replicas, count)
        } else {
            error
        };
        diagnostics.push(error.help("add a replica, or write `maxUnavailable: 1`"));
    }
}
