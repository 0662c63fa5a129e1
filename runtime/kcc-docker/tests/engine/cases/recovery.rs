//! Recovery of kcc's objects after the records are lost.

use std::slice;

use kcc_diag::Code;
use kcc_docker::DockerStore;
use kcc_lock::Digest;
use kcc_lower::docker::Mount;
use kcc_model::{EnvValue, SecretProvider};
use kcc_plan::{Cancel, Error, Inventory, LabelledObject, Options, State};
use kcc_test_engines::store::{TestedStore, check_store, locked};

use crate::docker::{Draft, Sandbox, labels};

/// Drafts a database with data and a password, and a service.
fn guarded(sandbox: &Sandbox) -> Draft {
    let mut desired = sandbox.desired();
    let volume = desired.volume("db", "data");
    let secrets = &mut desired.engine.secrets;
    secrets.insert("password".to_owned(), SecretProvider::Generate {});
    let db = desired.script("db", "exec busybox sleep 1000");
    db.mounts.insert("/data".to_owned(), Mount::Volume(volume));
    let secret = EnvValue::Secret("password".to_owned());
    db.env.insert("PASSWORD".to_owned(), secret);
    desired.serve("web", &[]);
    desired
}

fn lose_record(sandbox: &Sandbox) {
    sandbox.testbed.lose_record(&sandbox.system, "dev");
}

async fn down(sandbox: &Sandbox, desired: &Draft, volumes: bool) -> Error {
    let options = Options {
        volumes,
        ..sandbox.options()
    };
    let (desired, cancel) = (desired.finish(), Cancel::new());
    let done = kcc_docker::down(&desired, &options, &sandbox.recorder, &cancel).await;
    done.unwrap_err()
}

pub(super) async fn a_lost_record_is_reported_and_recovered(sandbox: &Sandbox) {
    let desired = guarded(sandbox);
    sandbox.apply_all(&desired).await;
    let password = sandbox.secrets()["password"].clone();
    let ids = ["db", "web"].map(|name| sandbox.id(name));
    lose_record(sandbox);

    let mut errors = vec![down(sandbox, &desired, false).await];
    errors.push(down(sandbox, &desired, true).await);
    errors.push(sandbox.try_apply(&desired).await.unwrap_err());
    let (full, options) = (desired.finish(), sandbox.options());
    errors.push(kcc_docker::plan(&full, &options).await.unwrap_err());
    for error in errors {
        assert_eq!((error.code, error.exit_code()), (Code::StateUnrecorded, 3));
        let expected = format!(
            "container `{}` and 3 other objects were created by kcc, but no record lists them",
            sandbox.name("db")
        );
        assert_eq!(error.message, expected);
    }
    assert_eq!(
        ["db", "web"].map(|name| sandbox.id(name)),
        ids,
        "nothing changed"
    );
    assert!(sandbox.secrets().is_empty());
    // Status still shows running containers, but not as all clear.
    let status = sandbox.status(&desired).await;
    assert_eq!(status.components["web"].state, State::Running);
    let names = |objects: &[LabelledObject]| -> Vec<String> {
        objects.iter().map(|object| object.name.clone()).collect()
    };
    let expected = ["db", "web", "", "db-data"].map(|name| sandbox.name(name));
    assert_eq!(names(&status.unrecorded), expected);
    assert!(!status.is_ready());

    let found = kcc_docker::plan_recovery(&full, &options).await.unwrap();
    let recoverable: Vec<_> = found.recoverable().cloned().collect();
    assert_eq!(names(&recoverable), expected);
    assert_eq!(found.secrets, ["password"]);
    assert!(found.lost_secrets.is_empty());
    let taken = kcc_docker::recover(&full, &options).await.unwrap();
    assert_eq!(taken, found);
    let kept = sandbox.secrets()["password"].clone();
    assert_eq!(kept, password, "the data keeps its password");
    let plan = sandbox.plan(&desired).await;
    assert!(plan.contains("nothing to do"), "{plan}");
    assert!(sandbox.status(&desired).await.is_ready());
    assert_eq!(sandbox.apply_all(&desired).await.mutating_calls, 0);
    assert_eq!(
        kcc_docker::plan_recovery(&full, &options)
            .await
            .unwrap()
            .recoverable()
            .count(),
        0
    );
    sandbox.down(&desired, true).await;
    assert!(sandbox.list("container").is_empty() && sandbox.list("volume").is_empty());
}

/// Removes a container from the record.
async fn forget(sandbox: &Sandbox, component: &str) {
    let record = sandbox.record().await;
    let name = sandbox.name(component);
    let forget = async {
        let mut inventory: Inventory = record.read().await?.inventory.unwrap();
        inventory.objects.retain(|object| object.name != name);
        record.end(Some(&inventory)).await
    };
    locked(&record, forget).await.unwrap();
}

