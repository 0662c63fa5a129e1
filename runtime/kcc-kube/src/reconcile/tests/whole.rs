//! Everything at once: made, left alone, taken down.

use super::*;

#[test]
fn an_empty_cluster_gets_everything_in_order() {
    let kube = shop();
    let plan = plan(&kube, &Observed::default());
    assert_eq!(
        plan.to_text(),
        "shop in prod: 9 to create, 0 objects unchanged

  + create Namespace              shop             it is not there
  + create Secret                 orders-password  it is not there [payments]
  + create ConfigMap              web-files        it is not there [storefront]
  + create PersistentVolumeClaim  web-logs         it is not there [storefront]
  + create Service                orders           it is not there [payments]
  + create Service                web              it is not there [storefront]
  + create StatefulSet            orders           it is not there [payments]
  + create Job                    migrate-1        it is not there [payments]
  + create Deployment             web              it is not there [storefront]
"
    );
    let web = plan.steps.last().unwrap();
    assert_eq!(web.operation.after, [1, 2, 3, 4, 6, 8]);
    let waits: Vec<_> = web
        .waits
        .iter()
        .map(|wait| wait.component.as_str())
        .collect();
    assert_eq!(waits, ["migrate"]);
    let awaited: Vec<_> = plan
        .components
        .iter()
        .map(|(name, component)| (name.as_str(), component.ready))
        .collect();
    assert_eq!(
        awaited,
        [
            ("migrate", Some(Until::Completed)),
            ("orders", Some(Until::Started)),
            ("web", Some(Until::Started)),
        ]
    );
}

#[test]
fn what_is_as_it_should_be_is_left_alone() {
    let kube = shop();
    let plan = plan(&kube, &as_desired(&kube));
    assert_eq!(
        plan.to_text(),
        "shop in prod: nothing to do, 9 objects unchanged\n"
    );
    assert_eq!(plan.components.len(), 3, "they are awaited all the same");
}

#[test]
fn everything_goes_down_from_the_outside_in() {
    let kube = shop();
    let mut observed = as_desired(&kube);
    let claim = Reference::core("PersistentVolumeClaim", "shop", "data-orders-0");
    let live = json!({"metadata": {"uid": "c", "labels": {label::COMPONENT: "orders"}}});
    let claim = ObservedObject::of(claim, Ownership::Ours, live);
    observed.objects.insert(claim.reference.key(), claim);
    let needs = |name: &str, other: &str| (name.to_owned(), BTreeSet::from([other.to_owned()]));
    let order = BTreeMap::from([needs("web", "migrate"), needs("migrate", "orders")]);
    let down = |observed: &Observed, options: &Options| {
        tear_down(&desired(&kube), observed, &order, options).unwrap()
    };
    assert_eq!(
        down(&observed, &Options::default()).to_text(),
        "shop in prod: 6 to delete, 4 objects unchanged

  - delete Deployment   web        everything is taken down [storefront]
  - delete Job          migrate-1  everything is taken down [payments]
  - delete StatefulSet  orders     everything is taken down [payments]
  - delete ConfigMap    web-files  everything is taken down [storefront]
  - delete Service      orders     everything is taken down [payments]
  - delete Service      web        everything is taken down [storefront]
"
    );
    let options = Options {
        volumes: true,
        ..Options::default()
    };
    let all = down(&observed, &options);
    let data: Vec<_> = all
        .operations()
        .filter(|operation| operation.destroys_data)
        .map(|operation| operation.name.as_str())
        .collect();
    assert_eq!(
        data,
        ["data-orders-0", "web-logs", "orders-password", "shop"]
    );
    let last = all.steps.last().unwrap();
    assert_eq!(last.operation.kind, NAMESPACE);
    assert_eq!(last.operation.after.len(), all.steps.len() - 1);
    // A namespace that others live in stays.
    observed.strangers = vec!["ConfigMap `x`".to_owned()];
    let text = down(&observed, &options).to_text();
    assert!(
        !text.contains(NAMESPACE) && text.contains("data-orders-0"),
        "{text}"
    );
}
