//! What a container is given: its environment, its words, and what stands in
//! its file system.

use std::collections::{BTreeMap, BTreeSet};

use kcc_model::{Component, Container as ModelContainer, EnvValue, FileContent, VolumeSource};
use kcc_tree::Path;

use super::container::has_company;
use crate::docker::{FileAccess, Mount};
use crate::expand::{Variable, expand};
use crate::lowering::Lowering;

/// The environment; what configs hold is known here and written out.
pub(super) fn environment(
    lowering: &mut Lowering<'_>,
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
            other => other.clone(),
        };
        env.insert(variable.clone(), value);
    }
    env
}

/// A command or its arguments, with the variables in them replaced: Docker
/// itself replaces none. A secret has no place there, because whoever may
/// inspect a container sees its command.
pub(super) fn words(
    lowering: &mut Lowering<'_>,
    of: &Path,
    field: &str,
    words: Option<&[String]>,
    env: &BTreeMap<String, EnvValue>,
) -> Option<Vec<String>> {
    let mut secret = BTreeSet::new();
    let variable = |name: &str| match env.get(name) {
        Some(EnvValue::Literal(text)) => Variable::Text(text),
        Some(EnvValue::Secret(_) | EnvValue::Template(_)) => Variable::Secret,
        Some(EnvValue::Config { .. }) | None => Variable::Unknown,
    };
    let expanded = words?
        .iter()
        .map(|word| {
            expand(word, variable).unwrap_or_else(|name| {
                secret.insert(name.to_owned());
                String::new()
            })
        })
        .collect();
    let path = of.join(field);
    for name in secret {
        lowering.unsupported(
            &path,
            format!("`$({name})` in `{path}` holds a secret, and Docker shows {field} to anyone"),
            format!("let the program read the environment variable `{name}` itself"),
        );
    }
    Some(expanded)
}

/// What stands in the file system of a component besides persistent volumes.
#[derive(Default)]
pub(super) struct Contents {
    pub(super) files: BTreeMap<String, String>,
    pub(super) access: BTreeMap<String, FileAccess>,
    pub(super) mounts: BTreeMap<String, Mount>,
}

/// Lowers files, and all volumes but the persistent ones.
pub(super) fn contents(lowering: &mut Lowering<'_>, component: &Component) -> Contents {
    let mut contents = Contents::default();
    for (path, file) in &component.files {
        contents.grant(path, file.mode, file.owner);
        match &file.content {
            FileContent::Content(text) => {
                contents.files.insert(path.clone(), text.clone());
            }
            FileContent::Secret(secret) => {
                contents.mount(path.clone(), Mount::Secret(secret.clone()));
            }
            // Reported for all components together.
            FileContent::Template(_) => {}
        }
    }
    for (name, volume) in &component.volumes {
        let below = |leaf: &str| format!("{}/{leaf}", volume.mount.trim_end_matches('/'));
        let at = volume.mount.clone();
        match &volume.source {
            VolumeSource::Persistent { .. } => {}
            // Memory is one container's own.
            VolumeSource::Ephemeral(wanted)
                if has_company(component) || wanted.memory == Some(false) =>
            {
                contents.mount(at, Mount::Shared(name.clone()));
            }
            VolumeSource::Ephemeral(wanted) => contents.mount(at, Mount::Tmpfs(wanted.clone())),
            VolumeSource::HostPath(path) => contents.mount(at, Mount::Host(path.clone())),
            VolumeSource::Config(config) => {
                let path = component.path.join("volumes").join(name);
                let data = lowering.config_data(&path, config);
                for (key, text) in data.into_iter().flatten() {
                    contents.grant(&below(key), volume.mode, None);
                    contents.files.insert(below(key), text.clone());
                }
            }
            VolumeSource::Secret(secret) => {
                contents.grant(&below(secret), volume.mode, None);
                contents.mount(below(secret), Mount::Secret(secret.clone()));
            }
        }
    }
    contents
}

impl Contents {
    fn mount(&mut self, path: String, mount: Mount) {
        self.mounts.insert(path, mount);
    }

    fn grant(&mut self, path: &str, mode: Option<u32>, owner: Option<(u32, u32)>) {
        let access = FileAccess { mode, owner };
        if access != FileAccess::default() {
            self.access.insert(path.to_owned(), access);
        }
    }
}
