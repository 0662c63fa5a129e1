//! Hashes the code that a check runs, for the keys of the cache: an outcome that another
//! version of it found may differ. The same sources have the same hash everywhere, so
//! that machines can share a cache.

use std::{
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

/// The directories of the code between the sources and the outcome. The schema and the
/// guest are part of the evaluator, which has a hash of its own.
const CODE: [&str; 8] = [
    "compiler/kcc",
    "compiler/kcc-cue/src",
    "compiler/kcc-diag/src",
    "compiler/kcc-lock/src",
    "compiler/kcc-lower/src",
    "compiler/kcc-model/src",
    "compiler/kcc-tree/src",
    "runtime/kcc-docker/src",
];

fn main() -> io::Result<()> {
    let mut files = ["Cargo.lock", "compiler/kcc-tree/schema.json"]
        .map(PathBuf::from)
        .to_vec();
    for directory in CODE {
        list(Path::new(directory), &mut files)?;
    }
    files.sort();
    let mut hash = Sha256::new();
    for file in &files {
        println!("cargo::rerun-if-changed={}", file.display());
        let text = fs::read(file)?;
        hash.update(file.to_string_lossy().as_bytes());
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    }
    let mut build = String::new();
    for byte in hash.finalize().iter().take(16) {
        let _ = write!(build, "{byte:02x}");
    }
    println!("cargo::rustc-env=KCC_BUILD={build}");
    Ok(())
}

/// Adds the files below a directory. A new one is noticed, because the file that names the
/// module changes as well.
fn list(directory: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            list(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}
