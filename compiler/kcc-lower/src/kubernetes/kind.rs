//! The kinds of Kubernetes objects that kcc makes of a model.

/// A kind of object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ObjectKind {
    /// The API version, such as `apps/v1`.
    pub api_version: &'static str,
    /// The name of the kind.
    pub name: &'static str,
    /// Set if its objects have no namespace.
    pub cluster_scoped: bool,
}

const fn namespaced(api_version: &'static str, name: &'static str) -> ObjectKind {
    ObjectKind {
        api_version,
        name,
        cluster_scoped: false,
    }
}

const fn cluster_scoped(api_version: &'static str, name: &'static str) -> ObjectKind {
    ObjectKind {
        api_version,
        name,
        cluster_scoped: true,
    }
}

const RBAC: &str = "rbac.authorization.k8s.io/v1";

/// A namespace.
pub const NAMESPACE: &str = "Namespace";
/// A claim of a volume.
pub const CLAIM: &str = "PersistentVolumeClaim";
/// A secret, which kcc creates but never renders.
pub const SECRET: &str = "Secret";
/// The kind that defines kinds: removing a definition removes all its objects.
pub const DEFINITION: &str = "CustomResourceDefinition";

/// The kinds that are rendered, in this order: those that others refer to come first.
pub const RENDERED: [ObjectKind; 19] = [
    cluster_scoped("v1", NAMESPACE),
    cluster_scoped("apiextensions.k8s.io/v1", DEFINITION),
    namespaced("v1", "ServiceAccount"),
    cluster_scoped(RBAC, "ClusterRole"),
    cluster_scoped(RBAC, "ClusterRoleBinding"),
    namespaced(RBAC, "Role"),
    namespaced(RBAC, "RoleBinding"),
    namespaced("networking.k8s.io/v1", "NetworkPolicy"),
    namespaced("v1", "ConfigMap"),
    namespaced("v1", CLAIM),
    namespaced("v1", "Service"),
    namespaced("apps/v1", "Deployment"),
    namespaced("apps/v1", "DaemonSet"),
    namespaced("apps/v1", "StatefulSet"),
    namespaced("batch/v1", "Job"),
    namespaced("batch/v1", "CronJob"),
    namespaced("autoscaling/v2", "HorizontalPodAutoscaler"),
    namespaced("policy/v1", "PodDisruptionBudget"),
    namespaced("networking.k8s.io/v1", "Ingress"),
];

/// Returns true for kinds that hold data or that data depends on.
pub fn holds_data(kind: &str) -> bool {
    [DEFINITION, NAMESPACE, "PersistentVolume", CLAIM].contains(&kind)
}
