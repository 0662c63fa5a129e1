//! Tests the executor with a fake driver: order, independent branches, deadlines,
//! cancellation.

#![allow(clippy::unwrap_used, reason = "it is a test")]

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use kcc_diag::Code;
use kcc_lower::{Desired, EngineDesired, docker::DockerDesired};
use kcc_model::Until;
use kcc_plan::{
    Action, ApplyReport, Calls, Cancel, Cause, Context, Draft, Driver, Error, Event, Finding,
    FindingKind, Intent, LabelledObject, Options, Outcome, Plan, PlanBuilder, Readiness,
    RecordStore, Reporter, Silent, Step, Unapplied, execute, observe_undisturbed, perform,
};
use kcc_test_engines::desired::component;

/// A driver that logs its calls and fails as configured.
#[derive(Default)]
struct Fake {
    log: Mutex<Vec<String>>,
    fails: BTreeSet<&'static str>,
    tolerates: BTreeSet<&'static str>,
    /// Components that become ready after that many polls; never, if none.
    ready_after: BTreeMap<&'static str, Option<usize>>,
    never: BTreeSet<&'static str>,
    polls: Mutex<BTreeMap<String, usize>>,
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

impl Driver for Fake {
    type Payload = ();
    type Call = String;

    fn calls(step: &Step<()>) -> Vec<Calls<String>> {
        vec![Calls::new([step.operation.name.clone()])]
    }

    async fn perform(&self, call: &String, _: &Context<'_>) -> Result<(), Error> {
        let name = call.as_str();
        self.log.lock().unwrap().push(format!("begin {name}"));
        tokio::time::sleep(Duration::from_millis(10)).await;
        self.log.lock().unwrap().push(format!("end {name}"));
        if let Some((last, cancel)) = &self.cancel_after
            && *last == name
        {
            cancel.cancel();
        }
        if self.tolerates.contains(name) {
            return Err(Error::new(Code::ApplyRefused, "still in use").tolerable());
        }
        if self.fails.contains(name) {
            return Err(Error::new(
                Code::ApplyRefused,
                format!("`{name}` was refused"),
            ));
        }
        Ok(())
    }

    async fn ready(&self, component: &str, until: Until) -> Result<Readiness, Error> {
        let mut polls = self.polls.lock().unwrap();
        let times = polls.entry(component.to_owned()).or_default();
        *times += 1;
        if self.never.contains(component) {
            return Ok(Readiness::Failed(Cause::new("exit-code", "exit code 1")));
        }
        match self.ready_after.get(component) {
            Some(Some(after)) if *times <= *after => Ok(Readiness::Waiting(Cause::progress(
                format!("polled {times} times"),
            ))),
            Some(None) => Ok(Readiness::Waiting(Cause::progress("answered 503"))),
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
        vec![format!("last log line of {component}")]
    }

    fn mutating_calls(&self) -> u64 {
        self.log()
            .iter()
            .filter(|line| line.starts_with("begin"))
            .count() as u64
    }
}

/// Plans components by name with their needs; each has one object of its name.
fn plan(components: &[(&str, &[(&str, Until)])]) -> Plan<()> {
    builder(components, |_| true).finish()
}

fn builder(components: &[(&str, &[(&str, Until)])], changes: fn(&str) -> bool) -> PlanBuilder<()> {
    builder_with(components, changes, false, &Options::default())
}

fn builder_with(
    components: &[(&str, &[(&str, Until)])],
    changes: fn(&str) -> bool,
    completed: bool,
    options: &Options,
) -> PlanBuilder<()> {
    let desired = Desired {
        system: "shop".to_owned(),
        target: "dev".to_owned(),
        instance: None,
        components: components
            .iter()
            .map(|(name, after)| ((*name).to_owned(), component("storefront", after, 400)))
            .collect(),
        shared: BTreeMap::new(),
        engine: EngineDesired::Docker(DockerDesired {
            networks: BTreeMap::new(),
            volumes: BTreeMap::new(),
            images: BTreeMap::new(),
            containers: BTreeMap::new(),
            secrets: BTreeMap::new(),
            probe_image: None,
        }),
    };
    let mut plan = PlanBuilder::new(kcc_tree::Engine::Docker, &desired, options);
    for (name, _) in components {
        if changes(name) {
            let draft = Draft::new(Action::Create, "container", *name, "does not exist", ());
            plan.push(draft.component(*name).starts());
        } else {
            plan.count_unchanged();
        }
        plan.await_component(name, Until::Healthy, completed);
    }
    plan
}

async fn run(plan: &Plan<()>, driver: &Fake) -> ApplyReport {
    execute(plan, driver, &Silent, &Cancel::new()).await
}

const SHOP: &[(&str, &[(&str, Until)])] = &[
    ("cart", &[("db", Until::Healthy)]),
    ("db", &[]),
    ("web", &[("cart", Until::Started)]),
];

#[tokio::test]
async fn starts_a_component_after_its_needs_reach_their_state() {
    let driver = Fake {
        ready_after: BTreeMap::from([("db", Some(2))]),
        ..Fake::default()
    };
    let report = run(&plan(SHOP), &driver).await;
    assert!(report.is_complete(), "{report:#?}");
    assert_eq!(
        (report.performed, report.planned, report.mutating_calls),
        (3, 3, 3)
    );
    assert!(driver.position("Healthy db") < driver.position("begin cart"));
    assert!(driver.position("Started cart") < driver.position("begin web"));
}

/// Records of an engine that no longer answers once the plan is executed.
struct Unreadable;

impl RecordStore for Unreadable {
    type Observed = ();

