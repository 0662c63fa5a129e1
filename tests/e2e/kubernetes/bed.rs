//! The Kubernetes of the end-to-end tests: with `KCC_E2E_KUBE=1` one real node
//! that is started for them and removed with everything in it. One that is up
//! already (`tests/testbed/kubernetes-up DIR`) is used and left where
//! `KCC_E2E_KUBE_BED` names its folder.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Where beds are made, and what their names begin with; a process's number follows.
const PLACE: &str = "/var/tmp";
const PREFIX: &str = "kcc-kube-";

/// A cluster that answers.
pub(crate) struct Bed {
    /// The folder of the test bed.
    folder: PathBuf,
    kubectl: PathBuf,
    root: PathBuf,
    /// It was started for the tests.
    started: bool,
}

impl Bed {
    /// Finds or starts a cluster. `root` is the repository's. None, with a line
    /// that says so, where no cluster is asked for.
    pub(crate) fn find(root: &Path) -> Option<Self> {
        let named = std::env::var_os("KCC_E2E_KUBE_BED").map(PathBuf::from);
        if named.is_none() && std::env::var("KCC_E2E_KUBE").as_deref() != Ok("1") {
            eprintln!(
                "SKIPPED: the end-to-end tests on Kubernetes. They need KCC_E2E_KUBE=1 and root; \
                 the first run builds Kubernetes from its Go module."
            );
            return None;
        }
        let started = named.is_none();
        // Not in memory: the layers of images need a file system that carries them.
        let folder = named
            .unwrap_or_else(|| Path::new(PLACE).join(format!("{PREFIX}{}", std::process::id())));
        let testbed = root.join("tests/testbed");
        if started {
            remove_leftovers(&testbed);
        }
        let binaries = run(&mut Command::new(testbed.join("build-kubernetes")));
        let bed = Self {
            folder,
            kubectl: Path::new(binaries.trim()).join("kubectl"),
            root: root.to_owned(),
            started,
        };
        run(Command::new(testbed.join("kubernetes-up")).arg(&bed.folder));
        Some(bed)
    }

    /// The path of the kubeconfig.
    pub(crate) fn kubeconfig(&self) -> String {
        self.folder.join("kubeconfig").display().to_string()
    }

    /// A kubectl command on the cluster.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.kubectl);
        command
            .arg("--kubeconfig")
            .arg(self.kubeconfig())
            .args(args);
        command
    }

    /// Runs kubectl and returns what it prints.
    pub(crate) fn kubectl(&self, args: &[&str]) -> String {
        run(&mut self.command(args)).trim().to_owned()
    }

    /// As `kubectl`, where it may fail.
    pub(crate) fn try_kubectl(&self, args: &[&str]) -> Option<String> {
        let output = self.command(args).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        output.status.success().then_some(text)
    }

    /// Brings an image to the node: the files of a folder, and what it runs.
    pub(crate) fn image(&self, reference: &str, files: &Path, entrypoint: &[&str]) {
        let mut pack = Command::new(self.root.join("tests/testbed/pack-image"));
        self.import(pack.arg(reference).arg(files).args(entrypoint));
    }

    /// Brings the images that a command writes to its stdout to the node.
    pub(crate) fn import(&self, images: &mut Command) {
        let mut images = images.stdout(Stdio::piped()).spawn().unwrap();
        run(
            Command::new(self.root.join("tests/testbed/kubernetes-import"))
                .arg(&self.folder)
                .stdin(images.stdout.take().unwrap()),
        );
        assert!(images.wait().unwrap().success(), "{images:?}");
    }

    /// The image of the shop's program under a name.
    pub(crate) fn shop_image(&self, reference: &str) {
        let app = self.root.join("examples/shop/app");
        run(&mut Command::new(app.join("build")));
        let files = tempfile::tempdir().unwrap();
        fs::copy(app.join("shop"), files.path().join("shop")).unwrap();
        self.image(reference, files.path(), &["/shop"]);
    }
}

/// Removes what was started, however the tests end.
impl Drop for Bed {
    fn drop(&mut self) {
        if self.started {
            let down = self.root.join("tests/testbed/kubernetes-down");
            let ended = Command::new(down).arg(&self.folder).status();
            if !ended.is_ok_and(|status| status.success()) {
                eprintln!("the test bed in {} was not removed", self.folder.display());
            }
        }
    }
}

/// Removes the beds of processes that were killed: a machine has room for one.
fn remove_leftovers(testbed: &Path) {
    for entry in fs::read_dir(PLACE).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().and_then(|name| name.to_str());
        let process = name.and_then(|name| name.strip_prefix(PREFIX));
        if process.is_some_and(|number| !Path::new("/proc").join(number).exists()) {
            run(Command::new(testbed.join("kubernetes-down")).arg(&path));
        }
    }
}

/// Runs a command, which has to go well; gives its stdout.
pub(crate) fn run(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}
