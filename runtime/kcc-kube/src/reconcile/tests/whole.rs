//! Tests whole plans: everything is created, unchanged or taken down.

use super::*;

#[test]
fn creates_everything_in_order_in_an_empty_cluster() {
    let kube = shop();
    let plan = plan(&kube, &Observed::default());
    assert_eq!(
        plan.to_text(),
        "shop in prod: 9 to create, 0 objects unchanged

  + create Namespace              shop             does not exist
  + create Secret                 orders-password  does not exist [payments]
  + create ConfigMap              web-files        does not exist [storefront]
  + create PersistentVolumeClaim  web-logs         does not exist [storefront]
  + create Service                orders           does not exist [payments]
  + create Service                web              does not exist [storefront]
  + create StatefulSet            orders           does not exist [payments]
  + create Job                    migrate-1        does not exist [payments]
  + create Deployment             web              does not exist [storefront]
"
    );
    let web = plan.steps.last().unwrap();
    assert_eq!(web.operation.after, [1, 3, 4, 6, 8]);
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
fn leaves_everything_as_desired_unchanged() {
    let kube = shop();
    let plan = plan(&kube, &as_desired(&kube));
    assert_eq!(
        plan.to_text(),
        "shop in prod: nothing to do, 9 objects unchanged\n"
    );
    assert_eq!(plan.components.len(), 3, "the apply still waits for them");
}

#[test]
fn awaits_objects_that_are_being_removed() {
    let kube = shop();
    let mut observed = as_desired(&kube);
    existing(&mut observed, "Service", "web").terminating = true;
    let options = Options::default();
    let plan = tear_down(&desired(&kube), &observed, &BTreeMap::new(), &options).unwrap();
    let text = plan.to_text();
    assert!(text.contains("- delete Service      web"), "{text}");

    let mut kube = kube;
    kube.objects
        .retain(|object| object.kind != "Service" || object.name != "web");
    let text = super::plan(&kube, &observed).to_text();
    assert!(text.contains("- delete Service  web"), "{text}");
}

#[test]
fn takes_everything_down_in_reverse_order() {
    let kube = shop();
    let mut observed = as_desired(&kube);
    let claim = Reference::core("PersistentVolumeClaim", "shop", "data-orders-0");
    let live = json!({"metadata": {"uid": "c", "labels": {label::COMPONENT: "orders"}}});
    let claim = ObservedObject::of(claim, Ownership::Owned, live);
    observed.objects.insert(claim.reference.key(), claim);
    let needs = |name: &str, other: &str| (name.to_owned(), BTreeSet::from([other.to_owned()]));
    let order = BTreeMap::from([needs("web", "migrate"), needs("migrate", "orders")]);
    let down = |observed: &Observed, options: &Options| {
        tear_down(&desired(&kube), observed, &order, options).unwrap()
    };
    assert_eq!(
        down(&observed, &Options::default()).to_text(),
        "shop in prod: 6 to delete, 4 objects unchanged

  - delete Deployment   web        removed by `kcc down` [storefront]
  - delete Job          migrate-1  removed by `kcc down` [payments]
  - delete StatefulSet  orders     removed by `kcc down` [payments]
  - delete ConfigMap    web-files  removed by `kcc down` [storefront]
  - delete Service      orders     removed by `kcc down` [payments]
  - delete Service      web        removed by `kcc down` [storefront]
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
    // A namespace with unmanaged objects stays.
    observed.namespace_blockers = vec!["ConfigMap `x`".to_owned()];
    let text = down(&observed, &options).to_text();
    assert!(
        !text.contains(NAMESPACE) && text.contains("data-orders-0"),
        "{text}"
    );
}

#[test]
fn the_order_of_many_services_is_short() {
    const SERVICES: usize = 5_000;
    let mut kube = KubernetesDesired {
        namespace: "shop".to_owned(),
        ..shop()
    };
    kube.objects.truncate(1);
    kube.secrets.clear();
    for number in 0..SERVICES {
        let name = format!("s{number}");
        for (version, kind) in [
            ("v1", "ConfigMap"),
            ("v1", "Service"),
            ("apps/v1", "Deployment"),
        ] {
            let mut object = object(version, kind, &name, None);
            object.component = Some(name.clone());
            object.manifest["metadata"]["labels"][label::COMPONENT] = json!(name);
            kube.objects.push(object);
        }
    }
    let mut empty = kube.clone();
    empty.objects.truncate(1);
    let observed = as_desired(&kube);
    let none = Options::default();
    let order = BTreeMap::new();
    let plans = [
        reconcile(&desired(&kube), &kube, &Observed::default(), &none),
        reconcile(&desired(&empty), &empty, &observed, &none),
        tear_down(&desired(&kube), &observed, &order, &none),
    ];
    for plan in plans.map(Result::unwrap) {
        assert!(plan.steps.len() >= 3 * SERVICES, "{}", plan.steps.len());
        let edges = plan.operations().map(|operation| operation.after.len());
        let edges: usize = edges.sum();
        assert!(edges <= 4 * plan.steps.len(), "{edges} edges");
    }
}
