//! [`Health`]: the probes of a container.

use serde::{Deserialize, Serialize};

use crate::Millis;

/// The probes of a container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Health {
    pub startup: Option<Probe>,
    pub readiness: Option<Probe>,
    pub liveness: Option<Probe>,
}

impl Health {
    /// Returns true if a probe tells when the container is ready.
    pub fn has_readiness_signal(&self) -> bool {
        self.readiness.is_some() || self.startup.is_some()
    }

    /// Returns true if one probe serves as readiness and liveness, as the short
    /// form declares it.
    pub fn is_short_form(&self) -> bool {
        let check = |probe: &Option<Probe>| probe.as_ref().map(|probe| probe.check.clone());
        self.readiness.is_some()
            && self.readiness == self.liveness
            && (self.startup.is_none() || check(&self.startup) == check(&self.readiness))
    }
}

/// A probe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Probe {
    /// The check to run.
    pub check: Check,
    /// The delay before the first attempt.
    pub delay: Millis,
    /// The time between attempts.
    pub period: Millis,
    /// The timeout of one attempt.
    pub timeout: Millis,
    /// Consecutive failures until the probe counts as failed.
    pub failures: u32,
}

/// The check that a probe runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Check {
    /// A GET request, which succeeds with status 200 to 399.
    Http {
        /// The request path.
        path: String,
        /// The port number.
        port: u16,
    },
    /// A TCP connection.
    Tcp {
        /// The port number.
        port: u16,
    },
    /// A call to the gRPC health service.
    Grpc {
        /// The port number.
        port: u16,
    },
    /// A command that exits with 0.
    Exec(Vec<String>),
    /// The check of the image, which a Docker engine runs by itself.
    Image {
        /// Set if a fragment asks for it.
        declared: bool,
    },
}
