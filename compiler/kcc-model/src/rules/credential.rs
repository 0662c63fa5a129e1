//! Text that looks like a credential: in a variable, in the data of a config or in
//! a build argument everybody reads it, in the repository and on the engine. A
//! warning, because only its author knows.

use kcc_diag::{Code, Diagnostics};
use kcc_tree::{Node, OriginKind, Path, Value};

use super::View;

/// Heads of values that services give out as credentials.
const HEADS: [&str; 12] = [
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
/// Words of a name that holds a credential.
const WORDS: [&str; 9] = [
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
/// Pairs of words that do.
const PAIRS: [[&str; 2]; 4] = [
    ["ACCESS", "KEY"],
    ["API", "KEY"],
    ["PRIVATE", "KEY"],
    ["SIGNING", "KEY"],
];
/// Last words of a name that says something about a credential.
const ABOUT: [&str; 19] = [
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

pub(super) fn credential(view: &View<'_>, found: &mut Diagnostics) {
    let target = &view.target.target;
    let mut look = |above: &Path, node: &Node| {
        for (name, node) in node.fields() {
            let Value::String(text) = &node.value else {
                continue;
            };
            let written = node
                .origins
                .iter()
                .any(|origin| origin.kind != OriginKind::Schema);
            if written && let Some(how) = looks_like(name, text) {
                say(view, &above.join(name), how, found);
            }
        }
    };
    for kind in ["services", "jobs", "cronJobs"] {
        let Some(all) = view.tree.get(target, &Path::of([kind])) else {
            continue;
        };
        for (name, node) in all.fields() {
            let path = Path::of([kind, name]);
            let beside = ["init", "sidecars"].into_iter().flat_map(|part| {
                let all = node.child(part).into_iter().flat_map(Node::fields);
                let path = path.join(part);
                all.map(move |(name, node)| (path.join(name), node))
            });
            let containers = std::iter::once((path.clone(), node)).chain(beside);
            for (path, node) in containers {
                if let Some(env) = node.child("env") {
                    look(&path.join("env"), env);
                }
            }
            if let Some(args) = node.child("build").and_then(|build| build.child("args")) {
                look(&path.join("build").join("args"), args);
            }
        }
    }
    let configs = view.tree.get(target, &Path::of(["configs"]));
    for (name, node) in configs.into_iter().flat_map(Node::fields) {
        if let Some(data) = node.child("data") {
            look(&Path::of(["configs", name, "data"]), data);
        }
    }
}

fn say(view: &View<'_>, path: &Path, how: &str, found: &mut Diagnostics) {
    let name = path.0.last().map_or("", String::as_str);
    let message = format!("`{path}` looks like a secret written as text: {how}");
    let warning = view.lines.warning(
        Code::CheckSecretLiteral,
        path,
        message,
        "everybody who reads this file has it",
    );
    let secret = name.to_ascii_lowercase().replace(['_', '.'], "-");
    let secret = secret.trim_matches('-');
    let in_env = path.0.iter().any(|part| part == "env");
    found.push(warning.help(if in_env {
        format!(
            "write `{name}: secret: {secret:?}` and `secrets: {secret:?}: {{}}`, and change the value; \
             if it is no secret, write `{name}: {{value: \"…\", public: true}}`"
        )
    } else {
        format!(
            "give it to the component as a variable, `env: {name}: secret: {secret:?}` with \
             `secrets: {secret:?}: {{}}`, and change the value"
        )
    }));
}

/// Why a text of that name looks like a credential.
fn looks_like(name: &str, text: &str) -> Option<&'static str> {
    if HEADS
        .iter()
        .any(|head| text.len() > head.len() + 3 && text.starts_with(head))
    {
        return Some("it begins like a key of a service");
    }
    if text.contains("-----BEGIN") && text.contains("PRIVATE KEY-----") {
        return Some("it is a private key");
    }
    if holds_password(text) {
        return Some("a password stands in a URL");
    }
    (is_named(name) && is_value(text)).then_some("its name says so")
}

/// Whether a URL in the text has a password.
fn holds_password(text: &str) -> bool {
    text.match_indices("://").any(|(at, head)| {
        let rest = &text[at + head.len()..];
        let authority = rest.split(['/', '?', '#', ' ']).next().unwrap_or_default();
        let user = authority
            .rsplit_once('@')
            .and_then(|(user, _)| user.split_once(':'));
        user.is_some_and(|(_, password)| !password.is_empty() && !password.contains('$'))
    })
}

/// Whether a name says that it holds a credential.
fn is_named(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    let words: Vec<&str> = name.split(|c: char| !c.is_ascii_alphanumeric()).collect();
    let says = words.iter().any(|word| WORDS.contains(word))
        || words
            .windows(2)
            .any(|pair| PAIRS.iter().any(|known| known == pair));
    says && words
        .last()
        .is_some_and(|last| !ABOUT.contains(last) && *last != "URL")
}

/// Whether a text can be a credential itself, rather than a switch, a number, a
/// path, an address or a reference.
fn is_value(text: &str) -> bool {
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
    fn credentials_are_told_from_what_only_speaks_of_them() {
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
