//! Lowers the environment, command, files and mounts of a container.

use std::collections::{BTreeMap, BTreeSet};

use kcc_model::{
    Access, Component, Container as ModelContainer, EnvValue, FileAccess, FileContent, PodField,
    Volume, VolumeSource,
};
use kcc_tree::Path;

use crate::docker::names::{prefix, shared_volume};
use crate::docker::{Mount, MountOptions};
use crate::expand::{Variable, expand};
use crate::lowering::Lowering;
use crate::source::Recorder;

/// Stands for the name of the container until its replicas are numbered. No variable
/// can contain a NUL.
pub(super) const POD_NAME: &str = "\0pod-name";

/// The mode of a file that everybody may read.
const READABLE: u32 = 0o444;
/// The permissions to write.
const WRITABLE: u32 = 0o222;

/// Returns true if init steps or sidecars are created. A cron job has none here,
/// since its runs are started by hand and start only the main container.
pub(super) fn has_extra_containers(component: &Component) -> bool {
    let single = component.init.is_empty() && component.sidecars.is_empty();
    !single && !component.is_cron_job()
}

/// Lowers the environment, with values of configs filled in.
pub(super) fn environment(
    lowering: &mut Lowering<'_>,
    component: &Component,
    of: &Path,
    container: &ModelContainer,
) -> BTreeMap<String, EnvValue> {
    let mut env = BTreeMap::new();
    for (variable, value) in &container.env {
        let value = match value {
            EnvValue::Config { name, key } => {
                let path = of.join("env").join(variable);
                let Some(text) = lowering.config(&path, name, key) else {
                    continue;
                };
                EnvValue::Literal(text.to_owned())
            }
            EnvValue::Field(field) => match fact(lowering, component, *field) {
                Some(fact) => EnvValue::Literal(fact),
                // The ledger says so.
                None => continue,
            },
            other => other.clone(),
        };
        env.insert(variable.clone(), value);
    }
    env
}

/// Returns a fact about the container that stands for a pod; none if Docker has none.
fn fact(lowering: &Lowering<'_>, component: &Component, field: PodField) -> Option<String> {
    match field {
        PodField::PodName => Some(POD_NAME.to_owned()),
        PodField::Namespace => Some(prefix(lowering)),
        PodField::ServiceAccount => {
            let name = component.identity.name.as_ref();
            Some(name.unwrap_or(&component.name).clone())
        }
        PodField::PodIp | PodField::PodUid | PodField::NodeName | PodField::HostIp => None,
    }
}

/// Lowers a command or its arguments and expands the variables in them, which
/// Docker does not do. Secrets are rejected, because anyone who may inspect a
/// container can read its command.
pub(super) fn expanded(
    lowering: &mut Lowering<'_>,
    of: &Path,
    field: &str,
    list: Option<&[String]>,
    env: &BTreeMap<String, EnvValue>,
) -> Option<Vec<String>> {
    let mut secret = BTreeSet::new();
    let variable = |name: &str| match env.get(name) {
        Some(EnvValue::Literal(text)) => Variable::Text(text),
        Some(EnvValue::Secret(_) | EnvValue::Template(_)) => Variable::Secret,
        Some(EnvValue::Config { .. } | EnvValue::Field(_)) | None => Variable::Unknown,
    };
    let texts = list?
        .iter()
        .map(|text| {
            expand(text, variable).unwrap_or_else(|name| {
                secret.insert(name.to_owned());
                String::new()
            })
        })
        .collect();
    let path = of.join(field);
    for name in secret {
        lowering.unsupported(
            &path,
            format!(
                "`$({name})` in `{path}` contains a secret, and Docker shows {field} to everyone"
            ),
            format!("read the environment variable `{name}` in the program instead"),
        );
    }
    Some(texts)
}

/// Files and mounts of a component, without persistent volumes.
#[derive(Default)]
pub(super) struct Contents {
    pub(super) files: BTreeMap<String, String>,
    pub(super) binary_files: BTreeMap<String, String>,
    pub(super) access: BTreeMap<String, FileAccess>,
    pub(super) mounts: BTreeMap<String, Mount>,
    pub(super) mount_options: BTreeMap<String, MountOptions>,
}

