//! [`Lowering`]: the shared context of lowering one target, with the diagnostics
//! so far. Lowering continues after a mistake and fails once, at the end.

use std::collections::{BTreeMap, BTreeSet};

use kcc_diag::{Code, Diagnostic, Diagnostics, Outcome, Span};
use kcc_lock::{ImageFacts, Images};
use kcc_model::{
    Component, Container, EnvValue, FileContent, Image, Name, Part, Secret, TargetModel,
    VolumeSource,
};
use kcc_tree::{ConfigTree, Path};

use crate::source::{ObjectId, Sources};
use crate::user::User;

/// The state of lowering one target.
pub(crate) struct Lowering<'a> {
    tree: &'a ConfigTree,
    /// `system.name`.
    pub(crate) system: &'a str,
    /// The model of the target.
    pub(crate) target: &'a TargetModel,
    /// The facts about images from `kcc.lock`.
    pub(crate) images: &'a Images,
    /// The instance, for an isolated run of the target.
    pub(crate) instance: Option<&'a str>,
    /// The components of the target that the instance uses instead of creating them.
    pub(crate) shared: &'a BTreeSet<Name>,
    /// The sources of the fields of each object.
    pub(crate) sources: BTreeMap<ObjectId, Sources>,
    diagnostics: Diagnostics,
    /// Secrets for which a warning about URLs was already reported.
    reported_url_secrets: BTreeSet<Name>,
}

impl<'a> Lowering<'a> {
    pub(crate) fn new(
        tree: &'a ConfigTree,
        system: &'a str,
        target: &'a TargetModel,
        images: &'a Images,
        instance: Option<&'a str>,
        shared: &'a BTreeSet<Name>,
    ) -> Self {
        Self {
            tree,
            system,
            target,
            images,
            instance,
            shared,
            sources: BTreeMap::new(),
            diagnostics: Diagnostics::new(),
            reported_url_secrets: BTreeSet::new(),
        }
    }

    /// Returns the components that run in the target, without those that are shared.
    pub(crate) fn running(&self) -> impl Iterator<Item = &'a Component> + use<'a> {
        let (components, shared) = (self.target.components.values(), self.shared);
        components.filter(|component| component.runs() && !shared.contains(&component.name))
    }

    /// Returns the shared components.
    pub(crate) fn shared(&self) -> impl Iterator<Item = &'a Component> + use<'a> {
        let components = &self.target.components;
        self.shared.iter().filter_map(|name| components.get(name))
    }

    /// Keeps the sources of an object's fields.
    pub(crate) fn record(&mut self, kind: &str, name: &str, sources: Sources) {
        let id = (kind.to_lowercase(), name.to_owned());
        self.sources.insert(id, sources);
    }

    /// Reports something that this engine does not support.
    pub(crate) fn unsupported(
        &mut self,
        path: &Path,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let label = format!("not supported on {}", self.target.engine.engine());
        self.error(Code::LowerUnsupported, path, message, label, help);
    }

    /// Reports something that no engine supports. The text does not name an engine,
    /// so that it is reported once for all targets.
    pub(crate) fn unsupported_everywhere(
        &mut self,
        path: &Path,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.error(Code::LowerUnsupported, path, message, "not supported", help);
    }

    /// Reports the container at a path if it runs as root although its profile
    /// forbids it.
    pub(crate) fn check_root(&mut self, path: &Path, container: &Container) {
        if !User::is_forbidden_root(container) {
            return;
        }
        self.unsupported_everywhere(
            &path.join("user"),
            format!("`{path}` runs as root, which its profile `restricted` forbids"),
            "set another `user`, or write `security: profile: \"baseline\"`",
        );
    }

