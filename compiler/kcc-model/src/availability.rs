//! Replica counts, autoscaling, rollout, disruption budgets and placement of a
//! component.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Autoscaling: a range of replicas and the load that picks a number in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Scale {
    /// Minimum number of replicas.
    pub min: u32,
    /// Maximum number of replicas.
    pub max: u32,
    /// Target CPU utilisation, in percent of the request.
    pub cpu: Option<u32>,
    /// Target memory utilisation, in percent of the request.
    pub memory: Option<u32>,
}

impl Scale {
    /// Returns true if CPU utilisation drives the scaling, which is also the
    /// default when no metric is declared.
    pub fn follows_cpu(&self) -> bool {
        self.cpu.is_some() || self.memory.is_none()
    }
}

/// The way a new version replaces the old one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rollout {
    /// The declared strategy; without one the component's kind decides.
    pub strategy: Option<Strategy>,
    /// Replicas allowed above the desired number.
    pub surge: Option<Share>,
    /// Replicas allowed to be missing from the desired number.
    pub unavailable: Option<Share>,
    /// The command that runs in the container before it receives SIGTERM.
    pub pre_stop: Option<Vec<String>>,
}

/// Rollout strategies: `Rolling` runs old and new side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Strategy {
    Rolling,
    Recreate,
}

/// A number of replicas, or a percentage of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Share {
    Count(u32),
    Percent(u32),
}

impl Share {
    /// Returns true if the share is zero for any number of replicas.
    pub fn is_zero(self) -> bool {
        matches!(self, Share::Count(0) | Share::Percent(0))
    }

    /// Converts the share to a count. Percentages round up, as Kubernetes does
    /// for disruption budgets.
    pub fn of(self, replicas: u32) -> u32 {
        match self {
            Share::Count(count) => count,
            Share::Percent(percent) => {
                let parts = u64::from(replicas) * u64::from(percent);
                u32::try_from(parts.div_ceil(100)).unwrap_or(u32::MAX)
            }
        }
    }
}

impl std::fmt::Display for Share {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Share::Count(count) => write!(f, "{count}"),
            Share::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

/// The disruption budget: limits how many replicas a node drain may evict at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Disruption {
    /// Replicas that have to stay available.
    MinAvailable(Share),
    /// Replicas that may be unavailable.
    MaxUnavailable(Share),
}

impl Disruption {
    /// Returns how many of `replicas` may be unavailable.
    pub fn allows(self, replicas: u32) -> u32 {
        match self {
            Disruption::MinAvailable(share) => replicas.saturating_sub(share.of(replicas)),
            Disruption::MaxUnavailable(share) => share.of(replicas).min(replicas),
        }
    }
}

/// Constraints on the nodes a component runs on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Placement {
    /// The topology to spread replicas over.
    pub spread: Option<Spread>,
    /// The priority class of the pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority_class: Option<String>,
    /// Labels that a node must have.
    pub nodes: BTreeMap<String, String>,
    /// Tolerated taints, by their key.
    pub tolerations: BTreeMap<String, Toleration>,
}

/// The topology to spread replicas over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Spread {
    Node,
    Zone,
    None,
}

/// A toleration of a node's taint.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Toleration {
    /// The taint's value; any value if none.
    pub value: Option<String>,
    /// The taint's effect; any effect if none.
    pub effect: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allows_the_disruptions_kubernetes_would() {
        let min = |share| Disruption::MinAvailable(share);
        let max = |share| Disruption::MaxUnavailable(share);
        for (budget, replicas, allowed) in [
            (min(Share::Count(1)), 1, 0),
            (min(Share::Count(1)), 3, 2),
            (min(Share::Count(5)), 3, 0),
            (min(Share::Percent(50)), 3, 1),
            (min(Share::Percent(100)), 9, 0),
            (max(Share::Count(0)), 3, 0),
            (max(Share::Count(5)), 3, 3),
            (max(Share::Percent(1)), 3, 1),
            (max(Share::Percent(0)), 3, 0),
        ] {
            assert_eq!(budget.allows(replicas), allowed, "{budget:?} of {replicas}");
        }
    }
}
