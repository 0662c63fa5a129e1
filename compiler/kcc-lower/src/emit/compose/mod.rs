//! A `compose.yaml` that means what kcc itself would do on a Docker engine, as
//! far as the compose format can say it.
//!
//! Replicas that differ in nothing are one service; where each has its own data,
//! each is a service of its own under the component's alias. Secrets come from the environment of whoever
//! starts it. Checks over HTTP and TCP are made by kcc, not by the engine, so
//! the file waits for such components to start, not to be healthy.

mod patch;
mod service;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use kcc_model::{Check, EnvValue, Name, Part, SecretProvider};

use crate::Desired;
use crate::docker::{Container, DockerDesired, InitStep, Mount};
use crate::emit::{EmitError, File, Yaml};

const NAME: &str = "compose.yaml";
/// The folder of the containers' files, beside the document.
const FILES: &str = "files";
/// The labels by which kcc knows its own objects; compose's are not its own.
const OWN_LABELS: &str = "dev.kcc.";

/// Replicas that differ in nothing, or one of their init steps.
struct Group<'a> {
    service: String,
    container: &'a Container,
    replicas: usize,
    /// The service of the init step before it; the last one for a main container.
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
        content: document(desired, objects, root, true)?,
        executable: false,
    }];
    let mut seen = BTreeSet::new();
    let all = objects.containers.values();
    for container in all.flat_map(Container::with_init) {
        for (path, content) in &container.files {
            let name = file_name(container, path);
            if seen.insert(name.clone()) {
                let access = container.access.get(path);
                let mode = access.and_then(|access| access.mode).unwrap_or_default();
                files.push(File {
                    name,
                    content: content.clone(),
                    executable: mode & 0o100 != 0,
                });
            }
        }
    }
    Ok(files)
}

/// The document as a stream: what it mounts has to be rendered into a folder.
pub(super) fn stream(desired: &Desired, objects: &DockerDesired) -> Result<String, EmitError> {
    document(desired, objects, ".", false)
}

fn document(
    desired: &Desired,
    objects: &DockerDesired,
    root: &str,
    with_files: bool,
) -> Result<String, EmitError> {
    let prefix = format!("{}-{}", desired.system, desired.target);
    let compose = Compose {
        desired,
        objects,
        groups: groups(objects, &prefix),
        root,
        prefix,
    };
    let mut text = compose.head();
    let mounts_files = objects.containers.values().any(|one| !one.files.is_empty());
    if mounts_files && !with_files {
        let _ = writeln!(
            text,
            "# It mounts files that `kcc render --target {} -o DIR` writes beside it.",
            desired.target
        );
    }
    text.push_str(&compose.yaml().write()?);
    Ok(text)
}

/// Where a container's file lies beside the document.
fn file_name(container: &Container, path: &str) -> String {
    format!(
        "{FILES}/{}/{}",
        container.component,
        path.trim_start_matches('/')
    )
}

/// Text that compose must not read as a variable.
fn literal(text: &str) -> String {
    text.replace('$', "$$")
}

fn entry(key: &str, value: Yaml) -> (String, Yaml) {
    (key.to_owned(), value)
}

/// A variable without which compose refuses to start.
fn required(variable: &str, secret: &str) -> String {
    format!("${{{variable}:?the secret {secret}}}")
}

/// The variable that holds a secret percent-encoded: compose cannot encode it.
fn encoded_variable(variable: &str) -> String {
    format!("{variable}_ENCODED")
}

/// The variable that holds the path of a file with a secret.
fn file_variable(secret: &str) -> String {
    format!("{}_FILE", secret.to_ascii_uppercase().replace('-', "_"))
}

/// The name of an object without those of the system and the target.
fn short<'n>(name: &'n str, prefix: &str) -> &'n str {
    name.strip_prefix(prefix)
        .and_then(|rest| rest.strip_prefix('-'))
        .unwrap_or(name)
}

/// The replicas of each component, those together that differ in nothing. What
/// shares a network or a folder with one replica belongs to it alone.
fn groups<'a>(objects: &'a DockerDesired, prefix: &str) -> BTreeMap<&'a Name, Vec<Group<'a>>> {
    let mains: BTreeSet<_> = objects
        .containers
        .values()
        .filter_map(|container| container.sidecar_of.as_ref())
        .collect();
    let alone = |name: &String, container: &Container| {
        let shared = |mount: &Mount| matches!(mount, Mount::Shared(_));
        mains.contains(name) || container.mounts.values().any(shared)
    };
    let mut groups: BTreeMap<&Name, Vec<Group<'a>>> = BTreeMap::new();
    for (name, container) in &objects.containers {
        let of_component = groups.entry(&container.component).or_default();
        let alike = of_component
            .iter_mut()
            .find(|group| !alone(name, container) && group.container == container);
        match alike {
            Some(group) => group.replicas += 1,
            None => of_component.push(Group {
                service: short(name, prefix).to_owned(),
                container,
                replicas: 1,
                before: container
                    .init
                    .last()
                    .map(|step| Container::beside(short(name, prefix), &step.name)),
            }),
        }
    }
    groups
}

