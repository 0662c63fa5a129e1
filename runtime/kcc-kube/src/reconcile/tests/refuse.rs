//! What stops a plan: objects of others, and what the server refuses.

use super::*;

#[test]
fn what_the_server_refuses_stops_everything_first() {
    let kube = shop();
    let mut observed = Observed::default();
    let web = Reference::of(&kube.objects[5]).key();
    let said = ".spec.replica: field not declared in schema".to_owned();
    observed.trials.insert(web, Trial::Refused(said.clone()));
    let error = refused(&kube, &observed);
    assert_eq!(error.code, Code::ApplyRefused);
    assert_eq!(
        error.chain(),
        format!("the cluster refuses Deployment `web`: {said}")
    );
    assert_eq!(
        error.help.unwrap(),
        "team `storefront` mends it, nothing was changed"
    );
}

#[test]
fn what_is_in_the_way_is_named_and_never_touched() {
    let kube = shop();
    let mut observed = as_desired(&kube);
    there(&mut observed, "Service", "web").ownership = Ownership::Foreign;
    there(&mut observed, "Deployment", "web").ownership = Ownership::Claimed;
    let error = refused(&kube, &observed);
    assert_eq!(error.code, Code::PlanForeignObject);
    assert_eq!(
        error.message,
        "Service `web` exists and was not created by kcc, and 1 more object like it"
    );
    assert_eq!(
        error.help.unwrap(),
        "if nobody needs it: `kubectl -n shop delete service web`"
    );
    let mut observed = as_desired(&kube);
    there(&mut observed, "Deployment", "web").ownership = Ownership::Claimed;
    assert_eq!(
        refused(&kube, &observed).message,
        "Deployment `web` carries kcc's labels, but is not in its record"
    );
    // A namespace of somebody's is used as it is, and data with our labels too.
    let mut observed = as_desired(&kube);
    there(&mut observed, NAMESPACE, "shop").ownership = Ownership::Foreign;
    there(&mut observed, SECRET, "orders-password").ownership = Ownership::Claimed;
    there(&mut observed, "PersistentVolumeClaim", "web-logs").ownership = Ownership::Claimed;
    check(&kube, &observed, &[]);
    there(&mut observed, SECRET, "orders-password").ownership = Ownership::Foreign;
    assert_eq!(refused(&kube, &observed).code, Code::PlanForeignObject);
}

#[test]
fn without_a_record_nothing_is_touched_and_nothing_is_claimed() {
    let kube = shop();
    let mut observed = as_desired(&kube);
    observed.recorded = false;
    for there in observed.objects.values_mut() {
        there.ownership = Ownership::Claimed;
    }
    let taken_down = tear_down(
        &desired(&kube),
        &observed,
        &BTreeMap::new(),
        &Options::default(),
    );
    for error in [refused(&kube, &observed), taken_down.unwrap_err()] {
        assert_eq!(error.code, Code::PlanForeignObject);
        assert_eq!(
            error.message,
            "the record of shop in prod is missing from the cluster, and ConfigMap `web-files` \
             and 5 other objects carry its labels"
        );
        assert_eq!(
            error.help.unwrap(),
            "rebuild the record: `kcc recover --target prod`"
        );
    }
    // Where nothing of the target is there, nothing is missing.
    let nothing = tear_down(
        &desired(&kube),
        &Observed::default(),
        &BTreeMap::new(),
        &Options::default(),
    );
    assert!(nothing.unwrap().is_empty());
}

#[test]
fn a_new_password_for_old_data_is_refused() {
    let kube = shop();
    let mut observed = as_desired(&kube);
    let secret = key(&observed, SECRET, "orders-password");
    observed.objects.remove(&secret);
    assert_eq!(plan(&kube, &observed).steps.len(), 1, "no data, no harm");
    let claim = Reference::core("PersistentVolumeClaim", "shop", "data-orders-0");
    let live = json!({"metadata": {"uid": "c", "labels": {label::COMPONENT: "orders"}}});
    let claim = ObservedObject::of(claim, Ownership::Ours, live);
    observed.objects.insert(claim.reference.key(), claim);
    let error = refused(&kube, &observed);
    assert_eq!(error.code, Code::ApplySecret);
    assert_eq!(
        error.message,
        "Secret `orders-password` is gone, and the data that its value opens is still there"
    );
}