/// Lowers the files and all volumes of a container except persistent ones.
pub(super) fn contents(
    lowering: &mut Lowering<'_>,
    component: &Component,
    container: &ModelContainer,
    sources: &Recorder,
) -> Contents {
    let record = |at: &str, source: [&str; 2]| {
        for field in ["files", "binaryFiles", "access", "mounts", "mountOptions"] {
            sources.below(field).entry(at).named("", source);
        }
    };
    let mut contents = Contents::default();
    for (path, file) in &component.files {
        record(path, ["files", file.declared(path)]);
        contents.set_access(path, file.access);
        match &file.content {
            FileContent::Content(text) => {
                contents.files.insert(path.clone(), text.clone());
            }
            FileContent::Binary(bytes) => {
                contents
                    .binary_files
                    .insert(path.clone(), bytes.to_base64());
            }
            FileContent::Secret(secret) => {
                contents.mount(path.clone(), Mount::Secret(secret.clone()));
            }
            // Reported in `Lowering::check_files`.
            FileContent::Template(_) => {}
        }
    }
    let volumes = component.volumes.iter();
    for (name, volume) in volumes.filter(|(name, volume)| volume.is_mounted_by(container, name)) {
        let below = |leaf: &str| format!("{}/{leaf}", volume.mount.trim_end_matches('/'));
        let at = volume.mount.clone();
        record(&at, ["volumes", name]);
        let options = MountOptions {
            read_only: volume.read_only,
            propagation: volume.propagation,
        };
        match &volume.source {
            VolumeSource::Persistent { .. } => contents.set_options(at, options),
            VolumeSource::Shared(shared) => {
                let only_readers = lowering.target.access(volume) == Some(Access::ReadOnlyMany);
                let options = MountOptions {
                    read_only: options.read_only || only_readers,
                    ..options
                };
                contents.set_options(at.clone(), options);
                contents.mount(at, Mount::Volume(shared_volume(lowering, shared)));
            }
            // A tmpfs cannot be shared between containers.
            VolumeSource::Ephemeral(options)
                if has_extra_containers(component) || options.memory == Some(false) =>
            {
                contents.mount(at, Mount::Shared(name.clone()));
            }
            VolumeSource::Ephemeral(options) => {
                contents.mount(at, Mount::Tmpfs(options.clone()));
            }
            VolumeSource::HostPath(path) => {
                contents.set_options(at.clone(), options);
                contents.mount(at, Mount::Host(path.clone()));
            }
            VolumeSource::Config(config) => {
                let mode = volume.mode.or(volume.read_only.then_some(READABLE));
                let access = file_access(volume, mode);
                let path = component.path.join("volumes").join(name);
                let data = lowering.config_data(&path, config);
                for (key, text) in data.into_iter().flatten() {
                    record(&below(key), ["volumes", name]);
                    contents.set_access(&below(key), access);
                    contents.files.insert(below(key), text.clone());
                }
            }
            VolumeSource::Secret(secret) => {
                let access = file_access(volume, volume.mode);
                record(&below(secret), ["volumes", name]);
                contents.set_access(&below(secret), access);
                contents.mount(below(secret), Mount::Secret(secret.clone()));
            }
        }
    }
    contents
}

/// Returns the access to the files of a config or secret, which are copies.
fn file_access(volume: &Volume, mode: Option<u32>) -> FileAccess {
    let mask = if volume.read_only { !WRITABLE } else { !0 };
    FileAccess {
        mode: mode.map(|mode| mode & mask),
        owner: None,
    }
}

impl Contents {
    fn mount(&mut self, path: String, mount: Mount) {
        self.mounts.insert(path, mount);
    }

    fn set_options(&mut self, path: String, options: MountOptions) {
        if options != MountOptions::default() {
            self.mount_options.insert(path, options);
        }
    }

    fn set_access(&mut self, path: &str, access: FileAccess) {
        if access != FileAccess::default() {
            self.access.insert(path.to_owned(), access);
        }
    }
}
