//! Writes one service of a `compose.yaml`: a container and its replicas.

use std::collections::{BTreeMap, BTreeSet};

use kcc_model::{EnvValue, IpAddr, Part, Until, is_reserved_label};

use super::{
    Compose, Group, encoded_variable, entry, escape, file_name, health, patch, required_variable,
};
use crate::docker::{Container, Mount, MountOptions, Publish, Restart, tmpfs_options};
use crate::emit::Yaml;

/// The profile of cron jobs, each run of which is started by hand.
const ON_DEMAND: &str = "cron-jobs";

impl Compose<'_> {
    /// Returns the profiles of a service that is started by hand: its own, and those
    /// of the components that need it, since compose never starts a service whose
    /// profiles are all inactive.
    fn profiles(&self, container: &Container) -> Vec<String> {
        if container.on_demand {
            return vec![ON_DEMAND.to_owned()];
        }
        let components = &self.desired.components;
        let manual = |name: &String| components.get(name).is_some_and(|one| one.manual);
        if !manual(&container.component) {
            return Vec::new();
        }
        let mut profiles = BTreeSet::from([container.component.clone()]);
        loop {
            let needing = components.iter().filter(|(name, component)| {
                let mut needed = component.after.keys();
                manual(name) && needed.any(|needed| profiles.contains(needed))
            });
            let all: BTreeSet<_> = needing.map(|(name, _)| name.clone()).collect();
            if all.is_subset(&profiles) {
                return profiles.into_iter().collect();
            }
            profiles.extend(all);
        }
    }

    /// Returns the service that a container belongs to.
    fn service_of(&self, name: &str) -> Option<&str> {
        let container = self.objects.containers.get(name)?;
        let groups = self.groups.get(&container.component)?;
        let group = groups.iter().find(|group| group.container == container)?;
        Some(&group.service)
    }

    /// Writes the service of a group; `main` is the service of its main container.
    pub(super) fn service(&self, group: &Group<'_>, main: &str) -> Yaml {
        let container = group.container;
        let joined = container.sidecar_of.as_ref();
        let joined = joined.map(|name| self.short_name(name));
        let fields = [
            self.image(container),
            self.process(container),
            self.network(container, joined),
            self.storage(container, joined.unwrap_or(main)),
            self.order(group, joined),
            resources(group),
            security(container),
            container.docker.iter().flat_map(patch::fields).collect(),
            self.life_cycle(container),
            labels(container),
        ];
        Yaml::Map(fields.into_iter().flatten().collect())
    }

    fn image(&self, container: &Container) -> Vec<(String, Yaml)> {
        let image = entry("image", Yaml::text(escape(&container.image)));
        let platform = container.platform.clone();
        let platform = platform.map(|platform| entry("platform", Yaml::text(platform)));
        let fields = [Some(image), self.build(container), platform];
        fields.into_iter().flatten().collect()
    }

    /// Writes the process and its environment.
    fn process(&self, container: &Container) -> Vec<(String, Yaml)> {
        let mut process = Vec::new();
        if let Some(command) = &container.command {
            process.push(entry("entrypoint", escaped_list(command)));
        }
        if let Some(args) = &container.args {
            process.push(entry("command", escaped_list(args)));
        }
        if let Some(directory) = &container.working_dir {
            process.push(entry("working_dir", Yaml::text(escape(directory))));
        }
        if let Some(user) = &container.user {
            process.push(entry("user", Yaml::text(escape(user))));
        }
        if !container.env.is_empty() {
            let env = container.env.iter();
            let env = env.map(|(name, value)| (name.clone(), self.value(value)));
            process.push(entry("environment", Yaml::text_map(env)));
        }
        process
    }

    /// Writes the ports, networks and names; a sidecar joins the network of the
    /// service `joined`.
    fn network(&self, container: &Container, joined: Option<&str>) -> Vec<(String, Yaml)> {
        let mut network = Vec::new();
        if !container.ports.is_empty() {
            let ports = Yaml::texts(container.ports.iter().map(port));
            network.push(entry("ports", ports));
        }
        if let Some(main) = joined {
            network.push(entry("network_mode", Yaml::text(format!("service:{main}"))));
        } else if container.host_network {
            network.push(entry("network_mode", Yaml::text("host")));
        } else if let Some(networks) = self.networks(container) {
            network.push(entry("networks", networks));
        }
        let hosts = container.extra_hosts();
        if !hosts.is_empty() {
            network.push(entry("extra_hosts", Yaml::text_map(hosts)));
        }
        network
    }

    /// Writes the service's own health check, and what it waits for.
    fn order(&self, group: &Group<'_>, joined: Option<&str>) -> Vec<(String, Yaml)> {
        let check = group.container.health.as_ref();
        let check = check.and_then(health::own_check);
        let check = check.map(|check| entry("healthcheck", check));
        let fields = [check, self.depends_on(group, joined)];
        fields.into_iter().flatten().collect()
    }

    /// Writes when the service starts, restarts and stops.
    fn life_cycle(&self, container: &Container) -> Vec<(String, Yaml)> {
        let mut life_cycle = Vec::new();
        let profiles = self.profiles(container);
        if !profiles.is_empty() {
            life_cycle.push(entry("profiles", Yaml::texts(profiles)));
        }
        let restart = match container.restart {
            Restart::UnlessStopped => "unless-stopped".to_owned(),
            Restart::No => "no".to_owned(),
            Restart::OnFailure(times) => format!("on-failure:{times}"),
        };
        life_cycle.push(entry("restart", Yaml::text(restart)));
        let grace_period = format!("{}s", container.stop_timeout);
        life_cycle.push(entry("stop_grace_period", Yaml::text(grace_period)));
        life_cycle
    }

    fn build(&self, container: &Container) -> Option<(String, Yaml)> {
        let build = self.objects.images.get(&container.image)?.build.as_ref()?;
        let mut fields = vec![
            entry(
                "context",
                Yaml::text(escape(&self.relative_to_document(&build.context))),
            ),
            entry("dockerfile", Yaml::text(escape(&build.file))),
        ];
        if !build.args.is_empty() {
            let args = build
                .args
                .iter()
                .map(|(name, value)| (name.clone(), escape(value)));
            fields.push(entry("args", Yaml::text_map(args)));
        }
        if let Some(stage) = &build.stage {
            fields.push(entry("target", Yaml::text(escape(stage))));
        }
        Some(entry("build", Yaml::Map(fields)))
    }

    fn value(&self, value: &EnvValue) -> String {
        match value {
            EnvValue::Literal(text) => escape(text),
            EnvValue::Secret(secret) => required_variable(&self.variable(secret), secret),
            EnvValue::Template(parts) => parts
                .iter()
                .map(|part| match part {
                    Part::Text(text) => escape(text),
                    Part::Secret(secret) => required_variable(&self.variable(secret), secret),
                    Part::Encoded(secret) => required_variable(
                        &encoded_variable(&self.variable(secret)),
                        &format!("{secret}, percent-encoded"),
                    ),
                })
                .collect(),
            EnvValue::Config { .. } | EnvValue::Field(_) => String::new(),
        }
    }

    /// Returns the networks of a service; none leaves it on compose's default network.
    fn networks(&self, container: &Container) -> Option<Yaml> {
        let own = container.networks.iter();
        let networks: Vec<_> = own
            .filter(|(name, _)| **name != self.prefix)
            .map(|(name, aliases)| {
                let aliases = match aliases.as_slice() {
                    [] => Vec::new(),
                    names => vec![entry("aliases", Yaml::texts(names.to_vec()))],
                };
                entry(self.short_name(name), Yaml::Map(aliases))
            })
            .collect();
        (!networks.is_empty()).then_some(Yaml::Map(networks))
    }

    fn storage(&self, container: &Container, main: &str) -> Vec<(String, Yaml)> {
        let mount = |kind: &str, source: &str, target: &str, options: MountOptions| {
            let mut fields = vec![
                entry("type", Yaml::text(kind)),
                entry("source", Yaml::text(escape(source))),
                entry("target", Yaml::text(escape(target))),
            ];
            if options.read_only {
                fields.push(entry("read_only", Yaml::Bool(true)));
            }
            if let Some(propagation) = options.propagation_name() {
                let bind = Yaml::text_map([("propagation", propagation)]);
                fields.push(entry("bind", bind));
            }
            Yaml::Map(fields)
        };
        let (mut volumes, mut tmpfs, mut secrets) = (Vec::new(), Vec::new(), Vec::new());
        for (path, source) in &container.mounts {
            let options = container.options(path);
            match source {
                Mount::Volume(name) => {
                    volumes.push(mount("volume", self.short_name(name), path, options));
                }
                Mount::Host(source) => volumes.push(mount("bind", source, path, options)),
                Mount::Tmpfs(volume) => {
                    tmpfs.push(format!("{}:{}", escape(path), tmpfs_options(volume)));
                }
                Mount::Shared(name) => {
                    let name = Container::extra_name(main, name);
                    volumes.push(mount("volume", &name, path, options));
                }
                Mount::Secret(name) => secrets.push(Yaml::Map(vec![
                    entry("source", Yaml::text(name.clone())),
                    entry("target", Yaml::text(escape(path))),
                ])),
            }
        }
        for path in container.all_files().into_keys() {
            let source = format!("./{}", file_name(container, path));
            let options = MountOptions {
                read_only: true,
                propagation: None,
            };
            volumes.push(mount("bind", &source, path, options));
        }
        let mut storage = Vec::new();
        if !volumes.is_empty() {
            storage.push(entry("volumes", Yaml::List(volumes)));
        }
        if !tmpfs.is_empty() {
            storage.push(entry("tmpfs", Yaml::texts(tmpfs)));
        }
        if !secrets.is_empty() {
            storage.push(entry("secrets", Yaml::List(secrets)));
        }
        storage
    }

    fn depends_on(&self, group: &Group<'_>, joined: Option<&str>) -> Option<(String, Yaml)> {
        let container = group.container;
        let condition = |condition: &str| Yaml::text_map([("condition", condition)]);
        // A sidecar starts right after the container whose network it joins.
        if let Some(main) = joined {
            let started = entry(main, condition("service_started"));
            return Some(entry("depends_on", Yaml::Map(vec![started])));
        }
        let after = &self.desired.components.get(&container.component)?.after;
        let mut conditions: BTreeMap<_, _> = after
            .iter()
            .flat_map(|(other, until)| {
                let groups = self.groups.get(other).into_iter().flatten();
                groups.map(move |group| (group, until))
            })
            // A sidecar never completes, unlike its job.
            .filter(|(group, until)| {
                **until != Until::Completed || group.container.sidecar_of.is_none()
            })
            .map(|(group, until)| {
                let checked = group.container.health.is_some() || group.container.has_image_health;
                let state = match until {
                    Until::Completed => "service_completed_successfully",
                    Until::Healthy if checked => "service_healthy",
                    Until::Healthy | Until::Started => "service_started",
                };
                let probe = group.probe_name().filter(|_| *until == Until::Healthy);
                let service = probe.unwrap_or_else(|| group.service.clone());
                (service, condition(state))
            })
            .collect();
        let own = container.after.iter();
        let own = own.filter_map(|name| self.service_of(name).map(str::to_owned));
        let completed = own.chain(group.before.clone());
        conditions.extend(
            completed.map(|service| (service, condition("service_completed_successfully"))),
        );
        let conditions: Vec<_> = conditions.into_iter().collect();
        (!conditions.is_empty()).then(|| entry("depends_on", Yaml::Map(conditions)))
    }
}

