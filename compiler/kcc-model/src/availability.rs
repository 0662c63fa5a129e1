//! How many replicas of a component there are, how a new version replaces the
//! old one, how many may be missing meanwhile, and on which machines they run.

use std::collections::BTreeMap;

use serde::Serialize;

/// A range of replicas, and the load that decides between its ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Scale {
    /// How many run at least.
    pub min: u32,
    /// How many run at most.
    pub max: u32,
    /// The use of the processor that is aimed at, in percent of its request.
    pub cpu: Option<u32>,
    /// The use of memory that is aimed at, in percent of its request.
    pub memory: Option<u32>,
}

impl Scale {
    /// Whether it follows the use of the processor: also where nothing is said
    /// of what it follows.
    pub fn follows_cpu(&self) -> bool {
        self.cpu.is_some() || self.memory.is_none()
    }
}

/// How a new version replaces the old one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rollout {
    /// Whether both run side by side; none leaves it to what the component is.
    pub strategy: Option<Strategy>,
    /// How many may run beyond the wanted number.
    pub surge: Option<Share>,
    /// How many may be missing from the wanted number.
    pub unavailable: Option<Share>,
    /// The command that runs in it before it is asked to end.
    pub pre_stop: Option<Vec<String>>,
}

/// Whether old and new run side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Strategy {
    Rolling,
    Recreate,
}

/// A number of replicas, or a part of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Share {
    Count(u32),
    Percent(u32),
}

impl Share {
    /// Whether it is none, of however many.
    pub fn is_none(self) -> bool {
        matches!(self, Share::Count(0) | Share::Percent(0))
    }

    /// How many of so many it is; a part of one counts as one, as the cluster
    /// counts for disruption budgets.
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

/// How many replicas may be taken away at once when machines are emptied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Disruption {
    /// So many stay.
    MinAvailable(Share),
    /// So many may be missing.
    MaxUnavailable(Share),
}

impl Disruption {
    /// How many of so many replicas may be missing.
    pub fn allows(self, replicas: u32) -> u32 {
        match self {
            Disruption::MinAvailable(share) => replicas.saturating_sub(share.of(replicas)),
            Disruption::MaxUnavailable(share) => share.of(replicas).min(replicas),
        }
    }
}

/// On which machines a component runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Placement {
    /// What replicas are spread over.
    pub spread: Option<Spread>,
    /// Labels that a machine must have.
    pub nodes: BTreeMap<String, String>,
    /// Taints that it puts up with, by their key.
    pub tolerations: BTreeMap<String, Toleration>,
}

/// What replicas are spread over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Spread {
    Node,
    Zone,
}

/// A taint that a component puts up with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Toleration {
    /// Its value; any if none.
    pub value: Option<String>,
    /// Its effect; any if none.
    pub effect: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_allows_what_the_cluster_would() {
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