    fn is_interrupted(&self) -> bool {
        false
    }

    async fn begin(&mut self, _: &Intent) -> Result<(), Error> {
        Ok(())
    }

    fn ended(&mut self, _: &ApplyReport) -> bool {
        true
    }

    async fn observe(&self) -> Result<(), Error> {
        Err(Error::new(
            Code::PlanDockerUnreachable,
            "the engine does not answer",
        ))
    }

    async fn end(&mut self, (): &(), _: &BTreeSet<(&str, &str)>) -> Result<(), Error> {
        panic!("nothing was observed")
    }
}

#[tokio::test]
async fn a_result_that_cannot_be_read_back_is_a_failure() {
    let driver = Fake::default();
    let plan = plan(SHOP);
    let report = perform(
        &plan,
        &(),
        &driver,
        &mut Unreadable,
        &Silent,
        &Cancel::new(),
    )
    .await
    .unwrap();
    assert_eq!(report.performed, 3);
    assert!(!report.is_complete());
    assert_eq!(
        report.failures[0].message,
        "could not read back the result: the engine does not answer"
    );
}

#[tokio::test]
async fn waits_for_unchanged_components_too() {
    let plan = builder(SHOP, |name| name == "web").finish();
    let driver = Fake {
        ready_after: BTreeMap::from([("cart", Some(1))]),
        ..Fake::default()
    };
    let report = run(&plan, &driver).await;
    assert!(report.is_complete());
    assert!(driver.position("Started cart") < driver.position("begin web"));
    assert_eq!(report.components["db"].outcome, Outcome::Unchanged);
    assert_eq!(report.components["web"].outcome, Outcome::Created);

    let nothing = builder(SHOP, |_| false).finish();
    let driver = Fake {
        ready_after: BTreeMap::from([("db", None)]),
        ..Fake::default()
    };
    let report = run(&nothing, &driver).await;
    assert_eq!((report.exit_code(), report.mutating_calls), (4, 0));
}

#[tokio::test]
async fn runs_independent_steps_concurrently() {
    let many: Vec<_> = ["a", "b", "c", "d"]
        .map(|name| (name, &[] as &[(&str, Until)]))
        .into();
    let driver = Fake::default();
    run(&plan(&many), &driver).await;
    assert!(
        driver.log()[..4]
            .iter()
            .all(|line| line.starts_with("begin")),
        "{:?}",
        driver.log()
    );
}

#[tokio::test]
async fn a_failure_skips_only_its_dependents() {
    let components = [SHOP, &[("mail", &[])]].concat();
    let driver = Fake {
        fails: BTreeSet::from(["db"]),
        ..Fake::default()
    };
    let report = run(&plan(&components), &driver).await;
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
    assert!(!driver.log().contains(&"begin cart".to_owned()));
}

/// A driver whose operations take several calls, with an undo.
#[derive(Default)]
struct InParts {
    log: Mutex<Vec<&'static str>>,
    fails: BTreeSet<&'static str>,
}

impl Driver for InParts {
    type Payload = ();
    type Call = &'static str;

