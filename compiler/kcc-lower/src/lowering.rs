//! [`Lowering`]: what every part of one lowering reads, and the mistakes that
//! it found. A lowering goes on after a mistake and fails once, at its end.

use std::collections::{BTreeMap, BTreeSet};

use kcc_diag::{Code, Diagnostic, Diagnostics, Outcome};
use kcc_model::{Component, EnvValue, FileContent, Name, Part, Secret, TargetModel, VolumeSource};
use kcc_tree::{ConfigTree, Path};

use crate::parity::Engine;

/// One lowering on its way.
pub(crate) struct Lowering<'a> {
    tree: &'a ConfigTree,
    /// `system.name`.
    pub(crate) system: &'a str,
    /// The model of the target.
    pub(crate) target: &'a TargetModel,
    diagnostics: Diagnostics,
    /// Secrets that were warned of.
    raw: BTreeSet<Name>,
}

impl<'a> Lowering<'a> {
    pub(crate) fn new(tree: &'a ConfigTree, system: &'a str, target: &'a TargetModel) -> Self {
        Self {
            tree,
            system,
            target,
            diagnostics: Diagnostics::new(),
            raw: BTreeSet::new(),
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
                "`{}` runs as root, which its profile `restricted` refuses",
                component.path
            ),
            "name another user, or write `security: profile: \"baseline\"`",
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
                if matches!(content.content, FileContent::Template(_)) {
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

    /// The secrets that stand percent-encoded in a variable.
    pub(crate) fn encoded_secrets(&self) -> BTreeSet<&'a Name> {
        let containers = self.running().flat_map(Component::containers);
        let values = containers.flat_map(|(_, container)| container.env.values());
        let parts = values.flat_map(|value| match value {
            EnvValue::Template(parts) => parts.as_slice(),
            _ => &[],
        });
        parts
            .filter_map(|part| match part {
                Part::Encoded(name) => Some(name),
                Part::Text(_) | Part::Secret(_) => None,
            })
            .collect()
    }

    /// Warns that a file has another mode than the one that is asked for.
    pub(crate) fn widened(&mut self, path: &Path, asked: u32, given: u32) {
        let target = &self.target.target;
        let message =
            format!("`{path}` is 0{asked:o}, but on Kubernetes the file has mode 0{given:o}");
        let mut warning = Diagnostic::warning(Code::LowerFileMode, message)
            .at(path.to_string())
            .target(target.as_str())
            .help(format!(
                "write `mode: \"0{given:o}\"`: the file belongs to root, and the pod's group has to \
                 read it"
            ));
        if let Some(origin) = self.tree.origin(target, path) {
            warning = warning.primary(origin.span, "the group may read it, too");
        }
        self.diagnostics.push(warning);
    }

    /// Warns of a secret that stands in a URL without being percent-encoded; once,
    /// however many URLs there are.
    pub(crate) fn url_secret(&mut self, secret: &Secret) {
        if !self.raw.insert(secret.name.clone()) {
            return;
        }
        let target = &self.target.target;
        let message = format!(
            "secret `{}` stands in a URL as it is: kcc cannot percent-encode a value that only \
             the cluster has",
            secret.name
        );
        let mut warning = Diagnostic::warning(Code::LowerUrlSecret, message)
            .at(secret.path.to_string())
            .target(target.as_str())
            .help(
                "keep the encoded value in the Secret, too, and name its key: \
                 `encodedKey: \"…\"`",
            );
        let at = secret.path.join("kubernetes");
        if let Some(origin) = self.tree.origin(target, &at) {
            warning = warning.primary(origin.span, "read by the cluster alone");
        }
        self.diagnostics.push(warning);
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
                if let FileContent::Secret(secret) = &content.content {
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
                Part::Secret(name) | Part::Encoded(name) => Some(name),
            })
            .collect(),
    }
}
