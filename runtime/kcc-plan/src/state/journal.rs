//! [`Intent`] and [`Inventory`]: what an apply is about to do, and what it left.

use std::collections::{BTreeMap, BTreeSet};

use kcc_model::Name;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Action, EngineName, Operation, Plan, Scope};

/// Written before the first mutation. It is there as long as an apply runs; one
/// that is found later belongs to an apply that was killed, and the objects in
/// it may or may not exist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Intent {
    /// Of what.
    pub scope: Scope,
    /// Seconds since 1970 when it began.
    pub since: u64,
    /// What it is about to do.
    pub operations: Vec<Operation>,
}

impl Intent {
    /// The intent to perform a plan.
    pub fn of<W>(plan: &Plan<W>, since: u64) -> Self {
        Self {
            scope: plan.scope.clone(),
            since,
            operations: plan.operations().cloned().collect(),
        }
    }

    /// The kind and name of everything that it may have made.
    pub fn made(&self) -> BTreeSet<(&str, &str)> {
        self.operations
            .iter()
            .filter(|operation| operation.action != Action::Delete)
            .map(|operation| (operation.kind.as_str(), operation.name.as_str()))
            .collect()
    }
}

/// Written after the last mutation: every object of a target that kcc made and
/// that is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Inventory {
    /// Of what.
    pub scope: Scope,
    /// The engine that holds them.
    pub engine: EngineName,
    /// Seconds since 1970 when it was written.
    pub since: u64,
    /// The objects, by kind and name.
    pub objects: Vec<InventoryObject>,
    /// The components that each component started after.
    #[serde(default)]
    pub after: BTreeMap<Name, BTreeSet<Name>>,
    /// Why the last apply did not bring a component to its desired state.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub failures: BTreeMap<Name, String>,
    /// Generated secrets that were made, by name: where the value of one is
    /// gone, data may depend on it, and a new value would lock that data up.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub secrets: BTreeSet<Name>,
}

/// One object of an inventory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InventoryObject {
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// The engine's own identity of it, which no other object can take.
    pub id: String,
    /// The component that it belongs to.
    pub component: Option<Name>,
    /// The team that answers for it.
    pub team: Option<Name>,
    /// Its configuration as the engine reported it once it was made, without
    /// its environment: what differs later was changed by somebody else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<Value>,
}
