//! [`Component`]: one service, job, cron job or backing in one target, with
//! short forms expanded and units normalised.

use std::collections::{BTreeMap, BTreeSet};
pub use std::net::{IpAddr, SocketAddr};

use kcc_tree::Path;
use serde::{Deserialize, Serialize};

use crate::{
    Container, Device, Disruption, EngineTarget, File, Health, Identity, Image, InitStep, Kind,
    Millis, Name, Placement, Resources, Rollout, Run, Scale, Security, Volume,
    variables::is_variable_of,
};

/// A component in one target.
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a switch of its own in the fragments"
)]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Component {
    /// The name, which is also the host name.
    pub name: Name,
    /// Service, job, cron job or backing.
    pub kind: Kind,
    /// The owning team.
    pub team: Name,
    /// The path in the model, such as `services.web`.
    pub path: Path,
    /// The main container.
    pub container: Container,
    /// Steps that run to completion before the main container starts, in order.
    pub init: Vec<InitStep>,
    /// Sidecar containers, by name.
    pub sidecars: BTreeMap<Name, Container>,
    /// Ports by name.
    pub ports: BTreeMap<Name, Port>,
    /// Further host names under which others reach it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// Needs, by the name of the needed component.
    pub needs: BTreeMap<Name, Need>,
    /// Addresses of host names that no name server knows.
    pub host_aliases: BTreeMap<String, IpAddr>,
    /// The number of replicas; with `scale`, the minimum.
    pub replicas: u32,
    /// Autoscaling between two numbers of replicas.
    pub scale: Option<Scale>,
    /// Volumes by name.
    pub volumes: BTreeMap<Name, Volume>,
    /// Set if it uses the network of its machine.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub host_network: bool,
    /// Devices of the machine, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub devices: BTreeMap<Name, Device>,
    /// Files by their path inside the container.
    pub files: BTreeMap<String, File>,
    /// Routes from outside, by name.
    pub routes: BTreeMap<Name, Route>,
    /// Set if every replica keeps an identity and data of its own.
    pub stateful: bool,
    /// Set if one replica runs on every node instead of a fixed number.
    pub every_node: bool,
    /// Set if no apply starts it, but `kcc start` alone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub manual: bool,
    /// The way a new version replaces the old one.
    pub rollout: Rollout,
    /// The disruption budget.
    pub disruption: Option<Disruption>,
    /// The identity that the component has for the Kubernetes API.
    pub identity: Identity,
    /// Constraints on the nodes it runs on.
    pub placement: Placement,
    /// The time between SIGTERM and SIGKILL.
    pub grace_period: Millis,
    /// The time an apply waits for readiness.
    pub deadline: Millis,
    /// Labels that fragments declare.
    pub labels: BTreeMap<String, String>,
    /// Annotations that fragments declare.
    pub annotations: BTreeMap<String, String>,
}

impl Component {
    /// Creates the component of an external backing, which has ports and nothing that
    /// runs. Its container is empty, so that readers treat all components alike.
    pub(crate) fn external(
        name: &str,
        kind: Kind,
        team: Name,
        path: Path,
        ports: BTreeMap<Name, Port>,
        engine: &EngineTarget,
    ) -> Self {
        let container = Container {
            image: Image::Reference(String::new()),
            command: None,
            args: None,
            platform: None,
            working_dir: None,
            user: None,
            env: BTreeMap::new(),
            host_paths: BTreeSet::new(),
            health: Health::default(),
            resources: Resources::default(),
            security: Security::default(),
        };
        Self {
            name: name.to_owned(),
            kind,
            team,
            path,
            container,
            init: Vec::new(),
            sidecars: BTreeMap::new(),
            ports,
            aliases: Vec::new(),
            needs: BTreeMap::new(),
            host_aliases: BTreeMap::new(),
            replicas: 0,
            scale: None,
            volumes: BTreeMap::new(),
            host_network: false,
            devices: BTreeMap::new(),
            files: BTreeMap::new(),
            routes: BTreeMap::new(),
            stateful: true,
            every_node: false,
            manual: false,
            rollout: Rollout::default(),
            disruption: None,
            identity: Identity::default(),
            placement: Placement::default(),
            grace_period: engine.grace_period(),
            deadline: engine.rollout_deadline(),
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
        }
    }

    /// Returns true for a job, which runs to completion once.
    pub fn is_job(&self) -> bool {
        matches!(self.kind, Kind::Job(_))
    }

    /// Returns true for a cron job, which runs to completion on a schedule.
    pub fn is_cron_job(&self) -> bool {
        matches!(self.kind, Kind::CronJob(_))
    }

    /// Returns the run settings of a job or cron job.
    pub fn run(&self) -> Option<&Run> {
        match &self.kind {
            Kind::Job(run) => Some(run),
            Kind::CronJob(cron) => Some(&cron.run),
            Kind::Service | Kind::Backing { .. } => None,
        }
    }

