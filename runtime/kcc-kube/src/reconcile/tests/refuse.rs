//! What stops a plan: objects of others, and what the server refuses.

use super::*;

#[test]
fn what_others_own_is_a_conflict_with_their_name() {
    let kube = shop();
    let mut observed = as_desired(&kube);
    let claim = |field: &str| Claim {
        field: field.to_owned(),
        manager: "kubectl-edit".to_owned(),
    };
    let claims = vec![claim(".spec.replicas"), claim(".spec.paused")];
    try_as(&mut observed, "Deployment", "web", Trial::Conflict(claims));
    let claims = vec![claim(".spec.ports")];
    try_as(&mut observed, "Service", "orders", Trial::Conflict(claims));
    let error = refused(&kube, &observed);
    assert_eq!((error.code, error.exit_code()), (Code::ApplyConflict, 3));
    assert_eq!(
        error.message,
        "`.spec.ports` of Service `orders` belongs to `kubectl-edit`, and 2 more fields like it"
    );
}

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
        "Service `web` is in the way, and kcc did not make it, and 1 more object like it"
    );
    assert_eq!(
        error.help.unwrap(),
        "if nobody needs it: `kubectl -n shop delete service web; \
         kubectl -n shop delete deployment web`"
    );
    let mut observed = as_desired(&kube);
    there(&mut observed, "Deployment", "web").ownership = Ownership::Claimed;
    assert_eq!(
        refused(&kube, &observed).message,
        "Deployment `web` carries kcc's labels, but is not in its inventory"
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
