//! [`Kind`]: what a component is, and what only its kind has.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{Millis, Name};

/// What a component is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// Runs for as long as the system does.
    Service,
    /// Runs to completion once.
    Job(Run),
    /// Runs to completion again and again.
    CronJob(Cron),
    /// A database, queue, cache or bucket.
    #[serde(rename_all = "camelCase")]
    Backing {
        /// `postgres`, `redis`, …
        kind: String,
        /// Outputs by name; they may hold `$(output)` references to each other.
        outputs: BTreeMap<String, Output>,
        /// Runs outside the system: it has no container, only an address.
        external: bool,
    },
}

/// How a job runs to completion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// How often it is tried again.
    pub retries: u32,
    /// When it is given up.
    pub deadline: Option<Millis>,
    /// How many times it has to complete.
    pub completions: u32,
    /// How many run side by side at most.
    pub parallelism: u32,
}

impl Default for Run {
    fn default() -> Self {
        Self {
            retries: 3,
            deadline: None,
            completions: 1,
            parallelism: 1,
        }
    }
}

/// When a cron job runs, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cron {
    /// Five fields, or `@daily` and the like; it has been checked.
    pub schedule: String,
    /// The zone that the schedule's times are in; the cluster's if none.
    pub time_zone: Option<String>,
    /// What happens where one run is due and another is not done.
    pub concurrency: Concurrency,
    /// How each run goes.
    #[serde(flatten)]
    pub run: Run,
}

/// What happens where one run is due and another is not done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Concurrency {
    /// Both go on.
    #[default]
    Allow,
    /// The new one is left out.
    Forbid,
    /// The old one is ended.
    Replace,
}

/// An output of a backing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Output {
    /// Text; `$(name)` stands for the output of that name, so that a text with
    /// a secret in it never holds the secret.
    Text(String),
    /// The secret of that name.
    Secret(Name),
}
