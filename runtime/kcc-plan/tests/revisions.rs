//! Tests revisions in a directory: what is written, what is shared, retained and read.

#![allow(clippy::unwrap_used, reason = "it is a test")]

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
};

use jiff::Timestamp;
use kcc_diag::Code;
use kcc_lock::Digest;
use kcc_plan::{
    ApplyReport, Cancel, ComponentReport, Error, Failure, Fence, FolderStore, Intent, Options,
    Outcome, Record, Request, Scope, Silent, Store,
    revision::{
        Change, Content, Entry, EntryKind, History, Revision, RevisionId, RevisionSource, Time,
    },
};
use kcc_test_engines::desired;
use serde_json::{Value, json};

struct Source(Content);

impl RevisionSource for Source {
    fn content(&self) -> Content {
        self.0.clone()
    }
}

fn scope() -> Scope {
    Scope {
        system: "shop".to_owned(),
        target: "dev".to_owned(),
        instance: None,
    }
}

fn name(number: usize) -> String {
    format!("svc-{number:04}")
}

/// The model, the container and the declared values of a service.
fn service(number: usize, replicas: u32) -> Value {
    let name = name(number);
    let team = format!("team-{}", number % 4);
    let path = format!("services.{}", kcc_tree::Path::of([name.as_str()]));
    let file = format!("teams/{team}/{name}.cue");
    let probe = json!({"check": {"http": {"path": "/healthz", "port": 8080}}, "delay": 0,
        "period": 10000, "timeout": 1000, "failures": 3});
    let declared = |field: &str, line: usize, value: Value| {
        json!({"path": format!("{path}.{field}"), "value": value,
            "lines": [{"role": "value", "file": file, "line": line, "column": 9, "team": team}]})
    };
    json!({
        "model": {
            "name": name, "kind": "service", "team": team, "path": path,
            "container": {
                "image": {"reference": format!("acme/{name}:1.0.{number}")},
                "env": {"LOG": {"literal": "info"}, "NAME": {"literal": name}},
                "health": {"readiness": probe, "liveness": probe},
                "resources": {"requests": {"cpu": 100, "memory": 134_217_728}, "limits": {}},
                "security": {"profile": "restricted", "readOnlyRoot": false, "privileged": false,
                    "addCapabilities": [], "dropCapabilities": []},
            },
            "init": [], "sidecars": {},
            "ports": {"http": {"number": 8080, "protocol": "TCP", "expose": "no"}},
            "needs": {}, "hostAliases": {}, "replicas": replicas, "volumes": {}, "files": {},
            "routes": {}, "stateful": false, "everyNode": false, "rollout": {},
            "identity": {"rules": {}}, "placement": {"nodes": {}, "tolerations": {}},
            "gracePeriod": 10000, "deadline": 300_000, "labels": {}, "annotations": {},
        },
        "lowered": {
            "component": {"team": team, "path": path, "job": false, "after": {},
                "deadlineMs": 300_000},
            "engine": {"docker": {
                "networks": {format!("shop-dev-{name}"): {"component": name, "labels": {
                    "dev.kcc.system": "shop", "dev.kcc.target": "dev"}}},
                "containers": {format!("shop-dev-{name}"): {
                    "component": name, "image": format!("acme/{name}:1.0.{number}"),
                    "env": {"LOG": {"literal": "info"}, "NAME": {"literal": name}},
                    "files": {}, "mounts": {}, "ports": [],
                    "networks": {format!("shop-dev-{name}"): [name]},
                    "restart": "unlessStopped", "stopTimeout": 10, "readOnly": false,
                    "addCapabilities": [], "labels": {"dev.kcc.system": "shop",
                        "dev.kcc.target": "dev", "dev.kcc.component": name,
                        "dev.kcc.team": team, "dev.kcc.path": path},
                }},
            }},
            "sources": [[["container", format!("shop-dev-{name}")], {
                "image": {"whole": {"model": [format!("{path}.image"), format!("{path}.build"), path]}},
                "env": {"alike": [[format!("{path}.env")], [path]]},
                "restart": {"whole": {"kcc": "services run until they are stopped"}},
                "labels": {"whole": {"kcc": "kcc recognises its objects by them"}},
            }]],
        },
        "values": [
            declared("image", 4, json!(format!("acme/{name}:1.0.{number}"))),
            declared("replicas", 5, json!(replicas)),
            declared("env.LOG", 6, json!("info")),
            declared("port", 7, json!(8080)),
            declared("health.http", 8, json!("/healthz")),
        ],
    })
}

