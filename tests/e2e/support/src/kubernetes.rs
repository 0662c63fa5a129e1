//! The Kubernetes cluster of the end-to-end tests: with `KCC_E2E_KUBE=1` one real
//! node that is started for them and removed with everything in it. A running
//! cluster (`tests/testbed/kubernetes-up DIR`) is used, and left as it is, if
//! `KCC_E2E_KUBE_BED` names its directory.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use kcc_lock::Digest;
use kcc_plan::Blob;
use kcc_test_support::root;
use serde_json::Value;

use crate::{Host, SHELL};

/// The directory of testbeds, and the prefix of their names before the process number.
const PARENT: &str = "/var/tmp";
const PREFIX: &str = "kcc-kube-";

/// A running cluster.
pub struct Testbed {
    /// The directory of the testbed.
    directory: PathBuf,
    kubectl: PathBuf,
    nodes: usize,
    /// True if it was started for the tests.
    started: bool,
}

impl Testbed {
    /// Finds or starts a cluster of one node. Prints why and returns none if no cluster
    /// is requested.
    pub fn find() -> Option<Self> {
        Self::find_with(1)
    }

    /// Finds or starts a cluster of some nodes. Prints why and returns none if no cluster
    /// is requested.
    pub fn find_with(nodes: usize) -> Option<Self> {
        let named = std::env::var_os("KCC_E2E_KUBE_BED").map(PathBuf::from);
        if named.is_none() && std::env::var("KCC_E2E_KUBE").as_deref() != Ok("1") {
            eprintln!(
                "SKIPPED: the end-to-end tests on Kubernetes. They need KCC_E2E_KUBE=1 and root; \
                 the first run builds Kubernetes from its Go module."
            );
            return None;
        }
        let started = named.is_none();
        // Not on tmpfs: image layers need a file system that supports them.
        let directory = named
            .unwrap_or_else(|| Path::new(PARENT).join(format!("{PREFIX}{}", std::process::id())));
        let scripts = root().join("tests/testbed");
        if started {
            remove_leftovers(&scripts);
        }
        let binaries = run(&mut Command::new(scripts.join("build-kubernetes")));
        let testbed = Self {
            directory,
            kubectl: Path::new(binaries.trim()).join("kubectl"),
            nodes,
            started,
        };
        testbed.up();
        Some(testbed)
    }

    /// Starts what does not run of the cluster.
    fn up(&self) {
        let script = root().join("tests/testbed/kubernetes-up");
        let nodes = self.nodes.to_string();
        run(Command::new(script)
            .arg(&self.directory)
            .args(["--nodes", &nodes]));
    }

    /// Returns the path of kubectl.
    pub fn program(&self) -> &Path {
        &self.kubectl
    }

    /// Ends the API server as if by a crash.
    pub fn kill(&self) {
        let file = self.directory.join("run/apiserver.pid");
        let process = fs::read_to_string(file).unwrap();
        crate::kill(process.trim());
    }

    /// Starts the API server again.
    pub fn restart(&self) {
        self.up();
    }

    /// Returns the audit log of the API server, which not every test bed writes.
    pub fn audit_log(&self) -> PathBuf {
        self.directory.join("logs/audit.log")
    }

    /// Returns the path of the kubeconfig.
    pub fn kubeconfig(&self) -> String {
        self.directory.join("kubeconfig").display().to_string()
    }

    /// Returns the private address of this machine in the cluster's network, that of
    /// the API server.
    pub fn machine(&self) -> String {
        let server = "jsonpath={.clusters[0].cluster.server}";
        let url = self.kubectl(&["config", "view", "-o", server]);
        let address = url.trim_start_matches("https://").split(':').next();
        address.unwrap().to_owned()
    }

    /// Returns everything that the records in a namespace say, as text.
    pub fn record_text(&self, namespace: &str) -> String {
        let maps = self.kubectl(&["get", "configmaps", "-n", namespace, "-o", "json"]);
        let maps: Value = serde_json::from_str(&maps).unwrap();
        let mut texts = Vec::new();
        for map in maps["items"].as_array().unwrap() {
            let name = map["metadata"]["name"].as_str().unwrap();
            texts.push(format!("{name}: {}", map["data"]));
            let Some(packed) = map["binaryData"]["blob"].as_str() else {
                continue;
            };
            // A blob of these tests has one part.
            let digest = name.rsplit('.').next().and_then(Digest::from_hex).unwrap();
            let blob = Blob::unpack(&digest, &BASE64.decode(packed).unwrap()).unwrap();
            texts.push(String::from_utf8(blob.bytes().to_vec()).unwrap());
        }
        texts.join("\n")
    }

