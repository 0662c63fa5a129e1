//! [`Symptom`]: a failure as one can recognise it, on whichever engine.

use jiff::Timestamp;
use kcc_model::Name;
use kcc_plan::{Cause, ComponentStatus, State, StatusReport, revision::RecordedFailure};
use serde::{Deserialize, Serialize};

/// A failure of a component that does not only wait for others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Symptom {
    /// The component; none for a failure that concerns none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<Name>,
    /// The team that answers for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<Name>,
    /// The kind of its cause, such as `out-of-memory`; none if no cause is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The failure in one sentence.
    pub message: String,
    /// The exit code of its program, if it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i64>,
    /// The last line of its log, with secrets redacted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_log_line: Option<String>,
    /// The fact that proves the cause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<String>,
    /// Its beginning, by the engine's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
}

/// A component that is not ready because of another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// The component.
    pub component: Name,
    /// The needs that lead to the cause.
    pub needs: Vec<Name>,
}

impl Symptom {
    /// Returns the failures of a status, those first that others wait for, and the
    /// components that only wait.
    pub fn all_of(status: &StatusReport) -> (Vec<Self>, Vec<Waiting>) {
        let roots = status.roots().into_iter();
        let mut symptoms: Vec<_> = roots.map(|(name, status)| Self::of(name, status)).collect();
        let waiting = status.components.iter();
        let waiting = waiting.filter(|(_, status)| !status.needs.is_empty());
        let waiting = waiting.map(|(name, status)| Waiting {
            component: name.clone(),
            needs: status
                .needs
                .iter()
                .map(|need| need.component.clone())
                .collect(),
        });
        let waiting: Vec<Waiting> = waiting.collect();
        // One that was scaled to none has all that it should have, and others wait for it.
        for cause in waiting.iter().filter_map(|one| one.needs.last()) {
            let known = |one: &Self| one.component.as_ref() == Some(cause);
            if let (false, Some(found)) = (symptoms.iter().any(known), status.components.get(cause))
            {
                symptoms.push(Self {
                    kind: Some(TOO_FEW.to_owned()),
                    ..Self::of(cause, found)
                });
            }
        }
        (symptoms, waiting)
    }

    /// Returns the failure of a component.
    fn of(name: &Name, status: &ComponentStatus) -> Self {
        let cause = status.cause.as_ref();
        let of_cause = |field: fn(&Cause) -> Option<String>| cause.and_then(field);
        let message = status.why.clone().unwrap_or_else(|| status.shortfall());
        let kind = match (cause, status.state) {
            (Some(cause), _) => Some(cause.kind.clone()),
            (None, State::Absent) => Some(ABSENT.to_owned()),
            (None, _) if status.replicas > status.ready => Some(TOO_FEW.to_owned()),
            (None, _) => None,
        };
        Self {
            component: Some(name.clone()),
            team: status.team.clone(),
            kind,
            exit_code: exit_code(&message),
            message,
            last_log_line: of_cause(|cause| cause.last_log_line.clone()),
            evidence: of_cause(|cause| cause.evidence.clone()),
            since: status.since,
        }
    }

    /// Returns true if it is nothing but that too little of a component runs.
    pub fn is_down(&self) -> bool {
        self.kind.as_deref().map(family) == Some(DOWN)
    }

    /// Returns the failure of an apply, which is all that is known of an old revision.
    pub(crate) fn of_apply(failure: &RecordedFailure) -> Self {
        Self {
            component: failure.component.clone(),
            team: failure.team.clone(),
            kind: None,
            exit_code: exit_code(&failure.message),
            message: failure.message.clone(),
            last_log_line: None,
            evidence: None,
            since: None,
        }
    }
}

/// The kind of a component without objects.
const ABSENT: &str = "absent";
/// The kind of a component with fewer replicas than it should have, without a cause.
const TOO_FEW: &str = "too-few-replicas";

/// The family of a component of which nothing runs.
pub(crate) const DOWN: &str = "down";
/// Begins the families of health checks.
const HEALTH: &str = "health";

