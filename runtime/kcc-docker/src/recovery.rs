//! Recovery: finds the objects that are provably kcc's although the records are
//! lost, and reads generated secrets back from containers.

use std::collections::{BTreeMap, BTreeSet};

use kcc_lower::docker::{Container, DockerDesired, Mount, name_prefix};
use kcc_model::{EnvValue, Name, Part, SecretProvider};
use kcc_plan::{Error, GeneratedSecrets, Scope};

use crate::{
    client::{Client, Listed},
    observed::{Observed, Ownership, base_name, label},
    references::referenced_secrets,
};

/// Returns the reason why an object with the scope's labels may not be kcc's.
/// Labels can be copied, so its name and kcc's other labels have to agree.
pub(crate) fn doubt(scope: &Scope, kind: &str, listed: &Listed) -> Option<String> {
    let prefix = name_prefix(&scope.system, &scope.target, scope.instance.as_deref());
    let name = base_name(&listed.name);
    let rest = name.strip_prefix(&prefix);
    if kind == "network" && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-')) {
        return None;
    }
    if let ("volume", Some(volume)) = (kind, listed.labels.get(label::VOLUME))
        && rest.and_then(|rest| rest.strip_prefix('-')) == Some(volume)
    {
        return None;
    }
    let component = listed.labels.get(label::COMPONENT);
    let own = rest.and_then(|rest| rest.strip_prefix('-')?.strip_prefix(component?.as_str()));
    if !own.is_some_and(|own| own.is_empty() || own.starts_with('-')) {
        return Some("its name does not follow kcc's naming".to_owned());
    }
    let step = listed.name.contains('_');
    if kind == "container" && !step && !listed.labels.contains_key(label::CONFIG_HASH) {
        return Some(format!("label `{}` is missing", label::CONFIG_HASH));
    }
    None
}

/// Reads the values of generated secrets from containers.
pub(crate) async fn read_secrets(
    client: &Client,
    docker: &DockerDesired,
    observed: &Observed,
) -> Result<BTreeMap<Name, String>, Error> {
    let mut values = BTreeMap::new();
    for (name, container) in &docker.containers {
        let Some(existing) = observed.containers.get(name) else {
            continue;
        };
        if existing.object.ownership == Ownership::Unmanaged {
            continue;
        }
        let Some(found) = client.inspect(&existing.object.id).await? else {
            continue;
        };
        for (variable, desired) in &container.env {
            let live = found.process.env.get(variable);
            let read = live.and_then(|live| read_back(desired, live));
            values.extend(read.map(|(secret, value)| (secret.to_owned(), value.to_owned())));
        }
        for (path, mount) in &container.mounts {
            if let Mount::Secret(secret) = mount
                && let Some(content) = client.file(&existing.object.id, path).await
                && let Ok(value) = String::from_utf8(content)
            {
                values.insert(secret.clone(), value);
            }
        }
    }
    values.retain(|name, _| is_generated(docker, name));
    Ok(values)
}

fn is_generated(docker: &DockerDesired, secret: &str) -> bool {
    docker.secrets.get(secret) == Some(&SecretProvider::Generate {})
}

/// Extracts the secret and its value from a variable that contains exactly one.
fn read_back<'a>(desired: &'a EnvValue, live: &'a str) -> Option<(&'a str, &'a str)> {
    match desired {
        EnvValue::Secret(name) => Some((name, live)),
        EnvValue::Template(parts) => {
            let at = parts
                .iter()
                .position(|part| matches!(part, Part::Secret(_) | Part::Encoded(_)))?;
            let text = |parts: &[Part]| {
                parts
                    .iter()
                    .try_fold(String::new(), |text, part| match part {
                        Part::Text(more) => Some(text + more),
                        // The boundary between two secrets is unknown.
                        Part::Secret(_) | Part::Encoded(_) => None,
                    })
            };
            let (before, after) = (text(&parts[..at])?, text(&parts[at + 1..])?);
            let value = live.strip_prefix(&before)?.strip_suffix(&after)?;
            match &parts[at] {
                // Generated values contain no character that needs encoding.
                Part::Secret(name) | Part::Encoded(name) => Some((name, value)),
                Part::Text(_) => None,
            }
        }
        EnvValue::Literal(_) | EnvValue::Config { .. } | EnvValue::Field(_) => None,
    }
}

