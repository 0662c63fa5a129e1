//! Plans `kcc down`. Pure, like all of reconcile.

use std::collections::{BTreeMap, BTreeSet};

use kcc_lower::Desired;
use kcc_plan::{Action, Draft, Error, Options, Plan, PlanBuilder, Scope};
use kcc_tree::Engine;

use super::{
    CONTAINER, NETWORK, VOLUME, compose::copier_removal, duplicates::duplicate_removal,
    ownership::refuse_all_unrecorded, removal,
};
use crate::{
    compose::copier,
    observed::{Observed, ObservedContainer, Ownership},
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
    let cause = options.request.removal_cause();
    let mut plan = PlanBuilder::new(Engine::Docker, desired, options);
    plan.add_unrecorded(&observed.labelled());
    let containers: Containers<'_> = observed
        .containers
        .iter()
        .filter(|(_, container)| container.object.ownership == Ownership::Owned)
        .filter(|(_, container)| {
            options
                .request
                .concerns(container.object.component.as_ref())
        })
        .collect();
    for (name, container) in &containers {
        let needed_by = needed_by(container, &containers, order);
        plan.push(removal(name, container, cause, &needed_by));
    }
    if options.request.components().is_some() {
        // Networks and volumes wait for the next start.
        return Ok(plan.finish());
    }
    for volume in observed.copiers.keys() {
        plan.push(copier_removal(volume, cause));
    }
    remove_networks(&mut plan, observed, &containers, cause);
    remove_volumes(&mut plan, observed, &containers, options);
    Ok(plan.finish())
}

/// The owned containers by name.
type Containers<'a> = BTreeMap<&'a String, &'a ObservedContainer>;

/// Returns the containers of the components that start after a container's.
fn needed_by<'a>(
    container: &ObservedContainer,
    containers: &Containers<'a>,
    order: &BTreeMap<String, BTreeSet<String>>,
) -> Vec<&'a str> {
    let Some(own) = &container.object.component else {
        return Vec::new();
    };
    let starts_after = |other: &ObservedContainer| {
        let other = other.object.component.as_ref();
        let after = other.and_then(|other| order.get(other));
        after.is_some_and(|after| after.contains(own))
    };
    containers
        .iter()
        .filter(|(_, other)| starts_after(other))
        .map(|(name, _)| name.as_str())
        .collect()
}

fn remove_networks(
    plan: &mut PlanBuilder<Payload>,
    observed: &Observed,
    containers: &Containers<'_>,
    cause: &str,
) {
    for (name, network) in &observed.networks {
        if network.ownership == Ownership::Owned {
            let payload = Payload::RemoveNetwork {
                id: network.id.clone(),
            };
            let draft = Draft::new(Action::Delete, NETWORK, name, cause, payload);
            plan.push(after_all(draft, containers));
        }
    }
    for (name, duplicate) in &observed.duplicates {
        if duplicate.ownership == Ownership::Owned {
            let draft = duplicate_removal(name, duplicate, cause);
            plan.push(after_all(draft, containers));
        }
    }
}

fn remove_volumes(
    plan: &mut PlanBuilder<Payload>,
    observed: &Observed,
    containers: &Containers<'_>,
    options: &Options,
) {
    for (name, volume) in &observed.volumes {
        if volume.ownership != Ownership::Owned {
            continue;
        }
        if !options.volumes {
            plan.count_unchanged();
            continue;
        }
        let cause = "`--volumes` was given";
        let draft = Draft::new(Action::Delete, VOLUME, name, cause, Payload::RemoveVolume);
        let mut draft = after_all(draft, containers)
            .after(CONTAINER, copier(name))
            .destroys_data();
        if let Some(component) = &volume.component {
            draft = draft.component(component);
        }
        if let Some(team) = &volume.team {
            draft = draft.team(team);
        }
        plan.push(draft);
    }
}

/// Lets an operation wait until all containers are removed.
fn after_all(draft: Draft<Payload>, containers: &Containers<'_>) -> Draft<Payload> {
    let names = containers.keys();
    names.fold(draft, |draft, name| draft.after(CONTAINER, name.as_str()))
}
