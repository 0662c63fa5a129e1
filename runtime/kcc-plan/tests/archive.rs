//! Tests archives of revisions in a directory: what is added, found, verified and gone on
//! with.

#![allow(clippy::unwrap_used, reason = "it is a test")]

use std::{path::PathBuf, sync::Arc};

use kcc_diag::Code;
use kcc_plan::{
    ApplyReport, ArtifactStore, Blob, Cancel, Descriptor, Error, Fence, FolderStore, Intent,
    Layout, Options, Record, Scope, Silent,
    archive::Archive,
    revision::{ArchivedHistory, Change, Content, History, RevisionId, RevisionSource},
};
use kcc_test_engines::{desired, layout::check_layout};
use serde_json::json;

/// A desired state without components, which is applied again if it is archived.
struct Source {
    content: Content,
    archived: Option<ArchivedHistory>,
}

impl RevisionSource for Source {
    fn content(&self) -> Content {
        self.content.clone()
    }

    fn archived(&self) -> Option<ArchivedHistory> {
        self.archived.clone()
    }
}

fn scope() -> Scope {
    Scope {
        system: "shop".to_owned(),
        target: "dev".to_owned(),
        instance: None,
    }
}

fn content(team: &str) -> Content {
    let teams = json!({team: {"path": team, "owners": [], "owns": [], "governs": []}});
    desired::content("dev", &teams)
}

/// A target whose record is in a directory, and an archive beside it.
struct Target {
    folder: tempfile::TempDir,
}

impl Target {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn archive_path(&self) -> PathBuf {
        self.folder.path().join("archive")
    }

    fn archive(&self) -> Archive<Layout> {
        Archive::new(Layout::new(self.archive_path()))
    }

    fn record(&self) -> Record<FolderStore> {
        let store = FolderStore::new(self.folder.path().join("record"));
        Record::new(store, Fence::default())
    }

    async fn apply(&self, team: &str) {
        self.go_on(team, None, true).await;
    }

    /// Applies, or is interrupted; without a history the archived one goes on.
    async fn go_on(&self, team: &str, archived: Option<ArchivedHistory>, ends: bool) {
        let source = Source {
            content: content(team),
            archived,
        };
        let options = Options {
            revisions: Some(Arc::new(source)),
            ..Options::default()
        };
        let intent = Intent {
            scope: scope(),
            since: 0,
            revision: None,
            shared: std::collections::BTreeSet::new(),
            operations: Vec::new(),
        };
        let report = ApplyReport {
            scope: scope(),
            components: std::iter::empty().collect(),
            failures: Vec::new(),
            left: Vec::new(),
            not_ready: Vec::new(),
            performed: 1,
            planned: 1,
            mutating_calls: 1,
            cancelled: false,
        };
        let record = self.record();
        let work = async {
            let change = Change::of(&scope(), &options, false);
            record.begin(&intent, change).await?;
            if ends {
                record.report(&report);
                record.end(Some(&json!({"objects": []}))).await?;
            }
            Ok(())
        };
        let cancel = Cancel::new();
        let locked = record.locked("an apply", &options, &Silent, &cancel, work);
        locked.await.unwrap();
    }

    async fn history(&self) -> History {
        self.record().history().await.unwrap().history
    }

    async fn export(&self, archive: &Archive<Layout>) -> (Vec<u64>, usize) {
        let added = self.record().archive(&scope(), archive).await.unwrap();
        (added.entries, added.present)
    }
}

fn numbers(history: &History) -> Vec<u64> {
    history.entries.iter().map(|entry| entry.number).collect()
}

