//! Tests the refusals: unmanaged objects, and objects that the server rejects.

use super::*;

#[test]
fn an_object_that_the_server_rejects_stops_the_plan() {
    let kube = shop();
    let mut observed = Observed::default();
    let web = Reference::of(&kube.objects[5]).key();
    let message = ".spec.replica: field not declared in schema".to_owned();
    observed
        .dry_runs
        .insert(web, DryRun::Rejected(message.clone()));
    let error = refused(&kube, &observed);
    assert_eq!(error.code, Code::ApplyRefused);
    assert_eq!(
        error.chain(),
        format!("the cluster rejects Deployment `web`: {message}")
    );
    assert_eq!(
        error.help.unwrap(),
        "ask team `storefront` to fix it; nothing was changed"
    );
}

#[test]
fn names_unmanaged_objects_with_desired_names() {
    let kube = shop();
    let mut observed = as_desired(&kube);
    existing(&mut observed, "Service", "web").ownership = Ownership::Unmanaged;
    existing(&mut observed, "Deployment", "web").ownership = Ownership::Unrecorded;
    let error = refused(&kube, &observed);
    assert_eq!(error.code, Code::PlanForeignObject);
    assert_eq!(
        error.message,
        "Service `web` already exists and is not managed by kcc (and 1 more object)"
    );
    assert_eq!(
        error.help.unwrap(),
        "remove it if nobody needs it: `kubectl -n shop delete service web`"
    );
    let mut observed = as_desired(&kube);
    existing(&mut observed, "Deployment", "web").ownership = Ownership::Unrecorded;
    assert_eq!(
        refused(&kube, &observed).message,
        "Deployment `web` was created by kcc but is not in its inventory"
    );
    assert_eq!(refused(&kube, &observed).code, Code::StateUnrecorded);
    // Anybody can copy labels: such an object is in the way like any other.
    existing(&mut observed, "Deployment", "web").ownership = Ownership::Labelled;
    let error = refused(&kube, &observed);
    assert_eq!(error.code, Code::PlanForeignObject);
    assert_eq!(
        error.help.unwrap(),
        "remove it if nobody needs it: `kubectl -n shop delete deployment web`"
    );
    // An unmanaged namespace is used as it is, and so is data with kcc's labels.
    let mut observed = as_desired(&kube);
    existing(&mut observed, NAMESPACE, "shop").ownership = Ownership::Unmanaged;
    existing(&mut observed, SECRET, "orders-password").ownership = Ownership::Labelled;
    existing(&mut observed, "PersistentVolumeClaim", "web-logs").ownership = Ownership::Labelled;
    check(&kube, &observed, &[]);
    // If it is provably kcc's, it belongs into the record.
    existing(&mut observed, SECRET, "orders-password").ownership = Ownership::Unrecorded;
    check(
        &kube,
        &observed,
        &[
            "! unrecorded Secret  orders-password  created by kcc, but not in its record",
            "help: take it back: `kcc recover --target prod`",
        ],
    );
    assert!(!plan(&kube, &observed).is_up_to_date());
    existing(&mut observed, SECRET, "orders-password").ownership = Ownership::Unmanaged;
    assert_eq!(refused(&kube, &observed).code, Code::PlanForeignObject);
}

#[test]
fn refuses_a_target_without_records() {
    let kube = shop();
    let mut observed = as_desired(&kube);
    observed.recorded = false;
    for existing in observed.objects.values_mut() {
        existing.ownership = Ownership::Unrecorded;
    }
    let taken_down = tear_down(
        &desired(&kube),
        &observed,
        &BTreeMap::new(),
        &Options::default(),
    );
    for error in [refused(&kube, &observed), taken_down.unwrap_err()] {
        assert_eq!(error.code, Code::StateUnrecorded);
        assert_eq!(
            error.message,
            "the inventory of shop in prod is missing from the cluster, but ConfigMap `web-files` \
             and 5 other objects carry its labels"
        );
        assert_eq!(
            error.help.unwrap(),
            "rebuild the inventory: `kcc recover --target prod`"
        );
    }
    // Labels alone do not mean that there was an inventory.
    for existing in observed.objects.values_mut() {
        existing.ownership = Ownership::Labelled;
    }
    let nothing = tear_down(
        &desired(&kube),
        &observed,
        &BTreeMap::new(),
        &Options::default(),
    );
    assert!(nothing.unwrap().is_empty());
    // Without any object of the target, nothing is missing.
    let nothing = tear_down(
        &desired(&kube),
        &Observed::default(),
        &BTreeMap::new(),
        &Options::default(),
    );
    assert!(nothing.unwrap().is_empty());
}

#[test]
fn refuses_a_new_password_for_existing_data() {
    let kube = shop();
    let mut observed = as_desired(&kube);
    let secret = key(&observed, SECRET, "orders-password");
    observed.objects.remove(&secret);
    assert_eq!(plan(&kube, &observed).steps.len(), 1, "no data, no harm");
    let claim = Reference::core("PersistentVolumeClaim", "shop", "data-orders-0");
    let live = json!({"metadata": {"uid": "c", "labels": {label::COMPONENT: "orders"}}});
    let claim = ObservedObject::of(claim, Ownership::Owned, live);
    observed.objects.insert(claim.reference.key(), claim);
    let error = refused(&kube, &observed);
    assert_eq!(error.code, Code::ApplySecret);
    assert_eq!(
        error.message,
        "Secret `orders-password` is gone, but the data that it unlocks still exists"
    );
}
