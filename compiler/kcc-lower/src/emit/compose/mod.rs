//! Writes a `compose.yaml` that does what kcc does on a Docker engine, as far as the
//! compose format can express it.
//!
//! Identical replicas become one service; replicas with data of their own become a
//! service each, under the component's alias. Secrets come from the environment of
//! the user. HTTP and TCP checks, which kcc runs itself, are services of their own here:
//! compose only runs commands in a container, and an image may contain none.

mod health;
mod patch;
mod service;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use kcc_model::{Check, EnvValue, Name, Part, SecretProvider};

use crate::Desired;
use crate::docker::{Container, DockerDesired, InitStep, Mount};
use crate::emit::{EmitError, File, Yaml};

const NAME: &str = "compose.yaml";
/// The directory of the containers' files, next to the document.
const FILES: &str = "files";

/// Identical replicas, or one of their init steps.
struct Group<'a> {
    service: String,
    container: &'a Container,
    replicas: usize,
    /// The service of the preceding init step; the last one for a main container.
    before: Option<String>,
}

struct Compose<'a> {
    desired: &'a Desired,
    objects: &'a DockerDesired,
    groups: BTreeMap<&'a Name, Vec<Group<'a>>>,
    root: &'a str,
    prefix: String,
}

pub(super) fn files(
    desired: &Desired,
    objects: &DockerDesired,
    root: &str,
) -> Result<Vec<File>, EmitError> {
    let mut files = vec![File {
        name: NAME.to_owned(),
        content: document(desired, objects, root, true)?.into_bytes(),
        executable: false,
    }];
    let mut seen = BTreeSet::new();
    let all = objects.containers.values();
    for container in all.flat_map(Container::with_init) {
        for (path, content) in container.all_files() {
            let name = file_name(container, path);
            if seen.insert(name.clone()) {
                let access = container.access.get(path);
                let mode = access.and_then(|access| access.mode).unwrap_or_default();
                files.push(File {
                    name,
                    content: content.into_owned(),
                    executable: mode & 0o100 != 0,
                });
            }
        }
    }
    Ok(files)
}

/// Writes the document as a stream, without the files that it mounts.
pub(super) fn stream(desired: &Desired, objects: &DockerDesired) -> Result<String, EmitError> {
    document(desired, objects, ".", false)
}

fn document(
    desired: &Desired,
    objects: &DockerDesired,
    root: &str,
    with_files: bool,
) -> Result<String, EmitError> {
    let instance = desired.instance.as_deref();
    let prefix = crate::docker::name_prefix(&desired.system, &desired.target, instance);
    let compose = Compose {
        desired,
        objects,
        groups: groups(objects, &prefix),
        root,
        prefix,
    };
    let mut text = compose.head();
    let mounts_files = objects
        .containers
        .values()
        .any(|one| !one.all_files().is_empty());
    if mounts_files && !with_files {
        let _ = writeln!(
            text,
            "# Mounts files that `kcc render --target {} -o DIR` writes next to it.",
            desired.target
        );
    }
    text.push_str(&compose.yaml().write()?);
    Ok(text)
}

/// Returns the path of a container's file relative to the document.
fn file_name(container: &Container, path: &str) -> String {
    format!(
        "{FILES}/{}/{}",
        container.component,
        path.trim_start_matches('/')
    )
}

/// Escapes text that compose must not read as a variable.
fn escape(text: &str) -> String {
    text.replace('$', "$$")
}

fn entry(key: &str, value: Yaml) -> (String, Yaml) {
    (key.to_owned(), value)
}

/// Returns a reference to a variable that compose requires to be set.
fn required_variable(variable: &str, secret: &str) -> String {
    format!("${{{variable}:?the secret {secret}}}")
}

/// Returns the variable for a percent-encoded secret, which compose cannot encode.
fn encoded_variable(variable: &str) -> String {
    format!("{variable}_ENCODED")
}

/// Returns the variable for the path of a file with a secret.
fn file_variable(secret: &str) -> String {
    format!("{}_FILE", secret.to_ascii_uppercase().replace('-', "_"))
}

/// Strips the system and target from an object's name.
fn short_name<'n>(name: &'n str, prefix: &str) -> &'n str {
    name.strip_prefix(prefix)
        .and_then(|rest| rest.strip_prefix('-'))
        .unwrap_or(name)
}

