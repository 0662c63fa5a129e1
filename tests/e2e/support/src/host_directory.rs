//! [`HostDirectory`]: a directory of the machine, below which mounts can appear.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

/// A directory whose mounts are shared with containers that ask for them.
pub struct HostDirectory {
    directory: TempDir,
}

/// A mount that is removed with this value.
pub struct Mounted(PathBuf);

impl HostDirectory {
    /// Creates the directory, which everybody may read.
    pub fn new() -> Self {
        let directory = tempfile::tempdir_in("/var/tmp").unwrap();
        run("chmod", &["755"], directory.path());
        let path = directory.path().to_str().unwrap();
        run("mount", &["--bind", path], directory.path());
        run("mount", &["--make-rshared"], directory.path());
        Self { directory }
    }

    /// Returns its path.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Mounts a file system below it, with the text `mounted` in `file`.
    pub fn mount(&self, name: &str) -> Mounted {
        let path = self.path().join(name);
        fs::create_dir(&path).unwrap();
        run("mount", &["-t", "tmpfs", "none"], &path);
        fs::write(path.join("file"), "mounted\n").unwrap();
        Mounted(path)
    }
}

impl Default for HostDirectory {
    fn default() -> Self {
        Self::new()
    }
}

/// Unmounts it, or its content could not be removed.
impl Drop for HostDirectory {
    fn drop(&mut self) {
        unmount(self.path());
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        unmount(&self.0);
    }
}

fn run(program: &str, args: &[&str], path: &Path) {
    let done = Command::new(program).args(args).arg(path).status();
    assert!(done.unwrap().success(), "{program} {args:?}");
}

fn unmount(path: &Path) {
    let done = Command::new("umount").arg("--lazy").arg(path).status();
    if !done.is_ok_and(|status| status.success()) {
        eprintln!("cannot unmount {}", path.display());
    }
}
