//! Tests the file of a capsule: it is read as it was written, the same content gives the
//! same bytes, and damage, other files and later versions are distinguished.

#![allow(clippy::unwrap_used, reason = "it is a test")]

use std::{collections::BTreeSet, fs, path::Path, sync::Arc};

use jiff::Timestamp;
use kcc_capsule::{Capsule, Capture, Observed, Symptom, read, write};
use kcc_diag::Code;
use kcc_plan::{
    Cancel, Error, Fence, FolderStore, Intent, Options, Record, Scope, Silent,
    revision::{Change, Content, RevisionId, RevisionSource},
};
use kcc_test_engines::desired;
use serde_json::json;

/// A desired state without components.
struct Source(Content);

impl RevisionSource for Source {
    fn content(&self) -> Content {
        self.0.clone()
    }
}

fn scope() -> Scope {
    Scope {
        system: "shop".to_owned(),
        target: "prod".to_owned(),
        instance: None,
    }
}

fn content() -> Content {
    desired::content("prod", &json!({}))
}

/// Applies once, and captures the revision to a file.
async fn capture(folder: &Path, path: &Path, change: impl FnOnce(&mut Capture)) {
    let store = FolderStore::new(folder.join("record"));
    let record = Record::new(store, Fence::default());
    let options = Options {
        revisions: Some(Arc::new(Source(content()))),
        ..Options::default()
    };
    let intent = Intent {
        scope: scope(),
        since: 0,
        revision: None,
        operations: Vec::new(),
        shared: BTreeSet::new(),
    };
    let change_of = Change::of(&scope(), &options, false);
    let number = RevisionId::Number(1);
    if record.revision(&scope(), number).await.is_err() {
        let begun = async { record.begin(&intent, change_of).await };
        record
            .locked("an apply", &options, &Silent, &Cancel::new(), begun)
            .await
            .unwrap();
    }
    let found = record.revision(&scope(), number).await.unwrap();
    let at = Timestamp::UNIX_EPOCH;
    let mut capture = Capture::new(&found.revision, None, at, Observed::default());
    capture.symptoms.push(symptom());
    change(&mut capture);
    write(path, "x.capsule", &capture, async |archive| {
        record.archive_entry(&scope(), archive, 1).await.map(|_| ())
    })
    .await
    .unwrap();
}

fn symptom() -> Symptom {
    let symptom = json!({"component": "web", "kind": "exit-code", "message": "exit code 3",
        "exitCode": 3});
    serde_json::from_value(symptom).unwrap()
}

async fn error(path: &Path) -> Error {
    read(path, "x.capsule").await.unwrap_err()
}

#[tokio::test]
async fn a_capsule_is_read_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.capsule");
    capture(folder.path(), &path, |_| {}).await;
    let Capsule {
        capture: found,
        revision,
        id,
    } = read(&path, "x.capsule").await.unwrap();
    assert_eq!((found.scope, found.revision), (scope(), 1));
    assert_eq!(found.symptoms, [symptom()]);
    assert_eq!(revision.content, content());
    assert_eq!(id.len(), 8);
    let bytes = fs::read(&path).unwrap();
    capture(folder.path(), &path, |_| {}).await;
    assert_eq!(fs::read(&path).unwrap(), bytes, "the same content");
    capture(folder.path(), &path, |capture| capture.symptoms.clear()).await;
    let other = read(&path, "x.capsule").await.unwrap();
    assert_ne!(other.id, id, "another capsule has another name");
}

#[tokio::test]
async fn damage_is_found_wherever_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.capsule");
    capture(folder.path(), &path, |_| {}).await;
    let whole = fs::read(&path).unwrap();
    assert_eq!(
        error(&folder.path().join("none")).await.code,
        Code::StateCapsule
    );
    fs::write(&path, "no tar").unwrap();
    assert_eq!(error(&path).await.code, Code::StateCapsule);
    let mut found = 0;
    for at in (600..whole.len()).step_by(97) {
        let mut bytes = whole.clone();
        // Padding between files carries nothing.
        if bytes[at] == 0 {
            continue;
        }
        bytes[at] ^= 1;
        fs::write(&path, &bytes).unwrap();
        match read(&path, "x.capsule").await {
            Err(_) => found += 1,
            // A header of the tar has fields that nothing depends on.
            Ok(capsule) => assert_eq!(capsule.capture.symptoms, [symptom()], "byte {at}"),
        }
    }
    assert!(found > 10, "{found}");
    for length in [whole.len() / 4, whole.len() / 2] {
        fs::write(&path, &whole[..length]).unwrap();
        assert!(read(&path, "x.capsule").await.is_err(), "cut at {length}");
    }
}

#[tokio::test]
async fn a_later_version_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.capsule");
    capture(folder.path(), &path, |capture| {
        let mut value = serde_json::to_value(&*capture).unwrap();
        value["format"] = json!(99);
        *capture = serde_json::from_value(value).unwrap();
    })
    .await;
    let newer = error(&path).await;
    assert_eq!(newer.code.as_str(), "kcc::state::newer");
    assert!(newer.message.contains("format 99"), "{}", newer.message);
}
