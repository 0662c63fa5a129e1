//! The plan of `kcc down`. Pure, like all of reconciling.

use std::collections::{BTreeMap, BTreeSet};

use kcc_lower::Desired;
use kcc_plan::{Action, Draft, EngineName, Error, Options, Plan, PlanBuilder};

use super::{
    CONTAINER, NETWORK, VOLUME, foreign::refuse_all_unrecorded, removal, twins::twin_removal,
};
use crate::{
    observed::{Observed, Ownership},
    work::Work,
};

/// The plan that removes everything of ours: a container before those that it
/// needs, the networks after the containers, volumes only on request.
pub(crate) fn tear_down(
    desired: &Desired,
    observed: &Observed,
    order: &BTreeMap<String, BTreeSet<String>>,
    options: &Options,
) -> Result<Plan<Work>, Error> {
    refuse_all_unrecorded(observed, &options.scope(desired))?;
    let mut plan = PlanBuilder::new(EngineName::Docker, desired, options);
    let ours: BTreeMap<_, _> = observed
        .containers
        .iter()
        .filter(|(_, container)| container.object.ownership == Ownership::Ours)
        .collect();
    for (name, container) in &ours {
        let component = container.object.component.as_deref();
        let needed_by: Vec<_> = ours
            .iter()
            .filter(|(_, other)| {
                let after = other
                    .object
                    .component
                    .as_ref()
                    .and_then(|other| order.get(other));
                after.is_some_and(|after| component.is_some_and(|own| after.contains(own)))
            })
            .map(|(other, _)| other.as_str())
            .collect();
        plan.push(removal(
            name,
            container,
            "everything is taken down",
            &needed_by,
        ));
    }
    for (name, network) in &observed.networks {
        if network.ownership == Ownership::Ours {
            let work = Work::RemoveNetwork {
                id: network.id.clone(),
            };
            let mut draft = Draft::new(
                Action::Delete,
                NETWORK,
                name,
                "everything is taken down",
                work,
            );
            for container in ours.keys() {
                draft = draft.after(CONTAINER, *container);
            }
            plan.push(draft);
        }
    }
    for (name, twin) in &observed.twins {
        if twin.ownership == Ownership::Ours {
            let mut draft = twin_removal(name, twin, "everything is taken down");
            for container in ours.keys() {
                draft = draft.after(CONTAINER, *container);
            }
            plan.push(draft);
        }
    }
    for (name, volume) in &observed.volumes {
        if volume.ownership != Ownership::Ours {
            continue;
        }
        if !options.volumes {
            plan.unchanged();
            continue;
        }
        let mut draft = Draft::new(
            Action::Delete,
            VOLUME,
            name,
            "`--volumes` was given",
            Work::RemoveVolume,
        );
        for container in ours.keys() {
            draft = draft.after(CONTAINER, *container);
        }
        draft = draft.destroys_data();
        if let Some(component) = &volume.component {
            draft = draft.component(component);
        }
        if let Some(team) = &volume.team {
            draft = draft.team(team);
        }
        plan.push(draft);
    }
    Ok(plan.finish())
}