impl<'a> Group<'a> {
    /// The init steps of the main container, each after the one before it.
    fn init(&self) -> Vec<Group<'a>> {
        let service = |step: &InitStep| Container::beside(&self.service, &step.name);
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

/// The checks that compose cannot make: it runs commands inside the container, and
/// whether an image has one that asks over a network nobody knows.
pub(super) fn losses(objects: &DockerDesired) -> Option<String> {
    let asked = |container: &&Container| {
        let check = container.health.as_ref().map(|health| &health.check);
        check.is_some_and(|check| !matches!(check, Check::Exec(_)))
    };
    let containers = objects.containers.values().filter(asked);
    let names: BTreeSet<_> = containers
        .map(|container| container.component.as_str())
        .collect();
    if names.is_empty() {
        return None;
    }
    let names: Vec<_> = names.into_iter().collect();
    Some(format!(
        "compose makes no check over HTTP or TCP: it waits until {} started, where `kcc apply` waits \
         until healthy",
        match names.as_slice() {
            [one] => format!("`{one}` has"),
            names => format!("`{}` have", names.join("`, `")),
        }
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
        if let Some(loss) = losses(self.objects) {
            let _ = writeln!(head, "# Note: {loss}.");
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
                "# A folder that init steps and sidecars share is root's, unless their image has one.\n",
            );
        }
        for secret in self.objects.secrets.keys() {
            let (plain, encoded) = self.in_environment(secret);
            let variable = self.variable(secret);
            if plain {
                let _ = writeln!(
                    head,
                    "# The variable {variable} holds the value of secret {secret}."
                );
            }
            if encoded {
                let _ = writeln!(
                    head,
                    "# The variable {} holds the same percent-encoded, as it stands in a URL.",
                    encoded_variable(&variable)
                );
            }
            if self.mounted(secret) && self.file(secret).is_none() {
                let variable = file_variable(secret);
                let _ = writeln!(
                    head,
                    "# The variable {variable} holds the path of a file with secret {secret}."
                );
            }
        }
        head
    }

    fn yaml(&self) -> Yaml {
        // In the order of names, which is not that of components: `a-2` is `a`'s.
        let mut services = BTreeMap::new();
        for group in self.groups.values().flatten() {
            services.insert(group.service.clone(), self.service(group, &group.service));
            for step in group.init() {
                let service = self.service(&step, &group.service);
                services.insert(step.service, service);
            }
        }
        let services = services.into_iter().collect();
        let mut document = vec![entry("services", Yaml::Map(services))];
        let networks = self.objects.networks.keys();
        let networks: Vec<_> = networks
            .filter(|name| **name != self.prefix)
            .map(|name| entry(self.short(name), Yaml::Map(Vec::new())))
            .collect();
        if !networks.is_empty() {
            document.push(entry("networks", Yaml::Map(networks)));
        }
        let kept = self.objects.volumes.keys();
        let mut volumes: BTreeSet<_> = kept.map(|name| self.short(name).to_owned()).collect();
        for group in self.groups.values().flatten() {
            for mount in group.container.mounts.values() {
                if let Mount::Shared(name) = mount
                    && group.container.sidecar_of.is_none()
                {
                    volumes.insert(Container::beside(&group.service, name));
                }
            }
        }
        let volumes: Vec<_> = volumes
            .into_iter()
            .map(|name| (name, Yaml::Map(Vec::new())))
            .collect();
        if !volumes.is_empty() {
            document.push(entry("volumes", Yaml::Map(volumes)));
        }
        let secrets: Vec<_> = self
            .objects
            .secrets
            .keys()
            .filter(|name| self.mounted(name))
            .map(|name| {
                let file = match self.file(name) {
                    Some(path) => literal(&self.below_root(path)),
                    None => required(&file_variable(name), name),
                };
                (name.clone(), Yaml::text_map([("file", file)]))
            })
            .collect();
        if !secrets.is_empty() {
            document.push(entry("secrets", Yaml::Map(secrets)));
        }
        Yaml::Map(document)
    }

    fn short<'n>(&self, name: &'n str) -> &'n str {
        short(name, &self.prefix)
    }

    /// A path of the system, from the folder of the document.
    fn below_root(&self, path: &str) -> String {
        match (self.root, path) {
            (root, "." | "") => root.to_owned(),
            (".", path) => format!("./{path}"),
            (root, path) => format!("{root}/{path}"),
        }
    }

    /// The variable that holds a secret.
    fn variable(&self, secret: &Name) -> String {
        match self.objects.secrets.get(secret) {
            Some(SecretProvider::Env(variable)) => variable.clone(),
            _ => secret.to_ascii_uppercase().replace('-', "_"),
        }
    }

    /// The file that holds a secret already.
    fn file(&self, secret: &Name) -> Option<&str> {
        match self.objects.secrets.get(secret) {
            Some(SecretProvider::File(path)) => Some(path),
            _ => None,
        }
    }

    /// Whether a secret is in a variable as it is, and percent-encoded.
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
                EnvValue::Literal(_) | EnvValue::Config { .. } => {}
            }
        }
        (plain, encoded)
    }

    fn mounted(&self, secret: &Name) -> bool {
        let is_it = |mount: &Mount| matches!(mount, Mount::Secret(name) if name == secret);
        self.objects
            .containers
            .values()
            .flat_map(Container::with_init)
            .any(|container| container.mounts.values().any(is_it))
    }
}
