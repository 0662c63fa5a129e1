//! [`HostPorts`]: assigns host ports to containers, and finds the containers that
//! have to release one.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use kcc_lower::docker::{Container, DockerDesired, Publish};

use crate::{
    observed::{Observed, ObservedContainer, Ownership},
    payload::HostPort,
    ports,
};

/// The host ports of a scope's containers.
pub(super) struct HostPorts<'a> {
    /// The ports that cannot be assigned freely: those of unmanaged containers,
    /// of existing containers, and those declared by number.
    taken: BTreeSet<u16>,
    /// The owned containers by the host ports that they hold or held.
    holders: BTreeMap<u16, Vec<&'a str>>,
    /// The containers by the host ports that they declare by number.
    fixed: BTreeMap<u16, &'a str>,
}

impl<'a> HostPorts<'a> {
    pub(super) fn of(docker: &'a DockerDesired, observed: &'a Observed) -> Self {
        let containers = docker.containers.iter();
        let fixed: BTreeMap<_, _> = containers
            .flat_map(|(name, container)| container.ports.iter().map(move |port| (port.host, name)))
            .filter_map(|(port, name)| Some((port?, name.as_str())))
            .collect();
        let mut taken = observed.taken_ports.clone();
        taken.extend(fixed.keys());
        let mut holders: BTreeMap<u16, Vec<&str>> = BTreeMap::new();
        for (name, existing) in &observed.containers {
            taken.extend(existing.published.values());
            if existing.object.ownership == Ownership::Owned {
                for port in existing.published.values() {
                    holders.entry(*port).or_default().push(name);
                }
            }
        }
        Self {
            taken,
            holders,
            fixed,
        }
    }

    /// Returns the owned containers that hold or held a host port.
    pub(super) fn holders(&self, port: u16) -> impl Iterator<Item = &'a str> {
        self.holders.get(&port).into_iter().flatten().copied()
    }

    /// Returns the reason why a container has to release a host port: another
    /// one declares it by number.
    pub(super) fn must_release(
        &self,
        name: &str,
        container: &Container,
        existing: &ObservedContainer,
    ) -> Option<String> {
        let own: BTreeSet<_> = container
            .ports
            .iter()
            .filter_map(|port| port.host)
            .collect();
        let wanted = |port: &&u16| !own.contains(*port) && self.fixed.contains_key(*port);
        let port = existing.published.values().find(wanted)?;
        let other = self.fixed.get(port).filter(|other| **other != name)?;
        Some(format!("`{other}` publishes port {port}"))
    }

    /// Chooses the host port of a published port: the declared number, else the
    /// one that the container has had so far, else a free one.
    pub(super) fn publish(
        &mut self,
        name: &str,
        publish: &Publish,
        existing: Option<&ObservedContainer>,
    ) -> HostPort {
        let key = (publish.container, publish.protocol.to_owned());
        let kept = existing.and_then(|existing| existing.published.get(&key).copied());
        let kept = kept.filter(|port| !self.fixed.contains_key(port));
        let host = publish
            .host
            .or(kept)
            .unwrap_or_else(|| self.free(name, publish.container, publish.protocol));
        self.taken.insert(host);
        HostPort {
            container: publish.container,
            protocol: publish.protocol,
            host,
            address: publish.address,
        }
    }

    /// Assigns a host port through which only kcc reaches a TCP port.
    pub(super) fn private(&mut self, name: &str, port: u16) -> HostPort {
        let host = self.free(name, port, "tcp");
        self.taken.insert(host);
        HostPort {
            container: port,
            protocol: "tcp",
            host,
            address: Some(Ipv4Addr::LOCALHOST.into()),
        }
    }

    fn free(&self, name: &str, container: u16, protocol: &str) -> u16 {
        ports::choose(name, container, protocol, &self.taken)
    }
}
