//! The drift of a container: its settings compared with those the engine reported
//! after creation, its networks and its process compared with the desired state.
//!
//! Pure. Descriptions never contain the value of a variable: it may be a secret.

use std::collections::{BTreeMap, BTreeSet};

use kcc_lower::docker::Container;
use kcc_plan::Secrets;
use serde_json::Value;

use crate::{
    client::Process,
    observed::{Attachment, ProcessDrift},
    references::secrets_of,
};

/// Settings by the engine's names, with kcc's. Other settings are shown under the
/// engine's name.
const NAMES: [(&str, &str); 5] = [
    ("Memory", "memory"),
    ("CpuQuota", "cpu"),
    ("CpuShares", "cpu weight"),
    ("RestartPolicy", "restart policy"),
    ("PidsLimit", "process limit"),
];
const PERIOD: i64 = 100;

/// Describes every setting that changed since the container was created.
pub(crate) fn settings(recorded: &Value, live: &Value) -> Vec<String> {
    let none = serde_json::Map::new();
    let recorded = recorded.as_object().unwrap_or(&none);
    let live = live.as_object().unwrap_or(&none);
    let keys: BTreeSet<_> = recorded.keys().chain(live.keys()).collect();
    let changed = |key: &&String| recorded.get(*key) != live.get(*key);
    let changed: BTreeSet<_> = keys.into_iter().filter(changed).collect();
    // The engine derives the swap limit from the memory limit.
    let follows =
        |key: &&String| *key == "MemorySwap" && changed.iter().any(|other| *other == "Memory");
    changed
        .iter()
        .filter(|key| !follows(key))
        .map(|key| {
            let name = NAMES.iter().find(|(engine, _)| engine == key);
            let name = name.map_or(key.as_str(), |(_, own)| own);
            let (is, was) = (value(key, live.get(*key)), value(key, recorded.get(*key)));
            format!("`{name}` is {is} instead of {was}")
        })
        .collect()
}

fn value(key: &str, value: Option<&Value>) -> String {
    let Some(value) = value else {
        return "unset".to_owned();
    };
    match (key, value.as_i64()) {
        ("Memory" | "MemorySwap" | "MemoryReservation", Some(bytes)) => {
            u64::try_from(bytes).map_or("unlimited".to_owned(), size)
        }
        ("CpuQuota", Some(quota)) => format!("{}m", quota / PERIOD),
        ("RestartPolicy", _) => {
            let name = value["Name"].as_str().unwrap_or_default();
            match value["MaximumRetryCount"].as_i64() {
                Some(times @ 1..) => format!("`{name}:{times}`"),
                _ => format!("`{name}`"),
            }
        }
        _ => match value {
            Value::String(text) => format!("`{text}`"),
            other => other.to_string(),
        },
    }
}

/// Formats bytes as fragments write them.
pub(crate) fn size(bytes: u64) -> String {
    for (shift, unit) in [(30, "Gi"), (20, "Mi"), (10, "Ki")] {
        if bytes > 0 && bytes.trailing_zeros() >= shift {
            return format!("{}{unit}", bytes >> shift);
        }
    }
    bytes.to_string()
}

/// Describes the first difference between a container's networks and the desired
/// ones: a missing network, then missing aliases, then an extra network.
/// `networks` maps the existing networks to their identities.
pub(crate) fn networks(
    container: &Container,
    live: &BTreeMap<String, Attachment>,
    networks: &BTreeMap<&str, &str>,
) -> Option<String> {
    for (name, aliases) in &container.networks {
        let (Some(attached), Some(id)) = (live.get(name), networks.get(name.as_str())) else {
            return Some(format!("not connected to network `{name}`"));
        };
        // A container that never started is connected by name only.
        if !attached.network.is_empty() && attached.network != **id {
            return Some(format!("network `{name}` was replaced"));
        }
        if let Some(lost) = aliases
            .iter()
            .find(|alias| !attached.aliases.contains(*alias))
        {
            return Some(format!("missing alias `{lost}` on network `{name}`"));
        }
    }
    // A container that shares another's network has none of its own.
    let extra = live
        .keys()
        .find(|name| !container.networks.contains_key(*name));
    extra
        .filter(|_| !container.networks.is_empty())
        .map(|name| format!("connected to network `{name}` outside kcc"))
}

/// Compares the process in a container with the desired state. `image` holds the
/// variables that its image sets, if the image still exists; `files` the contents
/// of mounted secrets, by secret name.
pub(crate) fn process(
    container: &Container,
    live: &Process,
    image: Option<&BTreeMap<String, String>>,
    files: &BTreeMap<String, Vec<u8>>,
    secrets: &Secrets,
) -> ProcessDrift {
    let mut drift = ProcessDrift::default();
    let mut differs = |name: &str, desired: bool| {
        if desired {
            drift.changes.push(format!("`{name}` differs"));
        }
    };
    let other = |desired: &Option<Vec<String>>, live: &Option<Vec<String>>| {
        desired.is_some()
            && desired.as_deref().unwrap_or_default() != live.as_deref().unwrap_or_default()
    };
    differs("command", other(&container.command, &live.entrypoint));
    differs("args", other(&container.args, &live.command));
    let user = container.user.as_ref();
    differs("user", user.is_some() && user != live.user.as_ref());
    for (name, desired) in &container.env {
        // A missing secret is reported elsewhere.
        let Ok(value) = secrets.resolve(desired) else {
            continue;
        };
        if live.env.get(name) == Some(&value) {
            continue;
        }
        let mut own = secrets_of(desired).peekable();
        match own.peek() {
            Some(_) => drift.secrets.extend(own.map(str::to_owned)),
            None => drift.changes.push(format!("variable `{name}` differs")),
        }
    }
    for name in live.env.keys() {
        let known =
            container.env.contains_key(name) || image.is_none_or(|image| image.contains_key(name));
        if !known {
            drift.changes.push(format!("variable `{name}` was added"));
        }
    }
    for (name, content) in files {
        if secrets
            .get(name)
            .is_ok_and(|value| value.as_bytes() != content)
        {
            drift.secrets.insert(name.clone());
        }
    }
    drift
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn describes_settings_with_live_and_recorded_values() {
        let recorded_settings = json!({"Memory": 64 << 20, "MemorySwap": 64 << 20, "CpuQuota": 50_000,
            "RestartPolicy": {"Name": "unless-stopped"}});
        assert_eq!(settings(&recorded_settings, &recorded_settings), [""; 0]);
        let live = json!({"Memory": 128 << 20, "MemorySwap": 256 << 20, "CpuQuota": 50_000,
            "PidsLimit": 100, "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 3}});
        let expected = [
            "`memory` is 128Mi instead of 64Mi",
            "`process limit` is 100 instead of unset",
            "`restart policy` is `on-failure:3` instead of `unless-stopped`",
        ];
        assert_eq!(settings(&recorded_settings, &live), expected);
        let expected = [
            "`CpusetCpus` is `0` instead of unset",
            "`cpu` is unset instead of 500m",
        ];
        let live = json!({"Memory": 64 << 20, "MemorySwap": 64 << 20, "CpusetCpus": "0",
            "RestartPolicy": {"Name": "unless-stopped"}});
        let mut changes = settings(&recorded_settings, &live);
        changes.sort();
        assert_eq!(changes, expected);
    }

    #[test]
    fn formats_sizes_as_in_fragments() {
        assert_eq!(size(128 << 20), "128Mi");
        assert_eq!(size(3 << 30), "3Gi");
        assert_eq!(size(1000), "1000");
    }
}
