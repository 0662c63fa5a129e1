//! Desired and observed → the text of the plan, without a cluster.

use std::collections::{BTreeMap, BTreeSet};

use kcc_diag::Code;
use kcc_lower::{
    Desired, DesiredComponent, EngineDesired,
    kubernetes::{KubernetesDesired, MadeSecret, Object},
};
use kcc_model::Until;
use kcc_plan::{Error, Options, Plan, Prune};
use serde_json::{Value, json};

use super::{reconcile, tear_down};
use crate::{
    observed::{
        Claim, Key, NAMESPACE, Observed, ObservedObject, Ownership, Reference, SECRET, Trial, label,
    },
    work::Work,
};

/// A service, a database with a claim, and a job, in a namespace of their own.
fn shop() -> KubernetesDesired {
    let mut namespace = object("v1", NAMESPACE, "shop", None);
    namespace.namespace = None;
    namespace.data = true;
    let mut orders = object("apps/v1", "StatefulSet", "orders", Some("orders"));
    orders.manifest["spec"]["volumeClaimTemplates"] =
        json!([{"metadata": {"name": "data"}, "spec": {"size": "1Gi"}}]);
    let mut claim = object("v1", "PersistentVolumeClaim", "web-logs", Some("web"));
    claim.data = true;
    KubernetesDesired {
        context: None,
        namespace: "shop".to_owned(),
        objects: vec![
            namespace,
            object("v1", "ConfigMap", "web-files", Some("web")),
            claim,
            object("v1", "Service", "orders", Some("orders")),
            object("v1", "Service", "web", Some("web")),
            object("apps/v1", "Deployment", "web", Some("web")),
            orders,
            object("batch/v1", "Job", "migrate-1", Some("migrate")),
        ],
        secrets: vec![MadeSecret {
            name: "orders-password".to_owned(),
            key: "value".to_owned(),
            provider: kcc_model::SecretProvider::Generate {},
            component: Some("orders".to_owned()),
            team: "payments".to_owned(),
            labels: BTreeMap::new(),
        }],
        builds: Vec::new(),
    }
}

fn team(component: &str) -> &'static str {
    if component == "web" {
        "storefront"
    } else {
        "payments"
    }
}

fn object(api_version: &str, kind: &str, name: &str, component: Option<&str>) -> Object {
    Object {
        api_version: api_version.to_owned(),
        kind: kind.to_owned(),
        namespace: Some("shop".to_owned()),
        name: name.to_owned(),
        component: component.map(str::to_owned),
        team: component.map(|component| team(component).to_owned()),
        data: false,
        manifest: json!({
            "apiVersion": api_version,
            "kind": kind,
            "metadata": {"name": name, "labels": {
                label::COMPONENT: component.unwrap_or_default(),
                label::TEAM: component.map(team).unwrap_or_default(),
            }},
            "spec": {"template": {"spec": {"containers": [{
                "name": name,
                "image": "acme/web:1",
                "env": [{"name": "LOG", "value": "info"}],
            }]}}},
        }),
    }
}

fn wanted<'a>(kube: &'a mut KubernetesDesired, kind: &str, name: &str) -> &'a mut Object {
    let mut objects = kube.objects.iter_mut();
    objects
        .find(|object| object.kind == kind && object.name == name)
        .unwrap()
}

fn desired(kube: &KubernetesDesired) -> Desired {
    let component = |name: &str, after: &[(&str, Until)]| DesiredComponent {
        team: team(name).to_owned(),
        path: String::new(),
        job: name == "migrate",
        after: after
            .iter()
            .map(|(name, until)| ((*name).to_owned(), *until))
            .collect(),
        deadline_ms: 1000,
    };
    let all = [
        ("orders", component("orders", &[])),
        (
            "migrate",
            component("migrate", &[("orders", Until::Started)]),
        ),
        ("web", component("web", &[("migrate", Until::Completed)])),
    ];
    let there = |name: &str| {
        let mut objects = kube.objects.iter();
        objects.any(|object| object.component.as_deref() == Some(name))
    };
    Desired {
        system: "shop".to_owned(),
        target: "prod".to_owned(),
        components: all
            .into_iter()
            .filter(|(name, _)| there(name))
            .map(|(name, component)| (name.to_owned(), component))
            .collect(),
        engine: EngineDesired::Kubernetes(kube.clone()),
    }
}

/// A cluster that holds exactly what is desired.
fn as_desired(kube: &KubernetesDesired) -> Observed {
    let mut observed = Observed::default();
    for object in &kube.objects {
        let mut live = object.manifest.clone();
        live["metadata"]["uid"] = json!(format!("{} {}", object.kind, object.name));
        live["spec"]["filled"] = json!("in by the server");
        let reference = Reference::of(object);
        let there = ObservedObject::of(reference.clone(), Ownership::Ours, live.clone());
        observed.objects.insert(reference.key(), there);
        observed.trials.insert(reference.key(), Trial::Result(live));
    }
    for secret in &kube.secrets {
        let reference = Reference::core(SECRET, &kube.namespace, &secret.name);
        let live = json!({"metadata": {"uid": secret.name}});
        let there = ObservedObject::of(reference.clone(), Ownership::Ours, live);
        observed.objects.insert(reference.key(), there);
    }
    observed
}

fn key(observed: &Observed, kind: &str, name: &str) -> Key {
    let mut keys = observed.objects.keys();
    let found = keys.find(|key| key.kind == kind && key.name == name);
    found.unwrap().clone()
}

fn there<'a>(observed: &'a mut Observed, kind: &str, name: &str) -> &'a mut ObservedObject {
    let key = key(observed, kind, name);
    observed.objects.get_mut(&key).unwrap()
}

fn try_as(observed: &mut Observed, kind: &str, name: &str, trial: Trial) {
    let key = key(observed, kind, name);
    observed.trials.insert(key, trial);
}

/// The server would make of an object what a change makes of it.
fn would(observed: &mut Observed, kind: &str, name: &str, change: impl FnOnce(&mut Value)) {
    let mut next = there(observed, kind, name).live.clone();
    change(&mut next);
    try_as(observed, kind, name, Trial::Result(next));
}

fn plan(kube: &KubernetesDesired, observed: &Observed) -> Plan<Work> {
    reconcile(&desired(kube), kube, observed, &Options::default()).unwrap()
}

fn refused(kube: &KubernetesDesired, observed: &Observed) -> Error {
    reconcile(&desired(kube), kube, observed, &Options::default()).unwrap_err()
}

fn check(kube: &KubernetesDesired, observed: &Observed, lines: &[&str]) {
    let text = plan(kube, observed).to_text();
    let found: Vec<_> = text
        .lines()
        .skip(1)
        .filter(|line| !line.is_empty())
        .map(str::trim_start)
        .collect();
    assert_eq!(found, lines, "{text}");
}

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
        tear_down(&desired(&kube), observed, &order, options)
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
