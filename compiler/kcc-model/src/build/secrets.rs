//! Decodes `secrets` and `configs`, which components refer to by name.
//!
//! A secret is a reference with a provider, never a value. The model contains only
//! secrets that components refer to. The password of a backing is one of them,
//! even if no fragment declares it.

use std::collections::{BTreeMap, BTreeSet};

use kcc_diag::Code;
use kcc_tree::{Engine, Path, Value};

use super::backing::implicit_password;
use super::{Cursor, TargetContext, image, names};
use crate::{
    Component, Config, EnvValue, FileContent, Kind, Name, Output, Part, Secret, SecretProvider,
    VolumeSource,
};

const PROVIDERS: [&str; 7] = [
    "generate",
    "env",
    "file",
    "command",
    "kubernetes",
    "external",
    "sops",
];

/// Decodes the configs.
pub(crate) fn configs(cx: &TargetContext<'_>, root: &Cursor<'_>) -> BTreeMap<Name, Config> {
    let Some(all) = root.child("configs") else {
        return BTreeMap::new();
    };
    all.fields()
        .map(|(name, node)| {
            names::validate(&node, "config", name);
            let data = node
                .child("data")
                .map(|data| data.text_map())
                .unwrap_or_default();
            (
                name.to_owned(),
                Config {
                    name: name.to_owned(),
                    team: cx.team(&node.path),
                    data,
                },
            )
        })
        .collect()
}

/// Decodes the secrets that components refer to.
pub(crate) fn secrets(
    cx: &TargetContext<'_>,
    root: &Cursor<'_>,
    components: &BTreeMap<Name, Component>,
) -> BTreeMap<Name, Secret> {
    let referred: BTreeSet<Name> = components
        .values()
        .flat_map(secret_references)
        .map(|(name, _)| name)
        .collect();
    let implicit: BTreeMap<Name, &Component> = components
        .values()
        .filter(|component| matches!(component.kind, Kind::Backing { .. }))
        .map(|component| (implicit_password(&component.name), component))
        .collect();
    let external = external_passwords(components);
    let mut secrets = BTreeMap::new();
    if let Some(all) = root.child("secrets") {
        for (name, node) in all.fields() {
            names::validate(&node, "secret", name);
            if !matches!(node.node.value, Value::Struct(_)) {
                // A rule reports literals.
                continue;
            }
            let uses = SecretUse {
                generated: implicit.contains_key(name),
                external: external.get(name).copied(),
                referred: referred.contains(name),
            };
            let provider = provider(cx, &node, &uses);
            if let (Some(provider), true) = (provider, referred.contains(name)) {
                let path = node.path.clone();
                let secret = Secret {
                    name: name.to_owned(),
                    team: cx.team(&path),
                    path,
                    provider,
                };
                secrets.insert(name.to_owned(), secret);
            }
        }
    }
    let declared = |name: &Name| root.below(&["secrets", name.as_str()]).is_some();
    for (name, backing) in implicit {
        if !referred.contains(&name) || declared(&name) {
            continue;
        }
        if external.contains_key(&name) {
            if let Some(node) = root.below(&["backing", backing.name.as_str()]) {
                report_external_without_provider(cx, &node, &name, backing);
            }
        } else {
            secrets.insert(name.clone(), generated_password(name, backing));
        }
    }
    secrets
}

/// Returns the password of a backing that kcc generates.
fn generated_password(name: Name, backing: &Component) -> Secret {
    Secret {
        name,
        team: backing.team.clone(),
        path: backing.path.clone(),
        provider: SecretProvider::Generate {},
    }
}

/// The uses of a secret, which decide its default provider.
struct SecretUse<'a> {
    /// Set if it is the implicit password of a backing.
    generated: bool,
    /// The external backing that it is the password of.
    external: Option<&'a Component>,
    /// Set if a component refers to it.
    referred: bool,
}

/// Returns the passwords of external backings, which kcc must not generate: they
/// are set outside the system.
fn external_passwords(components: &BTreeMap<Name, Component>) -> BTreeMap<Name, &Component> {
    let mut passwords = BTreeMap::new();
    for component in components.values() {
        let Kind::Backing {
            outputs,
            external: true,
            ..
        } = &component.kind
        else {
            continue;
        };
        for output in outputs.values() {
            if let Output::Secret(name) = output {
                passwords.entry(name.clone()).or_insert(component);
            }
        }
    }
    passwords
}

