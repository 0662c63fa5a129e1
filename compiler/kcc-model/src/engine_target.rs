//! [`EngineTarget`]: the engine of a target, with its settings.

use kcc_tree::{Engine, schema::Schema};
use serde::{Deserialize, Serialize};

use crate::Millis;

/// The engine that a target is bound to, with its settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
        /// The type of the Services for public ports.
        public_ports: PublicPorts,
        /// The resource that counts as a GPU.
        gpu: String,
    },
}

/// The type of the Services for public ports.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PublicPorts {
    /// An address of their own, from the cluster's load balancer.
    #[default]
    LoadBalancer,
    /// A port on every node.
    NodePort,
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

    /// Returns the grace period of containers whose fragments set none.
    pub fn grace_period(&self) -> Millis {
        self.default_time("gracePeriod")
    }

    /// Returns the time that a component whose fragments set none has to become
    /// ready.
    pub fn rollout_deadline(&self) -> Millis {
        self.default_time("deadline")
    }

    /// Returns the schema's default of a time in `rollout`. Jobs have no such field,
    /// and recipes set none.
    fn default_time(&self, field: &str) -> Millis {
        let declared = Schema::get().default("Rollout", field, self.engine());
        let time = declared.map(|text| Millis::parse(text.trim_matches('"')));
        time.and_then(Result::ok).unwrap_or(Millis(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_schema() {
        let kubernetes = EngineTarget::Kubernetes {
            context: None,
            namespace: "shop".to_owned(),
            ingress_class: None,
            gateway: None,
            gateway_class: None,
            public_ports: PublicPorts::default(),
            gpu: String::new(),
        };
        assert_eq!(EngineTarget::Docker {}.grace_period(), Millis(10_000));
        assert_eq!(kubernetes.grace_period(), Millis(30_000));
        for target in [EngineTarget::Docker {}, kubernetes] {
            assert_eq!(target.rollout_deadline(), Millis(300_000));
        }
    }
}
