//! Tests the verdicts on changes outside kcc: one row for each kind of change. The server's
//! dry run is imitated: a field that nobody else owns would be set back, one that another
//! field manager owns is in conflict.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use kcc_plan::{Deviation, MissingSecret, Origin, Origins, Scope, Verdict};
use kcc_test_engines::drift::has_differences;

use super::*;
use crate::{
    conflict,
    deviations::{Surroundings, deviations},
    field,
    live::Live,
    observed::OwnedField,
    reconcile::compare,
    records::{Entry, Inventory, Records},
};

type Change = fn(&mut World);

/// A shop as it was applied, and its record.
struct World {
    kube: KubernetesDesired,
    observed: Observed,
    records: Records,
    live: Live,
    missing: Vec<MissingSecret>,
    applied: Option<Timestamp>,
}

/// Fragments set everything but the grace period.
struct Fragments;

impl Origins for Fragments {
    fn of(&self, _: &str, _: &str, field: &[String]) -> Origin {
        if field
            .last()
            .is_some_and(|name| name == "terminationGracePeriodSeconds")
        {
            return Origin::Default;
        }
        Origin::Fragment {
            path: field.join("."),
            file: None,
            line: None,
            team: None,
            instead: None,
        }
    }
}

const WEB: (&str, &str) = ("Deployment", "web");
const CONTAINER: &str = "/spec/template/spec/containers/0";

impl World {
    fn new() -> Self {
        let mut kube = shop();
        let web = &mut wanted(&mut kube, "Deployment", "web").manifest;
        web["metadata"]["annotations"] = json!({"acme.com/owner": "storefront"});
        web["spec"]["replicas"] = json!(2);
        let pod = &mut web["spec"]["template"]["spec"];
        pod["terminationGracePeriodSeconds"] = json!(30);
        let container = &mut pod["containers"][0];
        container["command"] = json!(["serve"]);
        container["args"] = json!(["-v"]);
        container["resources"] = json!({"limits": {"cpu": "1", "memory": "64Mi"}});
        container["ports"] = json!([{"name": "http", "containerPort": 8080, "protocol": "TCP"}]);
        container["readinessProbe"] = json!({"httpGet": {"path": "/healthz", "port": 8080}});
        container["volumeMounts"] = json!([{"name": "files", "mountPath": "/etc/web"}]);
        wanted(&mut kube, "ConfigMap", "web-files").manifest["data"] = json!({"a": "1"});
        let service = &mut wanted(&mut kube, "Service", "web").manifest;
        service["spec"] = json!({"ports": [{"name": "http", "port": 80}], "type": "ClusterIP"});
        for (api_version, kind, spec) in [
            (
                "policy/v1",
                "PodDisruptionBudget",
                json!({"minAvailable": 1}),
            ),
            (
                "networking.k8s.io/v1",
                "NetworkPolicy",
                json!({"ingress": [{"from": [{"podSelector": {}}]}]}),
            ),
            (
                "networking.k8s.io/v1",
                "Ingress",
                json!({"rules": [{"host": "shop.example.com"}]}),
            ),
            (
                "autoscaling/v2",
                "HorizontalPodAutoscaler",
                json!({"minReplicas": 2, "maxReplicas": 5}),
            ),
            ("batch/v1", "CronJob", json!({"schedule": "0 * * * *"})),
        ] {
            let mut other = object(api_version, kind, "web", Some("web"));
            other.manifest["spec"] = spec;
            kube.objects.push(other);
        }
        let mut role = object("rbac.authorization.k8s.io/v1", "Role", "web", Some("web"));
        role.manifest["rules"] = json!([{"resources": ["pods"], "verbs": ["get"]}]);
        role.manifest["spec"].take();
        kube.objects.push(role);
        let mut account = object("v1", "ServiceAccount", "web", Some("web"));
        account.manifest["automountServiceAccountToken"] = json!(false);
        account.manifest["spec"].take();
        kube.objects.push(account);
        let mut world = Self {
            observed: as_desired(&kube),
            kube,
            records: Records::default(),
            live: Live::default(),
            missing: Vec::new(),
            applied: Some("2026-03-01T09:00:00Z".parse().unwrap()),
        };
        world.observed.objects.values_mut().for_each(|existing| {
            existing.live["metadata"]["managedFields"] =
                json!([{"manager": "kcc", "operation": "Apply"}]);
        });
        let entries = world.observed.objects.values().map(Entry::of);
        world.records = Records {
            recorded: true,
            inventory: Inventory {
                objects: entries.collect(),
                ..Inventory::default()
            },
            ..Records::default()
        };
        world
    }

