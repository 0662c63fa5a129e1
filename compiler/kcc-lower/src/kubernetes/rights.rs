//! Service accounts, and what they may do through the cluster's API.

use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::{
    ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef, Subject,
};
use kcc_model::{Component, Rule};

use crate::kubernetes::metadata::{self, Owner};
use crate::kubernetes::{Belongs, Objects};
use crate::lowering::Lowering;

const GROUP: &str = "rbac.authorization.k8s.io";

/// The name of a component's service account.
pub(super) fn account(component: &Component) -> &str {
    component.identity.name.as_ref().unwrap_or(&component.name)
}

/// Whether a component may do anything: otherwise its pods get no token.
pub(super) fn has_any(component: &Component) -> bool {
    !component.identity.rules.is_empty()
}

pub(super) fn lower(lowering: &mut Lowering<'_>, component: &Component, objects: &mut Objects<'_>) {
    let (namespace, owner) = (objects.namespace, Owner::Component(component));
    let name = account(component);
    let account = ServiceAccount {
        metadata: metadata::of(lowering, name, Some(namespace), owner),
        automount_service_account_token: Some(false),
        ..ServiceAccount::default()
    };
    objects.add(lowering, &account, &Belongs::to(component));
    let belongs = || Belongs {
        path: component.path.join("identity"),
        ..Belongs::to(component)
    };
    let subjects = Some(vec![Subject {
        kind: "ServiceAccount".to_owned(),
        name: name.to_owned(),
        namespace: Some(namespace.to_owned()),
        api_group: None,
    }]);
    if let Some(rules) = rules(component, false) {
        let role = Role {
            metadata: metadata::of(lowering, name, Some(namespace), owner),
            rules: Some(rules),
        };
        objects.add(lowering, &role, &belongs());
        let binding = RoleBinding {
            metadata: metadata::of(lowering, name, Some(namespace), owner),
            role_ref: reference("Role", name),
            subjects: subjects.clone(),
        };
        objects.add(lowering, &binding, &belongs());
    }
    if let Some(rules) = rules(component, true) {
        // Other namespaces may have an account of that name.
        let wide = format!("{namespace}-{name}");
        let role = ClusterRole {
            metadata: metadata::of(lowering, &wide, None, owner),
            rules: Some(rules),
            aggregation_rule: None,
        };
        objects.add(lowering, &role, &belongs());
        let binding = ClusterRoleBinding {
            metadata: metadata::of(lowering, &wide, None, owner),
            role_ref: reference("ClusterRole", &wide),
            subjects,
        };
        objects.add(lowering, &binding, &belongs());
    }
}

fn reference(kind: &str, name: &str) -> RoleRef {
    RoleRef {
        api_group: GROUP.to_owned(),
        kind: kind.to_owned(),
        name: name.to_owned(),
    }
}

/// The rules of the namespace, or those of the whole cluster.
fn rules(component: &Component, cluster: bool) -> Option<Vec<PolicyRule>> {
    let mine = |rule: &&Rule| rule.cluster == cluster;
    let rules: Vec<_> = component
        .identity
        .rules
        .values()
        .filter(mine)
        .map(|rule| PolicyRule {
            api_groups: Some(rule.rights.groups.clone()),
            resources: Some(rule.rights.resources.clone()),
            verbs: rule.rights.verbs.clone(),
            ..PolicyRule::default()
        })
        .collect();
    (!rules.is_empty()).then_some(rules)
}
