//! The permissions that `apply`, `status` and `down` need for a target: the least roles
//! for `kcc rbac`, and the check before the first write.
//!
//! They follow from the desired state and from the calls of `client`, so a new call
//! may need a line here; an engine test applies a system with nothing but these.

use std::collections::{BTreeMap, BTreeSet};

use kcc_diag::Code;
use kcc_lower::{
    Desired,
    kubernetes::{KubernetesDesired, Object, kind, referenced_secrets},
};
use kcc_plan::{Error, Scope};
use serde_json::{Value, json};

use crate::{
    client::{Access, Client, resource_name},
    observe::default_kinds,
    observed::{CLAIM, DEFINITION, NAMESPACE, SECRET},
    sharing, store,
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

/// The permissions that a target needs.
struct Permissions<'a> {
    /// Those in its namespace.
    own: Rules,
    /// Those in the namespaces of targets that an instance shares components with.
    shared: BTreeMap<&'a str, Rules>,
    /// Those in the whole cluster.
    cluster: Rules,
}

/// Returns the permissions that a target needs; with `volumes` also those to remove data.
fn rules<'a>(desired: &'a Desired, kube: &'a KubernetesDesired, volumes: bool) -> Permissions<'a> {
    let (mut own, mut cluster) = (Rules::default(), Rules::default());
    let mut shared: BTreeMap<&str, Rules> = BTreeMap::new();
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
        match &object.namespace {
            Some(namespace) if *namespace == kube.namespace => {
                own.keep(object, kube, volumes);
                let resource = resource_of(object, kube);
                own.allow(&object.api_version, &resource, &["list"]);
            }
            Some(namespace) => {
                let rules = shared.entry(namespace).or_default();
                rules.keep(object, kube, volumes);
            }
            None => cluster.keep(object, kube, volumes),
        }
    }
    for (name, component) in &desired.shared {
        if let Some(namespace) = &component.namespace {
            let rules = shared.entry(namespace).or_default();
            for kind in sharing::WORKLOADS {
                let resource = resource_name("apps/v1", kind);
                rules.allow_named("apps/v1", &resource, [name], &["get"]);
            }
        }
    }
    for secret in &kube.secrets {
        if let Some(namespace) = &secret.shared_from {
            let rules = shared.entry(namespace).or_default();
            let resource = resource_name("v1", SECRET);
            rules.allow_named("v1", &resource, [&secret.name], &["get"]);
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
    Permissions {
        own,
        shared,
        cluster,
    }
}

/// Returns the least roles for a target as manifests: its namespace, a Role, a Role in the
/// namespace of a target that an instance shares components with, and a `ClusterRole` if
/// the system has objects of the whole cluster.
pub(crate) fn roles(desired: &Desired, kube: &KubernetesDesired, volumes: bool) -> Vec<Value> {
    let Permissions {
        mut own,
        shared,
        cluster,
    } = rules(desired, kube, volumes);
    // An apply does without them, but they tell it early what cannot fit.
    own.allow("v1", "limitranges", &["list"]);
    own.allow("v1", "resourcequotas", &["list"]);
    let name = store::name_of(&Scope::of(desired));
    let namespace = &kube.namespace;
    let api_version = format!("{RBAC}/v1");
    let role = |namespace: &str, rules: &Rules| {
        json!({
            "apiVersion": api_version,
            "kind": "Role",
            "metadata": {"name": name, "namespace": namespace},
            "rules": rules.to_json(),
        })
    };
    let mut manifests = vec![
        json!({"apiVersion": "v1", "kind": NAMESPACE, "metadata": {"name": namespace}}),
        role(namespace, &own),
    ];
    manifests.extend(
        shared
            .iter()
            .map(|(namespace, rules)| role(namespace, rules)),
    );
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
    desired: &Desired,
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
    let needed = rules(desired, kube, false);
    let mut accesses = needed.own.accesses(Some(&kube.namespace));
    for (namespace, rules) in &needed.shared {
        accesses.extend(rules.accesses(Some(namespace)));
    }
    accesses.extend(needed.cluster.accesses(None));
    let missing = client.denied(accesses).await;
    let mut by_resource: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for access in &missing {
        by_resource
            .entry(in_namespace(access, &kube.namespace))
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
    let command = Scope::of(desired).command("rbac");
    Err(Error::new(Code::ApplyForbidden, message).help(format!(
        "ask an administrator to run `{command} | kubectl apply -f -`, and to bind you to the role"
    )))
}

/// Names what an access is to, with the namespace unless it is the target's own.
fn in_namespace(access: &Access, own: &str) -> String {
    match &access.namespace {
        Some(namespace) if namespace != own => {
            format!("{} in namespace `{namespace}`", access.object())
        }
        _ => access.object(),
    }
}
