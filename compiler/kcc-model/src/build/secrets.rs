//! `secrets` and `configs`: what components refer to by name.
//!
//! A secret is a reference with a provider, never a value. The model holds
//! those that components refer to; the password of a backing that nobody names
//! is one of them without being declared.

use std::collections::{BTreeMap, BTreeSet};

use kcc_diag::Code;
use kcc_tree::{Path, Value};

use super::backing::implicit_password;
use super::{Cursor, Scope, component, image, names};
use crate::{
    Component, Config, EngineTarget, EnvValue, FileContent, Kind, Name, Output, Part, Secret,
    SecretProvider, VolumeSource,
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
pub(crate) fn configs(scope: &Scope<'_>, root: &Cursor<'_>) -> BTreeMap<Name, Config> {
    let Some(all) = root.child("configs") else {
        return BTreeMap::new();
    };
    all.fields()
        .map(|(name, node)| {
            names::check(&node, "config", name);
            node.only(&["data"]);
            let data = node
                .child("data")
                .map(|data| data.text_map())
                .unwrap_or_default();
            (
                name.to_owned(),
                Config {
                    name: name.to_owned(),
                    team: scope.team(&node.path),
                    data,
                },
            )
        })
        .collect()
}

/// Decodes the secrets that components refer to.
pub(crate) fn secrets(
    scope: &Scope<'_>,
    root: &Cursor<'_>,
    components: &BTreeMap<Name, Component>,
) -> BTreeMap<Name, Secret> {
    let referred: BTreeSet<Name> = components
        .values()
        .flat_map(references)
        .map(|(name, _)| name)
        .collect();
    let implicit: BTreeMap<Name, &Component> = components
        .values()
        .filter(|component| matches!(component.kind, Kind::Backing { .. }))
        .map(|component| (implicit_password(&component.name), component))
        .collect();
    let elsewhere = elsewhere(components);
    let mut secrets = BTreeMap::new();
    if let Some(all) = root.child("secrets") {
        for (name, node) in all.fields() {
            names::check(&node, "secret", name);
            if !matches!(node.node.value, Value::Struct(_)) {
                // A literal: its rule reports it.
                continue;
            }
            let use_of = Use {
                generated: implicit.contains_key(name),
                elsewhere: elsewhere.get(name).copied(),
                referred: referred.contains(name),
            };
            let provider = provider(scope, &node, &use_of);
            if let (Some(provider), true) = (provider, referred.contains(name)) {
                let path = node.path.clone();
                let secret = Secret {
                    name: name.to_owned(),
                    team: scope.team(&path),
                    path,
                    provider,
                };
                secrets.insert(name.to_owned(), secret);
            }
        }
    }
    let declared = |name: &Name| root.below(&["secrets", name.as_str()]).is_some();
    for (name, backing) in implicit {
        if referred.contains(&name) && !declared(&name) {
            if elsewhere.contains_key(&name) {
                if let Some(node) = root.below(&["backing", backing.name.as_str()]) {
                    nobody_knows(scope, &node, &name, backing);
                }
                continue;
            }
            let secret = Secret {
                name: name.clone(),
                team: backing.team.clone(),
                path: backing.path.clone(),
                provider: SecretProvider::Generate {},
            };
            secrets.insert(name, secret);
        }
    }
    secrets
}

/// What a secret is used for.
struct Use<'a> {
    /// It is the password of a backing that nobody names.
    generated: bool,
    /// The backing outside of the system that it opens.
    elsewhere: Option<&'a Component>,
    /// Somebody refers to it.
    referred: bool,
}

