//! Observes the engine in memory as `observe` does the real one.

use std::collections::{BTreeMap, BTreeSet};

use kcc_lower::Desired;
use kcc_plan::Scope;

use super::{state::Docker, system::docker};
use crate::{
    client::Listed,
    observe::Owners,
    observed::{Observed, ObservedContainer, Ownership, ProcessDrift, SUCCESSOR, label},
    records::Records,
};

pub(super) fn listed(name: &str, id: &str, labels: &BTreeMap<String, String>) -> Listed {
    Listed {
        name: name.to_owned(),
        id: id.to_owned(),
        labels: labels.clone(),
        host_ports: BTreeSet::new(),
        running: false,
        volumes: BTreeMap::new(),
        networks: BTreeSet::new(),
    }
}

impl Docker {
    pub(super) fn view(&self, desired: &Desired, records: &Records) -> Observed {
        let docker = docker(desired);
        let scope = &Scope::of(desired);
        let owners = &Owners {
            scope,
            known: records.known(),
        };
        let mut observed = Observed {
            recorded: records.exist(),
            images: self.images.clone(),
            ..Observed::default()
        };
        observed
            .images
            .retain(|reference, _| docker.images.contains_key(reference));
        for (reference, image) in &docker.images {
            if image.build.is_some() {
                observed
                    .contexts
                    .insert(reference.clone(), self.context.clone());
            }
        }
        for found in &self.networks {
            let listed = listed(&found.name, &found.id, &found.labels);
            let object = owners.classify("network", &listed, &mut observed.doubtful);
            if object.ownership == Ownership::Unmanaged
                && !docker.networks.contains_key(&found.name)
            {
                continue;
            }
            let Some(first) = observed.networks.remove(&found.name) else {
                observed.networks.insert(found.name.clone(), object);
                continue;
            };
            let mut attached = self
                .containers
                .values()
                .flat_map(|all| all.networks.values());
            let better = object.ownership != Ownership::Owned
                || attached.any(|attached| attached.network == object.id);
            let (kept, duplicate) = if better {
                (object, first)
            } else {
                (first, object)
            };
            observed.networks.insert(found.name.clone(), kept);
            observed.duplicates.push((found.name.clone(), duplicate));
        }
        for (name, found) in &self.volumes {
            let listed = listed(name, name, &found.labels);
            let object = owners.classify("volume", &listed, &mut observed.doubtful);
            if object.ownership != Ownership::Unmanaged || docker.volumes.contains_key(name) {
                observed.volumes.insert(name.clone(), object);
            }
        }
        for (name, found) in &self.containers {
            let listed = listed(name, &found.id, &found.labels);
            let object = owners.classify("container", &listed, &mut observed.doubtful);
            let plain = name.strip_suffix(SUCCESSOR).unwrap_or(name);
            if object.ownership == Ownership::Unmanaged && !docker.containers.contains_key(plain) {
                continue;
            }
            let container = found.new.as_ref().map(|new| &new.container);
            let mut process = ProcessDrift::default();
            let desired = docker.containers.get(name);
            let same = desired.is_some_and(|desired| {
                found.labels.get(label::CONFIG_HASH) == Some(&desired.config_hash())
            });
            let reads = container.is_some_and(|own| own.mounts.contains_key("/run/key"));
            if same && reads && found.secret != self.secret {
                process.secrets.insert("key".to_owned());
            }
            let published = found.new.iter().flat_map(|new| &new.ports);
            let published = published.map(|port| {
                let key = (port.container, port.protocol.to_owned());
                (key, port.host)
            });
            let existing = ObservedContainer {
                state: found.state,
                config_hash: found.labels.get(label::CONFIG_HASH).cloned(),
                config_fields: found.labels.get(label::CONFIG_FIELDS).cloned(),
                image: container.map(|own| own.image.clone()).unwrap_or_default(),
                image_id: found.image_id.clone(),
                published: published.collect(),
                addresses: BTreeMap::new(),
                networks: found.networks.clone(),
                joined: found.joined.clone(),
                started_at: format!("{:09}", found.started),
                settings: found.settings.clone(),
                recorded: owners.known.settings(&object.id).cloned(),
                process,
                object,
            };
            observed.containers.insert(name.clone(), existing);
        }
        observed
    }
}