#[tokio::test]
async fn an_archive_gets_what_it_lacks_and_a_new_record_goes_on_from_it() {
    let target = Target::new();
    let archive = target.archive();
    target.apply("a").await;
    target.apply("b").await;
    target.go_on("c", None, false).await;
    assert_eq!(target.export(&archive).await, (vec![1, 2, 3], 0));
    assert_eq!(target.export(&archive).await, (vec![], 3));
    // The interrupted one has no outcome.
    assert_eq!(check_layout(&target.archive_path(), true).len(), 5);
    let list = archive.list(Some(&scope())).await.unwrap();
    let entries: Vec<_> = list.iter().map(|one| one.entry.clone()).collect();
    assert_eq!(entries, target.history().await.entries);
    let verified = archive.verify().await.unwrap();
    assert_eq!((verified.entries, &verified.damages[..]), (3, &[][..]));

    // The last complete one is found unless another is named.
    let found = archive.find(&scope(), None).await.unwrap().unwrap();
    assert_eq!(found.revision.manifest.number, 2);
    assert_eq!(found.revision.content, content("b"));
    let first = archive.find(&scope(), Some(RevisionId::Number(1))).await;
    assert_eq!(first.unwrap().unwrap().revision.content, content("a"));
    let missing = archive.find(&scope(), Some(RevisionId::Number(7))).await;
    assert_eq!(missing.unwrap_err().code, Code::StateNoRevision);
    let other = Scope {
        instance: Some("x".to_owned()),
        ..scope()
    };
    assert_eq!(archive.find(&other, None).await.unwrap(), None);

    let fresh = Target::new();
    fresh.go_on("b", Some(found.history.clone()), true).await;
    let history = fresh.history().await;
    assert_eq!(numbers(&history), [1, 2, 3, 4]);
    assert_eq!(fresh.export(&archive).await, (vec![4], 3));
    let verified = archive.verify().await.unwrap();
    assert_eq!((verified.entries, &verified.damages[..]), (4, &[][..]));
    // One that has a history keeps its own.
    fresh.go_on("d", Some(found.history), true).await;
    assert_eq!(numbers(&fresh.history().await), [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn a_running_apply_is_left_out() {
    let target = Target::new();
    target.apply("a").await;
    target.apply("b").await;
    let record = target.record();
    let archive = target.archive();
    let history = target.history().await;
    let added = archive.add(&scope(), &history, true, record.store()).await;
    assert_eq!(added.unwrap().entries, [1]);
    assert_eq!(target.export(&archive).await, (vec![2], 1));
}

#[tokio::test]
async fn histories_that_begin_again_stay_apart() {
    let target = Target::new();
    let archive = target.archive();
    target.apply("a").await;
    target.apply("b").await;
    target.export(&archive).await;
    let again = Target::new();
    again.apply("c").await;
    assert_eq!(again.export(&archive).await, (vec![1], 0));
    assert_eq!(archive.list(None).await.unwrap().len(), 3);
    let verified = archive.verify().await.unwrap();
    assert_eq!((verified.entries, &verified.damages[..]), (3, &[][..]));
    // The later one counts.
    let first = archive.find(&scope(), Some(RevisionId::Number(1))).await;
    let first = first.unwrap().unwrap();
    assert_eq!(first.revision.content, content("c"));
    // The other target does not take it for its own.
    let options = Options::default();
    let record = target.record();
    let imported = record.import(&scope(), first.history, &options).await;
    assert_eq!(imported.unwrap_err().code, Code::StateArchive);
}

#[tokio::test]
async fn a_record_and_an_archive_are_pruned_and_filled_again() {
    let target = Target::new();
    let archive = target.archive();
    for team in ["a", "b", "c"] {
        target.apply(team).await;
    }
    target.export(&archive).await;
    let options = Options::default();
    let record = target.record();
    assert_eq!(record.prune(1, &options).await.unwrap(), 2);
    assert_eq!(numbers(&target.history().await), [3]);
    let all = archive.list(Some(&scope())).await.unwrap();
    let archived = archive.history(&all).await.unwrap();
    let imported = record.import(&scope(), archived.clone(), &options).await;
    assert_eq!(imported.unwrap(), 2);
    assert_eq!(numbers(&target.history().await), [1, 2, 3]);
    // A target that was never applied has nothing to add to.
    let empty = Target::new();
    let empty = empty.record();
    let imported = empty.import(&scope(), archived, &options).await;
    assert_eq!(imported.unwrap_err().code, Code::StateArchive);

    let old = archive.old(1).await.unwrap();
    assert_eq!(old.len(), 2);
    let names = old.into_iter().flatten().collect();
    archive.artifacts().remove(&names).unwrap();
    check_layout(&target.archive_path(), true);
    let verified = archive.verify().await.unwrap();
    assert_eq!((verified.entries, &verified.damages[..]), (1, &[][..]));
    // All of it comes back.
    assert_eq!(target.export(&archive).await, (vec![1, 2], 1));
}

#[tokio::test]
async fn what_does_not_fit_is_named() {
    let target = Target::new();
    let archive = target.archive();
    target.apply("a").await;
    target.export(&archive).await;
    let layout = archive.artifacts();
    let names = layout.names().await.unwrap();
    let name = names
        .iter()
        .find(|name| !name.ends_with(".outcome"))
        .unwrap();
    let artifact = layout.artifact(name).await.unwrap().unwrap();
    let config = layout.get(&artifact.config).await.unwrap().unwrap();
    let changed = |from: &str, to: &str| {
        let text = String::from_utf8(config.bytes().to_vec()).unwrap();
        assert!(text.contains(from), "{text}");
        Blob::new(text.replace(from, to).into_bytes())
    };
    let put = async |name: &str, config: Blob| {
        let media_type = &artifact.config.media_type;
        let mut manifest = artifact.clone();
        manifest.config = Descriptor::of(media_type, &config);
        layout.put(name, &manifest, &[config]).await.unwrap();
    };
    // Under another name, of a later format, and without one of its blobs.
    for (other, config, code) in [
        (
            "shop.dev.7-0123456789ab",
            config.clone(),
            Code::StateDamaged,
        ),
        (
            "shop.dev.8-0123456789ab",
            changed("\"format\":1", "\"format\":2"),
            Code::StateNewer,
        ),
    ] {
        put(other, config).await;
        let error: Error = archive.list(None).await.unwrap_err();
        assert_eq!(error.code, code, "{}", error.message);
        assert!(error.message.contains(other), "{}", error.message);
        let verified = archive.verify().await.unwrap();
        let damaged: Vec<_> = verified.damages.iter().map(|one| &*one.name).collect();
        assert_eq!(damaged, [other]);
        layout.remove(&[other.to_owned()].into()).unwrap();
    }
    // An outcome of something else.
    let outcome = format!("{name}.outcome");
    let mut foreign = layout.artifact(&outcome).await.unwrap().unwrap();
    foreign.subject = Some(foreign.descriptor());
    layout.put(&outcome, &foreign, &[]).await.unwrap();
    let verified = archive.verify().await.unwrap();
    assert_eq!(verified.damages[0].name, *name);
    assert!(verified.damages[0].why.contains("not the outcome"));
}
