//! The drift of a container: its settings compared with those the engine reported
//! after creation, its networks and its process compared with the desired state.
//!
//! Pure. Descriptions never contain the value of a variable: it may be a secret.

use std::collections::{BTreeMap, BTreeSet};

use kcc_lower::docker::Container;
use kcc_model::EnvValue;
use kcc_plan::Secrets;
use serde_json::Value;

use crate::{
    client::Process,
    observed::{Attachment, Difference, ProcessDrift},
    references::secrets_of,
};

/// Settings by the engine's names, with kcc's and the field of the desired container.
/// Other settings are shown under the engine's name.
const NAMES: [(&str, &str, &str); 5] = [
    ("Memory", "memory", "memory"),
    ("CpuQuota", "cpu", "cpuMillis"),
    ("CpuShares", "cpu weight", "cpuShares"),
    ("RestartPolicy", "restart policy", "restart"),
    ("PidsLimit", "process limit", "HostConfig.PidsLimit"),
];
const PERIOD: i64 = 100;

/// Finds every setting that changed since the container was created.
pub(crate) fn settings(recorded: &Value, live: &Value) -> Vec<Difference> {
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
            let known = NAMES.iter().find(|(engine, _, _)| engine == key);
            let name = known.map_or(key.as_str(), |(_, own, _)| own);
            let path = known.map_or_else(
                || format!("HostConfig.{key}"),
                |(_, _, field)| (*field).to_owned(),
            );
            let (is, was) = (value(key, live.get(*key)), value(key, recorded.get(*key)));
            let field = |value: Option<&Value>| Some(field(key, value));
            Difference::new(
                format!("`{name}` is {is} instead of {was}"),
                path,
                field(recorded.get(*key)),
                field(live.get(*key)),
            )
        })
        .collect()
}

/// Returns a setting in the form of the desired container's field.
fn field(key: &str, value: Option<&Value>) -> Value {
    let Some(value) = value else {
        return Value::Null;
    };
    match (key, value.as_i64()) {
        ("CpuQuota", Some(quota)) => Value::from(quota / PERIOD),
        ("RestartPolicy", _) => match value["Name"].as_str() {
            Some("unless-stopped") => "unlessStopped".into(),
            Some("on-failure") => {
                serde_json::json!({"onFailure": value["MaximumRetryCount"].as_u64().unwrap_or(0)})
            }
            Some(name) => name.into(),
            None => Value::Null,
        },
        _ => value.clone(),
    }
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

/// Finds the differences between a container's networks and the desired ones: missing
/// networks and aliases, then extra networks. `networks` maps the existing networks to
/// their identities.
pub(crate) fn networks(
    container: &Container,
    live: &BTreeMap<String, Attachment>,
    networks: &BTreeMap<&str, &str>,
) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut add = |text: String, name: &str, desired: Value, live: Value| {
        let path = format!("networks.{name}");
        found.push(Difference::new(text, path, Some(desired), Some(live)));
    };
    for (name, aliases) in &container.networks {
        let desired = Value::from(aliases.clone());
        let (Some(attached), Some(id)) = (live.get(name), networks.get(name.as_str())) else {
            let text = format!("not connected to network `{name}`");
            add(text, name, desired, Value::Null);
            continue;
        };
        let own = Value::from(attached.aliases.iter().cloned().collect::<Vec<_>>());
        // A container that never started is connected by name only.
        if !attached.network.is_empty() && attached.network != **id {
            let text = format!("network `{name}` was replaced");
            add(text, name, desired, Value::Null);
        } else if let Some(lost) = aliases
            .iter()
            .find(|alias| !attached.aliases.contains(*alias))
        {
            let text = format!("missing alias `{lost}` on network `{name}`");
            add(text, name, desired, own);
        }
    }
    // A container that shares another's network has none of its own.
    if !container.networks.is_empty() {
        for (name, attached) in live {
            if !container.networks.contains_key(name) {
                let own = Value::from(attached.aliases.iter().cloned().collect::<Vec<_>>());
                let text = format!("connected to network `{name}` outside kcc");
                add(text, name, Value::Null, own);
            }
        }
    }
    found
}