/// Returns the generated secrets without a value that unlock existing data: those
/// of components that mount a volume.
pub(crate) fn lost_secrets(
    docker: &DockerDesired,
    observed: &Observed,
    read: &BTreeMap<Name, String>,
    kept: &GeneratedSecrets,
) -> BTreeSet<Name> {
    let mut lost = BTreeSet::new();
    let exists = |name: &String| {
        let volume = observed.volumes.get(name);
        volume.is_some_and(|volume| volume.ownership != Ownership::Unmanaged)
    };
    let holds_data = |container: &&Container| {
        let mut mounts = container.mounts.values();
        mounts.any(|mount| matches!(mount, Mount::Volume(name) if exists(name)))
    };
    for container in docker.containers.values().filter(holds_data) {
        for part in container.with_init() {
            for secret in referenced_secrets(part) {
                if is_generated(docker, secret)
                    && !read.contains_key(secret)
                    && !kept.values.contains_key(secret)
                {
                    lost.insert(secret.to_owned());
                }
            }
        }
    }
    lost
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(name: &str, component: Option<&str>, hash: bool) -> Listed {
        let mut labels = BTreeMap::new();
        labels.extend(component.map(|c| (label::COMPONENT.to_owned(), c.to_owned())));
        if hash {
            labels.insert(label::CONFIG_HASH.to_owned(), "1".to_owned());
        }
        Listed {
            name: name.to_owned(),
            id: "1".to_owned(),
            labels,
            host_ports: BTreeSet::new(),
            running: false,
            volumes: BTreeMap::new(),
            networks: BTreeSet::new(),
        }
    }

    #[test]
    fn labels_alone_do_not_prove_ownership() {
        let scope = |instance: Option<&str>| Scope {
            system: "shop".to_owned(),
            target: "dev".to_owned(),
            instance: instance.map(str::to_owned),
        };
        let own = |kind: &str, name: &str, component: Option<&str>, hash: bool| {
            doubt(&scope(None), kind, &listed(name, component, hash)).is_none()
        };
        assert!(own("container", "shop-dev-web", Some("web"), true));
        assert!(own("container", "shop-dev-web-2", Some("web"), true));
        assert!(own("container", "shop-dev-web.new", Some("web"), true));
        assert!(own("container", "shop-dev-web_migrate", Some("web"), false));
        assert!(!own("container", "shop-dev-web", Some("web"), false));
        assert!(!own("container", "shop-dev-web", Some("cart"), true));
        assert!(!own("container", "shop-dev-webshop", Some("web"), true));
        assert!(!own("container", "mine", Some("web"), true));
        assert!(own("network", "shop-dev", None, false));
        assert!(own("network", "shop-dev-web", None, false));
        assert!(!own("network", "shop-development", None, false));
        assert!(own("volume", "shop-dev-db-data", Some("db"), false));
        assert!(!own("volume", "data", Some("db"), false));
        let shared = |name: &str| {
            let mut listed = listed(name, None, false);
            let label = (label::VOLUME.to_owned(), "media".to_owned());
            listed.labels.extend([label]);
            doubt(&scope(None), "volume", &listed).is_none()
        };
        assert!(shared("shop-dev-media"));
        assert!(!shared("shop-dev-mediathek") && !shared("media"));
        let copy = listed("shop-dev.pr-12-web", Some("web"), true);
        assert!(doubt(&scope(Some("pr-12")), "container", &copy).is_none());
        assert!(doubt(&scope(None), "container", &copy).is_some());
    }

    #[test]
    fn reads_a_secret_back_if_it_is_the_only_one() {
        let text = |text: &str| Part::Text(text.to_owned());
        let secret = |name: &str| Part::Secret(name.to_owned());
        let plain = EnvValue::Secret("p".to_owned());
        assert_eq!(read_back(&plain, "x"), Some(("p", "x")));
        let url = EnvValue::Template(vec![text("redis://:"), secret("p"), text("@carts")]);
        assert_eq!(read_back(&url, "redis://:x@carts"), Some(("p", "x")));
        assert_eq!(read_back(&url, "redis://carts"), None);
        let two = EnvValue::Template(vec![secret("p"), secret("q")]);
        assert_eq!(read_back(&two, "xy"), None);
    }
}