    /// Returns what `kcc.lock` says about an image.
    pub(crate) fn facts(&self, image: &Image) -> Option<&'a ImageFacts> {
        match image {
            Image::Reference(reference) => self.images.get(reference),
            Image::Build(_) => None,
        }
    }

    /// Returns the reference of a container's image, with its digest if the target
    /// pins images. An image that is built is not pinned: on Kubernetes its tag
    /// follows from its content, on Docker nothing else can have it.
    pub(crate) fn image(&mut self, path: &Path, container: &Container) -> String {
        let reference = match &container.image {
            Image::Build(build) => return build.tag.clone(),
            Image::Reference(reference) if !self.target.pin_images => return reference.clone(),
            Image::Reference(reference) if reference.contains('@') => return reference.clone(),
            Image::Reference(reference) => reference,
        };
        let facts = self.images.get(reference);
        if let Some(digest) = facts.and_then(|facts| facts.digest.as_ref()) {
            return format!("{reference}@{digest}");
        }
        let target = &self.target.target;
        let message =
            format!("target `{target}` pins images, but `kcc.lock` has no digest of `{reference}`");
        let help = match facts {
            None => "run `kcc lock`".to_owned(),
            Some(_) => {
                format!("push the image to a registry and run `kcc lock --update {reference}`")
            }
        };
        let at = path.join("image");
        self.error(Code::LowerUnpinnedImage, &at, message, "not pinned", help);
        reference.clone()
    }

    /// Reports an error about a path, with a label on its line.
    pub(crate) fn error(
        &mut self,
        code: Code,
        path: &Path,
        message: impl Into<String>,
        label: impl Into<String>,
        help: impl Into<String>,
    ) {
        let mut diagnostic = Diagnostic::error(code, message)
            .at(path)
            .target(self.target.target.as_str())
            .help(help);
        if let Some(line) = self.line(path) {
            diagnostic = diagnostic.primary(line, label);
        }
        self.diagnostics.push(diagnostic);
    }

    /// Reports a complete diagnostic.
    pub(crate) fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// Returns the line that gives a path its value.
    pub(crate) fn line(&self, path: &Path) -> Option<Span> {
        let origin = self.tree.origin(&self.target.target, path);
        origin.map(|origin| origin.span)
    }

    /// Returns the path where a field of a component is declared: its own, or in
    /// the recipe of its kind if the backing itself does not declare it.
    pub(crate) fn declared_path(
        &self,
        component: &Component,
        field: &str,
        below: &[String],
    ) -> Path {
        let at = |above: Path| {
            let above = above.join(field);
            Path(above.0.iter().chain(below).cloned().collect())
        };
        let (own, recipe) = (
            at(component.path.clone()),
            at(component.path.join("component")),
        );
        let exists = |path: &Path| self.tree.get(&self.target.target, path).is_some();
        if !exists(&own) && exists(&recipe) {
            return recipe;
        }
        own
    }

    /// Returns the value of a config's key; reports a missing one.
    pub(crate) fn config(&mut self, path: &Path, name: &str, key: &str) -> Option<&'a str> {
        let config = self.target.configs.get(name);
        let value = config.and_then(|config| config.data.get(key));
        if value.is_none() {
            self.unsupported_everywhere(
                path,
                format!("config `{name}` has no key `{key}`"),
                format!("add `{key}` to `configs.{name}.data`"),
            );
        }
        value.map(String::as_str)
    }

    /// Returns the data of a config; reports a missing one.
    pub(crate) fn config_data(
        &mut self,
        path: &Path,
        name: &str,
    ) -> Option<&'a BTreeMap<String, String>> {
        let config = self.target.configs.get(name);
        if config.is_none() {
            self.unsupported_everywhere(
                path,
                format!("config `{name}` does not exist"),
                format!("add `configs: {name}: data: …`"),
            );
        }
        config.map(|config| &config.data)
    }

    /// Reports keys of configs that cannot be file names.
    pub(crate) fn check_config_keys(&mut self) {
        for config in self.target.configs.values() {
            for key in config.data.keys().filter(|key| !is_file_name(key)) {
                let path = Path::of(["configs", &config.name, "data", key]);
                self.unsupported_everywhere(
                    &path,
                    format!(
                        "config `{}` has a key `{key}`, which is not a valid file name",
                        config.name
                    ),
                    "write only letters, digits, `-`, `_` and `.`",
                );
            }
        }
    }

    /// Reports files that would contain a secret inside other text: engines mount
    /// a secret only as a whole, and store other text where everybody can read it.
    pub(crate) fn check_files(&mut self) {
        for component in self.running() {
            for (file, content) in &component.files {
                if matches!(content.content, FileContent::Template(_)) {
                    let path = component.path.join("files").join(file);
                    self.unsupported_everywhere(
                        &path,
                        format!("`{path}` would contain a secret inside other text"),
                        "use an output that is only the secret, such as `password`, or pass it as a \
                         variable",
                    );
                }
            }
        }
    }

    /// Returns the secrets that a variable contains percent-encoded.
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

    /// Warns that a file gets a wider mode than declared.
    pub(crate) fn warn_file_mode(&mut self, path: &Path, declared: u32, actual: u32) {
        let target = &self.target.target;
        let message =
            format!("`{path}` is 0{declared:o}, but on Kubernetes the file has mode 0{actual:o}");
        let mut warning = Diagnostic::warning(Code::LowerFileMode, message)
            .at(path)
            .target(target.as_str())
            .help(format!(
                "write `mode: \"0{actual:o}\"`: the file belongs to root, and the pod's group must be \
                 able to read it"
            ));
        if let Some(origin) = self.tree.origin(target, path) {
            warning = warning.primary(origin.span, "the group can read it as well");
        }
        self.diagnostics.push(warning);
    }

    /// Reports once per secret that it is used in a URL and cannot be percent-encoded.
    /// `key` is the name of its key in the cluster's Secret.
    pub(crate) fn report_url_secret(&mut self, secret: &Secret, key: &str) {
        if !self.reported_url_secrets.insert(secret.name.clone()) {
            return;
        }
        let message = format!(
            "secret `{}` is used in a URL, and kcc cannot percent-encode a value that only the \
             cluster has",
            secret.name
        );
        let help = format!(
            "store the encoded value in the Secret as well and name its key, `encodedKey: \"…\"`, or \
             write `encodedKey: {key:?}` if the value contains only letters, digits and `-._~`"
        );
        let at = secret.path.join("kubernetes");
        self.error(
            Code::LowerUrlSecret,
            &at,
            message,
            "known only to the cluster",
            help,
        );
    }

    /// Returns the secrets that containers refer to, each with the first path that
    /// does.
    pub(crate) fn secrets_in_use(&self) -> BTreeMap<&'a Name, Path> {
        secrets_used_by(self.running())
    }

    pub(crate) fn finish<T>(self, value: T) -> Outcome<T> {
        self.diagnostics.finish(value)
    }
}

/// Returns true if Kubernetes can mount a config's key as a file.
fn is_file_name(key: &str) -> bool {
    const MAX_LENGTH: usize = 253;
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !key.is_empty()
        && key.len() <= MAX_LENGTH
        && key != "."
        && !key.starts_with("..")
        && key.chars().all(allowed)
}

/// Returns the secrets that containers of components refer to, each with the first path
/// that does.
pub(crate) fn secrets_used_by<'a>(
    components: impl Iterator<Item = &'a Component>,
) -> BTreeMap<&'a Name, Path> {
    let mut used = BTreeMap::new();
    for component in components {
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

/// Returns the secrets in a variable's value.
pub(crate) fn secrets_of(value: &EnvValue) -> BTreeSet<&Name> {
    match value {
        EnvValue::Literal(_) | EnvValue::Config { .. } | EnvValue::Field(_) => BTreeSet::new(),
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
