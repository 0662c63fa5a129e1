//! The permissions that `apply`, `status` and `down` need for a target: the least roles
//! for `kcc rbac`, and the check before the first write.
//!
//! They follow from the desired state and from the calls of `client`, so a new call
//! may need a line here; an engine test applies a system with nothing but these.

use std::collections::{BTreeMap, BTreeSet};

use kcc_diag::Code;
use kcc_lower::kubernetes::{KubernetesDesired, Object, kind, referenced_secrets};
use kcc_plan::{Error, Scope};
use serde_json::{Value, json};

use crate::{
    client::{Access, Client, resource_name},
    observe::default_kinds,
    observed::{CLAIM, DEFINITION, NAMESPACE, SECRET},
    store,
};

const RBAC: &str = "rbac.authorization.k8s.io";
/// The kinds with permissions, and those that bind them.
const ROLES: [&str; 2] = ["Role", "ClusterRole"];
const BINDINGS: [&str; 2] = ["RoleBinding", "ClusterRoleBinding"];

/// The verbs for an object that kcc keeps as desired.
const KEEP: [&str; 3] = ["create", "get", "patch"];

/// The verbs for the `ConfigMap`s of the record.
const OF_THE_RECORD: [&str; 5] = ["create", "delete", "get", "list", "patch"];

/// The permissions within the namespace, or in the whole cluster.
#[derive(Debug, Default)]
struct Rules {
    /// The verbs by API group, resource and names; no name stands for all objects.
    verbs: BTreeMap<(String, String, BTreeSet<String>), BTreeSet<&'static str>>,
    /// The rules that kcc must have itself in order to write them into a role.
    granted: Vec<Value>,
}

