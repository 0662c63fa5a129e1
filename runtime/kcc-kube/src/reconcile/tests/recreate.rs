//! Tests changes that cannot be made in place, of objects with data.

use super::*;

const CLAIM: &str = "PersistentVolumeClaim";

fn immutable() -> DryRun {
    DryRun::Immutable("spec: field is immutable".to_owned())
}

/// A shop whose set has other templates of claims, and one claim of it.
fn other_templates() -> (KubernetesDesired, Observed) {
    let mut kube = shop();
    let mut observed = as_desired(&kube);
    let set = wanted(&mut kube, "StatefulSet", "orders");
    set.manifest["spec"]["volumeClaimTemplates"][0]["spec"]["size"] = json!("2Gi");
    set_dry_run(&mut observed, "StatefulSet", "orders", immutable());
    let claim = Reference::core(CLAIM, "shop", "data-orders-0");
    let live = json!({"metadata": {"uid": "c", "labels": {label::COMPONENT: "orders"}}});
    let claim = ObservedObject::of(claim, Ownership::Owned, live);
    observed.objects.insert(claim.reference.key(), claim);
    (kube, observed)
}

/// A shop whose claim has another class, and a service that mounts it.
fn other_class() -> (KubernetesDesired, Observed) {
    let mut kube = shop();
    let web = wanted(&mut kube, "Deployment", "web");
    web.manifest["spec"]["template"]["spec"]["volumes"] =
        json!([{"name": "logs", "persistentVolumeClaim": {"claimName": "web-logs"}}]);
    let mut observed = as_desired(&kube);
    wanted(&mut kube, CLAIM, "web-logs").manifest["spec"]["class"] = json!("fast");
    set_dry_run(&mut observed, CLAIM, "web-logs", immutable());
    (kube, observed)
}

fn with(
    kube: &KubernetesDesired,
    observed: &Observed,
    recreate: &[&str],
    volumes: bool,
) -> Result<Vec<String>, Error> {
    let options = Options {
        recreate: recreate.iter().map(|name| (*name).to_owned()).collect(),
        volumes,
        ..Options::default()
    };
    let plan = reconcile(&desired(kube), kube, observed, &options)?;
    let steps = plan.steps.iter();
    Ok(steps
        .map(|step| {
            let operation = &step.operation;
            let lost = if operation.destroys_data {
                ", lost"
            } else {
                ""
            };
            let after: Vec<_> = operation.after.iter().map(ToString::to_string).collect();
            format!(
                "{} {} {} {} after [{}]: {}{lost}",
                operation.id,
                operation.action.as_str(),
                operation.kind,
                operation.name,
                after.join(" "),
                operation.cause
            )
        })
        .collect())
}

#[test]
fn names_the_command_for_everything_that_cannot_be_changed() {
    let (mut kube, mut observed) = other_templates();
    let (claims, other) = other_class();
    kube.objects[2] = claims.objects[2].clone();
    set_dry_run(&mut observed, CLAIM, "web-logs", immutable());
    assert_eq!(other.objects.len(), observed.objects.len() - 1);
    let error = refused(&kube, &observed);
    assert_eq!(error.code, Code::PlanImmutable);
    let refusals: Vec<_> = error
        .refusals
        .iter()
        .map(|one| (one.message.as_str(), one.help.as_str()))
        .collect();
    assert_eq!(
        refusals,
        [
            (
                "cannot change `class` of PersistentVolumeClaim `web-logs` without losing its \
                 data: spec: field is immutable",
                "undo the change; or back up the data and discard it: `kcc apply --target prod \
                 --recreate persistentvolumeclaim/web-logs --volumes`"
            ),
            (
                "cannot change `volumeClaimTemplates.data.spec` of StatefulSet `orders` in place: spec: \
                 field is immutable",
                "to replace it and leave its claims as they are: `kcc apply --target prod \
                 --recreate statefulset/orders` (with `--volumes` without their data)"
            ),
        ]
    );
}

#[test]
fn a_set_keeps_its_claims_unless_their_data_may_go() {
    let (kube, observed) = other_templates();
    for name in ["statefulset/orders", "orders"] {
        assert_eq!(
            with(&kube, &observed, &[name], false).unwrap(),
            [
                "1 replace StatefulSet orders after []: `volumeClaimTemplates.data.spec` changed, which \
              requires a replacement; its pods stop first, and its claims stay as they are"
            ]
        );
    }
    assert_eq!(
        with(&kube, &observed, &["orders"], true).unwrap(),
        [
            "1 delete PersistentVolumeClaim data-orders-0 after []: StatefulSet `orders` is \
             replaced, lost",
            "2 delete StatefulSet orders after [1]: uses PersistentVolumeClaim `data-orders-0`, \
             which is created again",
            "3 create StatefulSet orders after [2]: takes the place of the one that is removed",
        ]
    );
    assert!(with(&kube, &observed, &["web"], true).is_err());
    // The cluster would remove the claims with the set.
    let (kube, mut observed) = other_templates();
    existing(&mut observed, "StatefulSet", "orders").live["spec"]["persistentVolumeClaimRetentionPolicy"] =
        json!({"whenDeleted": "Delete"});
    assert!(with(&kube, &observed, &["orders"], false).is_err());
    assert_eq!(with(&kube, &observed, &["orders"], true).unwrap().len(), 3);
}

#[test]
fn a_claim_is_recreated_with_everything_that_mounts_it() {
    let (kube, mut observed) = other_class();
    assert!(with(&kube, &observed, &["web"], false).is_err());
    let name = "persistentvolumeclaim/web-logs";
    assert_eq!(
        with(&kube, &observed, &[name], true).unwrap(),
        [
            "1 delete PersistentVolumeClaim web-logs after []: `class` changed, which requires a \
             replacement, lost",
            "2 delete Deployment web after [1]: uses PersistentVolumeClaim `web-logs`, which is \
             created again",
            "3 create PersistentVolumeClaim web-logs after [1 2]: takes the place of the one \
             that is removed",
            "4 create Deployment web after [1 2 3]: takes the place of the one that is removed",
        ]
    );
    // A kill after the first operation.
    existing(&mut observed, CLAIM, "web-logs").terminating = true;
    let error = refused(&kube, &observed);
    assert_eq!(
        error.message,
        "PersistentVolumeClaim `web-logs` is being removed, but Deployment `web` still uses it"
    );
    let steps = with(&kube, &observed, &[name], true).unwrap();
    assert_eq!(steps.len(), 3, "{steps:#?}");
    // Once nothing uses it, the apply needs no flag.
    let web = key(&observed, "Deployment", "web");
    observed.objects.remove(&web);
    assert_eq!(with(&kube, &observed, &[], false).unwrap().len(), 2);
}