fn content(services: impl IntoIterator<Item = (usize, u32)>) -> Content {
    let services: BTreeMap<_, _> = services.into_iter().collect();
    let teams =
        json!({"team-0": {"path": "teams/team-0", "owners": [], "owns": [], "governs": []}});
    let fragment = |(number, replicas): (&usize, &u32)| {
        let hash = kcc_plan::revision::ContentHash::of(format!("{number} {replicas}").as_bytes());
        (format!("{}.cue", name(*number)), hash)
    };
    let record = |(number, replicas): (&usize, &u32)| {
        let record = serde_json::from_value(service(*number, *replicas)).unwrap();
        (name(*number), record)
    };
    Content {
        fragments: services.iter().map(fragment).collect(),
        components: services.iter().map(record).collect(),
        ..desired::content("dev", &teams)
    }
}

/// The same services with one replica each.
fn alike(count: usize) -> BTreeMap<usize, u32> {
    (0..count).map(|number| (number, 1)).collect()
}

fn options(content: Content) -> Options {
    Options {
        revisions: Some(Arc::new(Source(content))),
        env: BTreeMap::from([("USER".to_owned(), "alice".to_owned())]),
        ..Options::default()
    }
}

fn intent() -> Intent {
    Intent {
        scope: scope(),
        since: 0,
        revision: None,
        shared: BTreeSet::new(),
        operations: Vec::new(),
    }
}

fn report(failed: Option<&str>) -> ApplyReport {
    let component = |name: &str| {
        let component = ComponentReport {
            team: None,
            outcome: Outcome::Failed,
            why: None,
            addresses: Vec::new(),
            address_pending: false,
        };
        (name.to_owned(), component)
    };
    let failure = |name: &str| Failure {
        code: Code::ApplyIncomplete,
        component: Some(name.to_owned()),
        team: None,
        message: "it crashed".to_owned(),
        detail: Vec::new(),
        help: None,
    };
    ApplyReport {
        scope: scope(),
        components: failed.into_iter().map(component).collect(),
        failures: failed.into_iter().map(failure).collect(),
        left: Vec::new(),
        not_ready: Vec::new(),
        performed: 1,
        planned: 1,
        mutating_calls: 1,
        cancelled: false,
    }
}

struct Target {
    folder: tempfile::TempDir,
}

impl Target {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn store(&self) -> FolderStore {
        FolderStore::new(self.folder.path())
    }

    fn record(&self) -> Record<FolderStore> {
        Record::new(self.store(), Fence::default())
    }

    /// Changes the target as a command does; without a report it is interrupted.
    async fn change(&self, options: &Options, removes: bool, report: Option<ApplyReport>) {
        let record = self.record();
        let work = async {
            let change = Change::of(&scope(), options, removes);
            record.begin(&intent(), change).await?;
            if let Some(report) = report {
                record.report(&report);
                record.end(Some(&json!({"objects": []}))).await?;
            }
            Ok(())
        };
        record
            .locked("an apply", options, &Silent, &Cancel::new(), work)
            .await
            .unwrap();
    }

    async fn apply(&self, content: Content) {
        self.apply_with(&options(content)).await;
    }

    async fn apply_with(&self, options: &Options) {
        self.change(options, false, Some(report(None))).await;
    }

    async fn history(&self) -> History {
        self.record().history().await.unwrap().history
    }

    async fn load(&self, number: u64) -> Result<Revision, Error> {
        let history = self.history().await;
        let entry = history.find(RevisionId::Number(number), &scope(), Timestamp::UNIX_EPOCH)?;
        Revision::load(&self.store(), entry.manifest().unwrap()).await
    }

    async fn content(&self, number: u64) -> Content {
        self.load(number).await.unwrap().content
    }

    /// Returns the size of blobs together, each packed.
    async fn size(&self, blobs: impl IntoIterator<Item = &Digest>) -> usize {
        let store = self.store();
        let mut size = 0;
        for digest in blobs {
            let blob = store.get(digest).await.unwrap().unwrap();
            size += blob.packed().len();
        }
        size
    }

    fn remove(&self, digest: &Digest) {
        let path = Path::new("blobs/sha256").join(digest.hex());
        std::fs::remove_file(self.folder.path().join(path)).unwrap();
    }
}

fn blobs(history: &History, number: u64) -> Vec<Digest> {
    match &history.get(number).unwrap().kind {
        EntryKind::Revision { blobs, .. } => blobs.clone(),
        EntryKind::Removed {} => Vec::new(),
    }
}

