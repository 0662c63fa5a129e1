//! Objects that Helm and kubectl made, and that an apply takes over.

use std::fs;

use kcc_diag::Code;
use kcc_plan::{Options, Tool};
use serde_json::{Value, json};

use crate::kubernetes::{Draft, Sandbox, labels};

/// Returns an object of the desired state as another tool writes it: with labels and
/// annotations of its own, and without kcc's.
fn foreign(desired: &mut Draft, kind: &str, name: &str, annotations: &Value) -> Value {
    let mut object = desired.manifest(kind, name).clone();
    object["metadata"]["labels"] = json!({
        "helm.sh/chart": "web-1.2.3",
        "app.kubernetes.io/managed-by": "Helm",
        "app.kubernetes.io/version": "1.0",
    });
    object["metadata"]["annotations"] = annotations.clone();
    object
}

fn write(sandbox: &Sandbox, args: &[&str], objects: &[Value]) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("objects.json");
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
    fs::write(&path, list.to_string()).unwrap();
    let path = path.display().to_string();
    sandbox.kubectl(&[args, &["-f", &path]].concat());
}

fn read(sandbox: &Sandbox, kind: &str, name: &str) -> Value {
    let get = ["get", kind, name, "-o", "json", "--show-managed-fields"];
    serde_json::from_str(&sandbox.kubectl(&get)).unwrap()
}

fn managers(object: &Value) -> Vec<String> {
    let fields = object["metadata"]["managedFields"].as_array().unwrap();
    let fields = fields
        .iter()
        .filter(|entry| entry["subresource"] != "status");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut all: Vec<_> = fields
        .map(|entry| format!("{} {}", text(&entry["manager"]), text(&entry["operation"])))
        .collect();
    all.sort();
    all
}

fn create_namespace(sandbox: &Sandbox) {
    let create = ["create", "namespace", &sandbox.system];
    sandbox.testbed.kubectl(&create);
}

pub(super) async fn what_helm_made_is_taken_over(sandbox: &Sandbox) {
    create_namespace(sandbox);
    let mut desired = sandbox.desired();
    desired.serve("web");
    let of_release = json!({
        "meta.helm.sh/release-name": "shop",
        "meta.helm.sh/release-namespace": sandbox.system,
    });
    let mut deployment = foreign(&mut desired, "Deployment", "web", &of_release);
    deployment["spec"]["template"]["spec"]["containers"][0]["env"] =
        json!([{"name": "LEFT", "value": "over"}]);
    let service = foreign(&mut desired, "Service", "web", &of_release);
    let extra = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "extra", "labels": service["metadata"]["labels"],
            "annotations": of_release},
        "data": {"a": "b"},
    });
    let record = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "helm.sh/release.v1",
        "metadata": {"name": "sh.helm.release.v1.shop.v1",
            "labels": {"owner": "helm", "name": "shop", "status": "deployed", "version": "1"}},
    });
    // A secret that kcc would generate, with the value that unlocks what is there.
    desired
        .engine
        .secrets
        .push(kcc_lower::kubernetes::CreatedSecret {
            name: "token".to_owned(),
            key: "value".to_owned(),
            encoded: false,
            provider: kcc_model::SecretProvider::Generate {},
            shared_from: None,
            component: Some("web".to_owned()),
            team: "storefront".to_owned(),
            labels: labels(&sandbox.system, Some("web")),
        });
    let token = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "token", "labels": service["metadata"]["labels"],
            "annotations": of_release},
        "stringData": {"value": "of the release", "other": "stays"},
    });
    let create = ["create", "--field-manager=helm"];
    let objects = [deployment, service, extra, record, token];
    write(sandbox, &create, &objects);
    let secret = sandbox.uid("secret", "token");
    let annotate = ["annotate", "deployment", "web", "acme.com/on-call=payments"];
    let by_ops = ["--field-manager=ops"];
    sandbox.kubectl(&[&annotate[..], &by_ops].concat());
    let uid = sandbox.uid("deployment", "web");
    sandbox.kubectl(&["rollout", "status", "deployment", "web"]);

    let before = sandbox.versions();
    let error = sandbox.try_apply(&desired).await.unwrap_err();
    assert_eq!(error.code, Code::PlanForeignObject);
    let help = error.help.unwrap();
    assert!(help.contains("--take-over helm"), "{help}");
    let by = |tool: Tool| Options {
        take_over: Some(tool),
        ..sandbox.options()
    };
    let whole = desired.finish();
    let refused = kcc_kube::plan(&whole, &by(Tool::Kubectl))
        .await
        .unwrap_err();
    assert_eq!(refused.code, Code::PlanForeignObject);
    let text = sandbox.plan_with(&desired, &by(Tool::Helm)).await.to_text();
    for part in [
        "taken over from Helm: ",
        "spec.template.spec.containers.web.env.LEFT: *** → none",
        "metadata.labels.helm.sh/chart: \"web-1.2.3\" → none",
        "= stays  ConfigMap  extra  made by Helm (release `shop`) and not declared",
        "kubectl -n",
        "~ update Secret token taken over from Helm with its value",
    ] {
        assert!(squeezed(&text).contains(&squeezed(part)), "{part}: {text}");
    }
    for kept in [
        "terminationMessagePath",
        "revisionHistoryLimit",
        "clusterIP",
    ] {
        assert!(!text.contains(kept), "{kept} stays as it is: {text}");
    }
    assert_eq!(sandbox.versions(), before, "a plan changes nothing");

    let report = sandbox.apply_with(&desired, &by(Tool::Helm)).await;
    assert!(report.is_complete(), "{report:#?}");
    let deployment = read(sandbox, "deployment", "web");
    assert_eq!(sandbox.uid("deployment", "web"), uid);
    assert_eq!(sandbox.uid("secret", "token"), secret);
    let token = read(sandbox, "secret", "token");
    assert_eq!(token["data"]["value"], "b2YgdGhlIHJlbGVhc2U=");
    assert_eq!(token["data"]["other"], "c3RheXM=");
    assert_eq!(
        token["metadata"]["labels"]["app.kubernetes.io/managed-by"],
        "kcc"
    );
    let annotations = &token["metadata"]["annotations"];
    assert_eq!(
        annotations.get("meta.helm.sh/release-name"),
        None,
        "{token}"
    );
    let left = managers(&deployment);
    let left: Vec<_> = left
        .iter()
        .filter(|manager| !manager.starts_with("kube-controller-manager"))
        .collect();
    assert_eq!(left, ["kcc Apply", "ops Update"]);
    let metadata = &deployment["metadata"];
    assert_eq!(metadata["annotations"]["acme.com/on-call"], "payments");
    assert_eq!(
        metadata["annotations"].get("meta.helm.sh/release-name"),
        None
    );
    assert_eq!(metadata["labels"].get("helm.sh/chart"), None);
    assert_eq!(metadata["labels"]["app.kubernetes.io/managed-by"], "kcc");
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container.get("env"), None, "{container}");
    for options in [sandbox.options(), by(Tool::Helm)] {
        let report = sandbox.apply_with(&desired, &options).await;
        assert_eq!(report.mutating_calls, 0, "{report:#?}");
    }
    // A field that kcc gives up later goes, since nobody else has it.
    let container = desired.container("Deployment", "web").as_object_mut();
    container.unwrap().remove("readinessProbe");
    sandbox.apply_all(&desired).await;
    let deployment = read(sandbox, "deployment", "web");
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container.get("readinessProbe"), None, "{container}");
    sandbox.down(&desired, false).await;
    let names = sandbox.names("configmaps,secrets,deployments,services");
    assert!(
        names.contains(&"configmap/extra".to_owned())
            && names.contains(&"secret/sh.helm.release.v1.shop.v1".to_owned())
            && !names.iter().any(|name| name.ends_with("/web")),
        "{names:?}"
    );
}

