//! [`EngineTarget`]: the engine of a target, with its settings.

use kcc_tree::Engine;
use serde::Serialize;

use crate::Millis;

/// The engine that a target is bound to, with its settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum EngineTarget {
    /// A Docker engine.
    Docker {},
    /// A Kubernetes cluster.
    #[serde(rename_all = "camelCase")]
    Kubernetes {
        /// The kubeconfig context; the current one if `None`.
        context: Option<String>,
        /// The namespace; `<system>-<target>` unless the fragment names another.
        namespace: String,
        /// The ingress class.
        ingress_class: Option<String>,
        /// The Gateway that routes attach to, as `name` or `namespace/name`;
        /// without it routes become Ingresses.
        gateway: Option<String>,
        /// The class of the Gateway that kcc makes for the routes.
        gateway_class: Option<String>,
    },
}

impl EngineTarget {
    /// Returns the engine, without its settings.
    pub fn engine(&self) -> Engine {
        match self {
            Self::Docker {} => Engine::Docker,
            Self::Kubernetes { .. } => Engine::Kubernetes,
        }
    }

    /// Returns true if the target runs on `engine`.
    pub fn is(&self, engine: Engine) -> bool {
        self.engine() == engine
    }

    /// Returns the grace period of containers whose fragments set none. On a
    /// laptop and in tests nobody waits for what production grants.
    pub fn grace_period(&self) -> Millis {
        match self.engine() {
            Engine::Docker => Millis(10_000),
            Engine::Kubernetes => Millis(30_000),
        }
    }
}
