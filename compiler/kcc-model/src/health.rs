//! [`Health`]: how a container is asked whether it is well.

use serde::Serialize;

use crate::Millis;

/// Probes of a container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Health {
    pub startup: Option<Probe>,
    pub readiness: Option<Probe>,
    pub liveness: Option<Probe>,
}

impl Health {
    /// Whether there is a probe that says when it is ready.
    pub fn says_ready(&self) -> bool {
        self.readiness.is_some() || self.startup.is_some()
    }

    /// Whether one probe means readiness and liveness, as in the short form.
    pub fn says_one_thing(&self) -> bool {
        let asks = |probe: &Option<Probe>| probe.as_ref().map(|probe| probe.check.clone());
        self.readiness.is_some()
            && self.readiness == self.liveness
            && (self.startup.is_none() || asks(&self.startup) == asks(&self.readiness))
    }
}

/// A probe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Probe {
    /// What is asked.
    pub check: Check,
    /// Time before the first.
    pub delay: Millis,
    /// Time between two.
    pub period: Millis,
    /// Time that an answer may take.
    pub timeout: Millis,
    /// Failures in a row that count.
    pub failures: u32,
}

/// What a probe asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Check {
    /// A GET request that answers 200 to 399.
    Http {
        /// Path of the request.
        path: String,
        /// Number of the port.
        port: u16,
    },
    /// A connection.
    Tcp {
        /// Number of the port.
        port: u16,
    },
    /// A call of the gRPC health service.
    Grpc {
        /// Number of the port.
        port: u16,
    },
    /// A command that exits with 0.
    Exec(Vec<String>),
}
