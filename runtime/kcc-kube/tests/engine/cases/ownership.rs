//! Ownership of objects and fields, locks, and killed applies.

use std::{path::Path, sync::Arc};

use kcc_diag::Code;
use kcc_kube::KubeStore;
use kcc_lock::Digest;
use kcc_model::Until;
use kcc_plan::{Cancel, Error, Options, Origin, Origins, Outcome, State};
use kcc_test_engines::store::{TestedStore, check_store, locked};
use serde_json::{Value, json};

use crate::kubernetes::{IMAGE, OTHER, Sandbox, labels};

pub(super) async fn unmanaged_objects_are_not_touched(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    desired.serve("web");
    sandbox.apply_all(&desired).await;
    desired.serve("cart");
    // Copied labels do not make an object kcc's.
    sandbox.kubectl(&["create", "service", "clusterip", "cart", "--tcp=1"]);
    let labels: Vec<_> = labels(&sandbox.system, Some("cart"))
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let before = sandbox.versions();
    let error = sandbox.try_apply(&desired).await.unwrap_err();
    assert_eq!(
        (error.code, error.exit_code()),
        (Code::PlanForeignObject, 3)
    );
    assert_eq!(
        error.message,
        "Service `cart` already exists and is not managed by kcc"
    );
    assert_eq!(sandbox.versions(), before);
    let mut args = vec!["label", "service", "cart", "--overwrite"];
    args.extend(labels.iter().map(String::as_str));
    sandbox.kubectl(&args);
    let before = sandbox.versions();
    let error = sandbox.try_apply(&desired).await.unwrap_err();
    assert_eq!(
        error.message,
        "Service `cart` already exists and is not managed by kcc"
    );
    let mut without = desired.clone();
    without.remove("cart");
    assert_eq!(
        sandbox.apply_all(&without).await.mutating_calls,
        0,
        "it is not pruned either"
    );
    assert_eq!(sandbox.versions(), before);
    // A workload that kcc did not create says nothing about the component.
    let image = format!("--image={IMAGE}");
    sandbox.kubectl(&[
        "create",
        "deployment",
        "cart",
        &image,
        "--",
        "/shop",
        "serve",
    ]);
    args[1] = "deployment";
    sandbox.kubectl(&args);
    sandbox.kubectl(&["rollout", "status", "deployment", "cart"]);
    let status = sandbox.status(&desired).await;
    let cart = &status.components["cart"];
    assert_eq!((cart.state, cart.is_ready()), (State::Absent, false));
    let why = "Deployment `cart` exists and is not managed by kcc";
    assert_eq!(cart.why.as_deref(), Some(why));
    sandbox.down(&without, false).await;
    assert_eq!(sandbox.names("services"), ["service/cart"]);
    assert_eq!(sandbox.names("deployments"), ["deployment.apps/cart"]);
    let kept = "kept Service `cart`, which carries the target's labels: kcc never wrote it";
    let lines = sandbox.recorder.lines();
    assert!(lines.iter().any(|line| line.contains(kept)), "{lines:#?}");
}

/// Fragments that only set the image; the rest is kcc's default.
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