pub(super) async fn unrecorded_objects_are_named(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    desired.serve("web", &[]);
    desired.serve("old", &[]);
    sandbox.apply_all(&desired).await;
    forget(sandbox, "old").await;
    let name = sandbox.name("old");
    let noted = |start: &str| {
        let note =
            format!("{start}: container `{name}`; take back what kcc created with `kcc recover");
        let lines = sandbox.recorder.lines();
        lines.iter().filter(|line| line.contains(&note)).count()
    };
    let left = "left alone, because not in kcc's record";

    // A container that is declared and ready is not all clear without a record.
    let status = sandbox.status(&desired).await;
    assert_eq!(status.components["old"].state, State::Running);
    assert!(status.components["old"].is_ready() && !status.is_ready());

    desired.remove("old");
    let plan = sandbox.plan(&desired).await;
    let line = "! unrecorded container SYSTEM-dev-old created by kcc, but not in its record";
    assert!(
        plan.contains(line) && !plan.contains("nothing to do"),
        "{plan}"
    );
    assert!(plan.contains("`kcc recover --target dev`"), "{plan}");
    assert_eq!(sandbox.apply_all(&desired).await.mutating_calls, 0);
    assert_eq!(noted(left), 1);
    let status = sandbox.status(&desired).await;
    assert_eq!(
        status.components["old"].why.as_deref(),
        Some("not declared")
    );
    assert_eq!(status.unrecorded.len(), 1);
    assert!(!status.is_ready());

    // The network stays with the container that uses it.
    let (full, options, cancel) = (desired.finish(), sandbox.options(), Cancel::new());
    let down = kcc_docker::down(&full, &options, &sandbox.recorder, &cancel).await;
    let failures = down.unwrap().failures;
    let message = format!(
        "network `{}` is in use by `{name}`, which kcc does not manage",
        sandbox.name("")
    );
    assert_eq!(failures.len(), 1, "{failures:#?}");
    assert_eq!(failures[0].message, message);
    assert_eq!(noted(left), 2);
    assert_eq!(sandbox.list("container"), slice::from_ref(&name));
    kcc_docker::recover(&full, &options).await.unwrap();
    sandbox.down(&desired, false).await;
    assert!(sandbox.list("container").is_empty() && sandbox.list("network").is_empty());
}

pub(super) async fn existing_data_gets_no_new_password(sandbox: &Sandbox) {
    let mut desired = guarded(sandbox);
    sandbox.apply_all(&desired).await;
    sandbox.down(&desired, false).await;
    lose_record(sandbox);
    let error = sandbox.try_apply(&desired).await.unwrap_err();
    assert_eq!(error.code, Code::StateUnrecorded);
    let (full, options) = (desired.finish(), sandbox.options());
    let found = kcc_docker::recover(&full, &options).await.unwrap();
    assert_eq!(found.lost_secrets, ["password"]);
    let error = sandbox.try_apply(&desired).await.unwrap_err();
    assert_eq!((error.code, error.exit_code()), (Code::ApplySecret, 3));
    assert!(
        error.message.contains("its value is lost"),
        "{}",
        error.message
    );
    assert!(sandbox.list("container").is_empty());
    // A user who knows the password can provide it.
    crate::docker::write(sandbox, "password", "known");
    let known = SecretProvider::File("password".to_owned());
    desired.engine.secrets.insert("password".to_owned(), known);
    sandbox.apply_all(&desired).await;
    let env = sandbox.inspect("db", "{{json .Config.Env}}");
    assert!(env.contains("PASSWORD=known"), "{env}");
    // Or the data is no longer needed.
    sandbox.down(&desired, true).await;
    sandbox.apply_all(&guarded(sandbox)).await;
}

pub(super) async fn objects_with_labels_alone_are_not_recovered(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    desired.serve("web", &[]);
    sandbox.apply_all(&desired).await;
    let mine = format!("{}-mine", sandbox.system);
    let mut args = vec!["create".to_owned(), "--name".to_owned(), mine.clone()];
    let labels = labels(&sandbox.system, Some("web"));
    args.extend(
        labels
            .iter()
            .map(|(key, value)| format!("--label={key}={value}")),
    );
    args.extend([crate::docker::BOX.to_owned(), "true".to_owned()]);
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    sandbox.testbed.docker(&args);
    lose_record(sandbox);
    let (full, options) = (desired.finish(), sandbox.options());
    let taken = kcc_docker::recover(&full, &options).await.unwrap();
    let doubts: Vec<_> = taken
        .objects
        .iter()
        .filter(|object| object.doubt.is_some())
        .collect();
    assert_eq!(doubts.len(), 1, "{taken:#?}");
    assert_eq!(doubts[0].name, mine);
    assert_eq!(sandbox.apply_all(&desired).await.mutating_calls, 0);
    sandbox.down(&desired, true).await;
    assert_eq!(sandbox.list("container"), [mine]);
    let events = sandbox.recorder.lines();
    assert!(
        events
            .iter()
            .any(|line| line.contains("-mine`, which carries")),
        "{events:#?}"
    );
}

/// The store of a sandbox's record.
struct Volumes<'a>(&'a Sandbox);

