//! Lowers identities to service accounts and RBAC objects.

use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::{
    ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef, Subject,
};
use kcc_model::{AccessRule, Component};

use crate::kubernetes::metadata::{self, Owner};
use crate::kubernetes::objects::{Attribution, Objects};
use crate::lowering::Lowering;

const GROUP: &str = "rbac.authorization.k8s.io";

/// Returns the name of a component's service account.
pub(super) fn account(component: &Component) -> &str {
    component.identity.name.as_ref().unwrap_or(&component.name)
}

/// Returns true if a component has any permissions; otherwise its pods get no token.
pub(super) fn has_any(component: &Component) -> bool {
    !component.identity.rules.is_empty()
}

pub(super) fn lower(lowering: &mut Lowering<'_>, component: &Component, objects: &mut Objects<'_>) {
    let (namespace, owner) = (objects.namespace, Owner::Component(component));
    let name = account(component);
    let account = ServiceAccount {
        metadata: metadata::object(lowering, name, Some(namespace), owner),
        automount_service_account_token: Some(false),
        ..ServiceAccount::default()
    };
    let attribution = Attribution::component(component);
    let sources = attribution.sources(lowering);
    sources.model("metadata.name", &["identity.name", ""]);
    sources.kcc(
        "automountServiceAccountToken",
        "components do not get a token by default",
    );
    objects.add(lowering, &account, &attribution, &sources);
    let attribution = Attribution {
        path: component.path.join("identity"),
        ..attribution
    };
    // One record does for all: each has only some of the fields.
    let sources = attribution.sources(lowering);
    sources.model("metadata.name", &["identity.name", ""]);
    sources.model("rules", &["identity.rules"]);
    sources.model("roleRef", &["identity"]);
    sources.model("subjects", &["identity"]);
    let subjects = Some(vec![Subject {
        kind: "ServiceAccount".to_owned(),
        name: name.to_owned(),
        namespace: Some(namespace.to_owned()),
        api_group: None,
    }]);
    if let Some(rules) = rules(component, false) {
        let role = Role {
            metadata: metadata::object(lowering, name, Some(namespace), owner),
            rules: Some(rules),
        };
        objects.add(lowering, &role, &attribution, &sources);
        let binding = RoleBinding {
            metadata: metadata::object(lowering, name, Some(namespace), owner),
            role_ref: reference("Role", name),
            subjects: subjects.clone(),
        };
        objects.add(lowering, &binding, &attribution, &sources);
    }
    if let Some(rules) = rules(component, true) {
        // Includes the namespace, since other namespaces may use the same name.
        let wide = format!("{namespace}-{name}");
        let role = ClusterRole {
            metadata: metadata::object(lowering, &wide, None, owner),
            rules: Some(rules),
            aggregation_rule: None,
        };
        objects.add(lowering, &role, &attribution, &sources);
        let binding = ClusterRoleBinding {
            metadata: metadata::object(lowering, &wide, None, owner),
            role_ref: reference("ClusterRole", &wide),
            subjects,
        };
        objects.add(lowering, &binding, &attribution, &sources);
    }
}

fn reference(kind: &str, name: &str) -> RoleRef {
    RoleRef {
        api_group: GROUP.to_owned(),
        kind: kind.to_owned(),
        name: name.to_owned(),
    }
}

/// Returns the rules for the namespace, or those for the whole cluster.
fn rules(component: &Component, cluster: bool) -> Option<Vec<PolicyRule>> {
    let in_scope = |rule: &&AccessRule| rule.cluster == cluster;
    let rules: Vec<_> = component
        .identity
        .rules
        .values()
        .filter(in_scope)
        .map(|rule| PolicyRule {
            api_groups: Some(rule.permissions.groups.clone()),
            resources: Some(rule.permissions.resources.clone()),
            verbs: rule.permissions.verbs.clone(),
            ..PolicyRule::default()
        })
        .collect();
    (!rules.is_empty()).then_some(rules)
}
