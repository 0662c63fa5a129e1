//! The executor against an engine that is made up: order, branches, deadlines,
//! stopping.

#![allow(clippy::unwrap_used, reason = "it is a test")]

#[path = "../../../tests/e2e/support/components.rs"]
mod components;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
    time::Duration,
};

use kcc_diag::Code;
use kcc_lower::{Desired, EngineDesired, docker::DockerDesired};
use kcc_model::Until;
use kcc_plan::{
    Action, ApplyReport, Cancel, Context, Draft, Engine, EngineName, Error, Event, Finding,
    FindingKind, Options, Outcome, Plan, PlanBuilder, Readiness, Reporter, Silent, Step, execute,
};

use components::component;

/// Writes down what happens; fails what it is told to.
#[derive(Default)]
struct Fake {
    log: Mutex<Vec<String>>,
    fails: BTreeSet<&'static str>,
    tolerates: BTreeSet<&'static str>,
    /// Components that become ready after that many questions; never, if none.
    ready_after: BTreeMap<&'static str, Option<usize>>,
    never: BTreeSet<&'static str>,
    asked: Mutex<BTreeMap<String, usize>>,
    cancel_after: Option<(&'static str, Cancel)>,
}

impl Fake {
    fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    fn position(&self, line: &str) -> usize {
        let log = self.log();
        log.iter()
            .position(|entry| entry == line)
            .unwrap_or_else(|| panic!("{line}: {log:?}"))
    }
}

impl Engine for Fake {
    type Work = ();

    async fn perform(&self, step: &Step<()>, _: &Context<'_>) -> Result<(), Error> {
        let name = step.operation.name.as_str();
        self.log.lock().unwrap().push(format!("begin {name}"));
        tokio::time::sleep(Duration::from_millis(10)).await;
        self.log.lock().unwrap().push(format!("end {name}"));
        if let Some((last, cancel)) = &self.cancel_after
            && *last == name
        {
            cancel.cancel();
        }
        if self.tolerates.contains(name) {
            return Err(Error::new(Code::ApplyRefused, "it stays").tolerable());
        }
        if self.fails.contains(name) {
            return Err(Error::new(
                Code::ApplyRefused,
                format!("`{name}` is refused"),
            ));
        }
        Ok(())
    }

    async fn ready(&self, component: &str, until: Until) -> Result<Readiness, Error> {
        let mut asked = self.asked.lock().unwrap();
        let times = asked.entry(component.to_owned()).or_default();
        *times += 1;
        if self.never.contains(component) {
            return Ok(Readiness::Failed {
                why: "it ended with exit code 1".to_owned(),
            });
        }
        match self.ready_after.get(component) {
            Some(Some(after)) if *times <= *after => Ok(Readiness::Waiting {
                why: format!("asked {times} times"),
            }),
            Some(None) => Ok(Readiness::Waiting {
                why: "it answers 503".to_owned(),
            }),
            _ => {
                self.log
                    .lock()
                    .unwrap()
                    .push(format!("{until:?} {component}"));
                Ok(Readiness::Ready)
            }
        }
    }

    async fn object_ready(&self, object: &str, until: Until) -> Result<Readiness, Error> {
        self.ready(object, until).await
    }

    async fn details(&self, component: &str) -> Vec<String> {
        vec![format!("last words of {component}")]
    }