fn provider(
    cx: &TargetContext<'_>,
    node: &Cursor<'_>,
    uses: &SecretUse<'_>,
) -> Option<SecretProvider> {
    let declared: Vec<_> = PROVIDERS
        .iter()
        .filter_map(|name| Some((*name, node.child(name)?)))
        .collect();
    match &declared[..] {
        [] if uses.external.is_some() => {
            let name = node.path.0.last().map_or("", String::as_str);
            if let Some(backing) = uses.external {
                report_external_without_provider(cx, node, name, backing);
            }
            None
        }
        [] => match cx.engine.engine() {
            _ if uses.generated => Some(SecretProvider::Generate {}),
            Engine::Docker => Some(SecretProvider::Generate {}),
            Engine::Kubernetes => {
                if uses.referred {
                    report_missing_provider(node);
                }
                None
            }
        },
        [(kind, field)] => decode_provider(kind, field),
        [(first, one), (second, other), ..] => {
            let message = format!("`{}` comes from `{first}` and from `{second}`", node.path);
            let error = one.error(Code::EvalConflict, message, "one provider");
            let error = node
                .reporter
                .add_label(error, &other.path, "another provider");
            node.report(error.help(format!("remove `{first}` or `{second}`")));
            None
        }
    }
}

fn report_external_without_provider(
    cx: &TargetContext<'_>,
    node: &Cursor<'_>,
    name: &str,
    backing: &Component,
) {
    let message = format!(
        "secret `{name}` of the external backing `{}` has no provider",
        backing.path
    );
    let error = node.error(Code::CheckSecretWithoutProvider, message, "no provider");
    let provider = match cx.engine.engine() {
        Engine::Docker => "env: \"VARIABLE\"",
        Engine::Kubernetes => "kubernetes: {name: \"…\", key: \"…\"}",
    };
    node.report(error.missing(name).help(format!(
        "write `secrets: {name:?}: {provider}` for the target, or name another secret: `{}: \
         password: secret: \"…\"`",
        backing.path
    )));
}

fn report_missing_provider(node: &Cursor<'_>) {
    let name = node.path.0.last().map_or("", String::as_str);
    let message = format!("secret `{name}` has no provider in a Kubernetes target");
    let error = node.error(Code::CheckSecretWithoutProvider, message, "no provider");
    node.report(error.missing(name).help(format!(
        "write `secrets: {name:?}: kubernetes: {{name: \"…\", key: \"…\"}}` for the target, or \
         `generate: {{}}` to have kcc generate it"
    )));
}

fn decode_provider(kind: &str, field: &Cursor<'_>) -> Option<SecretProvider> {
    match kind {
        "generate" => Some(SecretProvider::Generate {}),
        "env" => {
            let variable = field.text()?;
            let plain = |c: char| !c.is_whitespace() && c != '=' && c != '$';
            if variable.is_empty() || !variable.chars().all(plain) {
                return reject(
                    field,
                    "is not a valid variable name",
                    "write only the name, such as `env: \"STRIPE_KEY\"`",
                );
            }
            Some(SecretProvider::Env(variable))
        }
        "file" if field.text().is_some_and(|file| file.is_empty()) => reject(
            field,
            "is not a file path",
            "write the path of the file that contains the value",
        ),
        "command"
            if field
                .text_list()
                .is_some_and(|words| words.first().is_none_or(String::is_empty)) =>
        {
            reject(
                field,
                "is not a command",
                "write the command that prints the value, such as `[\"pass\", \"show\", \"stripe\"]`",
            )
        }
        "file" => Some(SecretProvider::File(image::relative_to_root(
            field,
            &field.text()?,
        )?)),
        "command" => field.text_list().map(SecretProvider::Command),
        "external" => {
            let (store, key) = container_and_key(field, "store")?;
            let kind = field.child("kind").and_then(|kind| kind.text());
            Some(SecretProvider::External {
                store,
                kind: kind.unwrap_or_else(|| "SecretStore".to_owned()),
                key,
            })
        }
        "sops" => {
            let (file, key) = container_and_key(field, "file")?;
            let file = image::relative_to_root(field, &file)?;
            Some(SecretProvider::Command(sops(file, &key)))
        }
        _ => kubernetes_secret(field),
    }
}

