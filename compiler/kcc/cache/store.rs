//! [`Store`]: a directory with one file for each entry.
//!
//! Several processes may use it at once: an entry appears by a rename and never changes.
//! A file begins with a hash of its key and its value; one that does not match is not
//! believed and removed. Any failure counts as a missing entry, for a check has to work
//! where nothing can be written.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    time::SystemTime,
};

use sha2::{Digest, Sha256};

/// The maximum size of all entries together.
const MOST: u64 = 512 << 20;

/// The first line of every entry.
const MAGIC: &[u8] = b"kcc result 1\n";

/// The length of the hash behind the first line.
const HASH: usize = 32;

/// A directory of entries.
#[derive(Debug, Clone)]
pub struct Store {
    directory: PathBuf,
    most: u64,
}

impl Store {
    /// Returns the store in a directory, which need not exist.
    pub fn new(directory: PathBuf) -> Self {
        Self {
            directory,
            most: MOST,
        }
    }

    /// Returns the value that was written under a key.
    pub fn read(&self, key: &str) -> Option<Vec<u8>> {
        let path = self.path(key);
        let mut bytes = fs::read(&path).ok()?;
        let start = MAGIC.len() + HASH;
        let is_whole = bytes.starts_with(MAGIC)
            && bytes
                .get(MAGIC.len()..start)
                .is_some_and(|hash| hash == checksum(key, &bytes[start..]));
        if !is_whole {
            let _ = fs::remove_file(&path);
            return None;
        }
        // The least recently used entries are removed first.
        let _ = File::open(&path).and_then(|file| file.set_modified(SystemTime::now()));
        bytes.drain(..start);
        Some(bytes)
    }

    /// Writes a value under a key, and removes the least recently used entries if there
    /// are too many.
    pub fn write(&self, key: &str, value: &[u8]) {
        // One entry must not displace all others.
        if value.len() as u64 <= self.most / 4 && self.try_write(key, value).is_ok() {
            let _ = self.trim();
        }
    }

    fn try_write(&self, key: &str, value: &[u8]) -> io::Result<()> {
        make_private(&self.directory)?;
        let mut file = tempfile::Builder::new()
            .prefix(".new-")
            .tempfile_in(&self.directory)?;
        file.write_all(MAGIC)?;
        file.write_all(&checksum(key, value))?;
        file.write_all(value)?;
        file.persist(self.path(key)).map_err(|error| error.error)?;
        Ok(())
    }

    /// Removes entries, and what killed processes left, until there is room.
    fn trim(&self) -> io::Result<()> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            // Another process may have removed it.
            let Ok(metadata) = entry.metadata() else {
                continue;
            };
            entries.push((metadata.modified()?, metadata.len(), entry.path()));
        }
        let mut total: u64 = entries.iter().map(|(_, size, _)| size).sum();
        if total <= self.most {
            return Ok(());
        }
        entries.sort();
        for (_, size, path) in entries {
            // Some more, so that not every entry from now on removes one.
            if total <= self.most / 4 * 3 {
                break;
            }
            if fs::remove_file(path).is_ok() {
                total -= size;
            }
        }
        Ok(())
    }

    fn path(&self, key: &str) -> PathBuf {
        self.directory.join(key)
    }
}

/// Creates a directory that only its user may read: it has what the fragments have.
/// Creates three levels at most, which is less than a home that does not exist.
fn make_private(directory: &Path) -> io::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    let above = directory.ancestors().nth(3);
    if above.is_some_and(|above| !above.is_dir()) {
        return Err(io::ErrorKind::NotFound.into());
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}

/// Returns the hash of an entry. The key is part of it, so that no entry is taken for
/// another one.
fn checksum(key: &str, value: &[u8]) -> [u8; HASH] {
    let mut hash = Sha256::new();
    hash.update(key.as_bytes());
    hash.update(b"\n");
    hash.update(value);
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use std::{thread, time::Duration};

    use super::*;

    fn store() -> (tempfile::TempDir, Store) {
        let scratch = tempfile::tempdir().unwrap();
        let directory = scratch.path().join("kcc/results");
        (scratch, Store::new(directory))
    }

    #[test]
    fn returns_what_was_written() {
        let (_scratch, store) = store();
        assert_eq!(store.read("a"), None);
        store.write("a", b"one");
        store.write("b", b"");
        assert_eq!(store.read("a").unwrap(), b"one");
        assert_eq!(store.read("b").unwrap(), b"");
        store.write("a", b"two");
        assert_eq!(store.read("a").unwrap(), b"two");
    }

    #[test]
    fn a_damaged_entry_is_not_believed() {
        let (_scratch, store) = store();
        store.write("a", b"a result of some length");
        let path = store.path("a");
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            fs::write(&path, damaged).unwrap();
            assert_eq!(store.read("a"), None, "byte {at}");
            fs::write(&path, &whole[..at]).unwrap();
            assert_eq!(store.read("a"), None, "cut at {at}");
            assert!(!path.exists());
        }
        // Nor is the entry of another key.
        fs::write(&path, whole).unwrap();
        fs::rename(&path, store.path("b")).unwrap();
        assert_eq!(store.read("b"), None);
    }

    #[test]
    fn removes_the_least_recently_used_entries() {
        let (_scratch, mut store) = store();
        store.most = 4_000;
        let hour = Duration::from_hours(1);
        let age = |store: &Store, key: &str, age: u32| {
            let file = File::open(store.path(key)).unwrap();
            file.set_modified(SystemTime::now() - hour * age).unwrap();
        };
        for (key, hours) in [("a", 4), ("b", 3), ("c", 2), ("d", 1)] {
            store.write(key, &[0; 900]);
            age(&store, key, hours);
        }
        fs::write(store.directory.join(".new-left"), [0; 10]).unwrap();
        age(&store, ".new-left", 5);
        assert!(store.read("a").is_some(), "used now");
        store.write("e", &[0; 900]);
        let kept = ["a", "b", "c", "d", "e"].map(|key| store.read(key).is_some());
        assert_eq!(kept, [true, false, false, true, true]);
        assert!(!store.directory.join(".new-left").exists());
        store.write("f", &[0; 1_001]);
        assert_eq!(store.read("f"), None, "larger than a quarter");
    }

    #[test]
    fn processes_may_write_and_read_at_once() {
        let (_scratch, mut store) = store();
        store.most = 40_000;
        let store = &store;
        thread::scope(|scope| {
            for own in 0..4_u8 {
                scope.spawn(move || {
                    for round in 0..100_u8 {
                        let key = (round % 7).to_string();
                        store.write(&key, &vec![round % 7; 5_000]);
                        let key = ((round + own) % 7).to_string();
                        if let Some(value) = store.read(&key) {
                            assert_eq!(value, vec![(round + own) % 7; 5_000]);
                        }
                    }
                });
            }
        });
    }

    #[test]
    fn a_missing_home_is_not_created() {
        let scratch = tempfile::tempdir().unwrap();
        let home = scratch.path().join("none");
        let store = Store::new(home.join(".cache/kcc/results"));
        store.write("a", b"one");
        assert_eq!(store.read("a"), None);
        assert!(!home.exists());
    }
}