pub(super) async fn a_field_of_another_gives_way_or_is_a_conflict(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    desired.serve("web");
    sandbox.apply_all(&desired).await;
    let mut options = Options {
        origins: Some(Arc::new(ImageStated)),
        ..sandbox.options()
    };
    // A default gives way: nothing is left to do, and nothing stops.
    sandbox.kubectl(&["scale", "deployment", "web", "--replicas=2"]);
    sandbox.kubectl(&["rollout", "status", "deployment", "web"]);
    let plan = sandbox.plan_with(&desired, &options).await.to_text();
    assert!(plan.contains("nothing to do"), "{plan}");
    let left = "`deployment/web:spec.replicas` is 2, set by `kubectl` at ";
    assert!(plan.contains(left), "{plan}");
    let report = sandbox.apply_with(&desired, &options).await;
    assert_eq!((report.exit_code(), report.mutating_calls), (0, 0));

    // A value of a fragment is a conflict; the rest of the object and of the plan
    // continues.
    sandbox.kubectl(&["set", "image", "deployment/web", &format!("web={OTHER}")]);
    sandbox.kubectl(&["rollout", "status", "deployment", "web"]);
    desired.manifest("Deployment", "web")["metadata"]["labels"]["x"] = json!("y");
    desired.serve("cart");
    let plan = sandbox.plan_with(&desired, &options).await.to_text();
    for line in [
        "! conflict Deployment  web",
        "web.cue:4 (team `storefront`) declares",
        "--take deployment/web:spec.template.spec.containers.web.image`",
        &format!("to keep theirs: write `on: prod: services: web: image: \"{OTHER}\"`"),
        "~ update   Deployment  web   `labels.x` changed",
        "+ create   Deployment  cart",
    ] {
        assert!(plan.contains(line), "{line}: {plan}");
    }
    let report = sandbox.apply_with(&desired, &options).await;
    assert_eq!(report.exit_code(), 4, "{report:#?}");
    let codes: Vec<_> = report.failures.iter().map(|failure| failure.code).collect();
    assert_eq!(codes, [Code::ApplyConflict]);
    assert_eq!(report.components["cart"].outcome, Outcome::Created);
    let image = "jsonpath={.spec.template.spec.containers[0].image}";
    let get = |path: &str| sandbox.kubectl(&["get", "deployment", "web", "-o", path]);
    assert_eq!(get(image), OTHER, "nothing is forced");
    assert_eq!(get("jsonpath={.metadata.labels.x}"), "y");

    // `--take` takes over the named field and nothing else.
    options.take = ["services.web.image".to_owned()].into();
    let report = sandbox.apply_with(&desired, &options).await;
    assert_eq!(report.exit_code(), 0, "{report:#?}");
    assert_eq!(get(image), IMAGE);
    assert_eq!(get("jsonpath={.spec.replicas}"), "2");
    options.take.clear();
    let plan = sandbox.plan_with(&desired, &options).await.to_text();
    assert!(plan.contains("nothing to do"), "{plan}");
}

pub(super) async fn nothing_is_claimed_without_records(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    desired.serve("web");
    sandbox.apply_all(&desired).await;
    let record = format!("kcc.{}.prod", sandbox.system);
    sandbox.kubectl(&["delete", "configmap", &record]);
    let before = sandbox.versions();
    let refusal = |error: Error| {
        assert_eq!((error.code, error.exit_code()), (Code::StateUnrecorded, 3));
        error.message
    };
    let missing = format!(
        "the inventory of {} in prod is missing from the cluster, but Service `web` and 1 other \
         object carry its labels",
        sandbox.system
    );
    assert_eq!(
        refusal(sandbox.try_apply(&desired).await.unwrap_err()),
        missing
    );
    assert_eq!(
        refusal(sandbox.try_down(&desired).await.unwrap_err()),
        missing
    );
    assert_eq!(sandbox.versions(), before);
    let status = sandbox.status(&desired).await;
    assert_eq!(status.components["web"].state, State::Running);
    let unrecorded: Vec<_> = status.unrecorded.iter().map(ToString::to_string).collect();
    assert_eq!(unrecorded, ["Service `web`", "Deployment `web`"]);
    assert!(!status.is_ready());

    // Objects that kcc wrote are recovered; those that only carry the labels are not.
    sandbox.kubectl(&["create", "service", "clusterip", "copied", "--tcp=1"]);
    let labels: Vec<_> = labels(&sandbox.system, Some("copied"))
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let mut args = vec!["label", "service", "copied", "--overwrite"];
    args.extend(labels.iter().map(String::as_str));
    sandbox.kubectl(&args);
    let (finished, options) = (desired.finish(), sandbox.options());
    let before = sandbox.versions();
    let found = kcc_kube::plan_recovery(&finished, &options).await.unwrap();
    assert_eq!(sandbox.versions(), before);
    let recovered = kcc_kube::recover(&finished, &options).await.unwrap();
    assert_eq!(recovered, found);
    let taken: Vec<_> = recovered
        .recoverable()
        .map(|object| format!("{} {}", object.kind, object.name))
        .collect();
    assert_eq!(taken, ["Service web", "Deployment web"]);
    let doubted = recovered
        .objects
        .iter()
        .find(|object| object.doubt.is_some());
    assert_eq!(doubted.unwrap().name, "copied");
    assert_eq!(sandbox.apply_all(&desired).await.mutating_calls, 0);
    assert!(sandbox.status(&desired).await.is_ready());
    sandbox.down(&desired, false).await;
    assert_eq!(sandbox.names("services,deployments"), ["service/copied"]);
}

/// Removes an object from the record, as if it had been lost there.
async fn forget(sandbox: &Sandbox, name: &str) {
    let record = sandbox.record().await;
    let forget = async {
        let mut inventory: Value = record.read().await?.inventory.unwrap();
        let objects = inventory["objects"].as_array_mut().unwrap();
        objects.retain(|object| object["name"] != name);
        record.end(Some(&inventory)).await
    };
    locked(&record, forget).await.unwrap();
}

