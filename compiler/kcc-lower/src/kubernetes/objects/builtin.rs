//! The kinds that every cluster of the pinned version has: their types, and
//! whether they live in a namespace.

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

use crate::read::{self, Fault};

/// A kind of the pinned version.
pub(super) struct BuiltIn {
    pub(super) api_version: &'static str,
    pub(super) kind: &'static str,
    pub(super) cluster_scoped: bool,
    /// Holds an object against its type.
    pub(super) hold: fn(&Value) -> Vec<Fault>,
}

fn of<T>() -> BuiltIn
where
    T: Resource + DeserializeOwned,
    T::Scope: 'static,
{
    BuiltIn {
        api_version: T::API_VERSION,
        kind: T::KIND,
        cluster_scoped: TypeId::of::<T::Scope>() == TypeId::of::<ClusterResourceScope>(),
        hold: read::hold::<T>,
    }
}

/// Every kind that an object of a system may be.
pub(super) fn all() -> Vec<BuiltIn> {
    vec![
        of::<core::v1::ConfigMap>(),
        of::<core::v1::Endpoints>(),
        of::<core::v1::LimitRange>(),
        of::<core::v1::Namespace>(),
        of::<core::v1::Node>(),
        of::<core::v1::PersistentVolume>(),
        of::<core::v1::PersistentVolumeClaim>(),
        of::<core::v1::Pod>(),
        of::<core::v1::PodTemplate>(),
        of::<core::v1::ReplicationController>(),
        of::<core::v1::ResourceQuota>(),
        of::<core::v1::Secret>(),
        of::<core::v1::Service>(),
        of::<core::v1::ServiceAccount>(),
        of::<apps::v1::DaemonSet>(),
        of::<apps::v1::Deployment>(),
        of::<apps::v1::ReplicaSet>(),
        of::<apps::v1::StatefulSet>(),
        of::<autoscaling::v1::HorizontalPodAutoscaler>(),
        of::<autoscaling::v2::HorizontalPodAutoscaler>(),
        of::<batch::v1::CronJob>(),
        of::<batch::v1::Job>(),
        of::<certificates::v1::CertificateSigningRequest>(),
        of::<coordination::v1::Lease>(),
        of::<discovery::v1::EndpointSlice>(),
        of::<flowcontrol::v1::FlowSchema>(),
        of::<flowcontrol::v1::PriorityLevelConfiguration>(),
        of::<networking::v1::Ingress>(),
        of::<networking::v1::IngressClass>(),
        of::<networking::v1::NetworkPolicy>(),
        of::<node::v1::RuntimeClass>(),
        of::<policy::v1::PodDisruptionBudget>(),
        of::<rbac::v1::ClusterRole>(),
        of::<rbac::v1::ClusterRoleBinding>(),
        of::<rbac::v1::Role>(),
        of::<rbac::v1::RoleBinding>(),
        of::<scheduling::v1::PriorityClass>(),
        of::<storage::v1::CSIDriver>(),
        of::<storage::v1::StorageClass>(),
        of::<admissionregistration::v1::MutatingWebhookConfiguration>(),
        of::<admissionregistration::v1::ValidatingWebhookConfiguration>(),
        of::<admissionregistration::v1::ValidatingAdmissionPolicy>(),
        of::<admissionregistration::v1::ValidatingAdmissionPolicyBinding>(),
        of::<CustomResourceDefinition>(),
        of::<APIService>(),
    ]
}

/// Whether a group belongs to Kubernetes itself, so that nobody can add kinds
/// to it.
pub(super) fn is_own_group(api_version: &str) -> bool {
    const NAMED: [&str; 7] = [
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
        Some((group, _)) => !group.contains('.') || NAMED.contains(&group),
    }
}

/// Kinds that rule over components without a component being able to tell.
pub(crate) const RULES: [&str; 16] = [
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
