//! Tests which objects are changed, replaced or removed, and the cause of each.

use super::*;

#[test]
fn names_the_fields_that_the_server_would_change() {
    let kube = shop();
    let mut observed = as_desired(&kube);
    would(&mut observed, "Deployment", "web", |web| {
        web["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"] = json!("debug");
        web["metadata"]["generation"] = json!(7);
        web["status"] = json!({"replicas": 3});
    });
    would(&mut observed, "Service", "web", |web| {
        web["metadata"]["resourceVersion"] = json!("9");
    });
    check(
        &kube,
        &observed,
        &[
            "~ update Deployment  web  `env.LOG` changed [storefront]",
            "spec.template.spec.containers.web.env.LOG.value: *** → \"debug\"",
        ],
    );
    let plan = plan(&kube, &observed);
    let Payload::Apply { uid, .. } = &plan.steps[0].payload else {
        panic!("expected an apply")
    };
    assert_eq!(uid.as_deref(), Some("Deployment web"));
}

#[test]
fn replaces_what_cannot_be_updated() {
    let mut kube = shop();
    let mut observed = as_desired(&kube);
    wanted(&mut kube, "Deployment", "web").manifest["spec"]["selector"] = json!({"a": "b"});
    let immutable = || DryRun::Immutable("spec.selector: field is immutable".to_owned());
    set_dry_run(&mut observed, "Deployment", "web", immutable());
    check(
        &kube,
        &observed,
        &[
            "± replace Deployment  web  `selector` changed, which requires a replacement; its pods stop first [storefront]",
            "spec.selector: none → {\"a\":\"b\"}",
        ],
    );

    // A set can be replaced if its claims stay as they are.
    let mut observed = as_desired(&kube);
    set_dry_run(&mut observed, "StatefulSet", "orders", immutable());
    wanted(&mut kube, "StatefulSet", "orders").manifest["spec"]["serviceName"] = json!("x");
    check(
        &kube,
        &observed,
        &[
            "± replace StatefulSet  orders  `serviceName` changed, which requires a replacement; its pods stop first [payments]",
            "spec.serviceName: none → \"x\"",
        ],
    );
}

#[test]
fn removes_undeclared_objects_but_keeps_their_data() {
    let full = shop();
    let observed = as_desired(&full);
    let mut kube = full.clone();
    kube.objects
        .retain(|object| object.component.as_deref() != Some("web"));
    kube.secrets.clear();
    check(
        &kube,
        &observed,
        &[
            "- delete Deployment  web        no longer declared [storefront]",
            "- delete ConfigMap   web-files  no longer declared [storefront]",
            "- delete Service     web        no longer declared [storefront]",
        ],
    );
    let keep = Options {
        prune: Prune::None,
        ..Options::default()
    };
    let plan = reconcile(&desired(&kube), &kube, &observed, &keep).unwrap();
    assert!(plan.is_empty(), "{}", plan.to_text());
    // Unrecorded objects stay, whatever their names.
    let mut observed = as_desired(&full);
    for existing in observed.objects.values_mut() {
        existing.ownership = match existing.reference.name.as_str() {
            "web" => Ownership::Unrecorded,
            _ => Ownership::Owned,
        };
    }
    let text = self::plan(&kube, &observed).to_text();
    assert!(
        text.contains("web-files") && !text.contains("delete Deployment"),
        "{text}"
    );
    // They are named.
    assert!(text.contains("! unrecorded Deployment  web "), "{text}");
}

#[test]
fn a_changed_job_is_a_new_one_after_the_old() {
    let mut kube = shop();
    let mut observed = as_desired(&kube);
    let job = wanted(&mut kube, "Job", "migrate-1");
    job.name = "migrate-2".to_owned();
    job.manifest["metadata"]["name"] = json!("migrate-2");
    check(
        &kube,
        &observed,
        &[
            "- delete Job  migrate-1  replaced by a new one [payments]",
            "+ create Job  migrate-2  does not exist [payments]",
        ],
    );
    let plan = plan(&kube, &observed);
    assert_eq!(plan.steps[1].operation.after, [1]);

    let kube = shop();
    existing(&mut observed, "Job", "migrate-1").live["status"] = json!({"conditions": [
        {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"},
    ]});
    check(
        &kube,
        &observed,
        &[
            "± replace Job  migrate-1  did not complete (BackoffLimitExceeded); running it again [payments]",
        ],
    );
}

#[test]
fn hands_the_number_of_replicas_to_an_autoscaler() {
    let mut kube = shop();
    let mut scaler = object("autoscaling/v2", "HorizontalPodAutoscaler", "web", None);
    scaler.manifest["spec"] = json!({"scaleTargetRef": {"kind": "Deployment", "name": "web"}});
    kube.objects.push(scaler);
    let mut observed = as_desired(&kube);
    let live = &mut existing(&mut observed, "Deployment", "web").live;
    live["spec"]["replicas"] = json!(3);
    let own = json!({"f:spec": {"f:replicas": {}}});
    live["metadata"]["managedFields"] =
        json!([{"manager": "kcc", "operation": "Apply", "fieldsV1": own}]);
    let change = |next: &mut Value| next["spec"]["replicas"] = json!(1);
    would(&mut observed, "Deployment", "web", change);
    let expected =
        "~ update Deployment  web  its autoscaler takes over its replicas (3) [storefront]";
    check(&kube, &observed, &[expected]);
}

#[test]
fn recreates_an_object_that_is_being_removed() {
    let kube = shop();
    let mut observed = as_desired(&kube);
    existing(&mut observed, "Service", "web").terminating = true;
    check(
        &kube,
        &observed,
        &["+ create Service  web  being removed [storefront]"],
    );
    let Payload::Apply {
        uid, after_removal, ..
    } = &plan(&kube, &observed).steps[0].payload
    else {
        panic!("expected an apply")
    };
    assert!(*after_removal && uid.is_none());
}