pub(super) async fn unrecorded_objects_are_named(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    desired.serve("web");
    desired.serve("old");
    sandbox.apply_all(&desired).await;
    forget(sandbox, "old").await;
    desired.remove("old");
    let plan = sandbox.plan(&desired).await;
    for line in [
        "! unrecorded Service old created by kcc, but not in its record",
        "! unrecorded Deployment old created by kcc, but not in its record",
        "`kcc recover --target prod`",
    ] {
        assert!(plan.contains(line), "{plan}");
    }
    assert!(!plan.contains("nothing to do"), "{plan}");
    assert_eq!(sandbox.apply_all(&desired).await.mutating_calls, 0);
    let left = "left alone, because not in kcc's record: Service `old`, Deployment `old`; take \
                back what kcc created with `kcc recover --target prod`";
    let noted = || {
        let lines = sandbox.recorder.lines();
        lines.iter().filter(|line| line.contains(left)).count()
    };
    assert_eq!(noted(), 1);
    let status = sandbox.status(&desired).await;
    assert_eq!(
        status.components["old"].why.as_deref(),
        Some("not declared")
    );
    assert!(!status.is_ready());
    sandbox.down(&desired, false).await;
    assert_eq!(noted(), 2);
    assert_eq!(sandbox.names("deployments"), ["deployment.apps/old"]);
    let (finished, options) = (desired.finish(), sandbox.options());
    kcc_kube::recover(&finished, &options).await.unwrap();
    sandbox.down(&desired, false).await;
    assert!(sandbox.names("services,deployments").is_empty());
}

/// Lets somebody elsewhere hold the lock until a time.
fn hold(sandbox: &Sandbox, until: &str) {
    let mut head = sandbox.head();
    head["lock"] = json!({
        "token": "another",
        "command": "a down",
        "who": "process 7 of bob on ci",
        "since": "2026-03-01T09:30:00Z",
        "until": until,
    });
    sandbox.set_head(&head);
}

pub(super) async fn a_held_lock_names_its_holder(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    desired.serve("web");
    sandbox.apply_all(&desired).await;
    hold(sandbox, "2999-01-01T00:00:00Z");
    let (finished, options) = (desired.finish(), sandbox.options());
    let held = |error: Error| {
        assert_eq!((error.code, error.exit_code()), (Code::ApplyLockHeld, 3));
        assert_eq!(
            error.message,
            "a down has been running since 2026-03-01 09:30:00 UTC (process 7 of bob on ci)"
        );
    };
    // A half-done change is not a state to plan from.
    held(kcc_kube::plan(&finished, &options).await.unwrap_err());
    let recovery = kcc_kube::plan_recovery(&finished, &options).await;
    held(recovery.unwrap_err());
    for changed in [false, true] {
        if changed {
            desired.manifest("Deployment", "web")["metadata"]["labels"]["x"] = json!("y");
        }
        held(sandbox.try_apply(&desired).await.unwrap_err());
    }
    assert!(sandbox.status(&desired).await.is_ready());
}

pub(super) async fn an_expired_lock_is_taken_over(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    desired.serve("web");
    sandbox.apply_all(&desired).await;
    // By the cluster's clock.
    hold(sandbox, "2026-03-01T09:31:00Z");
    let before = sandbox.head()["epoch"].as_u64().unwrap();
    desired.manifest("Deployment", "web")["metadata"]["labels"]["x"] = json!("y");
    sandbox.apply_all(&desired).await;
    let head = sandbox.head();
    assert_eq!(head["epoch"].as_u64(), Some(before + 1));
    assert!(head.get("lock").is_none());
}

pub(super) async fn a_record_of_an_earlier_version_is_taken_over(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    desired.serve("web");
    sandbox.apply_all(&desired).await;
    // As an earlier kcc kept it: an inventory in the same ConfigMap.
    let record = sandbox.record().await;
    let inventory: Value = record.read().await.unwrap().inventory.unwrap();
    let name = format!("kcc.{}.prod", sandbox.system);
    let legacy = json!({"data": {"head": null, "inventory": inventory.to_string()}}).to_string();
    sandbox.kubectl(&["patch", "configmap", &name, "--type=merge", "-p", &legacy]);
    assert!(sandbox.plan(&desired).await.contains("nothing to do"));

    desired.serve("cart");
    sandbox.apply_all(&desired).await;
    let get = |path: &str| sandbox.kubectl(&["get", "configmap", &name, "-o", path]);
    let note = get("jsonpath={.data.inventory}");
    assert_eq!(note, "this record is for a later version of kcc");
    let taken: Value = record.read().await.unwrap().inventory.unwrap();
    let objects = taken["objects"].as_array().unwrap();
    assert!(objects.len() > inventory["objects"].as_array().unwrap().len());
    assert_eq!(sandbox.apply_all(&desired).await.mutating_calls, 0);
}

