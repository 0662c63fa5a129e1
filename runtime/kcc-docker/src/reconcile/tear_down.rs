//! Plans `kcc down`. Pure, like all of reconcile.

use std::collections::{BTreeMap, BTreeSet};

use kcc_lower::Desired;
use kcc_plan::{Action, Draft, Error, Options, Plan, PlanBuilder, Scope, refuse_shared};
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
    let scope = &Scope::of(desired);
    refuse_all_unrecorded(observed, scope)?;
    let sharers = observed.sharers.values().flatten().cloned();
    refuse_shared(scope, &options.request, sharers)?;
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
    let users = Users::of(&containers, order);
    for (name, container) in &containers {
        let component = container.object.component.as_ref();
        let needed_by: Vec<_> = users.of_needed(component).collect();
        plan.push(removal(name, container, cause, &needed_by));
    }
    if options.request.components().is_some() {
        // Networks and volumes wait for the next start.
        return Ok(plan.finish());
    }
    for volume in observed.copiers.keys() {
        plan.push(copier_removal(volume, cause));
    }
    remove_networks(&mut plan, observed, &users, cause);
    remove_volumes(&mut plan, observed, &users, options);
    Ok(plan.finish())
}

/// The owned containers by name.
type Containers<'a> = BTreeMap<&'a String, &'a ObservedContainer>;

/// The owned containers by what they use, so that each removal waits for those alone that
/// stand in its way.
struct Users<'a> {
    all: Vec<&'a str>,
    components: BTreeMap<&'a String, Vec<&'a str>>,
    networks: BTreeMap<&'a String, Vec<&'a str>>,
    /// The components that start after each.
    needed_by: BTreeMap<&'a String, Vec<&'a String>>,
}

impl<'a> Users<'a> {
    fn of(containers: &Containers<'a>, order: &'a BTreeMap<String, BTreeSet<String>>) -> Self {
        let mut users = Self {
            all: Vec::new(),
            components: BTreeMap::new(),
            networks: BTreeMap::new(),
            needed_by: BTreeMap::new(),
        };
        for (name, container) in containers {
            let name = name.as_str();
            users.all.push(name);
            if let Some(component) = &container.object.component {
                users.components.entry(component).or_default().push(name);
            }
            for network in container.networks.keys() {
                users.networks.entry(network).or_default().push(name);
            }
        }
        for (component, needs) in order {
            for need in needs {
                users.needed_by.entry(need).or_default().push(component);
            }
        }
        users
    }

    /// Returns the containers of the components that start after one.
    fn of_needed(&self, component: Option<&String>) -> impl Iterator<Item = &'a str> {
        let users = component.and_then(|component| self.needed_by.get(component));
        let users = users.into_iter().flatten();
        users
            .filter_map(|user| self.components.get(*user))
            .flatten()
            .copied()
    }

    /// Returns the containers that are connected to a network.
    fn of_network(&self, network: &String) -> &[&'a str] {
        self.networks.get(network).map_or(&[], Vec::as_slice)
    }

    /// Returns the containers that may mount a volume: those of its component, or all if
    /// components share it.
    fn of_volume(&self, component: Option<&String>) -> &[&'a str] {
        match component {
            Some(component) => self.components.get(component).map_or(&[], Vec::as_slice),
            None => &self.all,
        }
    }
}

fn remove_networks(
    plan: &mut PlanBuilder<Payload>,
    observed: &Observed,
    users: &Users<'_>,
    cause: &str,
) {
    for (name, network) in &observed.networks {
        if network.ownership == Ownership::Owned {
            let payload = Payload::RemoveNetwork {
                id: network.id.clone(),
            };
            let draft = Draft::new(Action::Delete, NETWORK, name, cause, payload);
            plan.push(after(draft, users.of_network(name)));
        }
    }
    for (name, duplicate) in &observed.duplicates {
        if duplicate.ownership == Ownership::Owned {
            let draft = duplicate_removal(name, duplicate, cause);
            plan.push(after(draft, users.of_network(name)));
        }
    }
}

fn remove_volumes(
    plan: &mut PlanBuilder<Payload>,
    observed: &Observed,
    users: &Users<'_>,
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
        let mut draft = after(draft, users.of_volume(volume.component.as_ref()))
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

/// Lets an operation wait until containers are removed.
fn after(draft: Draft<Payload>, containers: &[&str]) -> Draft<Payload> {
    let names = containers.iter();
    names.fold(draft, |draft, name| draft.after(CONTAINER, *name))
}
