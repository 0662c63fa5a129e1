//! Plans `kcc down`. Pure, like all of reconcile.

use std::collections::{BTreeMap, BTreeSet};

use kcc_lower::Desired;
use kcc_plan::{Action, Draft, Error, Options, Plan, PlanBuilder, Scope};
use kcc_tree::Engine;

use super::{
    CONTAINER, NETWORK, VOLUME, duplicates::duplicate_removal, ownership::refuse_all_unrecorded,
    removal,
};
use crate::{
    observed::{Observed, Ownership},
    payload::Payload,
};

/// Plans the removal of all owned objects: a container before those that it
/// needs, networks after containers, volumes only on request.
pub(crate) fn tear_down(
    desired: &Desired,
    observed: &Observed,
    order: &BTreeMap<String, BTreeSet<String>>,
    options: &Options,
) -> Result<Plan<Payload>, Error> {
    refuse_all_unrecorded(observed, &Scope::of(desired))?;
    let mut plan = PlanBuilder::new(Engine::Docker, desired, options);
    plan.add_unrecorded(&observed.labelled());
    let owned: BTreeMap<_, _> = observed
        .containers
        .iter()
        .filter(|(_, container)| container.object.ownership == Ownership::Owned)
        .collect();
    for (name, container) in &owned {
        let component = container.object.component.as_deref();
        let needed_by: Vec<_> = owned
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
            "removed by `kcc down`",
            &needed_by,
        ));
    }
    for (name, network) in &observed.networks {
        if network.ownership == Ownership::Owned {
            let payload = Payload::RemoveNetwork {
                id: network.id.clone(),
            };
            let mut draft = Draft::new(
                Action::Delete,
                NETWORK,
                name,
                "removed by `kcc down`",
                payload,
            );
            for container in owned.keys() {
                draft = draft.after(CONTAINER, *container);
            }
            plan.push(draft);
        }
    }
    for (name, duplicate) in &observed.duplicates {
        if duplicate.ownership == Ownership::Owned {
            let mut draft = duplicate_removal(name, duplicate, "removed by `kcc down`");
            for container in owned.keys() {
                draft = draft.after(CONTAINER, *container);
            }
            plan.push(draft);
        }
    }
    for (name, volume) in &observed.volumes {
        if volume.ownership != Ownership::Owned {
            continue;
        }
        if !options.volumes {
            plan.count_unchanged();
            continue;
        }
        let mut draft = Draft::new(
            Action::Delete,
            VOLUME,
            name,
            "`--volumes` was given",
            Payload::RemoveVolume,
        );
        for container in owned.keys() {
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
