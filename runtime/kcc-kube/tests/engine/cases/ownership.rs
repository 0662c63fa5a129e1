//! Whose an object is, and whose turn it is.

use std::sync::Arc;

use kcc_diag::Code;
use kcc_plan::{Options, Origin, Origins, Outcome};
use serde_json::json;

use crate::kubernetes::{IMAGE, OTHER, Place, labels};

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
        "Service `cart` exists and was not created by kcc"
    );
    assert_eq!(place.versions(), before);
    let mut args = vec!["label", "service", "cart", "--overwrite"];
    args.extend(labels.iter().map(String::as_str));
    place.kubectl(&args);
    let before = place.versions();
    let error = place.try_apply(&desired).await.unwrap_err();
    assert_eq!(
        error.message,
        "Service `cart` carries kcc's labels, but is not in its record"
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

/// Fragments state the image alone; the rest is kcc's default.
struct ImageStated;

impl Origins for ImageStated {
    fn of(&self, _: &str, _: &str, field: &[String]) -> Origin {
        if field.last().map(String::as_str) != Some("image") {
            return Origin::Default;
        }
        Origin::Fragment {
            path: "services.web.image".to_owned(),
            file: Some("web.cue".to_owned()),
            line: Some(4),
            team: Some("storefront".to_owned()),
            instead: Some("on: prod: services: web: image: {}".to_owned()),
        }
    }
}

pub(super) async fn what_another_owns_gives_way_or_is_a_conflict(place: &Place) {
    let mut desired = place.desired();
    desired.serve("web");
    place.apply_all(&desired).await;
    let mut options = Options {
        origins: Some(Arc::new(ImageStated)),
        ..place.options()
    };
    // A default gives way: nothing is left to do, and nothing stops.
    place.kubectl(&["scale", "deployment", "web", "--replicas=2"]);
    place.kubectl(&["rollout", "status", "deployment", "web"]);
    let plan = place.plan_with(&desired, &options).await.to_text();
    assert!(plan.contains("nothing to do"), "{plan}");
    let left = "`deployment/web:spec.replicas` is 2, set by `kubectl` at ";
    assert!(plan.contains(left), "{plan}");
    let report = place.apply_with(&desired, &options).await;
    assert_eq!((report.exit_code(), report.mutating_calls), (0, 0));

    // A value of a fragment is a conflict; the rest of the object and of the
    // plan goes on.
    place.kubectl(&["set", "image", "deployment/web", &format!("web={OTHER}")]);
    place.kubectl(&["rollout", "status", "deployment", "web"]);
    desired.manifest("Deployment", "web")["metadata"]["labels"]["x"] = json!("y");
    desired.serve("cart");
    let plan = place.plan_with(&desired, &options).await.to_text();
    for line in [
        "! conflict Deployment  web",
        "web.cue:4 (team `storefront`) says",
        "--take deployment/web:spec.template.spec.containers.web.image`",
        &format!("to keep theirs: write `on: prod: services: web: image: \"{OTHER}\"`"),
        "~ update   Deployment  web   `labels.x` changed",
        "+ create   Deployment  cart",
    ] {
        assert!(plan.contains(line), "{line}: {plan}");
    }
    let report = place.apply_with(&desired, &options).await;
    assert_eq!(report.exit_code(), 4, "{report:#?}");
    let codes: Vec<_> = report.failures.iter().map(|failure| failure.code).collect();
    assert_eq!(codes, [Code::ApplyConflict]);
    assert_eq!(report.components["cart"].outcome, Outcome::Created);
    let image = "jsonpath={.spec.template.spec.containers[0].image}";
    let get = |path: &str| place.kubectl(&["get", "deployment", "web", "-o", path]);
    assert_eq!(get(image), OTHER, "nothing is forced");
    assert_eq!(get("jsonpath={.metadata.labels.x}"), "y");

    // What is named is taken, and that alone.
    options.take = ["services.web.image".to_owned()].into();
    let report = place.apply_with(&desired, &options).await;
    assert_eq!(report.exit_code(), 0, "{report:#?}");
    assert_eq!(get(image), IMAGE);
    assert_eq!(get("jsonpath={.spec.replicas}"), "2");
    options.take.clear();
    let plan = place.plan_with(&desired, &options).await.to_text();
    assert!(plan.contains("nothing to do"), "{plan}");
}

pub(super) async fn without_a_record_nothing_is_claimed(place: &Place) {
    let mut desired = place.desired();
    desired.serve("web");
    place.apply_all(&desired).await;
    let record = format!("kcc.{}.prod", place.system);
    place.kubectl(&["delete", "configmap", &record]);
    let before = place.versions();
    let said = |error: kcc_plan::Error| {
        assert_eq!(
            (error.code, error.exit_code()),
            (Code::PlanForeignObject, 3)
        );
        error.message
    };
    let missing = format!(
        "the record of {} in prod is missing from the cluster, and Service `web` and 1 other \
         object carry its labels",
        place.system
    );
    assert_eq!(said(place.try_apply(&desired).await.unwrap_err()), missing);
    assert_eq!(said(place.try_down(&desired).await.unwrap_err()), missing);
    assert_eq!(place.versions(), before);

    // What kcc wrote is taken back; what only carries the labels is not.
    place.kubectl(&["create", "service", "clusterip", "copied", "--tcp=1"]);
    let labels: Vec<_> = labels(&place.system, Some("copied"))
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let mut args = vec!["label", "service", "copied", "--overwrite"];
    args.extend(labels.iter().map(String::as_str));
    place.kubectl(&args);
    let (finished, options) = (desired.finish(), place.options());
    let before = place.versions();
    let found = kcc_kube::found(&finished, &options).await.unwrap();
    assert_eq!(place.versions(), before);
    let recovered = kcc_kube::recover(&finished, &options).await.unwrap();
    assert_eq!(recovered, found);
    let taken: Vec<_> = recovered
        .taken()
        .map(|object| format!("{} {}", object.kind, object.name))
        .collect();
    assert_eq!(taken, ["Service web", "Deployment web"]);
    let doubted = recovered
        .objects
        .iter()
        .find(|object| object.doubt.is_some());
    assert_eq!(doubted.unwrap().name, "copied");
    assert_eq!(place.apply_all(&desired).await.mutating_calls, 0);
    place.down(&desired, false).await;
    assert_eq!(place.names("services,deployments"), ["service/copied"]);
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