/// Groups identical replicas of each component. A replica that shares a network or
/// a directory with a sidecar or init step stays in a group of its own.
fn groups<'a>(objects: &'a DockerDesired, prefix: &str) -> BTreeMap<&'a Name, Vec<Group<'a>>> {
    let mains: BTreeSet<_> = objects
        .containers
        .values()
        .filter_map(|container| container.sidecar_of.as_ref())
        .collect();
    let is_single = |name: &String, container: &Container| {
        let shared = |mount: &Mount| matches!(mount, Mount::Shared(_));
        mains.contains(name) || container.mounts.values().any(shared)
    };
    let mut groups: BTreeMap<&Name, Vec<Group<'a>>> = BTreeMap::new();
    for (name, container) in &objects.containers {
        let of_component = groups.entry(&container.component).or_default();
        let identical = of_component
            .iter_mut()
            .find(|group| !is_single(name, container) && group.container == container);
        match identical {
            Some(group) => group.replicas += 1,
            None => of_component.push(Group {
                service: short_name(name, prefix).to_owned(),
                container,
                replicas: 1,
                before: container
                    .init
                    .last()
                    .map(|step| Container::extra_name(short_name(name, prefix), &step.name)),
            }),
        }
    }
    groups
}

impl<'a> Group<'a> {
    /// Returns the init steps of the main container, each depending on the previous
    /// one.
    fn init(&self) -> Vec<Group<'a>> {
        let service = |step: &InitStep| Container::extra_name(&self.service, &step.name);
        let steps = &self.container.init;
        let before = std::iter::once(None).chain(steps.iter().map(|step| Some(service(step))));
        steps
            .iter()
            .zip(before)
            .map(|(step, before)| Group {
                service: service(step),
                container: &step.container,
                replicas: 1,
                before,
            })
            .collect()
    }
}

/// Describes the checks that compose runs only in part.
pub(super) fn limitations(objects: &DockerDesired) -> Option<String> {
    let is_grpc = |container: &&Container| {
        let check = container.health.as_ref().map(|health| &health.check);
        matches!(check, Some(Check::Grpc { .. }))
    };
    let containers = objects.containers.values().filter(is_grpc);
    let names: BTreeSet<_> = containers
        .map(|container| container.component.as_str())
        .collect();
    if names.is_empty() {
        return None;
    }
    let names: Vec<_> = names.into_iter().collect();
    Some(format!(
        "compose cannot call the gRPC health service of `{}`: an open port counts as healthy",
        names.join("`, `")
    ))
}