impl Rules {
    fn allow(&mut self, api_version: &str, resource: &str, verbs: &[&'static str]) {
        self.allow_named(api_version, resource, [], verbs);
    }

    fn allow_named<'n>(
        &mut self,
        api_version: &str,
        resource: &str,
        names: impl IntoIterator<Item = &'n String>,
        verbs: &[&'static str],
    ) {
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        let names = names.into_iter().cloned().collect();
        let key = (group.to_owned(), resource.to_owned(), names);
        self.verbs.entry(key).or_default().extend(verbs);
    }

    /// Allows to keep an object as desired.
    fn keep(&mut self, object: &Object, kube: &KubernetesDesired, volumes: bool) {
        let resource = resource_of(object, kube);
        self.allow(&object.api_version, &resource, &KEEP);
        if volumes || !kind::holds_data(&object.kind) {
            self.allow(&object.api_version, &resource, &["delete"]);
        }
        let rules = object.manifest.get("rules").and_then(Value::as_array);
        if ROLES.contains(&object.kind.as_str()) {
            self.granted.extend(rules.into_iter().flatten().cloned());
        }
        let role = |field: &str| object.manifest.pointer("/roleRef")?.get(field)?.as_str();
        if BINDINGS.contains(&object.kind.as_str())
            && let (Some(kind), Some(name)) = (role("kind"), role("name"))
        {
            // In a dry run a role of this apply does not exist yet, so that its rules
            // cannot be compared with those of the user.
            let resource = resource_name("", kind);
            let role = name.to_owned();
            self.allow_named(&format!("{RBAC}/v1"), &resource, [&role], &["bind"]);
        }
    }

    /// Formats the rules of a role: one for each group of resources with the same verbs.
    fn to_json(&self) -> Vec<Value> {
        let mut merged: BTreeMap<_, BTreeSet<&str>> = BTreeMap::new();
        for ((group, resource, names), verbs) in &self.verbs {
            merged
                .entry((group, names, verbs))
                .or_default()
                .insert(resource);
        }
        let rules = merged
            .into_iter()
            .map(|((group, names, verbs), resources)| {
                let mut rule =
                    json!({"apiGroups": [group], "resources": resources, "verbs": verbs});
                if !names.is_empty() {
                    rule["resourceNames"] = json!(names);
                }
                rule
            });
        rules.chain(self.granted.iter().cloned()).collect()
    }

    /// Lists what is to be asked before the first write.
    fn accesses(&self, namespace: Option<&str>) -> Vec<Access> {
        let mut all = Vec::new();
        for ((group, resource, names), verbs) in &self.verbs {
            let names: Vec<_> = if names.is_empty() {
                vec![None]
            } else {
                names.iter().map(Some).collect()
            };
            for name in names {
                all.extend(verbs.iter().map(|verb| Access {
                    verb,
                    group: group.clone(),
                    resource: resource.clone(),
                    namespace: namespace.map(str::to_owned),
                    name: name.cloned(),
                }));
            }
        }
        all
    }
}

/// Returns the resource of an object's kind; a definition among the objects may name it.
fn resource_of(object: &Object, kube: &KubernetesDesired) -> String {
    let definitions = kube.objects.iter().filter(|other| other.kind == DEFINITION);
    let names = definitions.filter_map(|definition| definition.manifest.pointer("/spec/names"));
    let mut defined =
        names.filter(|names| names.get("kind").and_then(Value::as_str) == Some(&object.kind));
    let plural = defined.find_map(|names| names.get("plural")?.as_str());
    plural.map_or_else(
        || resource_name(&object.api_version, &object.kind),
        str::to_owned,
    )
}

/// Returns the permissions in the namespace and in the cluster; with `volumes` also
/// those to remove data.
fn rules(kube: &KubernetesDesired, volumes: bool) -> (Rules, Rules) {
    let (mut own, mut cluster) = (Rules::default(), Rules::default());
    for (api_version, kind) in default_kinds() {
        own.allow(api_version, &resource_name(api_version, kind), &["list"]);
    }
    // These explain a rollout.
    own.allow("v1", "pods", &["list"]);
    own.allow("v1", "pods/log", &["get"]);
    own.allow("v1", "events", &["list"]);
    own.allow("apps/v1", "replicasets", &["list"]);
    own.allow("v1", "configmaps", &OF_THE_RECORD);
    for object in &kube.objects {
        if object.kind == NAMESPACE && object.name == kube.namespace {
            // It exists before a role in it, and kcc uses it as it is.
            continue;
        }
        if object.namespace.is_some() {
            own.keep(object, kube, volumes);
            let resource = resource_of(object, kube);
            own.allow(&object.api_version, &resource, &["list"]);
        } else {
            cluster.keep(object, kube, volumes);
        }
    }
    let templates = |object: &Object| {
        let templates = object.manifest.pointer("/spec/volumeClaimTemplates");
        templates.is_some()
    };
    if volumes && kube.objects.iter().any(templates) {
        own.allow("v1", &resource_name("v1", CLAIM), &["delete"]);
    }
    let created: BTreeSet<_> = kube.secrets.iter().map(|secret| &secret.name).collect();
    let read = kube.objects.iter();
    let read: BTreeSet<_> = read
        .flat_map(|object| referenced_secrets(&object.manifest))
        .collect();
    let secrets = resource_name("v1", SECRET);
    if !read.is_empty() {
        own.allow_named("v1", &secrets, &read, &["get"]);
    }
    if !created.is_empty() {
        own.allow("v1", &secrets, &["create"]);
        own.allow_named("v1", &secrets, created, &["delete", "get", "patch"]);
    }
    (own, cluster)
}

/// Returns the least roles for a target as manifests: its namespace, a Role, and a
/// `ClusterRole` if the system has objects outside the namespace.
pub(crate) fn roles(scope: &Scope, kube: &KubernetesDesired, volumes: bool) -> Vec<Value> {
    let (own, cluster) = rules(kube, volumes);
    let name = store::name_of(scope);
    let namespace = &kube.namespace;
    let api_version = format!("{RBAC}/v1");
    let mut manifests = vec![
        json!({"apiVersion": "v1", "kind": NAMESPACE, "metadata": {"name": namespace}}),
        json!({
            "apiVersion": api_version,
            "kind": "Role",
            "metadata": {"name": name, "namespace": namespace},
            "rules": own.to_json(),
        }),
    ];
    let rules = cluster.to_json();
    if !rules.is_empty() {
        // Other namespaces may have a system of the same name.
        let name = format!("{name}-{namespace}");
        manifests.push(json!({
            "apiVersion": api_version,
            "kind": "ClusterRole",
            "metadata": {"name": name},
            "rules": rules,
        }));
    }
    manifests
}

/// Fails if the user lacks a permission, and names all that are missing.
pub(crate) async fn check(
    client: &Client,
    scope: &Scope,
    kube: &KubernetesDesired,
) -> Result<(), Error> {
    let everything = Access {
        verb: "*",
        group: "*".to_owned(),
        resource: "*".to_owned(),
        namespace: None,
        name: None,
    };
    if client.may(&everything).await {
        return Ok(());
    }
    let (own, cluster) = rules(kube, false);
    let mut accesses = own.accesses(Some(&kube.namespace));
    accesses.extend(cluster.accesses(None));
    let missing = client.denied(accesses).await;
    let mut by_resource: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for access in &missing {
        by_resource
            .entry(access.object())
            .or_default()
            .insert(access.verb);
    }
    if by_resource.is_empty() {
        return Ok(());
    }
    let lines = by_resource.iter().map(|(object, verbs)| {
        let verbs: Vec<_> = verbs.iter().copied().collect();
        format!("{} {object}", verbs.join(", "))
    });
    let lines: Vec<_> = lines.collect();
    let message = format!(
        "missing permissions in namespace `{}`: {}",
        kube.namespace,
        lines.join("; ")
    );
    let command = scope.command("rbac");
    Err(Error::new(Code::ApplyForbidden, message).help(format!(
        "ask an administrator to run `{command} | kubectl apply -f -`, and to bind you to the role"
    )))
}
