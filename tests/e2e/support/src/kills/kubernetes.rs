//! Kills on Kubernetes. A site is a namespace.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Write as _,
    path::PathBuf,
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::kubernetes::Testbed;

use super::KilledHost;

/// The time that the cluster may take to remove what nothing refers to any more.
const REMOVAL: Duration = Duration::from_mins(1);

/// Objects that are not kcc's; `NAMESPACE` is theirs.
const UNMANAGED: &str = r"
apiVersion: v1
kind: Namespace
metadata: {name: NAMESPACE}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: unmanaged, namespace: NAMESPACE}
data: {a: b}
---
apiVersion: v1
kind: Secret
metadata: {name: unmanaged, namespace: NAMESPACE}
stringData: {a: b}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: unmanaged, namespace: NAMESPACE}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
";

/// Returns the name of another namespace, which is not kcc's.
fn neighbour(site: &str) -> String {
    format!("{site}-unmanaged")
}

impl Testbed {
    /// Creates objects that are not kcc's in a namespace, which is not kcc's either.
    pub fn create_unmanaged_in(&self, namespace: &str) {
        let mut create = self.command(&["create", "-f", "-"]);
        let mut create = create.stdin(Stdio::piped()).spawn().unwrap();
        let objects = UNMANAGED.replace("NAMESPACE", namespace);
        let mut stdin = create.stdin.take().unwrap();
        stdin.write_all(objects.as_bytes()).unwrap();
        drop(stdin);
        assert!(create.wait().unwrap().success());
    }

    /// Returns the uid and version of each object in a namespace that is not kcc's.
    fn unmanaged_in(&self, namespace: &str) -> String {
        let kinds = "configmaps,secrets,persistentvolumeclaims";
        let path = "jsonpath={range .items[?(@.metadata.name==\"unmanaged\")]}{.kind} \
                    {.metadata.uid} {.metadata.resourceVersion}{\"\\n\"}{end}";
        self.kubectl(&["get", kinds, "-n", namespace, "-o", path])
    }

    fn exists(&self, namespace: &str) -> bool {
        let get = ["get", "namespace", namespace, "--ignore-not-found"];
        !self.kubectl(&get).is_empty()
    }

    fn left_now(&self, namespace: &str) -> Vec<String> {
        if !self.exists(namespace) {
            return Vec::new();
        }
        if self.unmanaged_in(namespace).is_empty() {
            return vec![format!("namespace {namespace}")];
        }
        let kinds = "all,configmaps,secrets,serviceaccounts,persistentvolumeclaims,ingresses,\
                     networkpolicies,poddisruptionbudgets,horizontalpodautoscalers,leases,roles,\
                     rolebindings,endpointslices";
        let names = self.kubectl(&["get", kinds, "-n", namespace, "-o", "name"]);
        let others = [
            "configmap/kube-root-ca.crt",
            "configmap/unmanaged",
            "secret/unmanaged",
            "serviceaccount/default",
            "persistentvolumeclaim/unmanaged",
        ];
        let left = names.lines().filter(|name| !others.contains(name));
        left.map(str::to_owned).collect()
    }
}

impl KilledHost for Testbed {
    const CLIENT: (&'static str, &'static str) = ("kubernetes", "runtime/kcc-kube/src/client");

    const UNPASSED: &'static [(&'static str, &'static str)] = &[
        (
            "record::adopt",
            "takes over records of earlier versions; the one on Docker has the same code",
        ),
        (
            "kubernetes::take-over",
            "is followed by an apply of the same object; a case of the engine tests stops in between",
        ),
    ];

    const SHARED: &'static [&'static str] = &[];

    /// Offers the volumes again that its claims have left behind.
    fn reset(&self, site: &str) {
        let volumes = self.kubectl(&["get", "persistentvolumes", "-o", "json"]);
        let volumes: Value = serde_json::from_str(&volumes).unwrap();
        for volume in volumes["items"].as_array().unwrap() {
            let name = volume["metadata"]["name"].as_str().unwrap();
            if volume["spec"]["claimRef"]["namespace"] == site
                && volume["status"]["phase"] == "Released"
            {
                let directory = self.volume(name);
                fs::remove_dir_all(&directory).unwrap();
                fs::create_dir(&directory).unwrap();
                let patch = r#"--patch={"spec":{"claimRef":null}}"#;
                self.kubectl(&["patch", "persistentvolume", name, patch]);
            }
        }
    }

    fn left(&self, _: &str, site: &str) -> Vec<String> {
        let end = Instant::now() + REMOVAL;
        loop {
            let left = self.left_now(site);
            if left.is_empty() || Instant::now() > end {
                return left;
            }
            thread::sleep(Duration::from_millis(300));
        }
    }

    fn create_unmanaged(&self, site: &str) {
        self.create_unmanaged_in(&neighbour(site));
    }

    fn unmanaged(&self, site: &str) -> String {
        let mut texts = vec![self.unmanaged_in(&neighbour(site))];
        if self.exists(site) {
            texts.push(self.unmanaged_in(site));
        }
        texts.join("\n")
    }

    fn remove_unmanaged(&self, site: &str) {
        for namespace in [site, &neighbour(site)] {
            let delete = ["delete", "namespace", namespace, "--ignore-not-found"];
            self.try_kubectl(&delete);
        }
        self.reset(site);
    }

    fn volumes(&self, _: &str, site: &str) -> BTreeMap<String, PathBuf> {
        if !self.exists(site) {
            return BTreeMap::new();
        }
        let path = "jsonpath={range .items[*]}{.metadata.name} {.spec.volumeName}{\"\\n\"}{end}";
        let claims = self.kubectl(&["get", "persistentvolumeclaims", "-n", site, "-o", path]);
        let bound = claims
            .lines()
            .filter_map(|line| line.trim().split_once(' '));
        bound
            .map(|(claim, volume)| (claim.to_owned(), self.volume(volume)))
            .collect()
    }

    fn nameless(&self) -> BTreeSet<String> {
        BTreeSet::new()
    }
}