/// Kinds of causes of both engines, by the family of failures that they are.
const FAMILIES: [(&str, &[&str]); 10] = [
    (
        DOWN,
        &[ABSENT, TOO_FEW, "created", "in-progress", "rollout-paused"],
    ),
    (HEALTH, &["liveness-failing", "startup-failing"]),
    ("health-status", &["probe-status", "check-status"]),
    ("health-port", &["probe-port-closed", "check-port-closed"]),
    ("health-timeout", &["probe-timeout", "check-timeout"]),
    (
        "health-command",
        &["probe-command-missing", "check-command-missing"],
    ),
    (
        "health-failed",
        &[
            "probe-command",
            "probe-failed",
            "check-failed",
            "check-protocol",
        ],
    ),
    (
        "image",
        &[
            "image-missing",
            "image-never-pulled",
            "image-not-found",
            "image-not-pulled",
            "image-refused",
            "registry-not-found",
            "registry-unreachable",
        ],
    ),
    ("exit", &["exit-code", "job-failed"]),
    ("killed", &["killed", "out-of-memory"]),
];

/// The kinds of causes that keep a container from being created, whatever its program is.
const HELD: [&str; 4] = [
    "config-map-key-missing",
    "config-map-missing",
    "secret-key-missing",
    "secret-missing",
];

/// The kinds of causes that lie with a cluster or its nodes.
const OF_CLUSTER: [&str; 33] = [
    "admission-refused",
    "claim-missing",
    "claim-volume-missing",
    "evicted",
    "hook-failed",
    "host-path-missing",
    "host-port-taken",
    "image-user",
    "init-step-running",
    "job-deadline",
    "job-suspended",
    "limit-range",
    "mount-refused",
    "node-cordoned",
    "node-labels",
    "node-lost",
    "node-resources",
    "node-tainted",
    "pod-affinity",
    "pod-anti-affinity",
    "pod-security",
    "pods-refused",
    "priority-class-missing",
    "quota-exceeded",
    "runtime-class-missing",
    "sandbox-refused",
    "service-account-missing",
    "storage-class-missing",
    "terminating",
    "topology-spread",
    "volume-access-mode",
    "volume-missing",
    "webhook-unreachable",
];

/// Returns the family of a kind: the failure that it is on whichever engine.
pub(crate) fn family(kind: &str) -> &str {
    let mut families = FAMILIES.iter();
    let found = families.find(|(_, kinds)| kinds.contains(&kind));
    found.map_or(kind, |(family, _)| family)
}

/// Returns true for the family of an exit whose cause is unknown further.
pub(crate) fn is_generic(family: &str) -> bool {
    family == "exit"
}

/// Returns true for the family of an exit because another component was not reached: only
/// Docker's causes tell it, and a closed policy is a name that does not resolve there.
pub(crate) fn is_of_network(family: &str) -> bool {
    matches!(family, "connection-refused" | "name-not-resolved")
}

/// Returns true for a cause that a Docker engine does not have.
pub(crate) fn is_of_cluster(kind: &str) -> bool {
    OF_CLUSTER.contains(&kind)
}

/// Returns true for a cause that keeps a container from being created.
pub(crate) fn is_held(kind: &str) -> bool {
    HELD.contains(&kind)
}

/// Returns the exit code in a message of either engine.
pub(crate) fn exit_code(message: &str) -> Option<i64> {
    let (_, after) = message.rsplit_once("exit code ")?;
    let end = after.find(|c: char| !c.is_ascii_digit());
    after[..end.unwrap_or(after.len())].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_read_from_the_messages_of_both_engines() {
        for (message, code) in [
            ("crash loop: exit code 3", Some(3)),
            ("crash loop: out of memory (exit code 137)", Some(137)),
            ("crash loop: exit code 1: permission denied", Some(1)),
            ("no pods are ready", None),
        ] {
            assert_eq!(exit_code(message), code, "{message}");
        }
    }
}
