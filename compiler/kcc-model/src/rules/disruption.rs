//! Disruption budgets that allow nothing: no machine with a replica could ever
//! be emptied.

use kcc_diag::{Code, Diagnostics};

use super::View;
use crate::{Disruption, EngineTarget};

pub(super) fn disruption(view: &View<'_>, found: &mut Diagnostics) {
    // Docker has one machine, and no budget.
    let EngineTarget::Kubernetes { .. } = view.target.engine else {
        return;
    };
    for component in view.target.components.values() {
        let Some(budget) = component.disruption else {
            continue;
        };
        // It is no budget at all then, which has a rule of its own.
        if component.every_node {
            continue;
        }
        let least = component.replicas;
        if least == 0 || budget.allows(least) > 0 {
            continue;
        }
        let path = component.path.join("disruption");
        let (field, label) = match budget {
            Disruption::MinAvailable(share) => ("minAvailable", format!("{share} have to stay")),
            Disruption::MaxUnavailable(_) => ("maxUnavailable", "none may be missing".to_owned()),
        };
        let runs = match least {
            1 => "1 replica runs".to_owned(),
            more => format!("{more} replicas run"),
        };
        let message = format!(
            "`{path}` keeps every machine that runs `{}` from being emptied: {runs}, and none may be missing",
            component.name
        );
        let error = view.lines.error(
            Code::CheckDisruptionBlocked,
            &path.join(field),
            message,
            label,
        );
        let says = match component.scale {
            Some(_) => component.path.join("scale").join("min"),
            None => component.path.join("replicas"),
        };
        let error = if view.lines.written(&says) {
            view.lines.also(error, &says, runs)
        } else {
            error
        };
        found.push(error.help("run one replica more, or write `maxUnavailable: 1`"));
    }
}