    /// Changes a live object in a way that the dry run would set back.
    fn edit(&mut self, (kind, name): (&str, &str), change: impl Fn(&mut Value)) {
        change(&mut existing(&mut self.observed, kind, name).live);
    }

    /// Sets a field of a live object, which the dry run would set back.
    fn set(&mut self, object: (&str, &str), pointer: &str, value: &Value) {
        self.edit(object, |live| {
            *live.pointer_mut(pointer).unwrap() = value.clone();
        });
    }

    /// Sets a field of a live object as another field manager, which then owns it.
    fn own(&mut self, (kind, name): (&str, &str), manager: &str, owned: &str, value: &Value) {
        let live = &mut existing(&mut self.observed, kind, name).live;
        let at = field::find(live, owned).unwrap().at;
        let pointer = format!("/{}", at.join("/").replace("acme.com/", "acme.com~1"));
        *live.pointer_mut(&pointer).unwrap() = value.clone();
        let entry = json!({"manager": manager, "operation": "Update",
                           "time": "2026-03-01T09:30:00Z"});
        live["metadata"]["managedFields"]
            .as_array_mut()
            .unwrap()
            .push(entry);
        let object = wanted(&mut self.kube, kind, name).clone();
        let fields = [OwnedField {
            field: owned.to_owned(),
            manager: manager.to_owned(),
        }];
        let options = Options {
            origins: Some(Arc::new(Fragments)),
            ..Options::default()
        };
        let key = key(&self.observed, kind, name);
        let existing = &self.observed.objects[&key];
        let scope = Scope::of(&desired(&self.kube));
        let resolution = conflict::resolve(&object, existing, &fields, &scope, &options);
        let next = existing.live.clone();
        self.observed
            .dry_runs
            .insert(key.clone(), DryRun::Result(next));
        self.observed.resolutions.insert(key, resolution);
    }

    fn remove(&mut self, (kind, name): (&str, &str)) {
        let key = key(&self.observed, kind, name);
        self.observed.objects.remove(&key);
        self.observed.dry_runs.insert(key, DryRun::Created);
    }

    /// Puts an object of somebody else in the place of one.
    fn replace(&mut self, (kind, name): (&str, &str), ownership: Ownership) {
        let existing = existing(&mut self.observed, kind, name);
        existing.ownership = ownership;
        existing.uid = "another".to_owned();
        existing.live["metadata"]["uid"] = json!("another");
        existing.live["metadata"]["creationTimestamp"] = json!("2026-03-01T09:00:00Z");
        existing.live["metadata"]["managedFields"] =
            json!([{"manager": "kubectl-create", "operation": "Update"}]);
        let key = key(&self.observed, kind, name);
        self.observed.dry_runs.remove(&key);
    }

    /// Adds an object with the labels of the scope.
    fn add(&mut self, ownership: Ownership) {
        let reference = Reference::core("ConfigMap", "shop", "copy");
        let live = json!({"metadata": {"name": "copy", "uid": "copy"}});
        let added = ObservedObject::of(reference.clone(), ownership, live);
        self.observed.objects.insert(reference.key(), added);
    }

    fn deviations(&self) -> Vec<Deviation> {
        let options = Options {
            prune: Prune::None,
            recorded: true,
            ..Options::default()
        };
        let plan = compare(&desired(&self.kube), &self.kube, &self.observed, &options);
        let surroundings = Surroundings {
            records: &self.records,
            live: &self.live,
            missing: &self.missing,
            applied: self.applied,
        };
        deviations(&self.kube, &self.observed, &plan, &surroundings)
    }
}

const IMAGE: &str = ".spec.template.spec.containers[name=\"web\"].image";
const LOG: &str = ".spec.template.spec.containers[name=\"web\"].env[name=\"LOG\"].value";