/// Compares the process in a container with the desired state. `image` holds the
/// variables that its image sets, if the image still exists; `files` the contents
/// of mounted secrets, by path and secret name.
pub(crate) fn process(
    container: &Container,
    live: &Process,
    image: Option<&BTreeMap<String, String>>,
    files: &BTreeMap<(String, String), Vec<u8>>,
    secrets: &Secrets,
) -> ProcessDrift {
    let mut drift = ProcessDrift::default();
    // The live values may contain secrets that somebody else put there.
    let mut differs = |name: &str, differs: bool, desired: Option<Value>| {
        if differs {
            let text = format!("`{name}` differs");
            let change = Difference::new(text, name.to_owned(), desired, None);
            drift.changes.push(change);
        }
    };
    let other = |desired: &Option<Vec<String>>, live: &Option<Vec<String>>| {
        desired.is_some()
            && desired.as_deref().unwrap_or_default() != live.as_deref().unwrap_or_default()
    };
    let words = |words: &Option<Vec<String>>| words.clone().map(Value::from);
    differs(
        "command",
        other(&container.command, &live.entrypoint),
        words(&container.command),
    );
    differs(
        "args",
        other(&container.args, &live.command),
        words(&container.args),
    );
    let user = container.user.as_ref();
    differs(
        "user",
        user.is_some() && user != live.user.as_ref(),
        user.map(|user| user.as_str().into()),
    );
    for (name, desired) in &container.env {
        // A missing secret is reported elsewhere.
        let Ok(value) = secrets.resolve(desired) else {
            continue;
        };
        if live.env.get(name) == Some(&value) {
            continue;
        }
        let is_unset = !live.env.contains_key(name);
        let live = is_unset.then_some(Value::Null);
        let path = format!("env.{name}");
        let mut own = secrets_of(desired).peekable();
        if own.peek().is_some() {
            drift.secrets.extend(own.map(str::to_owned));
            drift.hidden.insert(path);
        } else {
            let desired = match desired {
                EnvValue::Literal(text) => Some(text.as_str().into()),
                _ => None,
            };
            let text = format!("variable `{name}` differs");
            let change = Difference::new(text, path, desired, live);
            drift.changes.push(change);
        }
    }
    for name in live.env.keys() {
        let known =
            container.env.contains_key(name) || image.is_none_or(|image| image.contains_key(name));
        if !known {
            let text = format!("variable `{name}` was added");
            let path = format!("env.{name}");
            let change = Difference::new(text, path, Some(Value::Null), None);
            drift.changes.push(change);
        }
    }
    for ((path, name), content) in files {
        if secrets
            .get(name)
            .is_ok_and(|value| value.as_bytes() != content)
        {
            drift.secrets.insert(name.clone());
            drift.hidden.insert(format!("mounts.{path}"));
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
        let texts = |live: &Value| -> Vec<String> {
            let found = settings(&recorded_settings, live).into_iter();
            found.map(|difference| difference.text).collect()
        };
        assert_eq!(texts(&recorded_settings), [""; 0]);
        let live = json!({"Memory": 128 << 20, "MemorySwap": 256 << 20, "CpuQuota": 50_000,
            "PidsLimit": 100, "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 3}});
        let expected = [
            "`memory` is 128Mi instead of 64Mi",
            "`process limit` is 100 instead of unset",
            "`restart policy` is `on-failure:3` instead of `unless-stopped`",
        ];
        assert_eq!(texts(&live), expected);
        let fields: Vec<_> = settings(&recorded_settings, &live)
            .iter()
            .map(|difference| difference.change.to_string())
            .collect();
        let expected = [
            "memory: 134217728 → 67108864",
            "HostConfig.PidsLimit: 100 → none",
            "restart: {\"onFailure\":3} → \"unlessStopped\"",
        ];
        assert_eq!(fields, expected);
        let expected = [
            "`CpusetCpus` is `0` instead of unset",
            "`cpu` is unset instead of 500m",
        ];
        let live = json!({"Memory": 64 << 20, "MemorySwap": 64 << 20, "CpusetCpus": "0",
            "RestartPolicy": {"Name": "unless-stopped"}});
        let mut changes = texts(&live);
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
