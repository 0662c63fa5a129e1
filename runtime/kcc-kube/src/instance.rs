//! Moves a desired state into the namespace of an instance. The plain target keeps
//! its own namespace.

use std::borrow::Cow;

use kcc_lower::kubernetes::{KubernetesDesired, Object};
use kcc_plan::Scope;
use serde_json::{Value, json};

use crate::observed::{NAMESPACE, label};

/// The kinds that make a target reachable under names that only one scope can have;
/// an instance goes without them.
const ROUTES: [&str; 3] = ["Ingress", "HTTPRoute", "Gateway"];

/// The kinds that refer to service accounts with their namespace.
const BINDINGS: [&str; 2] = ["RoleBinding", "ClusterRoleBinding"];

/// The kinds with permissions in the whole cluster.
const CLUSTER_RIGHTS: [&str; 2] = ["ClusterRole", "ClusterRoleBinding"];

/// Returns the desired state of a scope, moved if it is an instance.
pub(crate) fn of<'a>(kube: &'a KubernetesDesired, scope: &Scope) -> Cow<'a, KubernetesDesired> {
    let Some(instance) = &scope.instance else {
        return Cow::Borrowed(kube);
    };
    let namespace = format!("{}-{instance}", kube.namespace);
    let mut moved = kube.clone();
    moved
        .objects
        .retain(|object| object.kind != NAMESPACE && !ROUTES.contains(&object.kind.as_str()));
    for object in &mut moved.objects {
        if object.namespace.is_some() {
            object.namespace = Some(namespace.clone());
            set(&mut object.manifest, "namespace", &namespace);
        }
        if BINDINGS.contains(&object.kind.as_str()) {
            rebind(&mut object.manifest, &namespace);
        }
        if CLUSTER_RIGHTS.contains(&object.kind.as_str())
            && let Some(rest) = object.name.strip_prefix(&format!("{}-", kube.namespace))
        {
            // Named after the namespace, because the names are cluster-wide.
            object.name = format!("{namespace}-{rest}");
            set(&mut object.manifest, "name", &object.name);
            if let Some(role) = object.manifest.pointer_mut("/roleRef/name") {
                *role = Value::String(object.name.clone());
            }
        }
        add_label(&mut object.manifest, instance);
    }
    for secret in &mut moved.secrets {
        let own = (label::INSTANCE.to_owned(), instance.clone());
        secret.labels.extend([own]);
    }
    moved.objects.insert(0, namespace_object(scope, &namespace));
    moved.namespace = namespace;
    Cow::Owned(moved)
}

/// Builds the object of a namespace.
fn namespace_object(scope: &Scope, name: &str) -> Object {
    let mut manifest = json!({
        "apiVersion": "v1",
        "kind": NAMESPACE,
        "metadata": {
            "name": name,
            "labels": {
                label::MANAGED_BY: "kcc",
                label::SYSTEM: scope.system,
                label::TARGET: scope.target,
            },
        },
    });
    if let Some(instance) = &scope.instance {
        add_label(&mut manifest, instance);
    }
    Object {
        api_version: "v1".to_owned(),
        kind: NAMESPACE.to_owned(),
        namespace: None,
        name: name.to_owned(),
        component: None,
        team: None,
        data: true,
        manifest,
    }
}

/// Points a binding to the service accounts of another namespace.
fn rebind(manifest: &mut Value, namespace: &str) {
    let subjects = manifest.get_mut("subjects").and_then(Value::as_array_mut);
    for subject in subjects.into_iter().flatten() {
        if let Some(current) = subject.get_mut("namespace") {
            *current = Value::String(namespace.to_owned());
        }
    }
}

fn set(manifest: &mut Value, field: &str, text: &str) {
    if let Some(Value::Object(metadata)) = manifest.get_mut("metadata") {
        metadata.insert(field.to_owned(), Value::String(text.to_owned()));
    }
}

fn add_label(manifest: &mut Value, instance: &str) {
    if let Some(Value::Object(metadata)) = manifest.get_mut("metadata") {
        let labels = metadata
            .entry("labels")
            .or_insert_with(|| Value::Object(serde_json::Map::new()));
        if let Value::Object(labels) = labels {
            labels.insert(
                label::INSTANCE.to_owned(),
                Value::String(instance.to_owned()),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observed::label_of;

    fn scope(instance: Option<&str>) -> Scope {
        Scope {
            system: "shop".to_owned(),
            target: "prod".to_owned(),
            instance: instance.map(str::to_owned),
        }
    }

    fn object(kind: &str, namespace: Option<&str>, name: &str) -> Object {
        Object {
            api_version: "v1".to_owned(),
            kind: kind.to_owned(),
            namespace: namespace.map(str::to_owned),
            name: name.to_owned(),
            component: None,
            team: None,
            data: false,
            manifest: json!({"kind": kind, "metadata": {"name": name, "namespace": namespace}}),
        }
    }

    fn shop() -> KubernetesDesired {
        KubernetesDesired {
            context: None,
            namespace: "shop".to_owned(),
            objects: vec![
                object(NAMESPACE, None, "shop"),
                object("Service", Some("shop"), "web"),
                object("Ingress", Some("shop"), "web"),
            ],
            secrets: Vec::new(),
            builds: Vec::new(),
        }
    }

    #[test]
    fn the_plain_target_is_unchanged() {
        let shop = shop();
        assert!(matches!(of(&shop, &scope(None)), Cow::Borrowed(_)));
    }

    #[test]
    fn permissions_move_with_the_namespace() {
        let mut shop = shop();
        let mut binding = object("ClusterRoleBinding", None, "shop-web");
        binding.manifest["roleRef"] = json!({"name": "shop-web"});
        binding.manifest["subjects"] = json!([{"name": "web", "namespace": "shop"}]);
        shop.objects.push(binding);
        let copy = of(&shop, &scope(Some("ann")));
        let moved = copy.objects.last().unwrap();
        assert_eq!(moved.name, "shop-ann-web");
        assert_eq!(moved.manifest["metadata"]["name"], "shop-ann-web");
        assert_eq!(moved.manifest["roleRef"]["name"], "shop-ann-web");
        assert_eq!(moved.manifest["subjects"][0]["namespace"], "shop-ann");
    }

    #[test]
    fn an_instance_has_a_namespace_and_a_label_but_no_routes() {
        let shop = shop();
        let copy = of(&shop, &scope(Some("ann")));
        let names: Vec<_> = copy
            .objects
            .iter()
            .map(|object| format!("{} {}", object.kind, object.name))
            .collect();
        assert_eq!(names, ["Namespace shop-ann", "Service web"]);
        for object in &copy.objects {
            assert_eq!(label_of(&object.manifest, label::INSTANCE), Some("ann"));
        }
    }
}