/// Each kind of change, with the lines that it gives.
const CHANGES: &[(&str, Change, &[&str])] = &[
    ("nothing", |_| {}, &[]),
    (
        "kubectl set image",
        |world| world.own(WEB, "kubectl-set", IMAGE, &json!("acme/web:2")),
        &[
            "edited Deployment/web spec.template.spec.containers.web.image: \"acme/web:2\" → \
           \"acme/web:1\", self-declared kubectl-set",
        ],
    ),
    (
        "kubectl set env",
        |world| world.own(WEB, "kubectl-set", LOG, &json!("debug")),
        &[
            "edited Deployment/web spec.template.spec.containers.web.env.LOG.value: changed, \
           self-declared kubectl-set",
        ],
    ),
    (
        "kubectl set env LOG-",
        |world| world.set(WEB, &format!("{CONTAINER}/env"), &json!([])),
        &[
            "edited Deployment/web spec.template.spec.containers.web.env.LOG: none → \
           {\"name\":\"LOG\",\"value\":\"info\"}",
        ],
    ),
    (
        "kubectl scale",
        |world| world.own(WEB, "kubectl", ".spec.replicas", &json!(5)),
        &["edited Deployment/web spec.replicas: 5 → 2, self-declared kubectl"],
    ),
    (
        "an autoscaler that somebody added",
        |world| world.own(WEB, "kube-controller-manager", ".spec.replicas", &json!(5)),
        &[
            "scaled by an autoscaler Deployment/web spec.replicas: 5 → 2, \
           self-declared kube-controller-manager",
        ],
    ),
    (
        "another value of a default since the last apply",
        |world| {
            let grace = ".spec.template.spec.terminationGracePeriodSeconds";
            world.own(WEB, "kubectl-edit", grace, &json!(5));
        },
        &[
            "edited Deployment/web spec.template.spec.terminationGracePeriodSeconds: \
           5 → 30, self-declared kubectl-edit",
        ],
    ),
    (
        "another value of a default that the last apply left",
        |world| {
            world.applied = Some("2026-03-01T10:00:00Z".parse().unwrap());
            let grace = ".spec.template.spec.terminationGracePeriodSeconds";
            world.own(WEB, "kubectl-edit", grace, &json!(5));
        },
        &[
            "left to its owner Deployment/web spec.template.spec.terminationGracePeriodSeconds: \
           5 → 30, self-declared kubectl-edit",
        ],
    ),
    (
        "another memory limit",
        |world| {
            world.set(
                WEB,
                &format!("{CONTAINER}/resources/limits/memory"),
                &json!("1Gi"),
            );
        },
        &[
            "edited Deployment/web spec.template.spec.containers.web.resources.limits.memory: \
           \"1Gi\" → \"64Mi\"",
        ],
    ),
    (
        "no limits",
        |world| world.set(WEB, &format!("{CONTAINER}/resources"), &json!({})),
        &[
            "edited Deployment/web spec.template.spec.containers.web.resources.limits: none → \
           {\"cpu\":\"1\",\"memory\":\"64Mi\"}",
        ],
    ),
    (
        "another command",
        |world| {
            world.set(
                WEB,
                &format!("{CONTAINER}/command"),
                &json!(["sh", "-c", "s3cret"]),
            );
        },
        &["edited Deployment/web spec.template.spec.containers.web.command: *** → [\"serve\"]"],
    ),
    (
        "other arguments",
        |world| {
            world.set(
                WEB,
                &format!("{CONTAINER}/args"),
                &json!(["--token", "s3cret"]),
            );
        },
        &["edited Deployment/web spec.template.spec.containers.web.args: *** → [\"-v\"]"],
    ),
    (
        "another probe",
        |world| {
            world.set(
                WEB,
                &format!("{CONTAINER}/readinessProbe/httpGet/path"),
                &json!("/"),
            );
        },
        &[
            "edited Deployment/web spec.template.spec.containers.web.readinessProbe.httpGet.path: \
           \"/\" → \"/healthz\"",
        ],
    ),
    (
        "a renamed port",
        |world| world.set(WEB, &format!("{CONTAINER}/ports/0/name"), &json!("web")),
        &[
            "edited Deployment/web spec.template.spec.containers.web.ports.http: none → \
             {\"containerPort\":8080,\"name\":\"http\",\"protocol\":\"TCP\"}",
            "edited Deployment/web spec.template.spec.containers.web.ports.web: \
             {\"containerPort\":8080,\"name\":\"web\",\"protocol\":\"TCP\"} → none",
        ],
    ),
    (
        "another mount",
        |world| {
            world.set(
                WEB,
                &format!("{CONTAINER}/volumeMounts/0/mountPath"),
                &json!("/etc"),
            );
        },
        &[
            "edited Deployment/web spec.template.spec.containers.web.volumeMounts.files.mountPath: \
           \"/etc\" → \"/etc/web\"",
        ],
    ),
    (
        "another label",
        |world| world.set(WEB, "/metadata/labels/kcc.dev~1team", &json!("mallory")),
        &["edited Deployment/web metadata.labels.kcc.dev/team: \"mallory\" → \"storefront\""],
    ),
    (
        "another annotation",
        |world| {
            let owned = ".metadata.annotations.acme.com/owner";
            world.own(WEB, "kubectl-annotate", owned, &json!("s3cret"));
        },
        &[
            "edited Deployment/web metadata.annotations.acme.com/owner: changed, \
           self-declared kubectl-annotate",
        ],
    ),
    (
        "kubectl rollout pause",
        |world| {
            // The server leaves it alone: kcc does not set it.
            unchanged(world, WEB, |live| {
                live["spec"]["paused"] = json!(true);
                live["metadata"]["managedFields"] = json!([{
                    "manager": "kubectl-rollout", "operation": "Update",
                    "time": "2026-03-01T09:30:00Z",
                    "fieldsV1": {"f:spec": {"f:paused": {}}},
                }]);
            });
        },
        &["edited Deployment/web spec.paused: true → none, self-declared kubectl-rollout"],
    ),
    (
        "a suspended cron job",
        |world| {
            unchanged(world, ("CronJob", "web"), |live| {
                live["spec"]["suspend"] = json!(true);
            });
        },
        &["edited CronJob/web spec.suspend: true → none"],
    ),
    (
        "another schedule",
        |world| world.set(("CronJob", "web"), "/spec/schedule", &json!("* * * * *")),
        &["edited CronJob/web spec.schedule: \"* * * * *\" → \"0 * * * *\""],
    ),
    (
        "an edited file",
        |world| world.set(("ConfigMap", "web-files"), "/data/a", &json!("s3cret")),
        &["edited ConfigMap/web-files data.a: changed"],
    ),
    (
        "a removed file",
        |world| world.set(("ConfigMap", "web-files"), "/data", &json!({})),
        &["edited ConfigMap/web-files data.a: changed"],
    ),
    (
        "another type of service",
        |world| world.set(("Service", "web"), "/spec/type", &json!("NodePort")),
        &["edited Service/web spec.type: \"NodePort\" → \"ClusterIP\""],
    ),
    (
        "another port of a service",
        |world| world.set(("Service", "web"), "/spec/ports/0/port", &json!(81)),
        &["edited Service/web spec.ports.http.port: 81 → 80"],
    ),
    (
        "another disruption budget",
        |world| {
            world.set(
                ("PodDisruptionBudget", "web"),
                "/spec/minAvailable",
                &json!(0),
            );
        },
        &["edited PodDisruptionBudget/web spec.minAvailable: 0 → 1"],
    ),
    (
        "an opened network policy",
        |world| world.set(("NetworkPolicy", "web"), "/spec/ingress/0", &json!({})),
        &["edited NetworkPolicy/web spec.ingress.0.from: none → [{\"podSelector\":{}}]"],
    ),
    (
        "another host of an ingress",
        |world| {
            world.set(
                ("Ingress", "web"),
                "/spec/rules/0/host",
                &json!("evil.example.com"),
            );
        },
        &["edited Ingress/web spec.rules.0.host: \"evil.example.com\" → \"shop.example.com\""],
    ),
    (
        "another maximum of an autoscaler",
        |world| {
            let autoscaler = ("HorizontalPodAutoscaler", "web");
            world.set(autoscaler, "/spec/maxReplicas", &json!(50));
        },
        &["edited HorizontalPodAutoscaler/web spec.maxReplicas: 50 → 5"],
    ),
    (
        "another minimum of an autoscaler",
        |world| {
            let autoscaler = ("HorizontalPodAutoscaler", "web");
            world.own(autoscaler, "kubectl-edit", ".spec.minReplicas", &json!(1));
        },
        &["edited HorizontalPodAutoscaler/web spec.minReplicas: 1 → 2, self-declared kubectl-edit"],
    ),
    (
        "other rules of a role",
        |world| world.set(("Role", "web"), "/rules/0/verbs", &json!(["get", "delete"])),
        &["edited Role/web rules.0.verbs: [\"get\",\"delete\"] → [\"get\"]"],
    ),
    (
        "a service account with its token",
        |world| {
            let account = ("ServiceAccount", "web");
            world.set(account, "/automountServiceAccountToken", &json!(true));
        },
        &["edited ServiceAccount/web automountServiceAccountToken: true → false"],
    ),
    (
        "kubectl delete deployment",
        |world| world.remove(WEB),
        &["deleted Deployment/web"],
    ),
    (
        "kubectl delete service",
        |world| world.remove(("Service", "web")),
        &["deleted Service/web"],
    ),
    (
        "kubectl delete networkpolicy",
        |world| world.remove(("NetworkPolicy", "web")),
        &["deleted NetworkPolicy/web"],
    ),
    (
        "a claim that is gone",
        |world| world.remove(("PersistentVolumeClaim", "web-logs")),
        &["deleted PersistentVolumeClaim/web-logs"],
    ),
    (
        "a Secret that is gone",
        |world| {
            let key = key(&world.observed, SECRET, "orders-password");
            world.observed.objects.remove(&key);
        },
        &["deleted Secret/orders-password"],
    ),
    (
        "another value of a Secret",
        |world| _ = world.observed.stale.insert("orders-password".to_owned()),
        &["edited Secret/orders-password data: changed"],
    ),
    (
        "an object that is being removed",
        |world| existing(&mut world.observed, "Service", "web").terminating = true,
        &["deleted Service/web"],
    ),
    (
        "a service of the same name",
        |world| {
            world.set(("Service", "web"), "/spec/type", &json!("NodePort"));
            world.replace(("Service", "web"), Ownership::Unmanaged);
        },
        &["recreated Service/web, self-declared kubectl-create"],
    ),
    (
        "a deployment of the same name and labels",
        |world| world.replace(WEB, Ownership::Labelled),
        &["recreated Deployment/web, self-declared kubectl-create"],
    ),
    (
        "a claim of the same name",
        |world| {
            let claim = ("PersistentVolumeClaim", "web-logs");
            world.replace(claim, Ownership::Labelled);
        },
        &["recreated PersistentVolumeClaim/web-logs, self-declared kubectl-create"],
    ),
    (
        "an object with copied labels",
        |world| world.add(Ownership::Labelled),
        &["added ConfigMap/copy"],
    ),
    (
        "an object of kcc's that no record lists",
        |world| world.add(Ownership::Unrecorded),
        &["added ConfigMap/copy"],
    ),
    (
        "an object that a controller made with copied labels",
        |world| world.add(Ownership::Unmanaged),
        &[],
    ),
    (
        "an immutable field",
        |world| {
            world.set(
                ("StatefulSet", "orders"),
                "/spec/volumeClaimTemplates",
                &json!([]),
            );
            let immutable = DryRun::Immutable("spec".to_owned());
            set_dry_run(&mut world.observed, "StatefulSet", "orders", immutable);
        },
        &[
            "edited StatefulSet/orders spec.volumeClaimTemplates.data.metadata: changed",
            "edited StatefulSet/orders spec.volumeClaimTemplates.data.spec: changed",
        ],
    ),
    (
        "an object that the server rejects by now",
        |world| {
            let rejected = DryRun::Rejected("no longer supported".to_owned());
            set_dry_run(&mut world.observed, "Ingress", "web", rejected);
        },
        &["unknown Ingress/web"],
    ),
    (
        "a job that failed",
        |world| {
            unchanged(world, ("Job", "migrate-1"), |live| {
                live["status"] = json!({"conditions": [{"type": "Failed", "status": "True",
                                                        "reason": "BackoffLimitExceeded"}]});
            });
        },
        &["decayed Job/migrate-1"],
    ),
    (
        "an apply that failed before it changed the deployment",
        |world| {
            world.set(WEB, &format!("{CONTAINER}/args"), &json!([]));
            let components = &mut world.observed.unapplied.components;
            components.insert("web".to_owned(), "it does not start".to_owned());
        },
        &[
            "unfinished apply Deployment/web spec.template.spec.containers.web.args: *** → \
           [\"-v\"]",
        ],
    ),
    (
        "an apply that was killed",
        |world| {
            world.remove(WEB);
            world.observed.interrupted = true;
        },
        &["unfinished apply Deployment/web"],
    ),
    (
        "a secret that cannot be read here",
        |world| {
            world.missing.push(MissingSecret {
                name: "stripe".to_owned(),
                why: "variable `STRIPE` is not set".to_owned(),
                help: "set it".to_owned(),
            });
        },
        &["unknown Secret/stripe"],
    ),
    // The server fills in defaults, and answers with them in the dry run as well.
    (
        "defaults of the server",
        |world| {
            unchanged(world, WEB, |live| {
                live["spec"]["progressDeadlineSeconds"] = json!(600);
            });
        },
        &[],
    ),
    (
        "fields that the server sets",
        |world| {
            unchanged(world, WEB, |live| {
                live["metadata"]["generation"] = json!(7);
                live["metadata"]["resourceVersion"] = json!("123");
                let annotation = "deployment.kubernetes.io/revision";
                live["metadata"]["annotations"][annotation] = json!("3");
            });
        },
        &[],
    ),
    (
        "status",
        |world| world.edit(WEB, |live| live["status"] = json!({"replicas": 0})),
        &[],
    ),
    (
        "another time and version of managed fields",
        |world| world.edit(WEB, |live| live["metadata"]["resourceVersion"] = json!("9")),
        &[],
    ),
    (
        "variables in another order",
        |world| {
            let both = |one: &str, other: &str| json!([{"name": one}, {"name": other}]);
            let pointer = format!("{CONTAINER}/env");
            world.set(WEB, &pointer, &both("A", "B"));
            let mut next = existing(&mut world.observed, "Deployment", "web")
                .live
                .clone();
            *next.pointer_mut(&pointer).unwrap() = both("B", "A");
            set_dry_run(
                &mut world.observed,
                "Deployment",
                "web",
                DryRun::Result(next),
            );
        },
        &[],
    ),
    (
        "a sidecar that a webhook injected",
        |world| {
            unchanged(world, WEB, |live| {
                let containers = &mut live["spec"]["template"]["spec"]["containers"];
                containers
                    .as_array_mut()
                    .unwrap()
                    .push(json!({"name": "proxy"}));
            });
        },
        &[],
    ),
    (
        "kubectl rollout restart",
        |world| {
            unchanged(world, WEB, |live| {
                live["spec"]["template"]["metadata"] = json!({"annotations": {
                    "kubectl.kubernetes.io/restartedAt": "2026-03-01T09:30:00Z",
                }});
            });
        },
        &[],
    ),
    (
        "a variable that kcc does not set",
        |world| {
            unchanged(world, WEB, |live| {
                let env = &mut live["spec"]["template"]["spec"]["containers"][0]["env"];
                env.as_array_mut()
                    .unwrap()
                    .push(json!({"name": "STRAY", "value": "1"}));
            });
        },
        &[],
    ),
    (
        "labels and annotations of other tools",
        |world| {
            unchanged(world, WEB, |live| {
                live["metadata"]["labels"]["other.com/x"] = json!("1");
            });
        },
        &[],
    ),
    (
        "empty instead of absent",
        |world| {
            world.edit(WEB, |live| {
                live["spec"]["template"]["spec"]["volumes"] = json!([]);
            });
        },
        &[],
    ),
    (
        "a namespace that is used as it is",
        |world| existing(&mut world.observed, NAMESPACE, "shop").ownership = Ownership::Unmanaged,
        &[],
    ),
    (
        "replicas that kcc leaves to its autoscaler",
        |world| {
            let web = wanted(&mut world.kube, "Deployment", "web");
            web.manifest["spec"]["replicas"].take();
            unchanged(world, WEB, |live| live["spec"]["replicas"] = json!(4));
        },
        &[],
    ),
    (
        "a finished job that the cluster cleans up later",
        |world| {
            world.edit(("Job", "migrate-1"), |live| {
                live["status"] = json!({"conditions": [{"type": "Complete", "status": "True"}]});
            });
        },
        &[],
    ),
];

