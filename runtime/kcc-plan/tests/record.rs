//! The record in a directory; the engines' crates run the same checks on their stores.

#![allow(clippy::unwrap_used, reason = "tests panic on failure")]

use std::{fs, path::PathBuf};

use kcc_lock::Digest;
use kcc_plan::FolderStore;
use kcc_test_engines::store::{TestedStore, check_store};

struct Folder(PathBuf);

impl TestedStore for Folder {
    type Store = FolderStore;

    async fn connect(&self) -> FolderStore {
        FolderStore::new(&self.0)
    }

    async fn damage(&self, digest: &Digest) {
        let path = self.0.join("blobs/sha256").join(digest.hex());
        assert!(path.exists());
        fs::write(path, "{}").unwrap();
    }
}

#[tokio::test]
async fn a_directory_keeps_a_record() {
    // In memory where possible: the checks write and sync some thousand files.
    let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
    let directory = directory.unwrap();
    check_store(&Folder(directory.path().join("record"))).await;
}
