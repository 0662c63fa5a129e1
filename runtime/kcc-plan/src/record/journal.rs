//! [`Intent`] and [`Inventory`]: the changes an apply sets out to make, and the
//! objects it leaves.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use kcc_model::Name;
use kcc_tree::Engine;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Action, ApplyReport, Operation, Outcome, Plan, Scope};

/// The operations of a running apply, stored before the first mutation. An intent
/// found later belongs to an apply that was killed: its objects may or may not
/// exist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Intent {
    /// The scope.
    pub scope: Scope,
    /// The start, in seconds since 1970.
    pub since: u64,
    /// The revision that the apply brings about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
    /// The components of the target that an instance uses instead of creating them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub shared: BTreeSet<Name>,
    /// The planned operations.
    pub operations: Vec<Operation>,
}

impl Intent {
    /// Creates the intent to perform a plan.
    pub fn of<P>(plan: &Plan<P>, since: u64) -> Self {
        Self {
            scope: plan.scope.clone(),
            since,
            revision: None,
            shared: plan.shared.clone(),
            operations: plan
                .operations()
                .map(|operation| Operation {
                    // Nobody needs the values once the operation has begun.
                    changes: Vec::new(),
                    ..operation.clone()
                })
                .collect(),
        }
    }

    /// Returns the kind and name of every object that the apply may have created.
    pub fn created(&self) -> BTreeSet<(&str, &str)> {
        self.operations
            .iter()
            .filter(|operation| operation.action != Action::Delete)
            .map(|operation| (operation.kind.as_str(), operation.name.as_str()))
            .collect()
    }
}

/// Every existing object of a scope that kcc made, stored after the last mutation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Inventory {
    /// The scope.
    pub scope: Scope,
    /// The engine that holds the objects.
    pub engine: Engine,
    /// The time of writing, in seconds since 1970.
    pub since: u64,
    /// The objects, by kind and name.
    pub objects: Vec<InventoryObject>,
    /// The components that each component started after.
    #[serde(default)]
    pub after: BTreeMap<Name, BTreeSet<Name>>,
    /// The reasons why the last apply did not bring the target to its desired state.
    #[serde(default, skip_serializing_if = "Unapplied::is_empty")]
    pub unapplied: Unapplied,
    /// The names of the generated secrets. If the value of one is gone, existing
    /// data may depend on it, and a new value would lock that data up.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub secrets: BTreeSet<Name>,
    /// The components of the target that an instance uses instead of creating them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub shared: BTreeSet<Name>,
}

/// The reasons why the last apply did not bring a target to its desired state.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Unapplied {
    /// The reasons by component.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub components: BTreeMap<Name, String>,
    /// The reason that concerns no component, or all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
}

impl Unapplied {
    /// Returns true if the last apply was complete.
    pub fn is_empty(&self) -> bool {
        self.components.is_empty() && self.target.is_none()
    }

    /// Returns true if the last apply completed a component.
    pub fn is_completed(&self, component: &str) -> bool {
        !self.components.contains_key(component) && self.target.is_none()
    }

    /// Takes over the reasons from the report of an apply. A component that it does
    /// not mention is as it was; `partial` says that the apply left the others alone.
    pub fn update(&mut self, report: &ApplyReport, partial: bool) {
        if report.is_complete() && !partial {
            *self = Self::default();
            return;
        }
        for (name, component) in &report.components {
            match component.outcome {
                Outcome::Failed | Outcome::Skipped => {
                    let why = component.why.clone().unwrap_or_default();
                    self.components.insert(name.clone(), why);
                }
                _ => _ = self.components.remove(name),
            }
        }
        if !partial {
            self.target = report.cancelled.then(|| "it was stopped".to_owned());
        }
        for failure in &report.failures {
            let why = failure.message.clone();
            match &failure.component {
                Some(name) => _ = self.components.entry(name.clone()).or_insert(why),
                None => self.target = Some(why),
            }
        }
    }
}

/// One object of an inventory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InventoryObject {
    /// The object's kind.
    pub kind: String,
    /// The object's name.
    pub name: String,
    /// The engine's own identity for it, which no other object can take.
    pub id: String,
    /// The component that it belongs to.
    pub component: Option<Name>,
    /// The team that answers for it.
    pub team: Option<Name>,
    /// The configuration as the engine reported it after creation, without the
    /// environment. Differences that appear later are changes by others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<Value>,
}

/// Returns the current time in seconds since 1970.
pub fn now() -> u64 {
    u64::try_from(Timestamp::now().as_second()).unwrap_or_default()
}
