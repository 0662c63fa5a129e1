//! Whose an object is, and whose turn it is.

use kcc_diag::Code;
use serde_json::json;

use crate::kubernetes::{Place, labels};

pub(super) async fn what_is_in_the_way_is_not_touched(place: &Place) {
    let mut desired = place.desired();
    desired.serve("web");
    place.apply_all(&desired).await;
    desired.serve("cart");
    // Copied labels do not make an object kcc's.
    place.kubectl(&["create", "service", "clusterip", "cart", "--tcp=1"]);
    let labels: Vec<_> = labels(&place.system, Some("cart"))
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let before = place.versions();
    let error = place.try_apply(&desired).await.unwrap_err();
    assert_eq!(
        (error.code, error.exit_code()),
        (Code::PlanForeignObject, 3)
    );
    assert_eq!(
        error.message,
        "Service `cart` is in the way, and kcc did not make it"
    );
    assert_eq!(place.versions(), before);
    let mut args = vec!["label", "service", "cart", "--overwrite"];
    args.extend(labels.iter().map(String::as_str));
    place.kubectl(&args);
    let before = place.versions();
    let error = place.try_apply(&desired).await.unwrap_err();
    assert_eq!(
        error.message,
        "Service `cart` carries kcc's labels, but is not in its inventory"
    );
    let mut without = desired.clone();
    without.remove("cart");
    assert_eq!(
        place.apply_all(&without).await.mutating_calls,
        0,
        "it is not pruned either"
    );
    assert_eq!(place.versions(), before);
    place.down(&without, false).await;
    assert_eq!(place.names("services"), ["service/cart"]);
}

pub(super) async fn what_another_owns_is_a_conflict(place: &Place) {
    let mut desired = place.desired();
    desired.serve("web");
    place.apply_all(&desired).await;
    place.kubectl(&["scale", "deployment", "web", "--replicas=2"]);
    place.kubectl(&["rollout", "status", "deployment", "web"]);
    let before = place.versions();
    let error = place.try_apply(&desired).await.unwrap_err();
    assert_eq!(error.code, Code::ApplyConflict);
    assert_eq!(
        error.message,
        "`.spec.replicas` of Deployment `web` belongs to `kubectl`"
    );
    assert_eq!(place.versions(), before, "nothing is forced");
    // The other one takes it back.
    place.kubectl(&["scale", "deployment", "web", "--replicas=1"]);
    place.apply_all(&desired).await;
}

fn hold(place: &Place, renewed: &str) {
    let lease = json!({
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": format!("kcc.{}.prod", place.system)},
        "spec": {
            "holderIdentity": "process 7 of bob on ci",
            "acquireTime": "2026-03-01T09:30:00.000000Z",
            "renewTime": renewed,
            "leaseDurationSeconds": 15,
        },
    });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lease.json");
    std::fs::write(&path, lease.to_string()).unwrap();
    place.kubectl(&["apply", "-f", path.to_str().unwrap()]);
}