    fn mutating_calls(&self) -> u64 {
        self.log()
            .iter()
            .filter(|line| line.starts_with("begin"))
            .count() as u64
    }
}

/// Components by name with what they need; each has one object of its name.
fn plan(components: &[(&str, &[(&str, Until)])]) -> Plan<()> {
    builder(components, |_| true).finish()
}

fn builder(components: &[(&str, &[(&str, Until)])], changes: fn(&str) -> bool) -> PlanBuilder<()> {
    let desired = Desired {
        system: "shop".to_owned(),
        target: "dev".to_owned(),
        components: components
            .iter()
            .map(|(name, after)| ((*name).to_owned(), component("storefront", after, 400)))
            .collect(),
        engine: EngineDesired::Docker(DockerDesired {
            networks: BTreeMap::new(),
            volumes: BTreeMap::new(),
            images: BTreeMap::new(),
            containers: BTreeMap::new(),
            secrets: BTreeMap::new(),
        }),
    };
    let mut plan = PlanBuilder::new(EngineName::Docker, &desired, &Options::default());
    for (name, _) in components {
        if changes(name) {
            let draft = Draft::new(Action::Create, "container", *name, "it is not there", ());
            plan.push(draft.component(*name).starts());
        } else {
            plan.unchanged();
        }
        plan.await_component(name, Until::Healthy);
    }
    plan
}

async fn run(plan: &Plan<()>, engine: &Fake) -> ApplyReport {
    execute(plan, engine, &Silent, &Cancel::new()).await
}

const SHOP: &[(&str, &[(&str, Until)])] = &[
    ("cart", &[("db", Until::Healthy)]),
    ("db", &[]),
    ("web", &[("cart", Until::Started)]),
];

#[tokio::test]
async fn a_component_starts_once_what_it_needs_is_so() {
    let engine = Fake {
        ready_after: BTreeMap::from([("db", Some(2))]),
        ..Fake::default()
    };
    let report = run(&plan(SHOP), &engine).await;
    assert!(report.complete(), "{report:#?}");
    assert_eq!(
        (report.performed, report.planned, report.mutating_calls),
        (3, 3, 3)
    );
    assert!(engine.position("Healthy db") < engine.position("begin cart"));
    assert!(engine.position("Started cart") < engine.position("begin web"));
}

#[tokio::test]
async fn what_does_not_change_is_awaited_all_the_same() {
    let plan = builder(SHOP, |name| name == "web").finish();
    let engine = Fake {
        ready_after: BTreeMap::from([("cart", Some(1))]),
        ..Fake::default()
    };
    let report = run(&plan, &engine).await;
    assert!(report.complete());
    assert!(engine.position("Started cart") < engine.position("begin web"));
    assert_eq!(report.components["db"].outcome, Outcome::Unchanged);
    assert_eq!(report.components["web"].outcome, Outcome::Created);

    let nothing = builder(SHOP, |_| false).finish();
    let engine = Fake {
        ready_after: BTreeMap::from([("db", None)]),
        ..Fake::default()
    };
    let report = run(&nothing, &engine).await;
    assert_eq!((report.exit_code(), report.mutating_calls), (4, 0));
}

#[tokio::test]
async fn independent_steps_run_side_by_side() {
    let many: Vec<_> = ["a", "b", "c", "d"]
        .map(|name| (name, &[] as &[(&str, Until)]))
        .into();
    let engine = Fake::default();
    run(&plan(&many), &engine).await;
    assert!(
        engine.log()[..4]
            .iter()
            .all(|line| line.starts_with("begin")),
        "{:?}",
        engine.log()
    );
}

#[tokio::test]
async fn a_failure_ends_its_branch_and_nothing_else() {
    let components = [SHOP, &[("mail", &[])]].concat();
    let engine = Fake {
        fails: BTreeSet::from(["db"]),
        ..Fake::default()
    };
    let report = run(&plan(&components), &engine).await;
    let outcome = |name: &str| report.components[name].outcome;
    assert_eq!(outcome("db"), Outcome::Failed);
    assert_eq!([outcome("cart"), outcome("web")], [Outcome::Skipped; 2]);
    assert_eq!(outcome("mail"), Outcome::Created);
    assert_eq!(
        report.components["web"].why.as_deref(),
        Some("container `db` failed")
    );
    assert_eq!(report.failures.len(), 1);
    assert_eq!(report.failures[0].code, Code::ApplyRefused);
    assert_eq!((report.performed, report.exit_code()), (1, 4));
    assert!(!engine.log().contains(&"begin cart".to_owned()));
}

#[tokio::test]
async fn a_deadline_names_the_last_reason() {
    let engine = Fake {
        ready_after: BTreeMap::from([("db", None)]),
        ..Fake::default()
    };
    let report = run(&plan(SHOP), &engine).await;
    assert_eq!(report.failures[0].code, Code::ApplyIncomplete);
    assert_eq!(
        report.failures[0].message,
        "`db` is not healthy: it answers 503 (after 400 ms)"
    );
    assert_eq!(report.failures[0].detail, ["last words of db"]);
    assert_eq!(
        report.components["cart"].why.as_deref(),
        Some("it needs `db`, which is not ready")
    );
}

#[tokio::test]
async fn what_will_never_be_ready_is_not_waited_for() {
    let engine = Fake {
        never: BTreeSet::from(["db"]),
        ..Fake::default()
    };
    let report = run(&plan(SHOP), &engine).await;
    assert_eq!(engine.asked.lock().unwrap()["db"], 1);
    let why = report.components["db"].why.as_deref();
    assert_eq!(why, Some("it ended with exit code 1"));
}

#[tokio::test]
async fn after_a_stop_nothing_begins_and_what_runs_is_finished() {
    let cancel = Cancel::new();
    let engine = Fake {
        cancel_after: Some(("db", cancel.clone())),
        ..Fake::default()
    };
    let report = execute(&plan(SHOP), &engine, &Silent, &cancel).await;
    assert_eq!(engine.log(), ["begin db", "end db"]);
    assert!(report.cancelled && report.exit_code() == 4);
    assert_eq!(
        report.components["web"].why.as_deref(),
        Some("the apply was stopped")
    );
}

#[tokio::test]
async fn a_reason_is_told_when_it_changes() {
    struct Heard(Mutex<Vec<String>>);
    impl Reporter for Heard {
        fn event(&self, event: &Event<'_>) {
            if let Event::Waiting { component, why, .. } = event {
                self.0.lock().unwrap().push(format!("{component}: {why}"));
            }
        }
    }
    let heard = Heard(Mutex::default());
    let engine = Fake {
        ready_after: BTreeMap::from([("db", Some(2))]),
        ..Fake::default()
    };
    execute(&plan(&[("db", &[])]), &engine, &heard, &Cancel::new()).await;
    assert_eq!(
        *heard.0.lock().unwrap(),
        ["db: asked 1 times", "db: asked 2 times"]
    );
}

#[test]
fn the_json_of_a_plan_is_the_documented_one() {
    let json = serde_json::to_value(builder(SHOP, |name| name != "db").finish()).unwrap();
    let expected = serde_json::json!({"target": "dev", "operations": [
        {"id": 1, "action": "create", "engine": "docker", "kind": "container", "name": "cart",
         "component": "cart", "team": "storefront", "cause": "it is not there",
         "destroysData": false, "after": []},
        {"id": 2, "action": "create", "engine": "docker", "kind": "container", "name": "web",
         "component": "web", "team": "storefront", "cause": "it is not there",
         "destroysData": false, "after": [1]},
    ], "findings": []});
    assert_eq!(json, expected);
}

#[test]
fn a_plan_with_findings_never_says_that_there_is_nothing_to_do() {
    let found = |component: &str, cause: &str, help: Option<&str>| Finding {
        finding: FindingKind::NotReady,
        kind: "container".to_owned(),
        name: format!("shop-dev-{component}"),
        component: Some(component.to_owned()),
        team: None,
        cause: cause.to_owned(),
        help: help.map(str::to_owned),
        alternatives: Vec::new(),
        conflict: None,
    };
    assert!(builder(SHOP, |_| false).finish().is_settled());
    let mut plan = builder(SHOP, |_| false);
    plan.find(found("web", "crash loop: exit code 3", None));
    plan.find(found("db", "paused", Some("unpause it")));
    let plan = plan.finish();
    assert!(plan.is_empty() && !plan.is_settled());
    assert_eq!(
        plan.to_text(),
        "shop in dev: 2 not ready, 3 objects unchanged\n\n  \
         ! not ready container  shop-dev-web  crash loop: exit code 3 [storefront]\n  \
         ! not ready container  shop-dev-db   paused [storefront]\n      help: unpause it\n"
    );
    let json = serde_json::to_value(&plan).unwrap();
    assert_eq!(
        json["findings"][0],
        serde_json::json!({"finding": "notReady", "kind": "container",
            "name": "shop-dev-web", "component": "web", "team": "storefront",
            "cause": "crash loop: exit code 3"})
    );
}

#[tokio::test]
async fn what_cannot_be_removed_is_left_and_stops_nothing() {
    let engine = Fake {
        tolerates: BTreeSet::from(["db"]),
        ..Fake::default()
    };
    let plan = plan(&[("db", &[]), ("web", &[("db", Until::Healthy)])]);
    let report = execute(&plan, &engine, &Silent, &Cancel::new()).await;
    assert!(report.complete(), "{report:#?}");
    assert_eq!((report.performed, report.planned), (1, 2));
    assert_eq!(report.left.len(), 1);
    assert!(report.failures.is_empty());
}

#[test]
fn the_text_of_a_plan_is_aligned() {
    let mut plan = builder(SHOP, |name| name != "db");
    let draft = Draft::new(
        Action::Delete,
        "volume",
        "old-data",
        "`--volumes` was given",
        (),
    );
    plan.push(draft.destroys_data().team("payments"));
    assert_eq!(
        plan.finish().to_text(),
        "shop in dev: 2 to create, 1 to delete, 1 object unchanged\n\n  \
         + create container  cart      it is not there [storefront]\n  \
         + create container  web       it is not there [storefront]\n  \
         - delete volume     old-data  `--volumes` was given (its data is lost) [payments]\n"
    );
    let empty = builder(SHOP, |_| false).finish();
    assert_eq!(
        empty.to_text(),
        "shop in dev: nothing to do, 3 objects unchanged\n"
    );
}

#[tokio::test]
async fn what_waits_for_an_end_follows_a_failure_and_no_deadline() {
    let plan = || {
        let mut plan = builder(&[("job", &[])], |_| true);
        let end = Draft::new(Action::Delete, "container", "helper", "it is over", ());
        plan.push(end.component("job").waits_for_end("job", "job"));
        plan.finish()
    };
    let failing = Fake {
        never: BTreeSet::from(["job"]),
        ..Fake::default()
    };
    let report = run(&plan(), &failing).await;
    assert!(failing.position("end job") < failing.position("begin helper"));
    let slow = Fake {
        ready_after: BTreeMap::from([("job", None)]),
        ..Fake::default()
    };
    let late = run(&plan(), &slow).await;
    assert_eq!(slow.log(), ["begin job", "end job"]);
    // Either is told, and once.
    for (report, why) in [(report, "exit code 1"), (late, "after 400 ms")] {
        let [failure] = &report.failures[..] else {
            panic!("{report:#?}");
        };
        assert!(failure.message.contains(why), "{}", failure.message);
        assert_eq!(report.components["job"].outcome, Outcome::Failed);
    }
}
