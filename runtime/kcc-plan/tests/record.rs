//! The record in a directory; the engines' crates run the same checks on their stores.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "it is a test")]

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use kcc_diag::Code;
use kcc_lock::Digest;
use kcc_plan::{Blob, FolderStore, Store, StoredHead, Swap, TarFile, Version};
use kcc_test_engines::{
    layout::{check_layout, copy_with_skopeo},
    store::{TestedStore, check_store},
};
use tempfile::TempDir;

struct Folder(PathBuf);

impl TestedStore for Folder {
    type Store = FolderStore;

    async fn connect(&self) -> FolderStore {
        FolderStore::new(&self.0)
    }

    async fn damage(&self, digest: &Digest) {
        let path = blob(&self.0, digest);
        assert!(path.exists());
        fs::write(path, "{}").unwrap();
    }
}

fn blob(path: &Path, digest: &Digest) -> PathBuf {
    path.join("blobs/sha256").join(digest.hex())
}

/// In memory where possible: the checks write and sync some thousand files.
fn directory() -> TempDir {
    let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
    directory.unwrap()
}

fn blobs(contents: &[&str]) -> Vec<Blob> {
    let blobs = contents.iter();
    blobs
        .map(|content| Blob::new(content.as_bytes().to_vec()))
        .collect()
}

async fn swap(store: &FolderStore, next: Option<&str>) -> StoredHead {
    let previous = store.head().await.unwrap().version;
    let next = next.map(str::as_bytes);
    let done = store.swap(&previous, next).await.unwrap();
    let head = store.head().await.unwrap();
    assert_eq!(done, Swap::Done(head.version.clone()));
    assert_eq!(head.bytes.as_deref(), next);
    head
}

#[tokio::test]
async fn a_directory_keeps_a_record() {
    let directory = directory();
    let path = directory.path().join("record");
    check_store(&Folder(path.clone())).await;
    assert!(check_layout(&path, true).is_empty());
}

#[tokio::test]
async fn a_directory_is_an_image_layout_at_any_time() {
    let directory = directory();
    let path = directory.path().join("a/record");
    let store = FolderStore::new(&path);
    let blobs = blobs(&["", "{}", "inventory", "intent"]);
    store.put(&blobs).await.unwrap();
    assert!(check_layout(&path, false).is_empty());
    let head = swap(&store, Some("first")).await;
    assert_eq!(check_layout(&path, true), ["head".to_owned()].into());
    swap(&store, Some("second")).await;
    check_layout(&path, true);
    store.remove(blobs[3].digest()).await.unwrap();
    check_layout(&path, true);
    // The content of the head itself is none of the record's blobs.
    let own = Blob::new(b"second".to_vec());
    store.remove(own.digest()).await.unwrap();
    let head = (head, store.head().await.unwrap());
    assert_ne!(head.0.version, head.1.version);

    // A copy by another tool is the same record.
    let copy = directory.path().join("copy");
    let names = check_layout(&path, true);
    if copy_with_skopeo(&path, &copy, &names) {
        let copy = FolderStore::new(copy);
        assert_eq!(copy.head().await.unwrap(), head.1);
        assert_eq!(copy.blobs().await.unwrap(), store.blobs().await.unwrap());
        swap(&copy, Some("third")).await;
    } else {
        eprintln!("skopeo is not installed");
    }

    swap(&store, None).await;
    assert_eq!(store.blobs().await.unwrap().len(), 3);
    assert!(check_layout(&path, false).is_empty());
}

#[tokio::test]
async fn what_a_killed_command_left_is_removed() {
    let directory = directory();
    let path = directory.path().join("record");
    // Killed while it made the directory a layout.
    fs::create_dir_all(&path).unwrap();
    fs::write(path.join("oci-layout"), "{\"image").unwrap();
    let store = FolderStore::new(&path);
    assert_eq!(store.head().await.unwrap(), StoredHead::default());
    let first = blobs(&["first"]);
    store.put(&first).await.unwrap();
    check_layout(&path, false);
    swap(&store, Some("head")).await;
    // Killed while it wrote a file, and before it removed the head before.
    fs::write(path.join(".part-a"), "abc").unwrap();
    let left = Blob::new(b"an old head".to_vec());
    fs::write(blob(&path, left.digest()), left.bytes()).unwrap();
    assert!(store.blobs().await.unwrap().contains(left.digest()));
    store.remove(left.digest()).await.unwrap();
    check_layout(&path, true);
}

