//! [`Lowering`]: what every part of one lowering reads, and the mistakes that
//! it found. A lowering goes on after a mistake and fails once, at its end.

use std::collections::{BTreeMap, BTreeSet};

use kcc_cue::{ConfigTree, Path};
use kcc_diag::{Code, Diagnostic, Diagnostics, Outcome};
use kcc_model::{Component, EnvValue, File, Name, Part, TargetModel, VolumeSource};

use crate::parity::Engine;

/// One lowering on its way.
pub(crate) struct Lowering<'a> {
    tree: &'a ConfigTree,
    /// `system.name`.
    pub(crate) system: &'a str,
    /// The model of the target.
    pub(crate) target: &'a TargetModel,
    diagnostics: Diagnostics,
}

impl<'a> Lowering<'a> {
    pub(crate) fn new(tree: &'a ConfigTree, system: &'a str, target: &'a TargetModel) -> Self {
        Self {
            tree,
            system,
            target,
            diagnostics: Diagnostics::new(),
        }
    }

    /// The components that run here, with their containers.
    pub(crate) fn running(&self) -> impl Iterator<Item = &'a Component> + use<'a> {
        self.target
            .components
            .values()
            .filter(|component| component.runs())
    }

    /// Notes what the engine cannot do, at the line that says it.
    pub(crate) fn unsupported(
        &mut self,
        path: &Path,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let label = format!("not possible on {}", Engine::of(&self.target.engine));
        self.error(Code::LowerUnsupported, path, message, label, help);
    }

    /// Notes what no engine can do: said once, whatever engines there are.
    pub(crate) fn impossible(
        &mut self,
        path: &Path,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.error(Code::LowerUnsupported, path, message, "not possible", help);
    }

    /// Notes that a component runs as root and must not.
    pub(crate) fn runs_as_root(&mut self, component: &Component) {
        self.impossible(
            &component.path.join("user"),
            format!(
                "`{}` runs as root, but `security.nonRoot` is true",
                component.path
            ),
            "name another user, or say `security: nonRoot: false`",
        );
    }

    /// Notes a mistake, at the line behind a path.
    pub(crate) fn error(
        &mut self,
        code: Code,
        path: &Path,
        message: impl Into<String>,
        label: impl Into<String>,
        help: impl Into<String>,
    ) {
        let target = &self.target.target;
        let mut diagnostic = Diagnostic::error(code, message)
            .at(path.to_string())
            .target(target.as_str())
            .help(help);
        if let Some(origin) = self.tree.origin(target, path) {
            diagnostic = diagnostic.primary(origin.span, label);
        }
        self.diagnostics.push(diagnostic);
    }

    /// The path below a component at which a field is written: its own, or that
    /// of the recipe of its kind where the backing itself does not say it.
    pub(crate) fn written(&self, component: &Component, field: &str, below: &[String]) -> Path {
        let at = |above: Path| {
            let above = above.join(field);
            Path(above.0.iter().chain(below).cloned().collect())
        };
        let (own, recipe) = (
            at(component.path.clone()),
            at(component.path.join("component")),
        );
        let is_there = |path: &Path| self.tree.get(&self.target.target, path).is_some();
        if !is_there(&own) && is_there(&recipe) {
            return recipe;
        }
        own
    }

    /// The value of a config's key.
    pub(crate) fn config(&mut self, path: &Path, name: &str, key: &str) -> Option<&'a str> {
        let config = self.target.configs.get(name);
        let value = config.and_then(|config| config.data.get(key));
        if value.is_none() {
            self.impossible(
                path,
                format!("config `{name}` has no key `{key}`"),
                format!("add `{key}` to `configs.{name}.data`"),
            );
        }
        value.map(String::as_str)
    }

    /// The data of a config.
    pub(crate) fn config_data(
        &mut self,
        path: &Path,
        name: &str,
    ) -> Option<&'a BTreeMap<String, String>> {
        let config = self.target.configs.get(name);
        if config.is_none() {
            self.impossible(
                path,
                format!("there is no config `{name}`"),
                format!("add `configs: {name}: data: …`"),
            );
        }
        config.map(|config| &config.data)
    }

    /// Finds keys of configs that cannot be the name of a file in a folder.
    pub(crate) fn hold_config_keys(&mut self) {
        for config in self.target.configs.values() {
            for key in config.data.keys().filter(|key| !is_file_name(key)) {
                let path = Path::of(["configs", &config.name, "data", key]);
                self.impossible(
                    &path,
                    format!(
                        "config `{}` has a key `{key}`, which is no name of a file",
                        config.name
                    ),
                    "write letters, digits, `-`, `_` and `.` only",
                );
            }
        }
    }

    /// Finds files that would hold a secret among other text: engines keep
    /// secrets as they are, and texts where everybody reads them.
    pub(crate) fn hold_files(&mut self) {
        for component in self.running() {
            for (file, content) in &component.files {
                if matches!(content, File::Template(_)) {
                    let path = component.path.join("files").join(file);
                    self.impossible(
                        &path,
                        format!("`{path}` would hold a secret among other text"),
                        "name an output that is the secret alone, such as `password`, or let the \
                         program read a variable",
                    );
                }
            }
        }
    }

    /// The secrets that containers refer to, each with the path that does so first.
    pub(crate) fn secrets_in_use(&self) -> BTreeMap<&'a Name, Path> {
        let mut used = BTreeMap::new();
        for component in self.running() {
            for (path, container) in component.containers() {
                for (name, value) in &container.env {
                    let path = path.join("env").join(name);
                    for secret in secrets_of(value) {
                        used.entry(secret).or_insert_with(|| path.clone());
                    }
                }
            }
            for (file, content) in &component.files {
                if let File::Secret(secret) = content {
                    let path = component.path.join("files").join(file);
                    used.entry(secret).or_insert(path);
                }
            }
            for (name, volume) in &component.volumes {
                if let VolumeSource::Secret(secret) = &volume.source {
                    let path = component.path.join("volumes").join(name);
                    used.entry(secret).or_insert(path);
                }
            }
        }
        used
    }

    pub(crate) fn finish<T>(self, value: T) -> Outcome<T> {
        self.diagnostics.finish(value)
    }
}

/// Whether a config's key can be mounted as a file: what Kubernetes allows.
fn is_file_name(key: &str) -> bool {
    const LONGEST: usize = 253;
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !key.is_empty()
        && key.len() <= LONGEST
        && key != "."
        && !key.starts_with("..")
        && key.chars().all(allowed)
}

/// The secrets that a variable's value is made of.
pub(crate) fn secrets_of(value: &EnvValue) -> BTreeSet<&Name> {
    match value {
        EnvValue::Literal(_) | EnvValue::Config { .. } => BTreeSet::new(),
        EnvValue::Secret(name) => BTreeSet::from([name]),
        EnvValue::Template(parts) => parts
            .iter()
            .filter_map(|part| match part {
                Part::Text(_) => None,
                Part::Secret(name) => Some(name),
            })
            .collect(),
    }
}
