//! Objects that are changed, replaced or removed, and why.

use super::*;

#[test]
fn what_the_server_would_change_is_updated_by_name() {
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
        &["~ update Deployment  web  `env.LOG` changed [storefront]"],
    );
    let plan = plan(&kube, &observed);
    let Work::Apply { uid, .. } = &plan.steps[0].work else {
        panic!("it is applied")
    };
    assert_eq!(uid.as_deref(), Some("Deployment web"));
}

#[test]
fn what_never_changes_is_replaced_unless_data_hangs_on_it() {
    let mut kube = shop();
    let mut observed = as_desired(&kube);
    wanted(&mut kube, "Deployment", "web").manifest["spec"]["selector"] = json!({"a": "b"});
    let immutable = || Trial::Immutable("spec.selector: field is immutable".to_owned());
    try_as(&mut observed, "Deployment", "web", immutable());
    check(
        &kube,
        &observed,
        &["± replace Deployment  web  `selector` changed, which no update can do [storefront]"],
    );

    // A set whose claims stay as they are can be made anew, another one cannot.
    let mut observed = as_desired(&kube);
    try_as(&mut observed, "StatefulSet", "orders", immutable());
    wanted(&mut kube, "StatefulSet", "orders").manifest["spec"]["serviceName"] = json!("x");
    check(
        &kube,
        &observed,
        &[
            "± replace StatefulSet  orders  `serviceName` changed, which no update can do [payments]",
        ],
    );
    wanted(&mut kube, "StatefulSet", "orders").manifest["spec"]["volumeClaimTemplates"][0]["spec"]
        ["size"] = json!("2Gi");
    let error = refused(&kube, &observed);
    assert_eq!(error.code, Code::ApplyRefused);
    assert_eq!(
        error.message,
        "`volumeClaimTemplates` of StatefulSet `orders` cannot be changed without its data"
    );

    let mut observed = as_desired(&kube);
    wanted(&mut kube, "PersistentVolumeClaim", "web-logs").manifest["spec"]["class"] =
        json!("fast");
    try_as(
        &mut observed,
        "PersistentVolumeClaim",
        "web-logs",
        immutable(),
    );
    assert_eq!(
        refused(&kube, &observed).message,
        "`class` of PersistentVolumeClaim `web-logs` cannot be changed without its data"
    );
}

#[test]
fn what_nobody_asks_for_goes_but_never_its_data() {
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
            "- delete Deployment  web        no fragment asks for it [storefront]",
            "- delete ConfigMap   web-files  no fragment asks for it [storefront]",
            "- delete Service     web        no fragment asks for it [storefront]",
        ],
    );
    let keep = Options {
        prune: Prune::None,
        ..Options::default()
    };
    let plan = reconcile(&desired(&kube), &kube, &observed, &keep).unwrap();
    assert!(plan.is_empty(), "{}", plan.to_text());
    // What others made stays whatever it is called.
    let mut observed = as_desired(&full);
    for there in observed.objects.values_mut() {
        there.ownership = match there.reference.name.as_str() {
            "web" => Ownership::Claimed,
            _ => Ownership::Ours,
        };
    }
    let text = self::plan(&kube, &observed).to_text();
    assert!(
        text.contains("web-files") && !text.contains("Deployment"),
        "{text}"
    );
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
            "- delete Job  migrate-1  a new one takes its place [payments]",
            "+ create Job  migrate-2  it is not there [payments]",
        ],
    );
    let plan = plan(&kube, &observed);
    assert_eq!(plan.steps[1].operation.after, [1]);

    let kube = shop();
    there(&mut observed, "Job", "migrate-1").live["status"] = json!({"conditions": [
        {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"},
    ]});
    check(
        &kube,
        &observed,
        &[
            "± replace Job  migrate-1  it did not complete (BackoffLimitExceeded), and runs again [payments]",
        ],
    );
}

#[test]
fn a_number_of_replicas_is_handed_to_its_autoscaler() {
    let mut kube = shop();
    let mut scaler = object("autoscaling/v2", "HorizontalPodAutoscaler", "web", None);
    scaler.manifest["spec"] = json!({"scaleTargetRef": {"kind": "Deployment", "name": "web"}});
    kube.objects.push(scaler);
    let mut observed = as_desired(&kube);
    let live = &mut there(&mut observed, "Deployment", "web").live;
    live["spec"]["replicas"] = json!(3);
    let own = json!({"f:spec": {"f:replicas": {}}});
    live["metadata"]["managedFields"] =
        json!([{"manager": "kcc", "operation": "Apply", "fieldsV1": own}]);
    let change = |next: &mut Value| next["spec"]["replicas"] = json!(1);
    would(&mut observed, "Deployment", "web", change);
    let expected =
        "~ update Deployment  web  its autoscaler rules its number (3) from now on [storefront]";
    check(&kube, &observed, &[expected]);
}

#[test]
fn what_is_being_removed_is_made_again() {
    let kube = shop();
    let mut observed = as_desired(&kube);
    there(&mut observed, "Service", "web").terminating = true;
    check(
        &kube,
        &observed,
        &["+ create Service  web  it is being removed [storefront]"],
    );
    let Work::Apply {
        uid, after_removal, ..
    } = &plan(&kube, &observed).steps[0].work
    else {
        panic!("it is applied")
    };
    assert!(*after_removal && uid.is_none());
}