pub(super) async fn objects_of_a_killed_apply_are_known(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    desired.serve("web");
    desired.serve("cart");
    let whole = desired.finish();
    let options = sandbox.options();
    let cancel = kcc_plan::Cancel::new();
    let apply = kcc_kube::apply(&whole, &options, &sandbox.recorder, &cancel);
    // Dropping the future in the middle has the effect of a kill.
    let limit = std::time::Duration::from_millis(1500);
    let created = async {
        while sandbox
            .testbed
            .try_kubectl(&["-n", &sandbox.system, "get", "deployment", "web"])
            .is_none()
        {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        _ = apply => panic!("the apply ended"),
        () = created => {}
        () = tokio::time::sleep(limit * 20) => panic!("nothing was created"),
    }
    let mut head = sandbox.head();
    assert!(head.get("intent").is_some(), "{head:#}");
    // The process that holds the lock is this one, and has not ended.
    head.as_object_mut().unwrap().remove("lock");
    sandbox.set_head(&head);
    desired.remove("cart");
    sandbox.apply_all(&desired).await;
    assert_eq!(
        sandbox.names("deployments,services"),
        ["deployment.apps/web", "service/web"]
    );
    assert!(sandbox.head().get("intent").is_none());
    assert_eq!(sandbox.apply_all(&desired).await.mutating_calls, 0);
}

pub(super) async fn an_unmanaged_namespace_stays_as_it_is(sandbox: &Sandbox) {
    sandbox
        .testbed
        .kubectl(&["create", "namespace", &sandbox.system]);
    let get = || {
        let version = "jsonpath={.metadata.resourceVersion}";
        sandbox
            .testbed
            .kubectl(&["get", "namespace", &sandbox.system, "-o", version])
    };
    let before = get();
    let mut desired = sandbox.desired();
    desired.serve("web");
    desired.database("orders");
    sandbox.apply_all(&desired).await;
    assert_eq!(sandbox.apply_all(&desired).await.mutating_calls, 0);
    sandbox.down(&desired, true).await;
    assert_eq!(get(), before);
    let left = sandbox.names("deployments,statefulsets,services,pods,secrets,pvc");
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(sandbox.names("configmaps"), ["configmap/kube-root-ca.crt"]);
}

/// Returns the options of a user with fewer permissions, whom the tests' administrator
/// impersonates.
fn options_as(sandbox: &Sandbox, directory: &Path, user: &str) -> Options {
    let text = std::fs::read_to_string(sandbox.testbed.kubeconfig()).unwrap();
    let text = text.replace("user: {token:", &format!("user: {{as: {user:?}, token:"));
    let path = directory.join("config");
    std::fs::write(&path, text).unwrap();
    let mut options = sandbox.options();
    let path = path.display().to_string();
    options.env.insert("KUBECONFIG".to_owned(), path);
    options
}

pub(super) async fn the_least_roles_are_enough(sandbox: &Sandbox) {
    const RBAC: &str = "rbac.authorization.k8s.io/v1";
    let mut desired = sandbox.desired();
    desired.database("orders");
    desired.job(
        "migrate",
        "migrate-1",
        &["migrate", "--dial", "orders:8080"],
    );
    desired.after("migrate", "orders", Until::Started);
    desired.serve("web");
    desired.after("web", "migrate", Until::Completed);
    // Whoever writes permissions into a role needs them too.
    let granted = json!({"rules": [
        {"apiGroups": [""], "resources": ["endpoints"], "verbs": ["get"]},
    ]});
    desired.object(RBAC, "Role", "web", Some("web"), granted);
    let namespace = sandbox.system.clone();
    let binding = json!({
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "web"},
        "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": namespace}],
    });
    desired.object(RBAC, "RoleBinding", "web", Some("web"), binding);
    let whole = desired.finish();
    let directory = tempfile::tempdir().unwrap();
    let roles = kcc_kube::roles(&whole, &sandbox.options()).unwrap();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": roles});
    let path = directory.path().join("roles.json");
    std::fs::write(&path, list.to_string()).unwrap();
    sandbox
        .testbed
        .kubectl(&["apply", "-f", path.to_str().unwrap()]);
    sandbox.kubectl(&["create", "serviceaccount", "deployer"]);
    let user = format!("system:serviceaccount:{namespace}:deployer");
    let options = options_as(sandbox, directory.path(), &user);
    let cancel = Cancel::new();
    // Before it is bound, one message names everything.
    let apply = || {
        Box::pin(kcc_kube::apply(
            &whole,
            &options,
            &sandbox.recorder,
            &cancel,
        ))
    };
    let error = apply().await.unwrap_err();
    assert_eq!(error.code, Code::ApplyForbidden, "{}", error.chain());
    for missing in [
        "create, delete, get, list, patch deployments.apps",
        "create, delete, get, list, patch configmaps",
        "create, list secrets",
    ] {
        assert!(error.message.contains(missing), "{}", error.message);
    }
    let account = format!("--serviceaccount={namespace}:deployer");
    let role = format!("--role=kcc.{namespace}.prod");
    sandbox.kubectl(&["create", "rolebinding", "deployer", &role, &account]);
    let report = apply().await.unwrap();
    assert!(report.is_complete(), "{report:#?}");
    let report = apply().await.unwrap();
    assert_eq!(report.mutating_calls, 0, "{report:#?}");
    let status = kcc_kube::status(&whole, &options).await.unwrap();
    assert!(status.is_ready(), "{status:#?}");
    let down = kcc_kube::down(&whole, &options, &sandbox.recorder, &cancel).await;
    assert!(down.unwrap().is_complete());
    // Nothing is granted that was not needed for this: no other kind, no data.
    let can = |verb: &str, resource: &str| {
        let as_user = format!("--as={user}");
        let ask = ["auth", "can-i", verb, resource, &as_user, "-n", &namespace];
        sandbox.testbed.try_kubectl(&ask).is_some()
    };
    assert!(can("patch", "deployments.apps"));
    for (verb, resource) in [
        ("create", "daemonsets.apps"),
        ("get", "secrets"),
        ("delete", "persistentvolumeclaims"),
        ("create", "pods/exec"),
        ("patch", "namespaces"),
    ] {
        assert!(!can(verb, resource), "{verb} {resource}");
    }
}