fn now() -> String {
    let output = std::process::Command::new("date")
        .args(["-u", "+%Y-%m-%dT%H:%M:%S.000000Z"])
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

pub(super) async fn a_held_lock_names_its_holder(place: &Place) {
    let mut desired = place.desired();
    desired.serve("web");
    place.apply_all(&desired).await;
    hold(place, &now());
    for changed in [false, true] {
        if changed {
            desired.manifest("Deployment", "web")["metadata"]["labels"]["x"] = json!("y");
        }
        let error = place.try_apply(&desired).await.unwrap_err();
        assert_eq!((error.code, error.exit_code()), (Code::ApplyLockHeld, 3));
        assert_eq!(
            error.message,
            "another apply to this target is running: process 7 of bob on ci since 2026-03-01 09:30:00 UTC"
        );
    }
    // Looking is allowed meanwhile.
    assert!(place.plan(&desired).await.contains("labels.x"));
}

pub(super) async fn a_silent_lock_is_taken_over(place: &Place) {
    let mut desired = place.desired();
    desired.serve("web");
    place.apply_all(&desired).await;
    hold(place, "2026-03-01T09:31:00.000000Z");
    desired.manifest("Deployment", "web")["metadata"]["labels"]["x"] = json!("y");
    let begin = std::time::Instant::now();
    place.apply_all(&desired).await;
    assert!(begin.elapsed().as_secs() >= 15, "it was watched first");
    assert!(place.names("leases").is_empty());
}

pub(super) async fn what_a_killed_apply_made_is_known(place: &Place) {
    let mut desired = place.desired();
    desired.serve("web");
    desired.serve("cart");
    let whole = desired.finish();
    let options = place.options();
    let cancel = kcc_plan::Cancel::new();
    let apply = kcc_kube::apply(&whole, &options, &place.heard, &cancel);
    // Dropping it in the middle is what a kill leaves.
    let limit = std::time::Duration::from_millis(1500);
    let made = async {
        while place
            .bed
            .try_kubectl(&["-n", &place.system, "get", "deployment", "web"])
            .is_none()
        {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        _ = apply => panic!("it came to its end"),
        () = made => {}
        () = tokio::time::sleep(limit * 20) => panic!("nothing was made"),
    }
    let state = format!("kcc.{}.prod", place.system);
    let intent = "jsonpath={.data.intent}";
    assert!(
        !place
            .kubectl(&["get", "configmap", &state, "-o", intent])
            .is_empty()
    );
    place.kubectl(&["delete", "lease", &state]);
    desired.remove("cart");
    place.apply_all(&desired).await;
    assert_eq!(
        place.names("deployments,services"),
        ["deployment.apps/web", "service/web"]
    );
    assert!(
        place
            .kubectl(&["get", "configmap", &state, "-o", intent])
            .is_empty()
    );
    assert_eq!(place.apply_all(&desired).await.mutating_calls, 0);
}

pub(super) async fn a_namespace_of_others_stays_as_it_is(place: &Place) {
    place.bed.kubectl(&["create", "namespace", &place.system]);
    let get = || {
        let version = "jsonpath={.metadata.resourceVersion}";
        place
            .bed
            .kubectl(&["get", "namespace", &place.system, "-o", version])
    };
    let before = get();
    let mut desired = place.desired();
    desired.serve("web");
    desired.keep("orders");
    place.apply_all(&desired).await;
    assert_eq!(place.apply_all(&desired).await.mutating_calls, 0);
    place.down(&desired, true).await;
    assert_eq!(get(), before);
    let left = place.names("deployments,statefulsets,services,pods,secrets,pvc,leases");
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(place.names("configmaps"), ["configmap/kube-root-ca.crt"]);
}

pub(super) async fn who_may_see_one_namespace_can_apply_to_it(place: &Place) {
    place.bed.kubectl(&["create", "namespace", &place.system]);
    let binding = [
        "create",
        "rolebinding",
        "ann",
        "--clusterrole=admin",
        "--user=ann",
    ];
    place.kubectl(&binding);
    // The administrator of the tests speaks as somebody with fewer rights.
    let text = std::fs::read_to_string(place.bed.kubeconfig()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config");
    std::fs::write(
        &path,
        text.replace("user: {token:", "user: {as: ann, token:"),
    )
    .unwrap();
    let mut options = place.options();
    options
        .env
        .insert("KUBECONFIG".to_owned(), path.display().to_string());
    let mut desired = place.desired();
    desired.serve("web");
    let whole = desired.finish();
    let cancel = kcc_plan::Cancel::new();
    let report = kcc_kube::apply(&whole, &options, &place.heard, &cancel).await;
    assert!(report.unwrap().complete());
    let report = kcc_kube::apply(&whole, &options, &place.heard, &cancel).await;
    assert_eq!(report.unwrap().mutating_calls, 0);
    let report = kcc_kube::down(&whole, &options, &place.heard, &cancel).await;
    assert!(report.unwrap().complete());
    place.kubectl(&["delete", "rolebinding", "ann"]);
    let error = kcc_kube::plan(&whole, &options).await.unwrap_err();
    assert_eq!(error.code, Code::ApplyRefused);
    let said = error.chain();
    assert!(said.starts_with("the cluster does not let us "), "{said}");
    assert!(said.contains("User \"ann\" cannot"), "{said}");
}