    /// Returns the directory of a persistent volume.
    pub fn volume(&self, name: &str) -> PathBuf {
        self.directory.join("volumes").join(name)
    }

    /// Builds a kubectl command on the cluster.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.kubectl);
        command
            .arg("--kubeconfig")
            .arg(self.kubeconfig())
            .args(args);
        command
    }

    /// Runs kubectl and returns its output.
    pub fn kubectl(&self, args: &[&str]) -> String {
        run(&mut self.command(args)).trim().to_owned()
    }

    /// Runs kubectl, which may fail.
    pub fn try_kubectl(&self, args: &[&str]) -> Option<String> {
        let output = self.command(args).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        output.status.success().then_some(text)
    }

    /// Loads an image with the files of a directory and an entrypoint onto the node.
    pub fn image(&self, reference: &str, files: &Path, entrypoint: &[&str]) {
        let mut pack = Command::new(root().join("tests/testbed/pack-image"));
        self.load(pack.arg(reference).arg(files).args(entrypoint));
    }

    /// Returns the address of a Service in the cluster.
    pub fn address(&self, namespace: &str, service: &str) -> String {
        let path = "jsonpath={.spec.clusterIP}:{.spec.ports[?(@.name=='http')].port}";
        self.kubectl(&["get", "service", service, "-n", namespace, "-o", path])
    }
}

/// Uses a namespace as a site.
impl Host for Testbed {
    fn variable(&self) -> (&'static str, OsString) {
        ("KUBECONFIG", self.kubeconfig().into())
    }

    fn stand_in(&self, model: &Value) {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("model.json");
        fs::write(&path, model.to_string()).unwrap();
        self.load(
            Command::new(root().join("tests/testbed/standin/images"))
                .arg(SHELL)
                .stdin(fs::File::open(path).unwrap()),
        );
    }

    fn load(&self, images: &mut Command) {
        let mut images = images.stdout(Stdio::piped()).spawn().unwrap();
        run(Command::new(root().join("tests/testbed/kubernetes-import"))
            .arg(&self.directory)
            .stdin(images.stdout.take().unwrap()));
        assert!(images.wait().unwrap().success(), "{images:?}");
    }

    fn save_artifacts(&self, namespace: &str, artifacts: &Path) {
        let files: [(&str, &[&str]); 4] = [
            (
                "objects.yaml",
                &["get", "-o", "yaml", "all,configmaps,pvc,leases"],
            ),
            ("events.txt", &["get", "events", "--sort-by=.lastTimestamp"]),
            ("pods.txt", &["describe", "pods"]),
            (
                "logs.txt",
                &[
                    "logs",
                    "--selector=app.kubernetes.io/managed-by=kcc",
                    "--all-containers",
                    "--prefix",
                    "--tail=200",
                ],
            ),
        ];
        let own: PathBuf = artifacts.join(namespace);
        let _ = fs::create_dir_all(&own);
        for (name, args) in files {
            let args = [&["-n", namespace], args].concat();
            let text = self.try_kubectl(&args).unwrap_or_default();
            let _ = fs::write(own.join(name), text);
        }
    }

    fn remove(&self, namespace: &str) {
        let delete = ["delete", "namespace", namespace, "--ignore-not-found"];
        self.try_kubectl(&delete);
    }
}

/// Removes a cluster that was started, however the tests end.
impl Drop for Testbed {
    fn drop(&mut self) {
        if self.started {
            let down = root().join("tests/testbed/kubernetes-down");
            let ended = Command::new(down).arg(&self.directory).status();
            if !ended.is_ok_and(|status| status.success()) {
                eprintln!("cannot remove the testbed in {}", self.directory.display());
            }
        }
    }
}

/// Removes the testbeds of killed processes: a machine has room for one.
fn remove_leftovers(scripts: &Path) {
    for entry in fs::read_dir(PARENT).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().and_then(|name| name.to_str());
        let process = name.and_then(|name| name.strip_prefix(PREFIX));
        if process.is_some_and(|number| !Path::new("/proc").join(number).exists()) {
            run(Command::new(scripts.join("kubernetes-down")).arg(&path));
        }
    }
}

/// Runs a command, which must succeed, and returns its stdout.
pub fn run(command: &mut Command) -> String {
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