    fn calls(_: &Step<()>) -> Vec<Calls<&'static str>> {
        vec![
            Calls::new(["create", "fill"]).undo(["remove"]),
            Calls::new(["stop old", "start"])
                .undo(["remove", "start old"])
                .outcome("restarted the previous one"),
            Calls::new(["remove old", "rename"]),
        ]
    }

    async fn perform(&self, call: &&'static str, _: &Context<'_>) -> Result<(), Error> {
        self.log.lock().unwrap().push(call);
        match self.fails.get(call) {
            Some(call) => Err(Error::new(Code::ApplyRefused, format!("cannot {call}"))),
            None => Ok(()),
        }
    }

    async fn ready(&self, _: &str, _: Until) -> Result<Readiness, Error> {
        Ok(Readiness::Ready)
    }

    fn mutating_calls(&self) -> u64 {
        0
    }
}

/// Performs an operation in which these calls fail. Returns the calls and the failure.
async fn in_parts(fails: &[&'static str]) -> (Vec<&'static str>, Option<String>) {
    let driver = InParts {
        fails: fails.iter().copied().collect(),
        ..InParts::default()
    };
    let plan = plan(&[("web", &[])]);
    let mut report = execute(&plan, &driver, &Silent, &Cancel::new()).await;
    let failure = report.failures.pop().map(|failure| failure.message);
    (driver.log.into_inner().unwrap(), failure)
}

#[tokio::test]
async fn a_failed_call_ends_its_operation_and_undoes_its_part() {
    let all = [
        "create",
        "fill",
        "stop old",
        "start",
        "remove old",
        "rename",
    ];
    assert_eq!(in_parts(&[]).await, (all.to_vec(), None));
    let failed = |calls: &[&'static str], why: &str| (calls.to_vec(), Some(why.to_owned()));
    assert_eq!(
        in_parts(&["fill"]).await,
        failed(&["create", "fill", "remove"], "cannot fill")
    );
    let undone = [&all[..4], &["remove", "start old"]].concat();
    assert_eq!(
        in_parts(&["start"]).await,
        failed(&undone, "cannot start; restarted the previous one")
    );
    assert_eq!(
        in_parts(&["start", "remove"]).await,
        failed(&undone, "cannot start; undoing it failed: cannot remove")
    );
    assert_eq!(
        in_parts(&["remove old"]).await,
        failed(&all[..5], "cannot remove old")
    );
}

#[tokio::test]
async fn a_missed_deadline_names_the_last_reason() {
    let driver = Fake {
        ready_after: BTreeMap::from([("db", None)]),
        ..Fake::default()
    };
    let report = run(&plan(SHOP), &driver).await;
    assert_eq!(report.failures[0].code, Code::ApplyIncomplete);
    assert_eq!(
        report.failures[0].message,
        "`db` is not healthy: answered 503 (after 400 ms)"
    );
    assert_eq!(report.failures[0].detail, ["last log line of db"]);
    assert_eq!(
        report.components["cart"].why.as_deref(),
        Some("it needs `db`, which is not ready")
    );
}

#[tokio::test]
async fn does_not_wait_after_a_final_failure() {
    let driver = Fake {
        never: BTreeSet::from(["db"]),
        ..Fake::default()
    };
    let report = run(&plan(SHOP), &driver).await;
    assert_eq!(driver.polls.lock().unwrap()["db"], 1);
    let why = report.components["db"].why.as_deref();
    assert_eq!(why, Some("exit code 1"));

    let options = Options {
        keep_waiting: true,
        ..Options::default()
    };
    let patient = builder_with(SHOP, |_| true, false, &options).finish();
    let report = run(&patient, &driver).await;
    assert!(driver.polls.lock().unwrap()["db"] > 2);
    let why = report.components["db"].why.as_deref();
    assert_eq!(why, Some("exit code 1 (after 400 ms)"));
}

#[tokio::test]
async fn what_was_not_ready_before_fails_nothing_that_does_not_need_it() {
    let change_of_cart =
        builder_with(SHOP, |name| name == "cart", true, &Options::default()).finish();
    let driver = Fake {
        never: BTreeSet::from(["web"]),
        ..Fake::default()
    };
    let report = run(&change_of_cart, &driver).await;
    assert!(report.is_complete(), "{report:#?}");
    assert_eq!(report.components["web"].outcome, Outcome::Unchanged);
    let [not_ready] = report.not_ready.as_slice() else {
        panic!("{report:#?}");
    };
    assert_eq!(not_ready.code, Code::ApplyNotReady);
    assert_eq!(
        not_ready.message,
        "`web` is not healthy: exit code 1; it was not before this apply either"
    );

    // The component that changes needs it.
    let driver = Fake {
        never: BTreeSet::from(["db"]),
        ..Fake::default()
    };
    let report = run(&change_of_cart, &driver).await;
    assert!(!report.is_complete(), "{report:#?}");
    assert_eq!(report.failures[0].component.as_deref(), Some("db"));
    assert!(report.not_ready.is_empty(), "{report:#?}");
}

#[tokio::test]
async fn after_a_stop_running_steps_finish_and_none_start() {
    let cancel = Cancel::new();
    let driver = Fake {
        cancel_after: Some(("db", cancel.clone())),
        ..Fake::default()
    };
    let report = execute(&plan(SHOP), &driver, &Silent, &cancel).await;
    assert_eq!(driver.log(), ["begin db", "end db"]);
    assert!(report.cancelled && report.exit_code() == 4);
    assert_eq!(
        report.components["web"].why.as_deref(),
        Some("the apply was stopped")
    );
}

#[tokio::test]
async fn reports_a_reason_only_when_it_changes() {
    struct Recorder(Mutex<Vec<String>>);
    impl Reporter for Recorder {
        fn event(&self, event: &Event<'_>) {
            if let Event::Waiting { component, why, .. } = event {
                self.0.lock().unwrap().push(format!("{component}: {why}"));
            }
        }
    }
    let recorder = Recorder(Mutex::default());
    let driver = Fake {
        ready_after: BTreeMap::from([("db", Some(2))]),
        ..Fake::default()
    };
    execute(&plan(&[("db", &[])]), &driver, &recorder, &Cancel::new()).await;
    assert_eq!(
        *recorder.0.lock().unwrap(),
        ["db: polled 1 times", "db: polled 2 times"]
    );
}

#[test]
fn plan_serialises_to_the_documented_json() {
    let json = serde_json::to_value(builder(SHOP, |name| name != "db").finish()).unwrap();
    let expected = serde_json::json!({"target": "dev", "operations": [
        {"id": 1, "action": "create", "engine": "docker", "kind": "container", "name": "cart",
         "component": "cart", "team": "storefront", "cause": "does not exist",
         "destroysData": false, "after": []},
        {"id": 2, "action": "create", "engine": "docker", "kind": "container", "name": "web",
         "component": "web", "team": "storefront", "cause": "does not exist",
         "destroysData": false, "after": [1]},
    ], "findings": []});
    assert_eq!(json, expected);
}

#[test]
fn a_plan_with_findings_is_not_up_to_date() {
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
    assert!(builder(SHOP, |_| false).finish().is_up_to_date());
    let mut plan = builder(SHOP, |_| false);
    plan.add_finding(found("web", "crash loop: exit code 3", None));
    plan.add_finding(found("db", "paused", Some("unpause it")));
    let plan = plan.finish();
    assert!(plan.is_empty() && !plan.is_up_to_date());
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
async fn a_tolerable_failure_does_not_stop_the_apply() {
    let driver = Fake {
        tolerates: BTreeSet::from(["db"]),
        ..Fake::default()
    };
    let plan = plan(&[("db", &[]), ("web", &[("db", Until::Healthy)])]);
    let report = execute(&plan, &driver, &Silent, &Cancel::new()).await;
    assert!(report.is_complete(), "{report:#?}");
    assert_eq!((report.performed, report.planned), (1, 2));
    assert_eq!(report.left.len(), 1);
    assert!(report.failures.is_empty());
}

#[test]
fn plan_text_is_aligned() {
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
        "shop in dev: 1 to delete (1 with data), 2 to create, 1 object unchanged\n\n  \
         - delete volume     old-data  `--volumes` was given (its data is lost) [payments]\n  \
         + create container  cart      does not exist [storefront]\n  \
         + create container  web       does not exist [storefront]\n"
    );
    let empty = builder(SHOP, |_| false).finish();
    assert_eq!(
        empty.to_text(),
        "shop in dev: nothing to do, 3 objects unchanged\n"
    );
}

#[tokio::test]
async fn waiting_for_an_end_accepts_failure_but_not_a_missed_deadline() {
    let plan = || {
        let mut plan = builder(&[("job", &[])], |_| true);
        let end = Draft::new(Action::Delete, "container", "helper", "the job ended", ());
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
    // Each is reported, and only once.
    for (report, why) in [(report, "exit code 1"), (late, "after 400 ms")] {
        let [failure] = &report.failures[..] else {
            panic!("{report:#?}");
        };
        assert!(failure.message.contains(why), "{}", failure.message);
        assert_eq!(report.components["job"].outcome, Outcome::Failed);
    }
}

#[tokio::test]
async fn a_state_that_another_command_changes_is_not_planned_from() {
    // Records that change once while the state is read, as by a whole apply.
    let version = Mutex::new(0);
    let read = async || Ok(*version.lock().unwrap());
    let unlocked = async || Ok(());
    let observe = async |records: &i32| {
        let mut version = version.lock().unwrap();
        *version = 1;
        Ok(*records)
    };
    let observed = observe_undisturbed(read, unlocked, observe).await;
    assert_eq!(
        observed.unwrap(),
        1,
        "the state before the change is dropped"
    );

    // An apply that has begun by the time its records are read.
    let held = async || Err(Error::new(Code::ApplyLockHeld, "an apply is running"));
    let observed = observe_undisturbed(read, held, observe).await;
    assert_eq!(observed.unwrap_err().code, Code::ApplyLockHeld);
}

/// Records that only hold the reasons of a failed apply.
#[derive(Default)]
struct Reasons {
    unapplied: Unapplied,
    writes: usize,
}

impl RecordStore for Reasons {
    type Observed = ();

    fn is_interrupted(&self) -> bool {
        false
    }

    async fn begin(&mut self, _: &Intent) -> Result<(), Error> {
        Ok(())
    }

    fn ended(&mut self, report: &ApplyReport) -> bool {
        let before = self.unapplied.clone();
        self.unapplied.update(report, false);
        self.unapplied != before
    }

    async fn observe(&self) -> Result<(), Error> {
        Ok(())
    }

    async fn end(&mut self, (): &(), _: &BTreeSet<(&str, &str)>) -> Result<(), Error> {
        self.writes += 1;
        Ok(())
    }
}

#[tokio::test]
async fn the_reasons_of_a_failed_apply_stay_until_one_is_complete() {
    let cancel = Cancel::new();
    let mut records = Reasons::default();
    let mut apply = async |plan: &Plan<()>, driver: &Fake| {
        let applied = perform(plan, &(), driver, &mut records, &Silent, &cancel);
        applied.await.unwrap();
        (records.unapplied.clone(), records.writes)
    };
    let reasons = |unapplied: &Unapplied| -> Vec<(String, String)> {
        let all = unapplied.components.iter();
        all.map(|(name, why)| (name.clone(), why.clone())).collect()
    };
    let refused = Fake {
        fails: BTreeSet::from(["cart"]),
        ..Fake::default()
    };
    let (unapplied, _) = apply(&plan(SHOP), &refused).await;
    assert_eq!(
        reasons(&unapplied),
        [
            ("cart".to_owned(), "`cart` was refused".to_owned()),
            ("web".to_owned(), "container `cart` failed".to_owned()),
        ]
    );
    assert_eq!(unapplied.target, None);

    // The failure of a shared object.
    let mut shared = builder(SHOP, |_| false);
    shared.push(Draft::new(
        Action::Create,
        "network",
        "net",
        "does not exist",
        (),
    ));
    let refused = Fake {
        fails: BTreeSet::from(["net"]),
        ..Fake::default()
    };
    let (unapplied, writes) = apply(&shared.finish(), &refused).await;
    assert!(reasons(&unapplied).is_empty(), "{unapplied:?}");
    assert_eq!(unapplied.target.as_deref(), Some("`net` was refused"));

    // Without operations it is written only if it changes.
    let empty = builder(SHOP, |_| false).finish();
    let (unapplied, written) = apply(&empty, &Fake::default()).await;
    assert_eq!((unapplied.is_empty(), written), (true, writes + 1));
    let (_, written) = apply(&empty, &Fake::default()).await;
    assert_eq!(written, writes + 1);
    let unready = Fake {
        never: BTreeSet::from(["db"]),
        ..Fake::default()
    };
    let (unapplied, _) = apply(&empty, &unready).await;
    assert_eq!(
        reasons(&unapplied),
        [("db".to_owned(), "exit code 1".to_owned())]
    );
}

#[tokio::test]
async fn unrecorded_objects_are_noted_and_not_changed() {
    struct Notes(Mutex<Vec<String>>);
    impl Reporter for Notes {
        fn event(&self, event: &Event<'_>) {
            if let Event::Note { text } = event {
                self.0.lock().unwrap().push((*text).to_owned());
            }
        }
    }
    let object = |name: &str, recorded, doubt: Option<&str>| LabelledObject {
        kind: "container".to_owned(),
        name: name.to_owned(),
        component: None,
        team: None,
        recorded,
        doubt: doubt.map(str::to_owned),
    };
    let mut plan = builder(SHOP, |_| false);
    plan.add_unrecorded(&[
        object("a", false, None),
        object("b", true, None),
        object("c", false, Some("its name is not one that kcc gives")),
    ]);
    let plan = plan.finish();
    assert!(plan.is_empty() && !plan.is_up_to_date());
    let notes = Notes(Mutex::default());
    let report = execute(&plan, &Fake::default(), &notes, &Cancel::new()).await;
    assert!(report.is_complete(), "{report:#?}");
    assert_eq!(
        notes.0.into_inner().unwrap(),
        [
            "left alone, because not in kcc's record: container `a`; take back what kcc created \
          with `kcc recover --target dev`"
        ]
    );
}

/// A driver that counts how often the executor looks at a step.
#[derive(Default)]
struct Counting {
    looks: AtomicUsize,
}

impl Driver for Counting {
    type Payload = ();
    type Call = ();

    fn calls(_: &Step<()>) -> Vec<Calls<()>> {
        Vec::new()
    }

    async fn perform(&self, (): &(), _: &Context<'_>) -> Result<(), Error> {
        Ok(())
    }

    fn counts_towards_limit(&self, (): &()) -> bool {
        self.looks.fetch_add(1, Ordering::Relaxed);
        true
    }

    async fn ready(&self, _: &str, _: Until) -> Result<Readiness, Error> {
        Ok(Readiness::Ready)
    }

    fn mutating_calls(&self) -> u64 {
        0
    }
}

#[tokio::test]
async fn looks_at_each_of_many_steps_a_few_times() {
    const STEPS: usize = 10_000;
    let names: Vec<_> = (0..STEPS).map(|index| format!("c{index:05}")).collect();
    // Each second one starts after the one before it.
    let needs: Vec<_> = names
        .iter()
        .map(|name| [(name.as_str(), Until::Started)])
        .collect();
    let components: Vec<(&str, &[(&str, Until)])> = names
        .iter()
        .enumerate()
        .map(|(index, name)| match index % 2 {
            0 => (name.as_str(), &[] as &[_]),
            _ => (name.as_str(), &needs[index - 1][..]),
        })
        .collect();
    let driver = Counting::default();
    let report = execute(&plan(&components), &driver, &Silent, &Cancel::new()).await;
    assert_eq!(report.performed, STEPS);
    let looks = driver.looks.into_inner();
    assert!(looks <= 4 * STEPS, "{looks} looks at {STEPS} steps");
}