/// The passwords of backings that run outside of the system: somebody else has
/// set them, and one that kcc made up would open nothing.
fn elsewhere(components: &BTreeMap<Name, Component>) -> BTreeMap<Name, &Component> {
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

fn provider(scope: &Scope<'_>, node: &Cursor<'_>, use_of: &Use<'_>) -> Option<SecretProvider> {
    node.only(&PROVIDERS);
    let written: Vec<_> = PROVIDERS
        .iter()
        .filter_map(|name| Some((*name, node.child(name)?)))
        .collect();
    match &written[..] {
        [] if use_of.elsewhere.is_some() => {
            let name = node.path.0.last().map_or("", String::as_str);
            if let (Some(backing), false) = (use_of.elsewhere, node.lines.lost(name)) {
                nobody_knows(scope, node, name, backing);
            }
            None
        }
        [] => match scope.engine {
            _ if use_of.generated => Some(SecretProvider::Generate {}),
            EngineTarget::Docker {} => Some(SecretProvider::Generate {}),
            EngineTarget::Kubernetes { .. } => {
                if use_of.referred && !node.lines.partly_lost(&node.path) {
                    without_provider(node);
                }
                None
            }
        },
        [(kind, field)] => one(kind, field),
        [(first, one), (second, other), ..] => {
            let message = format!("`{}` comes from `{first}` and from `{second}`", node.path);
            let error = one.error(Code::EvalConflict, message, "one provider");
            let error = node.lines.also(error, &other.path, "another provider");
            node.report(error.help(format!("remove `{first}` or `{second}`")));
            None
        }
    }
}

fn nobody_knows(scope: &Scope<'_>, node: &Cursor<'_>, name: &str, backing: &Component) {
    let message = format!(
        "secret `{name}` opens `{}`, which runs outside the system, and has no provider",
        backing.path
    );
    let error = node.error(
        Code::CheckSecretWithoutProvider,
        message,
        "where does its value come from?",
    );
    let provider = match scope.engine {
        EngineTarget::Docker {} => "env: \"VARIABLE\"",
        EngineTarget::Kubernetes { .. } => "kubernetes: {name: \"…\", key: \"…\"}",
    };
    node.report(error.help(format!(
        "say it for the target: `secrets: {name:?}: {provider}`, or name another secret: `{}: \
         password: secret: \"…\"`",
        backing.path
    )));
}

fn without_provider(node: &Cursor<'_>) {
    let name = node.path.0.last().map_or("", String::as_str);
    let message = format!("secret `{name}` has no provider in a Kubernetes target");
    let error = node.error(
        Code::CheckSecretWithoutProvider,
        message,
        "where does its value come from?",
    );
    node.report(error.help(format!(
        "say it for the target: `secrets: {name:?}: kubernetes: {{name: \"…\", key: \"…\"}}`, \
         or `generate: {{}}` for one that kcc makes"
    )));
}

fn one(kind: &str, field: &Cursor<'_>) -> Option<SecretProvider> {
    match kind {
        "generate" => Some(SecretProvider::Generate {}),
        "env" => {
            let variable = field.text()?;
            let plain = |c: char| !c.is_whitespace() && c != '=' && c != '$';
            if variable.is_empty() || !variable.chars().all(plain) {
                return useless(
                    field,
                    "is no name of a variable",
                    "write the name alone, such as `env: \"STRIPE_KEY\"`",
                );
            }
            Some(SecretProvider::Env(variable))
        }
        "file" if field.text().is_some_and(|file| file.is_empty()) => useless(
            field,
            "is no path of a file",
            "write the path of the file that holds the value",
        ),
        "command"
            if field
                .texts()
                .is_some_and(|words| words.first().is_none_or(String::is_empty)) =>
        {
            useless(
                field,
                "is no command",
                "write the command that prints the value, such as `[\"pass\", \"show\", \"stripe\"]`",
            )
        }
        "file" => Some(SecretProvider::File(image::inside(field, &field.text()?)?)),
        "command" => field.texts().map(SecretProvider::Command),
        "external" => {
            field.only(&["store", "key", "kind"]);
            let (store, key) = pair(field, "store")?;
            let kind = field.child("kind").and_then(|kind| kind.text());
            Some(SecretProvider::External {
                store,
                kind: kind.unwrap_or_else(|| "SecretStore".to_owned()),
                key,
            })
        }
        "sops" => {
            field.only(&["file", "key"]);
            let (file, key) = pair(field, "file")?;
            let file = image::inside(field, &file)?;
            Some(SecretProvider::Command(sops(file, &key)))
        }
        _ => {
            field.only(&["name", "key", "encodedKey"]);
            let (name, key) = pair(field, "name")?;
            if !name.split('.').all(names::is_label) {
                let name = field.child("name")?;
                return useless(
                    &name,
                    "is no name of a Secret",
                    "write lower-case letters, digits, `-` and `.`, as `kubectl get secrets` shows it",
                );
            }
            let encoded_key = field.child("encodedKey").and_then(|key| key.text());
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            let keys = [("key", Some(&key)), ("encodedKey", encoded_key.as_ref())];
            for (name, key) in keys {
                if key.is_some_and(|key| key.is_empty() || !key.chars().all(plain)) {
                    return useless(
                        &field.child(name)?,
                        "is no key of a Secret",
                        "write letters, digits, `-`, `_` and `.` only",
                    );
                }
            }
            Some(SecretProvider::Kubernetes {
                name,
                key,
                encoded_key,
            })
        }
    }
}

/// Reports where no value can come from. What stands there may be a value
/// itself, so it is not repeated.
fn useless(field: &Cursor<'_>, why: &str, help: &str) -> Option<SecretProvider> {
    let message = format!("`{}` {why}", field.path);
    let error = field.error(Code::ModelBadName, message, "no value comes from here");
    field.report(error.help(help));
    None
}

/// A place and the key inside it.
fn pair(field: &Cursor<'_>, place: &str) -> Option<(String, String)> {
    let text = |name| field.child(name).and_then(|text| text.text());
    let (Some(at), Some(key)) = (text(place), text("key")) else {
        component::missing(
            field,
            &format!("`{place}` or `key`"),
            &format!("write `{{{place}: \"…\", key: \"…\"}}`"),
        );
        return None;
    };
    Some((at, key))
}

/// The command that decrypts one value; its key as a path of JSON strings.
fn sops(file: String, key: &str) -> Vec<String> {
    let parts: Vec<String> = key.split('.').map(|part| format!("[{part:?}]")).collect();
    ["sops", "--decrypt", "--extract", &parts.concat()]
        .into_iter()
        .map(str::to_owned)
        .chain([file])
        .collect()
}

/// The secrets that a component refers to, each with the path that says so.
pub(crate) fn references(component: &Component) -> Vec<(Name, Path)> {
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
            EnvValue::Literal(_) | EnvValue::Config { .. } => {}
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
