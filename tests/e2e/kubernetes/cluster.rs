//! The cases' own access to the cluster.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::{support::Host, testbed::Testbed};

impl Testbed {
    /// Returns the address of a Service in the cluster.
    pub(crate) fn address(&self, namespace: &str, service: &str) -> String {
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
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.json");
        fs::write(&path, model.to_string()).unwrap();
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        self.import(
            Command::new(root.join("tests/testbed/standin/images"))
                .stdin(fs::File::open(path).unwrap()),
        );
    }

    fn save_artifacts(&self, namespace: &str, folder: &Path) {
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
        let folder: PathBuf = folder.join(namespace);
        let _ = fs::create_dir_all(&folder);
        for (name, args) in files {
            let args = [&["-n", namespace], args].concat();
            let text = self.try_kubectl(&args).unwrap_or_default();
            let _ = fs::write(folder.join(name), text);
        }
    }

    fn remove(&self, namespace: &str) {
        let delete = ["delete", "namespace", namespace, "--ignore-not-found"];
        self.try_kubectl(&delete);
    }
}
