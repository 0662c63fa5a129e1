//! [`Component`]: one service, job, cron job or backing in one target, every
//! short form written long and every unit normalised.

use std::collections::BTreeMap;

use kcc_tree::Path;
use serde::Serialize;

use crate::{
    Container, Disruption, File, Identity, InitStep, Kind, Millis, Name, Placement, Rollout, Run,
    Scale, Volume, build::is_of,
};

/// One component in one target.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Component {
    /// Its name: also its host name.
    pub name: Name,
    /// What it is.
    pub kind: Kind,
    /// The team that owns it.
    pub team: Name,
    /// Its path in the model, such as `services.web`.
    #[serde(skip)]
    pub path: Path,
    /// The main container.
    pub container: Container,
    /// Steps that run to completion before the main container starts, in order.
    pub init: Vec<InitStep>,
    /// Containers beside the main one, by name.
    pub sidecars: BTreeMap<Name, Container>,
    /// Ports by name.
    pub ports: BTreeMap<Name, Port>,
    /// What it needs, by the name of the other component.
    pub needs: BTreeMap<Name, Need>,
    /// How many run side by side; with `scale`, its least.
    pub replicas: u32,
    /// Between which numbers it follows its load.
    pub scale: Option<Scale>,
    /// Volumes by name.
    pub volumes: BTreeMap<Name, Volume>,
    /// Files by their path inside the container.
    pub files: BTreeMap<String, File>,
    /// Routes from outside, by name.
    pub routes: BTreeMap<Name, Route>,
    /// Whether every replica keeps its own identity and data.
    pub stateful: bool,
    /// Whether one replica runs on every machine, in place of a number of them.
    pub every_node: bool,
    /// How a new version replaces the old one.
    pub rollout: Rollout,
    /// How many replicas may be taken away at once.
    pub disruption: Option<Disruption>,
    /// Who it is to the cluster's own API.
    pub identity: Identity,
    /// On which machines it runs.
    pub placement: Placement,
    /// How long it may take to end, after it was asked to.
    pub grace_period: Millis,
    /// How long an apply waits for it to become ready.
    pub deadline: Millis,
    /// Labels of the fragment's own.
    pub labels: BTreeMap<String, String>,
    /// Annotations of the fragment's own.
    pub annotations: BTreeMap<String, String>,
}

impl Component {
    /// Whether it runs to completion once.
    pub fn is_job(&self) -> bool {
        matches!(self.kind, Kind::Job(_))
    }

    /// Whether it runs to completion again and again.
    pub fn is_cron_job(&self) -> bool {
        matches!(self.kind, Kind::CronJob(_))
    }

    /// How it runs to completion; none for what runs as long as the system does.
    pub fn run(&self) -> Option<&Run> {
        match &self.kind {
            Kind::Job(run) => Some(run),
            Kind::CronJob(cron) => Some(&cron.run),
            Kind::Service | Kind::Backing { .. } => None,
        }
    }

    /// Whether a container runs for it here; an external backing has none.
    pub fn runs(&self) -> bool {
        !matches!(self.kind, Kind::Backing { external: true, .. })
    }

    /// How many may ever run side by side, but for a rollout.
    pub fn most_replicas(&self) -> u32 {
        self.scale.map_or(self.replicas, |scale| scale.max)
    }

    /// The port that is meant where none is named: `http`, else the only one. A
    /// sidecar's is meant only where the main container has none.
    pub fn default_port(&self) -> Option<(&Name, &Port)> {
        self.ports.get_key_value("http").or_else(|| {
            let main = |port: &Port| port.sidecar.is_none();
            let any = !self.ports.values().any(main);
            let mut ports = self.ports.iter().filter(|(_, port)| any || main(port));
            ports.next().filter(|_| ports.next().is_none())
        })
    }

    /// Where a port of that name is written, in the model.
    pub fn port_path(&self, name: &str) -> Path {
        let sidecar = self.ports.get(name).and_then(|port| port.sidecar.as_ref());
        let of = match sidecar {
            Some(sidecar) => self.path.join("sidecars").join(sidecar),
            None => self.path.clone(),
        };
        of.join("ports").join(name)
    }

    /// All its containers, each with the path where it is described: the main
    /// one, the init steps in their order, the sidecars.
    pub fn containers(&self) -> impl Iterator<Item = (Path, &Container)> {
        let at = |group: &str, name: &str| self.path.join(group).join(name);
        let init = self.init.iter();
        let sidecars = self.sidecars.iter();
        std::iter::once((self.path.clone(), &self.container))
            .chain(init.map(move |step| (at("init", &step.name), &step.container)))
            .chain(sidecars.map(move |(name, container)| (at("sidecars", name), container)))
    }

    /// The need that gives a variable, for one that no fragment sets:
    /// `CART_DB_HOST` comes of `cart-db`, be `cart` a need, too.
    pub fn need_behind(&self, variable: &str) -> Option<&Name> {
        let needs = self.needs.keys().filter(|need| is_of(variable, need));
        needs.max_by_key(|need| need.len())
    }

    /// The same, to be completed.
    pub(crate) fn containers_mut(&mut self) -> impl Iterator<Item = &mut Container> {
        let init = self.init.iter_mut().map(|step| &mut step.container);
        std::iter::once(&mut self.container)
            .chain(init)
            .chain(self.sidecars.values_mut())
    }
}

/// A port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Port {
    /// The number inside the container.
    pub number: u16,
    /// TCP or UDP.
    pub protocol: Protocol,
    /// Whether it can be reached on the host of a Docker engine.
    pub expose: Expose,
    /// The sidecar that listens on it; none for the main container.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sidecar: Option<Name>,
}

/// Transport of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "UPPERCASE")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Protocol {
    Tcp,
    Udp,
}

/// Whether and where a port is published on the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Expose {
    /// Not at all.
    No,
    /// On a stable free port.
    Free,
    /// On this port.
    Port(u16),
}

/// An edge to another component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Need {
    /// What has to be true of the other before this one starts.
    pub until: Until,
    /// The port that is meant.
    pub port: Option<Name>,
    /// Gives permission and environment, but neither order nor an error.
    pub optional: bool,
}

/// A state of a needed component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Until {
    Started,
    Healthy,
    Completed,
}

/// A route from outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Route {
    /// Host name.
    pub host: String,
    /// Prefix of the path.
    pub path: String,
    /// The port that it leads to.
    pub port: Name,
    /// The secret with its certificate.
    pub tls: Option<Name>,
}