#[tokio::test]
async fn a_revision_is_read_as_it_was_written() {
    let target = Target::new();
    let first = content(alike(3));
    target.apply(first.clone()).await;
    let mut services = alike(3);
    services.insert(1, 2);
    services.remove(&2);
    services.insert(7, 1);
    let second = content(services);
    target.apply(second.clone()).await;

    let history = target.history().await;
    assert_eq!(history.entries.len(), 2);
    assert!(history.entries.iter().all(Entry::is_complete));
    assert_eq!(history.entries[0].who.user.as_deref(), Some("alice"));
    let changes = history.entries[1].changes().unwrap();
    let expected = [
        ("team-1", [0, 1, 0]),
        ("team-2", [0, 0, 1]),
        ("team-3", [1, 0, 0]),
    ];
    let expected = expected.map(|(team, counts)| (team.to_owned(), counts));
    assert_eq!(changes.teams, BTreeMap::from(expected));
    let named = [1, 2, 7].map(name);
    assert_eq!(changes.components, Some(BTreeSet::from(named)));

    assert_eq!(target.content(1).await, first);
    assert_eq!(target.content(2).await, second);
    let lowered = second.lowered(&scope());
    assert_eq!(lowered.desired.components.len(), 3);
    assert_eq!(second.model().components[&name(1)].replicas, 2);
}

#[tokio::test]
async fn a_small_change_of_a_large_system_costs_little() {
    let target = Target::new();
    let mut services = alike(1000);
    target.apply(content(services.clone())).await;
    let mut known = target.store().blobs().await.unwrap();
    let full = target.size(&known).await;
    let mut worst = 0;
    for number in 1..=10 {
        services.insert(number * 31, 3);
        let changed = content(services.clone());
        target.apply(changed.clone()).await;
        let stored = target.store().blobs().await.unwrap();
        let new = target.size(stored.difference(&known)).await;
        known = stored;
        worst = worst.max(new);
        let last = target.history().await.last().unwrap().number;
        assert!(blobs(&target.history().await, last).len() <= 9);
        if number % 10 == 0 {
            assert_eq!(target.content(last).await, changed);
        }
    }
    assert!(
        worst * 50 <= full,
        "one line costs {worst} bytes, and everything {full}"
    );
}