pub(super) async fn rights_in_one_namespace_are_enough(sandbox: &Sandbox) {
    sandbox
        .testbed
        .kubectl(&["create", "namespace", &sandbox.system]);
    let binding = [
        "create",
        "rolebinding",
        "ann",
        "--clusterrole=admin",
        "--user=ann",
    ];
    sandbox.kubectl(&binding);
    let directory = tempfile::tempdir().unwrap();
    let options = options_as(sandbox, directory.path(), "ann");
    let mut desired = sandbox.desired();
    desired.serve("web");
    let whole = desired.finish();
    let cancel = kcc_plan::Cancel::new();
    let report = kcc_kube::apply(&whole, &options, &sandbox.recorder, &cancel).await;
    assert!(report.unwrap().is_complete());
    let report = kcc_kube::apply(&whole, &options, &sandbox.recorder, &cancel).await;
    assert_eq!(report.unwrap().mutating_calls, 0);
    let report = kcc_kube::down(&whole, &options, &sandbox.recorder, &cancel).await;
    assert!(report.unwrap().is_complete());
    sandbox.kubectl(&["delete", "rolebinding", "ann"]);
    let error = kcc_kube::plan(&whole, &options).await.unwrap_err();
    assert_eq!(error.code, Code::ApplyRefused);
    let message = error.chain();
    assert!(
        message.starts_with("permission denied: cannot "),
        "{message}"
    );
    assert!(message.contains("User \"ann\" cannot"), "{message}");
}

/// The store of a sandbox's record.
struct Maps<'a>(&'a Sandbox);

impl TestedStore for Maps<'_> {
    type Store = KubeStore;

    async fn connect(&self) -> KubeStore {
        self.0.store().await
    }

    async fn damage(&self, digest: &Digest) {
        let name = format!("kcc.{}.prod.{}", self.0.system, digest.hex());
        self.0.kubectl(&["delete", "configmap", &name]);
        let text = "--from-literal=blob=changed";
        self.0.kubectl(&["create", "configmap", &name, text]);
    }
}

pub(super) async fn config_maps_keep_a_record(sandbox: &Sandbox) {
    let create = ["create", "namespace", &sandbox.system];
    sandbox.testbed.kubectl(&create);
    check_store(&Maps(sandbox)).await;
    assert_eq!(sandbox.names("configmaps"), ["configmap/kube-root-ca.crt"]);
}
