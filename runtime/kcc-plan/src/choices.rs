//! [`Choices`]: the options of an apply that decide about its plan, as a plan file
//! records them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{Prune, Tool};

/// The options that decide about a plan.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Choices {
    /// The treatment of objects that are no longer declared.
    pub prune: Prune,
    /// The fields to take over from other field managers.
    pub take: BTreeSet<String>,
    /// The objects and components that may be recreated.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub recreate: BTreeSet<String>,
    /// True if that may destroy data.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub volumes: bool,
    /// The tool whose objects are taken over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub take_over: Option<Tool>,
}
