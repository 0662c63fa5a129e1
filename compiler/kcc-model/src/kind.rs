//! [`Kind`]: the kind of a component, with the settings only that kind has.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Millis, Name};

/// The kind of a component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// Runs as long as the system does.
    Service,
    /// Runs to completion once.
    Job(Run),
    /// Runs to completion on a schedule.
    CronJob(Cron),
    /// A database, queue, cache or bucket.
    #[serde(rename_all = "camelCase")]
    Backing {
        /// `postgres`, `redis`, …
        kind: String,
        /// Outputs by name; they may refer to each other as `$(output)`.
        outputs: BTreeMap<String, Output>,
        /// Runs outside the system, without a container.
        external: bool,
    },
}

/// The run settings of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// The number of retries after a failure.
    pub retries: u32,
    /// The time after which the run is aborted.
    pub deadline: Option<Millis>,
    /// The number of completions required.
    pub completions: u32,
    /// The maximum number of parallel runs.
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

/// The schedule and run settings of a cron job.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cron {
    /// Five fields, or a macro such as `@daily`; already validated.
    pub schedule: String,
    /// The time zone of the schedule; the cluster's if none.
    pub time_zone: Option<String>,
    /// The policy for a run that is due while another is still running.
    pub concurrency: Concurrency,
    /// The settings of each run.
    #[serde(flatten)]
    pub run: Run,
}

/// The policy for a run that is due while another is still running.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Concurrency {
    /// Lets both run.
    #[default]
    Allow,
    /// Skips the new run.
    Forbid,
    /// Stops the old run.
    Replace,
}

/// An output of a backing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Output {
    /// Text in which `$(name)` refers to the output of that name, so that text
    /// with a secret in it never contains the secret's value.
    Text(String),
    /// The value of the named secret.
    Secret(Name),
}
