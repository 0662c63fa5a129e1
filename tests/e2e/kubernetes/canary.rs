//! The search for a secret value on Kubernetes.

use std::sync::Arc;

use kcc_test_engines::{System, canary::Canary, kubernetes::Testbed};
use serde_json::Value;

pub(crate) fn is_found_only_where_it_is_read(testbed: Arc<Testbed>) {
    let mut system = System::of(testbed, "hello", "prod", "canary");
    system.sites = vec![format!("{}-prod", system.name)];
    Canary::new(system).sings(look, "kubernetes::apply::after");
}

/// Keeps everything that the cluster shows to those who may not read Secrets, and kcc
/// records.
fn look(canary: &mut Canary<Testbed>) {
    let cluster = canary.system.testbed.clone();
    let namespace = canary.system.sites[0].clone();
    let kinds = "all,configmaps,secrets,serviceaccounts,persistentvolumeclaims,networkpolicies,\
                 leases,replicasets,controllerrevisions";
    let get = [
        "get",
        kinds,
        "-n",
        &namespace,
        "--show-managed-fields",
        "-o",
        "json",
    ];
    let mut all: Value = serde_json::from_str(&cluster.kubectl(&get)).unwrap();
    for object in all["items"].as_array_mut().unwrap() {
        if object["kind"] == "Secret" {
            object["data"].take();
        }
        let name = format!("{} {}", object["kind"], object["metadata"]["name"]);
        canary.keep(name, object.to_string());
    }
    let get = [
        "get",
        "namespace",
        &namespace,
        "--show-managed-fields",
        "-o",
        "json",
    ];
    canary.keep("namespace", cluster.kubectl(&get));
    canary.keep("record", cluster.record_text(&namespace));
    let mounts = [
        "exec",
        "-n",
        &namespace,
        "deploy/mounts",
        "-c",
        "mounts",
        "--",
    ];
    for file in ["/secret/canary", "/etc/password"] {
        let read = cluster.kubectl(&[&mounts[..], &["cat", file]].concat());
        assert!(read.contains("Canary"), "{file}: {read}");
    }
}
