//! Writes health checks of a `compose.yaml`: those that are commands belong to the
//! service itself, those by HTTP and TCP to a service that shares its network.

use kcc_model::{Check, PROBE_IMAGE};

use super::{Compose, Group, entry, escape};
use crate::docker::HealthCheck;
use crate::emit::Yaml;

impl Group<'_> {
    /// Returns the name of the service that checks this one by HTTP or TCP, if any. No
    /// component, replica, sidecar or init step has a name with a dot.
    pub(super) fn probe_name(&self) -> Option<String> {
        let health = self.container.health.as_ref()?;
        let by_network = !matches!(health.check, Check::Exec(_) | Check::Image { .. });
        by_network.then(|| format!("{}.health", self.service))
    }
}

/// Returns the check that a service runs itself.
pub(super) fn own_check(health: &HealthCheck) -> Option<Yaml> {
    match &health.check {
        Check::Exec(command) => Some(check(health, command)),
        Check::Http { .. } | Check::Tcp { .. } | Check::Grpc { .. } | Check::Image { .. } => None,
    }
}

impl Compose<'_> {
    /// Returns the service that checks a group by HTTP or TCP, with its name.
    pub(super) fn probe(&self, group: &Group<'_>) -> Option<(String, Yaml)> {
        let name = group.probe_name()?;
        let health = group.container.health.as_ref()?;
        let command = match &health.check {
            Check::Exec(_) | Check::Image { .. } => return None,
            Check::Http { path, port } => {
                let url = format!("http://127.0.0.1:{port}{path}");
                ["wget", "-q", "-O", "/dev/null", &url]
                    .map(str::to_owned)
                    .to_vec()
            }
            Check::Tcp { port } | Check::Grpc { port } => {
                // Not every build of busybox has `-z`.
                let port = port.to_string();
                ["nc", "127.0.0.1", &port, "-e", "true"]
                    .map(str::to_owned)
                    .to_vec()
            }
        };
        let main = group.container.sidecar_of.as_ref();
        let main = main.map_or(group.service.as_str(), |main| self.short_name(main));
        let started = Yaml::text_map([("condition", "service_started")]);
        let image = self.objects.probe_image.as_deref().unwrap_or(PROBE_IMAGE);
        let service = vec![
            entry("image", Yaml::text(image)),
            entry("entrypoint", Yaml::texts(["tail", "-f", "/dev/null"])),
            entry("user", Yaml::text("65532:65532")),
            entry("network_mode", Yaml::text(format!("service:{main}"))),
            entry("healthcheck", check(health, &command)),
            entry(
                "depends_on",
                Yaml::Map(vec![entry(&group.service, started)]),
            ),
            entry("cap_drop", Yaml::texts(["ALL"])),
            entry("security_opt", Yaml::texts(["no-new-privileges:true"])),
            entry("read_only", Yaml::Bool(true)),
            entry("restart", Yaml::text("unless-stopped")),
            // `tail` ignores SIGTERM as the first process of a container.
            entry("stop_signal", Yaml::text("SIGKILL")),
        ];
        Some((name, Yaml::Map(service)))
    }
}

fn check(health: &HealthCheck, command: &[String]) -> Yaml {
    let mut test = vec!["CMD".to_owned()];
    test.extend(command.iter().map(|word| escape(word)));
    Yaml::Map(vec![
        entry("test", Yaml::texts(test)),
        entry("interval", millis(health.interval_ms)),
        entry("timeout", millis(health.timeout_ms)),
        entry("retries", Yaml::Integer(health.retries.into())),
        entry("start_period", millis(health.start_period_ms)),
    ])
}

fn millis(time: u64) -> Yaml {
    Yaml::text(if time.is_multiple_of(1000) {
        format!("{}s", time / 1000)
    } else {
        format!("{time}ms")
    })
}