    /// Returns true if the component has a container; an external backing has none.
    pub fn runs(&self) -> bool {
        !matches!(self.kind, Kind::Backing { external: true, .. })
    }

    /// Returns the highest number of replicas outside of a rollout.
    pub fn max_replicas(&self) -> u32 {
        self.scale.map_or(self.replicas, |scale| scale.max)
    }

    /// Returns true for a service that may run as several replicas, on any nodes.
    pub fn is_replicated(&self) -> bool {
        self.run().is_none() && !self.every_node && self.max_replicas() > 1
    }

    /// Returns the port to use when none is named: `http`, else the only port. A
    /// sidecar's port is a candidate only if the main container has none.
    pub fn default_port(&self) -> Option<(&Name, &Port)> {
        self.ports.get_key_value("http").or_else(|| {
            let main = |port: &Port| port.sidecar.is_none();
            let any = !self.ports.values().any(main);
            let mut ports = self.ports.iter().filter(|(_, port)| any || main(port));
            ports.next().filter(|_| ports.next().is_none())
        })
    }

    /// Returns the model path of a port, which may belong to a sidecar.
    pub fn port_path(&self, name: &str) -> Path {
        let sidecar = self.ports.get(name).and_then(|port| port.sidecar.as_ref());
        let of = match sidecar {
            Some(sidecar) => self.path.join("sidecars").join(sidecar),
            None => self.path.clone(),
        };
        of.join("ports").join(name)
    }

    /// Iterates over all containers with their model paths: the main one, the
    /// init steps in order, the sidecars.
    pub fn containers(&self) -> impl Iterator<Item = (Path, &Container)> {
        let at = |group: &str, name: &str| self.path.join(group).join(name);
        let init = self.init.iter();
        let sidecars = self.sidecars.iter();
        std::iter::once((self.path.clone(), &self.container))
            .chain(init.map(move |step| (at("init", &step.name), &step.container)))
            .chain(sidecars.map(move |(name, container)| (at("sidecars", name), container)))
    }

    /// Returns the need that provides a variable which no fragment sets. The
    /// longest matching name wins: `CART_DB_HOST` comes from `cart-db` even if
    /// `cart` is a need as well.
    pub fn need_providing(&self, variable: &str) -> Option<&Name> {
        let needs = self.needs.iter().filter(|(_, need)| need.env);
        let needs = needs.map(|(name, _)| name);
        needs
            .filter(|name| is_variable_of(variable, name))
            .max_by_key(|name| name.len())
    }

    /// Iterates mutably over the containers, in the order of
    /// [`Component::containers`].
    pub(crate) fn containers_mut(&mut self) -> impl Iterator<Item = &mut Container> {
        let init = self.init.iter_mut().map(|step| &mut step.container);
        std::iter::once(&mut self.container)
            .chain(init)
            .chain(self.sidecars.values_mut())
    }
}

/// A port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Port {
    /// The number inside the container.
    pub number: u16,
    /// TCP or UDP.
    pub protocol: Protocol,
    /// Publication on the host of a Docker engine.
    pub expose: Expose,
    /// Opens it to everybody outside the system.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub public: bool,
    /// The sidecar that listens on it; none for the main container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sidecar: Option<Name>,
}

impl Port {
    /// Returns a TCP port of the main container that only the system reaches.
    pub fn inside(number: u16) -> Self {
        Self {
            number,
            protocol: Protocol::Tcp,
            expose: Expose::No,
            public: false,
            sidecar: None,
        }
    }
}

/// The transport protocol of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Protocol {
    Tcp,
    Udp,
}

/// Publication of a port on the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Expose {
    /// Not published.
    No,
    /// Published on a free port that stays the same.
    Free,
    /// Published on this port.
    Port(u16),
    /// Published on this port of one address of the host.
    Address(SocketAddr),
}

impl Expose {
    /// Returns the number of the port on the host, if it is declared.
    pub fn number(self) -> Option<u16> {
        match self {
            Self::No | Self::Free => None,
            Self::Port(number) => Some(number),
            Self::Address(address) => Some(address.port()),
        }
    }

    /// Returns the address of the host to publish on; none for all.
    pub fn address(self) -> Option<IpAddr> {
        match self {
            Self::Address(address) => Some(address.ip()),
            _ => None,
        }
    }
}

/// A dependency on another component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Need {
    /// The state the other component has to reach before this one starts.
    pub until: Until,
    /// The port that the need names.
    pub port: Option<Name>,
    /// Grants access and sets variables, but does not affect the start order
    /// and may name a component that does not run.
    pub optional: bool,
    /// Sets variables with the address of the other component.
    pub env: bool,
}

/// A state of a needed component to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Until {
    Started,
    Healthy,
    Completed,
}

/// An HTTP route from outside the system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Route {
    /// The host name.
    pub host: String,
    /// The path prefix.
    pub path: String,
    /// The port that receives the requests.
    pub port: Name,
    /// The secret that holds the certificate.
    pub tls: Option<Name>,
}
