//! Warns about text that looks like a credential in a variable, the data of a
//! config or a build argument, where everybody can read it in the repository and on
//! the engine. A warning, because the detection is a guess.

use kcc_diag::{Code, Diagnostics};
use kcc_tree::{Node, OriginKind, Path, Value};

use super::view::View;

/// Prefixes of credentials that well-known services issue.
const PREFIXES: [&str; 12] = [
    "AIza",
    "AKIA",
    "eyJhbGci",
    "ghp_",
    "ghs_",
    "github_pat_",
    "glpat-",
    "rk_live_",
    "sk_live_",
    "sk_test_",
    "xoxb-",
    "xoxp-",
];
/// Words that mark the name of a credential.
const NAME_WORDS: [&str; 9] = [
    "APIKEY",
    "CREDENTIAL",
    "CREDENTIALS",
    "PASSPHRASE",
    "PASSWD",
    "PASSWORD",
    "PWD",
    "SECRET",
    "TOKEN",
];
/// Pairs of words that mark the name of a credential.
const NAME_PAIRS: [[&str; 2]; 4] = [
    ["ACCESS", "KEY"],
    ["API", "KEY"],
    ["PRIVATE", "KEY"],
    ["SIGNING", "KEY"],
];
/// Final words of a name for something about a credential, not the credential.
const METADATA_SUFFIXES: [&str; 19] = [
    "ALGORITHM",
    "AUDIENCE",
    "COUNT",
    "ENABLED",
    "EXPIRY",
    "FILE",
    "HEADER",
    "HOST",
    "ID",
    "ISSUER",
    "LENGTH",
    "NAME",
    "PATH",
    "POLICY",
    "PORT",
    "REQUIRED",
    "TIMEOUT",
    "TTL",
    "TYPE",
];

pub(super) fn credential(view: &View<'_>, diagnostics: &mut Diagnostics) {
    let target = &view.target.target;
    let mut check_fields = |above: &Path, node: &Node| {
        for (name, node) in node.fields() {
            let Value::String(text) = &node.value else {
                continue;
            };
            let declared = node
                .origins
                .iter()
                .any(|origin| origin.kind != OriginKind::Schema);
            if declared && let Some(reason) = looks_like(name, text) {
                report(view, &above.join(name), reason, diagnostics);
            }
        }
    };
    for kind in ["services", "jobs", "cronJobs"] {
        let Some(all) = view.tree.get(target, &Path::of([kind])) else {
            continue;
        };
        for (name, node) in all.fields() {
            let path = Path::of([kind, name]);
            let others = ["init", "sidecars"].into_iter().flat_map(|part| {
                let all = node.child(part).into_iter().flat_map(Node::fields);
                let path = path.join(part);
                all.map(move |(name, node)| (path.join(name), node))
            });
            let containers = std::iter::once((path.clone(), node)).chain(others);
            for (path, node) in containers {
                if let Some(env) = node.child("env") {
                    check_fields(&path.join("env"), env);
                }
            }
            if let Some(args) = node.child("build").and_then(|build| build.child("args")) {
                check_fields(&path.join("build").join("args"), args);
            }
        }
    }
    let configs = view.tree.get(target, &Path::of(["configs"]));
    for (name, node) in configs.into_iter().flat_map(Node::fields) {
        if let Some(data) = node.child("data") {
            check_fields(&Path::of(["configs", name, "data"]), data);
        }
    }
}

fn report(view: &View<'_>, path: &Path, reason: &str, diagnostics: &mut Diagnostics) {
    let name = path.0.last().map_or("", String::as_str);
    let message = format!("`{path}` looks like a secret in plain text: {reason}");
    let warning = view.reporter.warning(
        Code::CheckSecretLiteral,
        path,
        message,
        "visible to everyone who can read this file",
    );
    let secret = name.to_ascii_lowercase().replace(['_', '.'], "-");
    let secret = secret.trim_matches('-');
    let in_env = path.0.iter().any(|part| part == "env");
    diagnostics.push(warning.help(if in_env {
        format!(
            "write `{name}: secret: {secret:?}` and `secrets: {secret:?}: {{}}`, and change the value; \
             if it is not a secret, write `{name}: {{value: \"…\", public: true}}`"
        )
    } else {
        format!(
            "pass it as a variable instead, `env: {name}: secret: {secret:?}` with \
             `secrets: {secret:?}: {{}}`, and change the value"
        )
    }));
}