impl Compose<'_> {
    fn head(&self) -> String {
        let (system, target) = (&self.desired.system, &self.desired.target);
        let mut head = format!(
            "# System {system}, target {target}, rendered by kcc.\n\
             # Start it with `docker compose -p {} up`.\n",
            self.prefix
        );
        if let Some(loss) = limitations(self.objects) {
            let _ = writeln!(head, "# Note: {loss}.");
        }
        let mut groups = self.groups.values().flatten();
        if groups.any(|group| group.probe_name().is_some()) {
            head.push_str(
                "# Services named SERVICE.health check SERVICE by HTTP or TCP, from inside its network.\n",
            );
        }
        let mut on_demand = self.groups.values().flatten();
        if let Some(group) = on_demand.find(|group| group.container.on_demand) {
            let _ = writeln!(
                head,
                "# Cron jobs are not scheduled: `docker compose -p {} run {}` runs one.",
                self.prefix, group.service
            );
        }
        let shared = |mount: &Mount| matches!(mount, Mount::Shared(_));
        let mut containers = self.objects.containers.values();
        if containers.any(|container| container.mounts.values().any(shared)) {
            head.push_str(
                "# A directory shared with init steps or sidecars belongs to root unless the image has it.\n",
            );
        }
        for secret in self.objects.secrets.keys() {
            let (plain, encoded) = self.in_environment(secret);
            let variable = self.variable(secret);
            if plain {
                let _ = writeln!(
                    head,
                    "# Variable {variable} contains the value of secret {secret}."
                );
            }
            if encoded {
                let _ = writeln!(
                    head,
                    "# Variable {} contains the same value, percent-encoded for URLs.",
                    encoded_variable(&variable)
                );
            }
            if self.is_mounted(secret) && self.file(secret).is_none() {
                let variable = file_variable(secret);
                let _ = writeln!(
                    head,
                    "# Variable {variable} contains the path of a file with secret {secret}."
                );
            }
        }
        head
    }

    fn yaml(&self) -> Yaml {
        let sections = [
            ("services", self.services()),
            ("networks", self.declared_networks()),
            ("volumes", self.volumes()),
            ("secrets", self.secrets()),
        ];
        // Compose requires services, even if there are none.
        let written = sections
            .into_iter()
            .filter(|(name, section)| *name == "services" || !section.is_empty());
        Yaml::Map(
            written
                .map(|(name, section)| entry(name, Yaml::Map(section)))
                .collect(),
        )
    }

    fn services(&self) -> Vec<(String, Yaml)> {
        // Sorted by service name, which differs from component order: `a-2` is `a`'s.
        let mut services = BTreeMap::new();
        for group in self.groups.values().flatten() {
            services.insert(group.service.clone(), self.service(group, &group.service));
            if let Some((name, probe)) = self.probe(group) {
                services.insert(name, probe);
            }
            for step in group.init() {
                let service = self.service(&step, &group.service);
                services.insert(step.service, service);
            }
        }
        services.into_iter().collect()
    }

    /// Declares the networks beside compose's default one.
    fn declared_networks(&self) -> Vec<(String, Yaml)> {
        let networks = self.objects.networks.keys();
        networks
            .filter(|name| **name != self.prefix)
            .map(|name| entry(self.short_name(name), Yaml::Map(Vec::new())))
            .collect()
    }

    /// Declares the persistent volumes, and those that the containers of a component
    /// share.
    fn volumes(&self) -> Vec<(String, Yaml)> {
        let persistent = self.objects.volumes.keys();
        let mut volumes: BTreeSet<_> = persistent
            .map(|name| self.short_name(name).to_owned())
            .collect();
        for group in self.groups.values().flatten() {
            for mount in group.container.mounts.values() {
                if let Mount::Shared(name) = mount
                    && group.container.sidecar_of.is_none()
                {
                    volumes.insert(Container::extra_name(&group.service, name));
                }
            }
        }
        let declared = volumes.into_iter();
        declared.map(|name| (name, Yaml::Map(Vec::new()))).collect()
    }

    /// Declares the secrets that containers mount, each as a file.
    fn secrets(&self) -> Vec<(String, Yaml)> {
        let names = self.objects.secrets.keys();
        names
            .filter(|name| self.is_mounted(name))
            .map(|name| {
                let file = match self.file(name) {
                    Some(path) => escape(&self.relative_to_document(path)),
                    None => required_variable(&file_variable(name), name),
                };
                (name.clone(), Yaml::text_map([("file", file)]))
            })
            .collect()
    }

    fn short_name<'n>(&self, name: &'n str) -> &'n str {
        short_name(name, &self.prefix)
    }

    /// Returns a path of the system relative to the document.
    fn relative_to_document(&self, path: &str) -> String {
        match (self.root, path) {
            (root, "." | "") => root.to_owned(),
            (".", path) => format!("./{path}"),
            (root, path) => format!("{root}/{path}"),
        }
    }

    /// Returns the variable for a secret.
    fn variable(&self, secret: &Name) -> String {
        match self.objects.secrets.get(secret) {
            Some(SecretProvider::Env(variable)) => variable.clone(),
            _ => secret.to_ascii_uppercase().replace('-', "_"),
        }
    }

    /// Returns the existing file with a secret.
    fn file(&self, secret: &Name) -> Option<&str> {
        match self.objects.secrets.get(secret) {
            Some(SecretProvider::File(path)) => Some(path),
            _ => None,
        }
    }

    /// Returns two flags: a variable contains the secret plain, and percent-encoded.
    fn in_environment(&self, secret: &Name) -> (bool, bool) {
        let containers = self.objects.containers.values();
        let containers = containers.flat_map(Container::with_init);
        let (mut plain, mut encoded) = (false, false);
        for value in containers.flat_map(|container| container.env.values()) {
            match value {
                EnvValue::Secret(name) => plain |= name == secret,
                EnvValue::Template(parts) => {
                    plain |= parts.contains(&Part::Secret(secret.clone()));
                    encoded |= parts.contains(&Part::Encoded(secret.clone()));
                }
                EnvValue::Literal(_) | EnvValue::Config { .. } | EnvValue::Field(_) => {}
            }
        }
        (plain, encoded)
    }

    fn is_mounted(&self, secret: &Name) -> bool {
        let is_secret = |mount: &Mount| matches!(mount, Mount::Secret(name) if name == secret);
        self.objects
            .containers
            .values()
            .flat_map(Container::with_init)
            .any(|container| container.mounts.values().any(is_secret))
    }
}