#[tokio::test]
async fn damage_is_an_error_and_never_an_empty_record() {
    let directory = directory();
    let path = directory.path().join("record");
    let store = FolderStore::new(&path);
    let inventory = blobs(&["inventory"]);
    store.put(&inventory).await.unwrap();
    let head = swap(&store, Some("{\"format\":1}")).await;
    let index = fs::read(path.join("index.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&index).unwrap();
    let manifest = manifest["manifests"][0]["digest"].as_str().unwrap();
    let manifest = Digest::try_from(manifest.to_owned()).unwrap();
    let config = Digest::try_from(head.version.0.clone()).unwrap();
    for damaged in [
        path.join("index.json"),
        blob(&path, &manifest),
        blob(&path, &config),
    ] {
        let whole = fs::read(&damaged).unwrap();
        for content in [&b"{}"[..], &whole[..whole.len() / 2]] {
            fs::write(&damaged, content).unwrap();
            let error = store.head().await.unwrap_err();
            assert_eq!(error.code, Code::StateDamaged, "{}", error.message);
        }
        fs::write(&damaged, &whole).unwrap();
        assert_eq!(store.head().await.unwrap(), head);
    }
    fs::remove_file(blob(&path, &config)).unwrap();
    let error = store.head().await.unwrap_err();
    assert_eq!(error.code, Code::StateDamaged);
    fs::write(blob(&path, inventory[0].digest()), "inventori").unwrap();
    let error = store.get(inventory[0].digest()).await.unwrap_err();
    assert_eq!(error.code, Code::StateDamaged);
    store.put(&inventory).await.unwrap();
    let repaired = store.get(inventory[0].digest()).await.unwrap();
    assert_eq!(repaired.as_ref(), Some(&inventory[0]));
}

#[tokio::test]
async fn other_directories_and_later_formats_are_left_alone() {
    let directory = directory();
    let path = directory.path();
    fs::write(path.join("notes"), "mine").unwrap();
    let store = FolderStore::new(path);
    let error = store.put(&blobs(&["a"])).await.unwrap_err();
    assert_eq!(error.code, Code::StateStore);
    let later = "{\"imageLayoutVersion\":\"2.0.0\"}";
    fs::write(path.join("oci-layout"), later).unwrap();
    let error = store.swap(&Version::default(), Some(b"{}")).await;
    assert_eq!(error.unwrap_err().code, Code::StateNewer);
    assert_eq!(fs::read_dir(path).unwrap().count(), 2);
}

/// Names the disk of [`a_full_disk_leaves_the_old_record_or_the_new_one`].
const DISK: &str = "KCC_TEST_FULL_DISK";

/// Runs itself in a mount namespace of its own, with a small disk there.
#[tokio::test]
async fn a_full_disk_leaves_the_old_record_or_the_new_one() {
    if let Some(disk) = env::var_os(DISK) {
        return fill(Path::new(&disk)).await;
    }
    let directory = tempfile::tempdir().unwrap();
    let disk = directory.path();
    let test = env::current_exe().unwrap();
    let name = "a_full_disk_leaves_the_old_record_or_the_new_one";
    let mount = "mount -t tmpfs -o size=128k none \"$1\" && touch \"$1/mounted\" && exec \"$2\" --exact \"$3\"";
    let output = Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c", mount, "sh"])
        .args([disk, &test, Path::new(name)])
        .env(DISK, disk)
        .output();
    match output {
        Ok(output) if output.status.success() => {}
        Ok(output) => {
            let output = [output.stdout, output.stderr].concat();
            let output = String::from_utf8_lossy(&output);
            assert!(!output.contains("running 1 test"), "{output}");
            eprintln!("skipped: no disk can be mounted: {output}");
        }
        Err(error) => eprintln!("skipped: {error}"),
    }
}

/// Lets each file of a change in turn be the one for which there is no space.
async fn fill(disk: &Path) {
    fs::remove_file(disk.join("mounted")).unwrap();
    let path = disk.join("record");
    let store = FolderStore::new(&path);
    let ballast = disk.join("ballast");
    let mut failures = 0;
    for round in 0..24 {
        let content = format!("round {round} ").repeat(600);
        let blobs = blobs(&[&content]);
        let before = store.head().await.unwrap();
        // Pages of 4 KiB.
        let free = 4096 * round;
        fs::write(&ballast, "").unwrap();
        let full = fs::write(&ballast, vec![0; 256 << 10]);
        assert!(full.is_err(), "the disk is larger than expected");
        {
            let file = fs::OpenOptions::new().write(true).open(&ballast).unwrap();
            let length = file.metadata().unwrap().len();
            file.set_len(length.saturating_sub(free)).unwrap();
        }
        let next = format!("{{\"round\":{round}}}");
        let done = async {
            store.put(&blobs).await?;
            store.swap(&before.version, Some(next.as_bytes())).await
        };
        let done = done.await;
        let after = store.head().await.unwrap();
        if let Err(error) = &done {
            failures += 1;
            assert_eq!(error.code, Code::StateStore, "{}", error.chain());
            assert!(error.chain().contains("No space left"), "{}", error.chain());
        }
        let written = after.bytes.as_deref() == Some(next.as_bytes());
        assert!(after == before || written);
        assert!(done.is_err() || written);
        // With space again, the same change succeeds.
        fs::remove_file(&ballast).unwrap();
        store.put(&blobs).await.unwrap();
        swap(&store, Some(&next)).await;
        check_layout(&path, true);
        for digest in store.blobs().await.unwrap() {
            store.remove(&digest).await.unwrap();
        }
    }
    assert!(
        (3..24).contains(&failures),
        "{failures} of 24 rounds failed"
    );
}

/// Names the call and the place of [`a_failing_disk_leaves_the_old_content_or_the_new`].
const PLACE: &str = "KCC_TEST_FAILING_DISK";
const RESULT: &str = "the result: ";

/// The changes of a record and of an archive in a file, which a failing disk interrupts.
async fn change(place: &Path) -> Result<(), kcc_plan::Error> {
    let store = FolderStore::new(place.join("record"));
    let content = "content ".repeat(100);
    store.put(&blobs(&[&content])).await?;
    let previous = store.head().await?.version;
    store.swap(&previous, Some(NEXT.as_bytes())).await?;
    let file = TarFile::open(place.join("history.tar"), "history.tar")?;
    file.layout().add(&blobs(&[&content]))?;
    file.save()
}

const NEXT: &str = "{\"round\":2}";

/// Runs itself under `strace`, which lets one call after the other fail as a broken disk
/// does.
#[tokio::test]
async fn a_failing_disk_leaves_the_old_content_or_the_new() {
    let name = "a_failing_disk_leaves_the_old_content_or_the_new";
    if let Some(place) = env::var_os(PLACE) {
        let text = match change(Path::new(&place)).await {
            Ok(()) => "done".to_owned(),
            Err(error) => format!("{} {} {}", error.code, error.chain(), error.help.unwrap()),
        };
        return eprintln!("{RESULT}{text}");
    }
    let test = env::current_exe().unwrap();
    for call in ["fsync", "rename,renameat,renameat2", "unlink"] {
        for count in 1.. {
            let directory = directory();
            let place = directory.path();
            let store = FolderStore::new(place.join("record"));
            store.put(&blobs(&["earlier"])).await.unwrap();
            let before = swap(&store, Some("{\"round\":1}")).await;
            let file = TarFile::open(place.join("history.tar"), "history.tar").unwrap();
            file.layout().add(&blobs(&["earlier"])).unwrap();
            file.save().unwrap();
            let trace = format!("--trace={call}");
            let inject = format!("--inject={call}:error=EIO:when={count}");
            let output = Command::new("strace")
                .args(["-f", "-qqq", "--output=/dev/null", &trace, &inject])
                .arg(&test)
                .args(["--exact", name, "--nocapture"])
                .env(PLACE, place)
                .output();
            let Ok(output) = output else {
                return eprintln!("skipped: strace is not installed");
            };
            let output = String::from_utf8_lossy(&output.stderr).into_owned();
            let result = output.lines().find_map(|line| line.split_once(RESULT));
            let (_, result) = result.unwrap_or_else(|| panic!("{call} {count}: {output}"));
            let at = format!("{call} {count}: {result}");
            if result == "done" {
                assert!(count > 1, "{at}");
                break;
            }
            assert!(result.starts_with("kcc::state::store cannot "), "{at}");
            assert!(result.contains("Input/output error"), "{at}");
            assert!(result.contains("check the disk"), "{at}");
            let shown = ["record/", "history.tar"];
            assert!(shown.iter().any(|path| result.contains(path)), "{at}");
            let after = store.head().await.unwrap();
            let written = after.bytes.as_deref() == Some(NEXT.as_bytes());
            assert!(after == before || written, "{at}");
            let file = TarFile::open(place.join("history.tar"), "history.tar").unwrap();
            file.layout().check().unwrap();
            // The same change succeeds once the disk works.
            change(place).await.unwrap();
            check_layout(&place.join("record"), true);
        }
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn what_a_disk_does_not_give_is_named() {
    let directory = directory();
    let path = directory.path().join("record");
    let store = FolderStore::new(&path);
    store.put(&blobs(&["a"])).await.unwrap();
    let head = swap(&store, Some("{}")).await;
    let index = path.join("index.json");
    let content = fs::read(&index).unwrap();
    fs::remove_file(&index).unwrap();
    // The first page of a process is never readable.
    std::os::unix::fs::symlink("/proc/self/mem", &index).unwrap();
    let error = store.head().await.unwrap_err();
    assert_eq!(error.code, Code::StateStore);
    let expected = format!("cannot read `{}`: Input/output error", index.display());
    assert!(error.chain().starts_with(&expected), "{}", error.chain());
    assert!(error.help.unwrap().starts_with("check the disk"));
    fs::remove_file(&index).unwrap();
    fs::write(&index, content).unwrap();
    assert_eq!(store.head().await.unwrap(), head);
}