/// Returns true if a named text looks like a credential.
pub fn is_credential(name: &str, text: &str) -> bool {
    looks_like(name, text).is_some()
}

/// Returns the reason why a named text looks like a credential, for the message.
fn looks_like(name: &str, text: &str) -> Option<&'static str> {
    if PREFIXES
        .iter()
        .any(|prefix| text.len() > prefix.len() + 3 && text.starts_with(prefix))
    {
        return Some("it has the prefix of a service's key");
    }
    if text.contains("-----BEGIN") && text.contains("PRIVATE KEY-----") {
        return Some("it contains a private key");
    }
    if contains_password(text) {
        return Some("it contains a URL with a password");
    }
    (is_credential_name(name) && is_credential_value(text)).then_some("its name suggests one")
}

/// Returns true if the text contains a URL with a password.
fn contains_password(text: &str) -> bool {
    text.match_indices("://").any(|(at, prefix)| {
        let rest = &text[at + prefix.len()..];
        let authority = rest.split(['/', '?', '#', ' ']).next().unwrap_or_default();
        let user = authority
            .rsplit_once('@')
            .and_then(|(user, _)| user.split_once(':'));
        user.is_some_and(|(_, password)| !password.is_empty() && !password.contains('$'))
    })
}

/// Returns true if a name is that of a credential.
fn is_credential_name(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    let words: Vec<&str> = name.split(|c: char| !c.is_ascii_alphanumeric()).collect();
    let matches = words.iter().any(|word| NAME_WORDS.contains(word))
        || words
            .windows(2)
            .any(|pair| NAME_PAIRS.iter().any(|known| known == pair));
    matches
        && words
            .last()
            .is_some_and(|last| !METADATA_SUFFIXES.contains(last) && *last != "URL")
}

/// Returns true if a text can be a credential, rather than a boolean, a number, a
/// path, an address or a reference.
fn is_credential_value(text: &str) -> bool {
    let plain = text.trim();
    let switch = ["true", "false", "yes", "no", "on", "off", "none", "null"];
    !plain.is_empty()
        && !switch.contains(&plain.to_ascii_lowercase().as_str())
        && !plain.bytes().all(|byte| byte.is_ascii_digit())
        && !plain.starts_with(['/', '$', '<'])
        && !plain.contains("://")
}

#[cfg(test)]
mod tests {
    use super::looks_like;

    #[test]
    fn distinguishes_credentials_from_settings_about_them() {
        for (name, text) in [
            ("STRIPE_KEY", "sk_live_4eC39HqLyjWDarjtT1zdp7dc"),
            ("CACHE", "redis://:hunter2@cache:6379"),
            ("DATABASE_URL", "postgres://shop:pa:ss@db/shop?x=1"),
            ("ADMIN_PASSWORD", "hunter2"),
            ("admin.password", "hunter2"),
            ("API_KEY", "k"),
            ("TLS", "-----BEGIN RSA PRIVATE KEY-----\nMII"),
        ] {
            assert!(looks_like(name, text).is_some(), "{name}");
        }
        for (name, text) in [
            ("LOG", "debug"),
            ("PASSWORD_FILE", "/run/secrets/db"),
            ("TOKEN_TTL", "1h"),
            ("TOKEN_URL", "https://login.example.com/token"),
            ("PASSWORD", ""),
            ("PASSWORD_REQUIRED", "true"),
            ("SECRET", "$(OTHER)"),
            ("CART", "redis://cache:6379/0?x=a@b"),
            ("MAIL", "https://user@example.com:8080/"),
            ("URL", "postgres://shop:$(PASSWORD)@db/shop"),
            ("MONKEY", "banana"),
            ("KEY", "sk_live_"),
        ] {
            assert_eq!(looks_like(name, text), None, "{name}");
        }
    }
}
