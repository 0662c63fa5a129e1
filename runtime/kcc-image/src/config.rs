//! [`Config`]: the configuration of an image, which registries and engines write
//! with the same field names.

use std::collections::{BTreeMap, BTreeSet};

use kcc_lock::{ExposedPort, HealthFacts, ImageFacts};
use serde::Deserialize;
use serde_json::Value;

/// The engine's defaults of a health check.
const INTERVAL_MS: u64 = 30_000;
const RETRIES: u32 = 3;

/// The shell of a health check that is one text.
const SHELL: [&str; 2] = ["/bin/sh", "-c"];

/// The `config` of an image's configuration.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Config {
    user: Option<String>,
    exposed_ports: Option<BTreeMap<String, Value>>,
    volumes: Option<BTreeMap<String, Value>>,
    entrypoint: Option<Vec<String>>,
    cmd: Option<Vec<String>>,
    healthcheck: Option<Healthcheck>,
    shell: Option<Vec<String>>,
}

/// A health check; times are in nanoseconds, and zero stands for the default.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Healthcheck {
    test: Option<Vec<String>>,
    interval: i64,
    timeout: i64,
    start_period: i64,
    retries: i64,
}

impl Config {
    /// Returns the user as the image writes it; empty for root.
    pub(crate) fn user(&self) -> &str {
        self.user.as_deref().unwrap_or_default()
    }

    /// Returns the facts that follow from the configuration alone.
    pub(crate) fn facts(&self) -> ImageFacts {
        let keys = |map: &Option<BTreeMap<String, Value>>| -> BTreeSet<String> {
            map.iter().flat_map(BTreeMap::keys).cloned().collect()
        };
        let ports = keys(&self.exposed_ports).into_iter();
        ImageFacts {
            user: self.user.clone().filter(|user| !user.is_empty()),
            // Engines ignore ports that are none.
            ports: ports
                .filter_map(|port| ExposedPort::try_from(port).ok())
                .collect(),
            volumes: keys(&self.volumes),
            entrypoint: self.entrypoint.clone().unwrap_or_default(),
            command: self.cmd.clone().unwrap_or_default(),
            health: self.health(),
            ..ImageFacts::default()
        }
    }

    fn health(&self) -> Option<HealthFacts> {
        let check = self.healthcheck.as_ref()?;
        let (kind, rest) = check.test.as_ref()?.split_first()?;
        let command = match kind.as_str() {
            "CMD" => rest.to_vec(),
            "CMD-SHELL" => {
                let shell = self.shell.clone();
                let shell = shell.unwrap_or_else(|| SHELL.map(str::to_owned).to_vec());
                shell.into_iter().chain(rest.iter().cloned()).collect()
            }
            _ => return None,
        };
        let millis = |nanos: i64| u64::try_from(nanos / 1_000_000).ok();
        let or_default = |nanos: i64| millis(nanos).filter(|millis| *millis > 0);
        Some(HealthFacts {
            command,
            interval_ms: or_default(check.interval).unwrap_or(INTERVAL_MS),
            timeout_ms: or_default(check.timeout).unwrap_or(INTERVAL_MS),
            start_period_ms: millis(check.start_period).unwrap_or_default(),
            retries: u32::try_from(check.retries)
                .ok()
                .filter(|retries| *retries > 0)
                .unwrap_or(RETRIES),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn facts(config: Value) -> ImageFacts {
        serde_json::from_value::<Config>(config).unwrap().facts()
    }

    #[test]
    fn reads_what_builders_write() {
        let found = facts(json!({
            "User": "node", "ExposedPorts": {"8080/tcp": {}, "9000": {}, "x": {}},
            "Env": ["A=b"], "Volumes": {"/data": {}}, "Entrypoint": ["/run"], "Cmd": null,
            "Healthcheck": {"Test": ["CMD-SHELL", "curl -f localhost"], "Interval": 5_000_000_000_i64},
            "Labels": {"a": "b"},
        }));
        let ports: Vec<_> = found.ports.iter().map(ToString::to_string).collect();
        assert_eq!(ports, ["8080/tcp", "9000/tcp"]);
        assert_eq!(found.user.as_deref(), Some("node"));
        let health = found.health.unwrap();
        assert_eq!(health.command, ["/bin/sh", "-c", "curl -f localhost"]);
        assert_eq!(
            (health.interval_ms, health.timeout_ms, health.retries),
            (5_000, 30_000, 3)
        );
    }

    #[test]
    fn a_disabled_health_check_is_none() {
        assert_eq!(
            facts(json!({"Healthcheck": {"Test": ["NONE"]}})).health,
            None
        );
        assert_eq!(facts(json!({"Healthcheck": {"Test": []}})).health, None);
        assert_eq!(facts(json!({})), ImageFacts::default());
        assert_eq!(facts(json!({"User": ""})).user, None);
    }
}
