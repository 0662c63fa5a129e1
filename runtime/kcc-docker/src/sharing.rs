//! Observes the components that an instance shares with its target: those that the target
//! runs, and from the other side the instances that use them. An instance reaches a shared
//! component over the network that the target made for it.

use std::collections::{BTreeMap, BTreeSet};

use kcc_lower::Desired;
use kcc_plan::{Error, Scope, Sharer};

use crate::{
    client::{Client, Listed},
    endpoint::Endpoint,
    observe::belongs,
    observed::{Observed, Ownership, SUCCESSOR, label},
    shared::Sharing,
    status,
};

/// Observes what an instance shares.
pub(crate) async fn observe(
    client: &Client,
    endpoint: &Endpoint,
    desired: &Desired,
) -> Result<Sharing, Error> {
    let mut sharing = Sharing::default();
    if desired.shared.is_empty() {
        return Ok(sharing);
    }
    let target = Scope::of(desired).of_target();
    let of_shared = |listed: &Listed| {
        let component = listed.labels.get(label::COMPONENT)?;
        let shared = belongs(&target, &listed.labels) && desired.shared.contains_key(component);
        shared.then(|| component.clone())
    };
    for listed in client.networks().await? {
        if of_shared(&listed).is_some() {
            sharing.networks.insert(listed.name, listed.id);
        }
    }
    for listed in client.containers().await? {
        // Init steps and sidecars have a `_` in their names.
        let part = listed.name.contains('_') || listed.name.ends_with(SUCCESSOR);
        let Some(component) = of_shared(&listed).filter(|_| !part) else {
            continue;
        };
        let replicas = sharing.components.entry(component).or_default();
        replicas.all += 1;
        if !listed.running {
            continue;
        }
        replicas.running += 1;
        if let Some(found) = client.inspect(&listed.id).await? {
            for ((port, _), ends) in &found.addresses {
                let reached = ends
                    .iter()
                    .map(|end| status::address(*end, *port, endpoint));
                replicas.addresses.extend(reached);
            }
        }
    }
    Ok(sharing)
}

/// Finds the containers of instances on the networks of their target, by name.
pub(crate) async fn sharers(
    client: &Client,
    scope: &Scope,
    observed: &Observed,
) -> Result<BTreeMap<String, BTreeSet<Sharer>>, Error> {
    let mut all = BTreeMap::new();
    if scope.instance.is_some() {
        return Ok(all);
    }
    for listed in client.containers().await? {
        let Some(instance) = listed.labels.get(label::INSTANCE) else {
            continue;
        };
        let of_instance = Scope {
            instance: Some(instance.clone()),
            ..scope.clone()
        };
        if !belongs(&of_instance, &listed.labels) {
            continue;
        }
        let own = listed.networks.iter().filter_map(|network| {
            let network = observed.networks.get(network)?;
            let own = network.ownership == Ownership::Owned;
            network.component.clone().filter(|_| own)
        });
        let sharers: BTreeSet<_> = own
            .map(|component| Sharer {
                component,
                instance: instance.clone(),
            })
            .collect();
        if !sharers.is_empty() {
            all.insert(listed.name, sharers);
        }
    }
    Ok(all)
}
