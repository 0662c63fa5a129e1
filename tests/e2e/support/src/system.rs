//! [`System`]: a copy of an example on an engine, under a name of its own.

use std::{
    ffi::OsString, fs, ops::Deref, os::unix::fs::symlink, path::Path, process::Command, sync::Arc,
};

use kcc_test_support::root;
use serde_json::Value;

use crate::ExampleCopy;

/// The image with a shell that cases use; it has no stand-in.
pub const SHELL: &str = "kcc-test/shell:1";

/// An engine that the real binary finds.
pub trait Host {
    /// Returns the environment variable that leads kcc to it.
    fn variable(&self) -> (&'static str, OsString);

    /// Provides stand-ins for all images of a model.
    fn stand_in(&self, model: &Value);

    /// Loads the images that a command writes to its stdout.
    fn load(&self, images: &mut Command);

    /// Provides an image with a shell and no entrypoint, which runs as 65532.
    fn shell_image(&self, reference: &str) {
        const PROGRAMS: [&str; 13] = [
            "cat", "echo", "head", "httpd", "id", "ls", "nc", "sh", "stat", "tail", "touch",
            "true", "wget",
        ];
        let files = tempfile::tempdir().unwrap();
        let bin = files.path().join("bin");
        fs::create_dir(&bin).unwrap();
        fs::copy("/bin/busybox", bin.join("busybox")).unwrap();
        for program in PROGRAMS {
            symlink("busybox", bin.join(program)).unwrap();
        }
        let mut pack = Command::new(root().join("tests/testbed/pack-image"));
        self.load(pack.arg(reference).arg(files.path()));
    }

    /// Provides an image of the shop's program under a name.
    fn shop_image(&self, reference: &str) {
        let app = root().join("examples/shop/app");
        let built = Command::new(app.join("build")).status();
        assert!(built.unwrap().success(), "the shop's program needs Go");
        let files = tempfile::tempdir().unwrap();
        fs::copy(app.join("shop"), files.path().join("shop")).unwrap();
        let mut pack = Command::new(root().join("tests/testbed/pack-image"));
        self.load(pack.arg(reference).arg(files.path()).arg("/shop"));
    }

    /// Saves what explains a failure at a site: a namespace or a system.
    fn save_artifacts(&self, sandbox: &str, artifacts: &Path);

    /// Removes all remains at a site, as far as possible: it is also called after
    /// a failure.
    fn remove(&self, sandbox: &str);
}

/// A copy of an example. Its remains on the engine are removed with it.
pub struct System<H: Host> {
    /// The engine.
    pub testbed: Arc<H>,
    copy: ExampleCopy,
    /// The name.
    pub name: String,
    /// The sites of its objects on the engine; by default one of its own name.
    pub sites: Vec<String>,
}

impl<H: Host> System<H> {
    /// Copies an example to work on in one target, under a name that is unique on
    /// the engine and ends with `suffix`.
    pub fn of(testbed: Arc<H>, example: &str, target: &'static str, suffix: &str) -> Self {
        let name = format!("e2e{}-{suffix}", std::process::id());
        let copy = ExampleCopy::of(example, target, testbed.variable());
        copy.rename(&name);
        Self {
            testbed,
            copy,
            sites: vec![name.clone()],
            name,
        }
    }

    /// Provides stand-ins for its images.
    pub fn stand_in(&self) {
        self.testbed.stand_in(&self.copy.model());
    }
}

impl<H: Host> Deref for System<H> {
    type Target = ExampleCopy;

    fn deref(&self) -> &ExampleCopy {
        &self.copy
    }
}

impl<H: Host> Drop for System<H> {
    fn drop(&mut self) {
        let failed = std::thread::panicking();
        let kept = failed
            .then(|| self.copy.save_artifacts(&self.name))
            .flatten();
        for sandbox in &self.sites {
            if let Some(artifacts) = &kept {
                self.testbed.save_artifacts(sandbox, artifacts);
            }
            self.testbed.remove(sandbox);
        }
    }
}

/// Returns the suffix of a case's system name.
pub fn initials(case: &str) -> String {
    case.split('_')
        .filter_map(|word| word.chars().next())
        .collect()
}