#[tokio::test]
async fn many_changes_begin_a_new_base() {
    let target = Target::new();
    target.apply(content(alike(100))).await;
    let base = blobs(&target.history().await, 1)[0].clone();
    let most = (0..100).map(|number| (number, if number < 60 { 2 } else { 1 }));
    let most = content(most);
    target.apply(most.clone()).await;
    let now = blobs(&target.history().await, 2);
    assert!(!now.contains(&base) && now.len() == 2);
    assert_eq!(target.content(2).await, most);
    // Nothing changes, as if the engine had drifted: only the manifest is new.
    target.apply(most.clone()).await;
    assert_eq!(blobs(&target.history().await, 3), now);
    assert!(
        target
            .history()
            .await
            .last()
            .unwrap()
            .changes()
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn an_apply_of_some_components_leaves_the_others_as_they_were() {
    let target = Target::new();
    target.apply(content([(0, 1), (1, 1), (2, 1)])).await;
    let only = Options {
        request: Request::Only(BTreeSet::from([name(1), name(5)])),
        ..options(content([(0, 9), (1, 9), (5, 1)]))
    };
    target.apply_with(&only).await;
    let read = target.content(2).await;
    assert_eq!(
        read.components,
        content([(0, 1), (1, 9), (2, 1), (5, 1)]).components
    );
    // Eight such changes, so that packs are joined with records that only they have.
    for number in 10..30 {
        let only = Options {
            request: Request::Only(BTreeSet::from([name(number)])),
            ..options(content([(number, 4)]))
        };
        target.apply_with(&only).await;
    }
    let read = target.content(22).await;
    assert_eq!(read.components.len(), 24);
    assert_eq!(read.components[&name(1)].model.replicas, 9);
    let manifest = target.load(22).await.unwrap().manifest;
    assert_eq!(manifest.only, Some(BTreeSet::from([name(29)])));
}

#[tokio::test]
async fn results_and_interruptions_are_recorded() {
    let target = Target::new();
    let apply = |replicas| options(content([(0, replicas)]));
    let failed = report(Some("svc-0000"));
    target.change(&apply(1), false, Some(failed)).await;
    target.change(&apply(2), false, None).await;
    target.change(&apply(3), false, Some(report(None))).await;
    let history = target.history().await;
    let [failed, interrupted, complete] = &history.entries[..] else {
        panic!("{history:?}");
    };
    let result = failed.result.as_ref().unwrap();
    assert_eq!(result.outcome, kcc_plan::revision::Outcome::Incomplete);
    let details = kcc_plan::revision::load_outcome(&target.store(), 1, result)
        .await
        .unwrap();
    assert_eq!(details.components[&name(0)], Outcome::Failed);
    assert_eq!(details.failures[0].message, "it crashed");
    assert!(interrupted.result.is_none() && interrupted.ended.is_none());
    assert!(complete.is_complete() && complete.ended.is_some());
}

#[tokio::test]
async fn a_removal_is_an_entry_and_no_state_to_start_from() {
    let target = Target::new();
    target.apply(content([(0, 1), (1, 1)])).await;
    let down = Options::default();
    target.change(&down, true, Some(report(None))).await;
    let only = Options {
        request: Request::Only(BTreeSet::from([name(1)])),
        ..options(content([(0, 1), (1, 1)]))
    };
    target.apply_with(&only).await;
    assert_eq!(target.content(3).await.components.len(), 1);
    let changes = target.history().await.last().unwrap().changes().cloned();
    assert_eq!(changes.unwrap().teams["team-1"], [1, 0, 0]);
    let missing = target.load(2).await.unwrap_err();
    assert_eq!(missing.code, Code::StateNoRevision);
    assert_eq!(
        missing.message,
        "2 is not a revision of shop in dev: it was taken down then"
    );
}

#[tokio::test]
async fn old_revisions_go_with_their_blobs() {
    let target = Target::new();
    target.apply(content([(0, 1)])).await;
    for replicas in 2..=60 {
        let apply = options(content([(0, replicas)]));
        let failed = report(Some("svc-0000"));
        target.change(&apply, false, Some(failed)).await;
    }
    let history = target.history().await;
    let numbers: Vec<u64> = history.entries.iter().map(|entry| entry.number).collect();
    let expected: Vec<u64> = std::iter::once(1).chain(11..=60).collect();
    assert_eq!(numbers, expected, "the last complete one stays");
    for number in numbers {
        target.load(number).await.unwrap();
    }
    let missing = target.load(5).await.unwrap_err();
    assert_eq!(missing.message, "shop in dev has no revision 5");
    let stored = target.store().blobs().await.unwrap().len();
    assert!(stored < 51 * 4 + 2, "{stored} blobs");
}

#[tokio::test]
async fn a_damaged_history_is_rebuilt() {
    let target = Target::new();
    for replicas in 1..=3 {
        target.apply(content([(0, replicas)])).await;
    }
    let before = target.history().await;
    let head = target.store().head().await.unwrap().bytes.unwrap();
    let head: Value = serde_json::from_slice(&head).unwrap();
    let history = head["history"].as_str().unwrap().to_owned();
    target.remove(&history.try_into().unwrap());
    // The second revision's own pack is lost as well.
    target.remove(before.get(2).unwrap().manifest().unwrap());

    let record = target.record();
    let damaged = record.history().await.unwrap_err();
    assert_eq!(damaged.code, Code::StateDamaged);
    let options = options(content([(0, 9)]));
    let change = Change::of(&scope(), &options, false);
    let begun = async { record.begin(&intent(), change).await };
    let begun = record
        .locked("an apply", &options, &Silent, &Cancel::new(), begun)
        .await;
    assert_eq!(begun.unwrap_err().code, Code::StateDamaged);

    let record = target.record().rebuilding();
    let rebuilt = async { record.end(Some(&json!({"objects": []}))).await };
    record
        .locked("a recovery", &options, &Silent, &Cancel::new(), rebuilt)
        .await
        .unwrap();
    let after = target.history().await;
    let numbers: Vec<u64> = after.entries.iter().map(|entry| entry.number).collect();
    assert_eq!(numbers, [1, 3]);
    assert!(after.entries.iter().all(Entry::is_complete));
    target.load(3).await.unwrap();
    target.apply(content([(0, 4)])).await;
    assert_eq!(target.history().await.last().unwrap().number, 4);
}

#[tokio::test]
async fn a_later_format_is_left_alone() {
    let target = Target::new();
    target.apply(content([(0, 1)])).await;
    let store = target.store();
    let manifest = target.history().await.entries[0]
        .manifest()
        .unwrap()
        .clone();
    let blob = store.get(&manifest).await.unwrap().unwrap();
    let text = String::from_utf8(blob.bytes().to_vec()).unwrap();
    let later = text.replace("\"format\":1", "\"format\":2");
    let later = kcc_plan::Blob::new(later.into_bytes());
    store.put(std::slice::from_ref(&later)).await.unwrap();
    let error = Revision::load(&store, later.digest()).await.unwrap_err();
    assert_eq!(error.code, Code::StateNewer);
}

#[tokio::test]
async fn a_revision_is_found_by_number_or_time() {
    let target = Target::new();
    let empty = target.load(1).await.unwrap_err();
    assert_eq!(empty.message, "shop in dev has no revisions");
    target.apply(content([(0, 1)])).await;
    target.apply(content([(0, 2)])).await;
    let history = target.history().await;
    let second = history.get(2).unwrap().started.engine;
    let found = |time| {
        history.find(
            RevisionId::At(Time::Point(time)),
            &scope(),
            Timestamp::UNIX_EPOCH,
        )
    };
    assert_eq!(found(second).unwrap().number, 2);
    let before = second - std::time::Duration::from_nanos(1);
    assert_eq!(found(before).unwrap().number, 1);
    let long_before = second - std::time::Duration::from_hours(1);
    assert_eq!(found(long_before).unwrap_err().code, Code::StateNoRevision);
}