/// Changes an object in a way that a dry run leaves as it is.
fn unchanged(world: &mut World, (kind, name): (&str, &str), change: fn(&mut Value)) {
    world.edit((kind, name), change);
    let next = existing(&mut world.observed, kind, name).live.clone();
    set_dry_run(&mut world.observed, kind, name, DryRun::Result(next));
}

#[test]
fn every_kind_of_change_has_its_verdict() {
    for (name, change, expected) in CHANGES {
        let mut world = World::new();
        change(&mut world);
        has_differences(name, &world.deviations(), expected);
    }
}

#[test]
fn what_is_taken_over_is_what_is_in_conflict() {
    let mut world = World::new();
    world.own(WEB, "kubectl", ".spec.replicas", &json!(5));
    world.set(("Service", "web"), "/spec/type", &json!("NodePort"));
    let found = world.deviations();
    let take: Vec<_> = found.iter().filter_map(|one| one.take.as_deref()).collect();
    assert_eq!(take, ["deployment/web:spec.replicas"]);
    assert!(found.iter().all(|one| one.verdict == Verdict::Edited));
    let owners: BTreeMap<_, _> = found
        .iter()
        .map(|one| (&one.kind, one.evidence.at))
        .collect();
    assert_eq!(owners[&"Service".to_owned()], None);
}