/// Decodes a key of a Secret that exists in the cluster.
fn kubernetes_secret(field: &Cursor<'_>) -> Option<SecretProvider> {
    let (name, key) = container_and_key(field, "name")?;
    if !name.split('.').all(names::is_label) {
        return reject(
            &field.child("name")?,
            "is not a valid name of a Secret",
            "write a name as `kubectl get secrets` shows it: lower-case letters, digits, `-` and `.`",
        );
    }
    let encoded_key = field.child("encodedKey").and_then(|key| key.text());
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let keys = [("key", Some(&key)), ("encodedKey", encoded_key.as_ref())];
    for (name, key) in keys {
        if key.is_some_and(|key| key.is_empty() || !key.chars().all(plain)) {
            return reject(
                &field.child(name)?,
                "is not a valid key of a Secret",
                "write only letters, digits, `-`, `_` and `.`",
            );
        }
    }
    Some(SecretProvider::Kubernetes {
        name,
        key,
        encoded_key,
    })
}

/// Reports an invalid provider. The text may be the secret's value by mistake, so
/// the message does not repeat it.
fn reject(field: &Cursor<'_>, why: &str, help: &str) -> Option<SecretProvider> {
    let message = format!("`{}` {why}", field.path);
    let error = field.error(Code::ModelBadName, message, "cannot provide a value");
    field.report(error.help(help));
    None
}

/// Decodes a container of secrets (`name`, `store`, `file`) and the key in it.
fn container_and_key(field: &Cursor<'_>, container: &str) -> Option<(String, String)> {
    let text = |name| field.child(name).and_then(|text| text.text());
    let (Some(at), Some(key)) = (text(container), text("key")) else {
        field.report_missing(
            &format!("`{container}` or `key`"),
            &format!("write `{{{container}: \"…\", key: \"…\"}}`"),
        );
        return None;
    };
    Some((at, key))
}

/// Returns the command that decrypts one value; SOPS takes the key as a path of
/// JSON strings.
fn sops(file: String, key: &str) -> Vec<String> {
    let parts: Vec<String> = key.split('.').map(|part| format!("[{part:?}]")).collect();
    ["sops", "--decrypt", "--extract", &parts.concat()]
        .into_iter()
        .map(str::to_owned)
        .chain([file])
        .collect()
}

/// Returns the secrets that a component refers to, with the path of each
/// reference.
pub(crate) fn secret_references(component: &Component) -> Vec<(Name, Path)> {
    let mut found = Vec::new();
    let path = &component.path;
    let variables = component.containers().flat_map(|(path, container)| {
        let env = container.env.iter();
        env.map(move |(variable, value)| (path.join("env").join(variable), value))
    });
    for (at, value) in variables {
        let at = || at.clone();
        match value {
            EnvValue::Secret(name) => found.push((name.clone(), at())),
            EnvValue::Template(parts) => {
                found.extend(parts.iter().filter_map(|part| match part {
                    Part::Secret(name) | Part::Encoded(name) => Some((name.clone(), at())),
                    Part::Text(_) => None,
                }));
            }
            EnvValue::Literal(_) | EnvValue::Config { .. } | EnvValue::Field(_) => {}
        }
    }
    for (name, volume) in &component.volumes {
        if let VolumeSource::Secret(secret) = &volume.source {
            found.push((
                secret.clone(),
                path.join("volumes").join(name).join("secret"),
            ));
        }
    }
    for (file, content) in &component.files {
        if let FileContent::Secret(secret) = &content.content {
            found.push((secret.clone(), path.join("files").join(file)));
        }
    }
    for (name, route) in &component.routes {
        if let Some(secret) = &route.tls {
            let at = path.join("routes").join(name).join("tls").join("secret");
            found.push((secret.clone(), at));
        }
    }
    if let Kind::Backing { outputs, .. } = &component.kind {
        for output in outputs.values() {
            if let Output::Secret(name) = output {
                found.push((name.clone(), path.join("password")));
            }
        }
    }
    found
}