pub(super) async fn what_kubectl_made_is_taken_over(sandbox: &Sandbox) {
    create_namespace(sandbox);
    let mut desired = sandbox.desired();
    desired.serve("web");
    desired.serve("cart");
    let none = json!({});
    let mut objects = Vec::new();
    for name in ["web", "cart"] {
        for kind in ["Deployment", "Service"] {
            let mut object = foreign(&mut desired, kind, name, &none);
            object["metadata"]["labels"] = json!({"app": name, "tier": "front"});
            objects.push(object);
        }
    }
    // Its selector is another one, which cannot be changed.
    let spec = &mut objects[2]["spec"];
    spec["selector"]["matchLabels"] = json!({"app": "cart"});
    spec["template"]["metadata"]["labels"] = json!({"app": "cart"});
    write(sandbox, &["apply"], &objects);
    sandbox.kubectl(&["scale", "deployment", "web", "--replicas=2"]);
    sandbox.kubectl(&["set", "env", "deployment", "web", "LEFT=over"]);
    let (web, cart) = (
        sandbox.uid("deployment", "web"),
        sandbox.uid("deployment", "cart"),
    );
    // A take-over that was killed has moved the fields and not applied yet.
    let mut entry = read(sandbox, "service", "web")["metadata"]["managedFields"][0].clone();
    entry["manager"] = json!("kcc");
    entry["operation"] = json!("Apply");
    let part = json!({"metadata": {"managedFields": [entry]}}).to_string();
    sandbox.kubectl(&["patch", "service", "web", "--type=merge", "-p", &part]);
    let options = Options {
        take_over: Some(Tool::Kubectl),
        ..sandbox.options()
    };
    let text = sandbox.plan_with(&desired, &options).await.to_text();
    for part in [
        "taken over from kubectl: ",
        "spec.replicas: 2 → 1",
        "± replace Deployment cart taken over from kubectl: ",
        "which requires a replacement; its pods stop first",
    ] {
        assert!(squeezed(&text).contains(&squeezed(part)), "{part}: {text}");
    }
    let report = sandbox.apply_with(&desired, &options).await;
    assert!(report.is_complete(), "{report:#?}");
    assert_eq!(sandbox.uid("deployment", "web"), web);
    assert_ne!(sandbox.uid("deployment", "cart"), cart);
    for (kind, name) in [
        ("deployment", "web"),
        ("service", "web"),
        ("service", "cart"),
    ] {
        let object = read(sandbox, kind, name);
        let left = managers(&object);
        assert!(
            !left.iter().any(|manager| manager.starts_with("kubectl")),
            "{kind} {name}: {left:?}"
        );
        let annotations = &object["metadata"]["annotations"];
        let mark = "kubectl.kubernetes.io/last-applied-configuration";
        assert_eq!(annotations.get(mark), None, "{annotations}");
        assert_eq!(object["metadata"]["labels"].get("tier"), None);
    }
    let deployment = read(sandbox, "deployment", "web");
    assert_eq!(deployment["spec"]["replicas"], 1);
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container.get("env"), None, "{container}");
    assert_eq!(sandbox.apply_all(&desired).await.mutating_calls, 0);
    // The object of a tool that kcc does not know stays in the way.
    desired.serve("pay");
    let mark = json!({"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:pay"});
    let object = foreign(&mut desired, "Deployment", "pay", &mark);
    write(
        sandbox,
        &["create", "--field-manager=argocd-controller"],
        &[object],
    );
    let error = kcc_kube::plan(&desired.finish(), &options)
        .await
        .unwrap_err();
    assert_eq!(error.code, Code::PlanForeignObject);
}

/// Returns a text with one space where it has several.
fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