impl TestedStore for Volumes<'_> {
    type Store = DockerStore;

    async fn connect(&self) -> DockerStore {
        self.0.store().await
    }

    async fn damage(&self, digest: &Digest) {
        let docker = |args: &[&str]| self.0.testbed.docker(args);
        let name = format!("kcc-blob.{}.dev.{}", self.0.system, digest.hex());
        docker(&["volume", "rm", &name]);
        let scope = format!("--label=dev.kcc.record={}/dev", self.0.system);
        let blob = format!("--label=dev.kcc.record.blob.{}=AAAA", digest.hex());
        docker(&["volume", "create", &scope, &blob, &name]);
    }
}

pub(super) async fn volumes_keep_a_record(sandbox: &Sandbox) {
    check_store(&Volumes(sandbox)).await;
    assert!(!sandbox.has_record());
}

pub(super) async fn a_pruned_record_is_rebuilt(sandbox: &Sandbox) {
    let desired = guarded(sandbox);
    sandbox.apply_all(&desired).await;
    let secrets = sandbox.secrets();
    // As a prune of unused volumes does. A container uses the secrets, so they stay unless
    // stopped containers are pruned first.
    let record = || sandbox.testbed.record(&sandbox.system, "dev");
    let secrets_of = format!("kcc-secrets.{}.dev", sandbox.system);
    let volumes: Vec<_> = record().into_iter().map(|(name, _)| name).collect();
    for name in volumes.iter().filter(|name| **name != secrets_of) {
        sandbox.testbed.docker(&["volume", "rm", name]);
    }
    let refused = sandbox.testbed.try_docker(&["volume", "rm", &secrets_of]);
    assert!(refused.unwrap_err().contains("in use"));
    let error = sandbox.try_apply(&desired).await.unwrap_err();
    assert_eq!(error.code, Code::StateUnrecorded);
    sandbox.testbed.docker(&["container", "rm", &secrets_of]);
    let (full, options) = (desired.finish(), sandbox.options());
    kcc_docker::recover(&full, &options).await.unwrap();
    assert_eq!(sandbox.secrets(), secrets);
    assert_eq!(sandbox.apply_all(&desired).await.mutating_calls, 0);

    // A part of it does not count as a record.
    let mut blobs = record().into_iter().map(|(name, _)| name);
    let blob = blobs.find(|name| name.starts_with("kcc-blob.")).unwrap();
    sandbox.testbed.docker(&["volume", "rm", &blob]);
    let error = sandbox.try_apply(&desired).await.unwrap_err();
    assert_eq!(error.code, Code::StateDamaged);
    kcc_docker::recover(&full, &options).await.unwrap();
    assert_eq!(sandbox.apply_all(&desired).await.mutating_calls, 0);
}

pub(super) async fn records_of_an_earlier_version_are_taken_over(sandbox: &Sandbox) {
    let mut desired = guarded(sandbox);
    sandbox.apply_all(&desired).await;
    let (secrets, ids) = (
        sandbox.secrets(),
        ["db", "web"].map(|name| sandbox.id(name)),
    );
    // As an earlier kcc kept it: in a directory of the user.
    let inventory: Inventory = sandbox
        .record()
        .await
        .read()
        .await
        .unwrap()
        .inventory
        .unwrap();
    sandbox.testbed.lose_record(&sandbox.system, "dev");
    let home = sandbox.root.path().join("state");
    let directory = home.join("kcc").join(&sandbox.system).join("dev");
    std::fs::create_dir_all(directory.join("secrets")).unwrap();
    let text = serde_json::to_vec(&inventory).unwrap();
    std::fs::write(directory.join("inventory.json"), text).unwrap();
    for (name, value) in &secrets {
        std::fs::write(directory.join("secrets").join(name), value).unwrap();
    }
    let mut options = sandbox.options();
    let home = home.display().to_string();
    options.env.insert("XDG_STATE_HOME".to_owned(), home);

    // Reading it moves nothing.
    let full = desired.finish();
    let plan = kcc_docker::plan(&full, &options).await.unwrap();
    assert!(plan.is_empty(), "{}", plan.to_text());
    assert!(!sandbox.has_record());
    let cancel = Cancel::new();
    let apply = kcc_docker::apply(&full, &options, &sandbox.recorder, &cancel);
    let report = Box::pin(apply).await.unwrap();
    assert_eq!((report.planned, report.exit_code()), (0, 0));
    assert_eq!(["db", "web"].map(|name| sandbox.id(name)), ids);
    assert_eq!(sandbox.secrets(), secrets);
    assert!(!directory.join("secrets").exists());
    // From now on another user and home sees the same.
    assert_eq!(sandbox.apply_all(&desired).await.mutating_calls, 0);
    desired.remove("web");
    sandbox.apply_all(&desired).await;
    assert_eq!(sandbox.list("container"), [sandbox.name("db")]);
    sandbox.down(&desired, true).await;
    assert!(!sandbox.has_record() && sandbox.secrets().is_empty());
}