fn escaped_list(list: &[String]) -> Yaml {
    Yaml::texts(list.iter().map(|text| escape(text)))
}

fn port(port: &Publish) -> String {
    let Publish {
        container,
        protocol,
        host,
        address,
    } = port;
    let address = address.map(|address| match address {
        IpAddr::V4(address) => format!("{address}:"),
        IpAddr::V6(address) => format!("[{address}]:"),
    });
    let address = address.unwrap_or_default();
    match host {
        Some(host) => format!("{address}{host}:{container}/{protocol}"),
        None if address.is_empty() => format!("{container}/{protocol}"),
        None => format!("{address}:{container}/{protocol}"),
    }
}

/// Writes the replicas, and the resources and devices of each.
fn resources(group: &Group<'_>) -> Vec<(String, Yaml)> {
    let container = group.container;
    let mut resources = Vec::new();
    let replicas = (group.replicas > 1).then_some(group.replicas as i128);
    let replicas = replicas.map(|replicas| entry("replicas", Yaml::Integer(replicas)));
    let reserved = container.docker.as_ref().and_then(patch::reserved);
    let reserved = reserved.or(container.gpus.map(patch::gpus));
    let deploy: Vec<_> = replicas.into_iter().chain(reserved).collect();
    if !deploy.is_empty() {
        resources.push(entry("deploy", Yaml::Map(deploy)));
    }
    if let Some(memory) = container.memory {
        resources.push(entry("mem_limit", Yaml::Integer(memory.into())));
    }
    if let Some(millis) = container.cpu_millis {
        let cpus = format!("{}.{:03}", millis / 1000, millis % 1000);
        resources.push(entry("cpus", Yaml::text(cpus)));
    }
    if let Some(shares) = container.cpu_shares {
        resources.push(entry("cpu_shares", Yaml::Integer(shares.into())));
    }
    if !container.devices.is_empty() {
        let devices = container.devices.iter();
        let devices = devices.map(|device| escape(&format!("{}:{}", device.path, device.mount)));
        resources.push(entry("devices", Yaml::texts(devices)));
    }
    resources
}

fn security(container: &Container) -> Vec<(String, Yaml)> {
    let mut security = Vec::new();
    if container.privileged {
        security.push(entry("privileged", Yaml::Bool(true)));
    } else {
        let dropped = container.dropped_capabilities();
        if !dropped.is_empty() {
            security.push(entry("cap_drop", Yaml::texts(dropped)));
        }
        if !container.add_capabilities.is_empty() {
            let added = container.add_capabilities.clone();
            security.push(entry("cap_add", Yaml::texts(added)));
        }
        if !container.baseline {
            let options = Yaml::texts(["no-new-privileges:true"]);
            security.push(entry("security_opt", options));
        }
    }
    if container.read_only {
        security.push(entry("read_only", Yaml::Bool(true)));
    }
    security
}

/// Writes the labels of the fragments; kcc's own mean nothing to compose.
fn labels(container: &Container) -> Vec<(String, Yaml)> {
    let own = container.labels.iter();
    let own = own.filter(|(name, _)| !is_reserved_label(name));
    let labels: Vec<_> = own
        .map(|(name, value)| (name.clone(), escape(value)))
        .collect();
    if labels.is_empty() {
        return Vec::new();
    }
    vec![entry("labels", Yaml::text_map(labels))]
}
