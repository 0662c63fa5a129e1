//! [`HostPorts`]: which host port leads to a port of a container, and who has
//! to let go of one.

use std::collections::{BTreeMap, BTreeSet};

use kcc_lower::docker::{Container, DockerDesired, Publish};

use crate::{
    observed::{Observed, ObservedContainer, Ownership},
    ports,
    work::HostPort,
};

/// The host ports of a target's containers.
pub(super) struct HostPorts<'a> {
    /// Those that cannot be given to what asks for any: of others, of
    /// containers that are there, and those that are asked for by number.
    taken: BTreeSet<u16>,
    /// Containers of ours by the host ports that they hold or held.
    holders: BTreeMap<u16, Vec<&'a str>>,
    /// Containers by the host ports that they ask for by number.
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
        for (name, there) in &observed.containers {
            taken.extend(there.published.values());
            if there.object.ownership == Ownership::Ours {
                for port in there.published.values() {
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

    /// Containers of ours that hold or held a host port.
    pub(super) fn holders(&self, port: u16) -> impl Iterator<Item = &'a str> {
        self.holders.get(&port).into_iter().flatten().copied()
    }

    /// Why a container has to let go of a host port: another one asks for it by
    /// number.
    pub(super) fn given_up(
        &self,
        name: &str,
        container: &Container,
        there: &ObservedContainer,
    ) -> Option<String> {
        let own: BTreeSet<_> = container
            .ports
            .iter()
            .filter_map(|port| port.host)
            .collect();
        let wanted = |port: &&u16| !own.contains(*port) && self.fixed.contains_key(*port);
        let port = there.published.values().find(wanted)?;
        let other = self.fixed.get(port).filter(|other| **other != name)?;
        Some(format!("`{other}` publishes port {port}"))
    }

    /// The host port of one that is published: the number that it asks for,
    /// else the one that the container has had so far, else a free one.
    pub(super) fn publish(
        &mut self,
        name: &str,
        publish: &Publish,
        there: Option<&ObservedContainer>,
    ) -> HostPort {
        let key = (publish.container, publish.protocol.to_owned());
        let kept = there.and_then(|there| there.published.get(&key).copied());
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
            private: false,
        }
    }

    /// A host port through which kcc alone reaches a TCP port of a container.
    pub(super) fn private(&mut self, name: &str, port: u16) -> HostPort {
        let host = self.free(name, port, "tcp");
        self.taken.insert(host);
        HostPort {
            container: port,
            protocol: "tcp",
            host,
            private: true,
        }
    }

    fn free(&self, name: &str, container: u16, protocol: &str) -> u16 {
        ports::choose(name, container, protocol, &self.taken)
    }
}
