//! Docker engines that are killed, and whose disk is full, during an apply. Each is one
//! of its own.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use kcc_test_engines::{
    Host as _, SHELL, System,
    docker::Testbed,
    kills::{outages::Outages, scenarios::write_ledger},
};

use crate::kills::ARGS;

pub(crate) fn a_killed_engine_is_survived() {
    let directory = PathBuf::from(format!("/var/tmp/kcc-killed-{}", std::process::id()));
    let testbed = Arc::new(Testbed::start(directory));
    let mut outages = Outages::new(ledger(&testbed, "killed"), ARGS);
    for text in [
        "done     create network",
        "done     create volume",
        "orders is healthy",
        "app is",
    ] {
        outages.engine_ends_at(text, || testbed.kill(), || testbed.restart());
    }
}

pub(crate) fn a_full_engine_is_survived() {
    let disk = Disk::new(DISK);
    let testbed = Arc::new(Testbed::start(disk.0.join("engine")));
    let mut outages = Outages::new(ledger(&testbed, "full"), ARGS);
    let mut failed = 0;
    // From nothing to what suffices for a part of the containers.
    for left in [0, 32 << 10, 256 << 10, 2 << 20, 6 << 20] {
        let is_failure = outages.fails_while(|| disk.fill(left), || disk.empty());
        failed += usize::from(is_failure);
    }
    assert!(failed >= 3, "{failed} applies failed");
}

fn ledger(testbed: &Arc<Testbed>, suffix: &str) -> System<Testbed> {
    let system = System::of(testbed.clone(), "hello", "dev", suffix);
    write_ledger(&system);
    testbed.shell_image(SHELL);
    system.stand_in();
    system
}

/// The size of a disk: enough for the images, and a copy of them for each container.
const DISK: u64 = 300 << 20;

/// A small file system, which is unmounted with this value.
struct Disk(PathBuf);

impl Disk {
    fn new(bytes: u64) -> Self {
        let path = PathBuf::from(format!("/var/tmp/kcc-full-{}", std::process::id()));
        fs::create_dir(&path).unwrap();
        let size = format!("size={bytes}");
        run(Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "none"])
            .arg(&path));
        Self(path)
    }

    /// Leaves so many bytes.
    fn fill(&self, left: u64) {
        let free = rustix::fs::statvfs(&self.0).unwrap();
        let bytes = (free.f_bavail * free.f_frsize).saturating_sub(left);
        let size = bytes.to_string();
        run(Command::new("fallocate")
            .args(["-l", &size])
            .arg(self.filling()));
    }

    fn empty(&self) {
        fs::remove_file(self.filling()).unwrap();
    }

    fn filling(&self) -> PathBuf {
        self.0.join("filling")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        unmount(&self.0);
    }
}

fn unmount(path: &Path) {
    let done = Command::new("umount").arg("--lazy").arg(path).status();
    if done.is_ok_and(|status| status.success()) {
        let _ = fs::remove_dir(path);
    } else {
        eprintln!("cannot unmount {}", path.display());
    }
}

fn run(command: &mut Command) {
    assert!(command.status().unwrap().success(), "{command:?}");
}
