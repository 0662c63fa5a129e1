//! Recovery of kcc's objects after the records are lost.

use std::slice;

use kcc_diag::Code;
use kcc_lower::docker::Mount;
use kcc_model::{EnvValue, SecretProvider};
use kcc_plan::{Cancel, Error, Inventory, LabelledObject, Options, State};

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
    std::fs::remove_dir_all(sandbox.state()).unwrap();
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
    let password = std::fs::read_to_string(sandbox.state().join("secrets/password")).unwrap();
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
            "container `{}` and 3 other objects were created by kcc from another machine or by another user",
            sandbox.name("db")
        );
        assert_eq!(error.message, expected);
    }
    assert_eq!(
        ["db", "web"].map(|name| sandbox.id(name)),
        ids,
        "nothing changed"
    );
    assert!(!sandbox.state().join("secrets").exists());
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
    let kept = std::fs::read_to_string(sandbox.state().join("secrets/password")).unwrap();
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

/// Removes a container from the record, as if another machine had created it.
fn forget(sandbox: &Sandbox, component: &str) {
    let path = sandbox.state().join("inventory.json");
    let text = std::fs::read(&path).unwrap();
    let mut inventory: Inventory = serde_json::from_slice(&text).unwrap();
    let name = sandbox.name(component);
    inventory.objects.retain(|object| object.name != name);
    std::fs::write(&path, serde_json::to_vec(&inventory).unwrap()).unwrap();
}

pub(super) async fn unrecorded_objects_are_named(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    desired.serve("web", &[]);
    desired.serve("old", &[]);
    sandbox.apply_all(&desired).await;
    forget(sandbox, "old");
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
