//! The built-in kinds of the pinned Kubernetes version, with their types and scopes.

use std::any::TypeId;

use k8s_openapi::api::{
    admissionregistration, apps, autoscaling, batch, certificates, coordination, core, discovery,
    flowcontrol, networking, node, policy, rbac, scheduling, storage,
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::kube_aggregator::pkg::apis::apiregistration::v1::APIService;
use k8s_openapi::{ClusterResourceScope, Resource};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::validation::{self, Violation};

/// A built-in kind.
pub(super) struct BuiltIn {
    pub(super) api_version: &'static str,
    pub(super) kind: &'static str,
    pub(super) cluster_scoped: bool,
    /// Validates an object against its type.
    pub(super) validate: fn(&Value) -> Vec<Violation>,
}

fn built_in<T>() -> BuiltIn
where
    T: Resource + DeserializeOwned,
    T::Scope: 'static,
{
    BuiltIn {
        api_version: T::API_VERSION,
        kind: T::KIND,
        cluster_scoped: TypeId::of::<T::Scope>() == TypeId::of::<ClusterResourceScope>(),
        validate: validation::validate::<T>,
    }
}

/// Returns all built-in kinds that a raw object may have.
pub(super) fn all() -> Vec<BuiltIn> {
    vec![
        built_in::<core::v1::ConfigMap>(),
        built_in::<core::v1::Endpoints>(),
        built_in::<core::v1::LimitRange>(),
        built_in::<core::v1::Namespace>(),
        built_in::<core::v1::Node>(),
        built_in::<core::v1::PersistentVolume>(),
        built_in::<core::v1::PersistentVolumeClaim>(),
        built_in::<core::v1::Pod>(),
        built_in::<core::v1::PodTemplate>(),
        built_in::<core::v1::ReplicationController>(),
        built_in::<core::v1::ResourceQuota>(),
        built_in::<core::v1::Secret>(),
        built_in::<core::v1::Service>(),
        built_in::<core::v1::ServiceAccount>(),
        built_in::<apps::v1::DaemonSet>(),
        built_in::<apps::v1::Deployment>(),
        built_in::<apps::v1::ReplicaSet>(),
        built_in::<apps::v1::StatefulSet>(),
        built_in::<autoscaling::v1::HorizontalPodAutoscaler>(),
        built_in::<autoscaling::v2::HorizontalPodAutoscaler>(),
        built_in::<batch::v1::CronJob>(),
        built_in::<batch::v1::Job>(),
        built_in::<certificates::v1::CertificateSigningRequest>(),
        built_in::<coordination::v1::Lease>(),
        built_in::<discovery::v1::EndpointSlice>(),
        built_in::<flowcontrol::v1::FlowSchema>(),
        built_in::<flowcontrol::v1::PriorityLevelConfiguration>(),
        built_in::<networking::v1::Ingress>(),
        built_in::<networking::v1::IngressClass>(),
        built_in::<networking::v1::NetworkPolicy>(),
        built_in::<node::v1::RuntimeClass>(),
        built_in::<policy::v1::PodDisruptionBudget>(),
        built_in::<rbac::v1::ClusterRole>(),
        built_in::<rbac::v1::ClusterRoleBinding>(),
        built_in::<rbac::v1::Role>(),
        built_in::<rbac::v1::RoleBinding>(),
        built_in::<scheduling::v1::PriorityClass>(),
        built_in::<storage::v1::CSIDriver>(),
        built_in::<storage::v1::StorageClass>(),
        built_in::<admissionregistration::v1::MutatingWebhookConfiguration>(),
        built_in::<admissionregistration::v1::ValidatingWebhookConfiguration>(),
        built_in::<admissionregistration::v1::ValidatingAdmissionPolicy>(),
        built_in::<admissionregistration::v1::ValidatingAdmissionPolicyBinding>(),
        built_in::<CustomResourceDefinition>(),
        built_in::<APIService>(),
    ]
}

/// Returns true if a group attribution to Kubernetes, so that it cannot contain custom
/// kinds.
pub(super) fn is_own_group(api_version: &str) -> bool {
    const GROUPS: [&str; 7] = [
        "admissionregistration.k8s.io",
        "apiextensions.k8s.io",
        "networking.k8s.io",
        "rbac.authorization.k8s.io",
        "scheduling.k8s.io",
        "storage.k8s.io",
        "coordination.k8s.io",
    ];
    match api_version.split_once('/') {
        None => true,
        Some((group, _)) => !group.contains('.') || GROUPS.contains(&group),
    }
}

/// Kinds that govern components without affecting their behaviour.
pub(crate) const GOVERNING_KINDS: [&str; 16] = [
    "ClusterRole",
    "ClusterRoleBinding",
    "FlowSchema",
    "HorizontalPodAutoscaler",
    "LimitRange",
    "Namespace",
    "NetworkPolicy",
    "PodDisruptionBudget",
    "PriorityClass",
    "PriorityLevelConfiguration",
    "ResourceQuota",
    "Role",
    "RoleBinding",
    "ServiceAccount",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
];
