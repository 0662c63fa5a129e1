//! What kcc made is taken back where the record of it is gone.

use kcc_diag::Code;
use kcc_lower::docker::Mount;
use kcc_model::{EnvValue, SecretProvider};
use kcc_plan::{Cancel, Error, Options};

use crate::docker::{Draft, Place, labels};

/// A database with data and a password, and a service.
fn guarded(place: &Place) -> Draft {
    let mut desired = place.desired();
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

fn lose_record(place: &Place) {
    std::fs::remove_dir_all(place.state()).unwrap();
}

async fn down(place: &Place, desired: &Draft, volumes: bool) -> Error {
    let options = Options {
        volumes,
        ..place.options()
    };
    let (desired, cancel) = (desired.finish(), Cancel::new());
    let done = kcc_docker::down(&desired, &options, &place.heard, &cancel).await;
    done.unwrap_err()
}

pub(super) async fn a_lost_record_is_said_and_taken_back(place: &Place) {
    let desired = guarded(place);
    place.apply_all(&desired).await;
    let password = std::fs::read_to_string(place.state().join("secrets/password")).unwrap();
    let ids = ["db", "web"].map(|name| place.id(name));
    lose_record(place);

    let mut errors = vec![down(place, &desired, false).await];
    errors.push(down(place, &desired, true).await);
    errors.push(place.try_apply(&desired).await.unwrap_err());
    let (full, options) = (desired.finish(), place.options());
    errors.push(kcc_docker::plan(&full, &options).await.unwrap_err());
    for error in errors {
        assert_eq!((error.code, error.exit_code()), (Code::StateUnrecorded, 3));
        let expected = format!(
            "container `{}` and 3 other objects were created by kcc from another machine or user",
            place.name("db")
        );
        assert_eq!(error.message, expected);
    }
    assert_eq!(
        ["db", "web"].map(|name| place.id(name)),
        ids,
        "nothing changed"
    );
    assert!(!place.state().join("secrets").exists());
    // What runs is shown all the same.
    let status = place.status(&desired).await;
    let why = status.components["web"].why.clone().unwrap_or_default();
    assert!(why.contains("kcc recover"), "{why}");

    let found = kcc_docker::found(&full, &options).await.unwrap();
    let names: Vec<_> = found.taken().map(|object| object.name.clone()).collect();
    let expected = ["db", "web", "", "db-data"].map(|name| place.name(name));
    assert_eq!(names, expected);
    assert_eq!(found.secrets, ["password"]);
    assert!(found.lost_secrets.is_empty());
    let taken = kcc_docker::recover(&full, &options).await.unwrap();
    assert_eq!(taken, found);
    let kept = std::fs::read_to_string(place.state().join("secrets/password")).unwrap();
    assert_eq!(kept, password, "the data keeps its password");
    let plan = place.plan(&desired).await;
    assert!(plan.contains("nothing to do"), "{plan}");
    assert_eq!(place.apply_all(&desired).await.mutating_calls, 0);
    assert_eq!(
        kcc_docker::found(&full, &options)
            .await
            .unwrap()
            .taken()
            .count(),
        0
    );
    place.down(&desired, true).await;
    assert!(place.list("container").is_empty() && place.list("volume").is_empty());
}

pub(super) async fn kept_data_gets_no_new_password(place: &Place) {
    let mut desired = guarded(place);
    place.apply_all(&desired).await;
    place.down(&desired, false).await;
    lose_record(place);
    let error = place.try_apply(&desired).await.unwrap_err();
    assert_eq!(error.code, Code::StateUnrecorded);
    let (full, options) = (desired.finish(), place.options());
    let found = kcc_docker::recover(&full, &options).await.unwrap();
    assert_eq!(found.lost_secrets, ["password"]);
    let error = place.try_apply(&desired).await.unwrap_err();
    assert_eq!((error.code, error.exit_code()), (Code::ApplySecret, 3));
    assert!(
        error.message.contains("its value is lost"),
        "{}",
        error.message
    );
    assert!(place.list("container").is_empty());
    // Whoever knows it says so.
    crate::docker::write(place, "password", "known");
    let known = SecretProvider::File("password".to_owned());
    desired.engine.secrets.insert("password".to_owned(), known);
    place.apply_all(&desired).await;
    let env = place.inspect("db", "{{json .Config.Env}}");
    assert!(env.contains("PASSWORD=known"), "{env}");
    // Or nobody needs the data any more.
    place.down(&desired, true).await;
    place.apply_all(&guarded(place)).await;
}

pub(super) async fn labels_alone_are_not_taken_back(place: &Place) {
    let mut desired = place.desired();
    desired.serve("web", &[]);
    place.apply_all(&desired).await;
    let mine = format!("{}-mine", place.system);
    let mut args = vec!["create".to_owned(), "--name".to_owned(), mine.clone()];
    let labels = labels(&place.system, Some("web"));
    args.extend(
        labels
            .iter()
            .map(|(key, value)| format!("--label={key}={value}")),
    );
    args.extend([crate::docker::BOX.to_owned(), "true".to_owned()]);
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    place.bed.docker(&args);
    lose_record(place);
    let (full, options) = (desired.finish(), place.options());
    let taken = kcc_docker::recover(&full, &options).await.unwrap();
    let doubts: Vec<_> = taken
        .objects
        .iter()
        .filter(|object| object.doubt.is_some())
        .collect();
    assert_eq!(doubts.len(), 1, "{taken:#?}");
    assert_eq!(doubts[0].name, mine);
    assert_eq!(place.apply_all(&desired).await.mutating_calls, 0);
    place.down(&desired, true).await;
    assert_eq!(place.list("container"), [mine]);
    let told = place.heard.lines();
    assert!(
        told.iter().any(|line| line.contains("-mine` carries")),
        "{told:#?}"
    );
}
