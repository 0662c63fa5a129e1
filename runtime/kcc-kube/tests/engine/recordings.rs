//! Records failures of a real cluster for the unit tests of the causes: with
//! `KCC_UPDATE=1` every scenario runs in a namespace of its own, all of them at once,
//! and what the cluster then says about it is written to `src/causes/recorded`.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use kcc_test_engines::{Host, kubernetes::Testbed, registry::Registry};
use serde_json::{Value, json};

use crate::scenarios::{BROKEN_PLATFORM, Phase, Scenario, TOOLS, scenarios};

/// The time after which every failure of a scenario is one that repeats itself: the
/// kubelet's probes, its back-off, and the grace period of a lost node.
const SETTLED: Duration = Duration::from_secs(100);
/// The same for the scenarios that only the scheduler decides.
const SCHEDULED: Duration = Duration::from_secs(8);

/// The kinds that the causes read.
const KINDS: &str = "deployments,statefulsets,daemonsets,jobs,cronjobs,replicasets,pods,events,\
                     persistentvolumeclaims,resourcequotas,limitranges,serviceaccounts,configmaps,\
                     secrets,services,endpointslices,horizontalpodautoscalers";
const CLUSTER_KINDS: &str = "nodes,storageclasses,persistentvolumes";

/// The fields that change from one recording to the next and explain nothing.
const NOISE: &[&str] = &[
    "managedFields",
    "resourceVersion",
    "kubectl.kubernetes.io/last-applied-configuration",
    "containerID",
    "imageID",
    "images",
    "nodeInfo",
    "volumesInUse",
    "volumesAttached",
    "selfLink",
    // The directory of a volume of the bed.
    "local",
    "sourceHost",
    "daemonEndpoints",
    "reportingInstance",
    "reportingComponent",
    "clusterIPs",
    "ipFamilies",
    "ipFamilyPolicy",
    "podIPs",
    "hostIPs",
    "observedGeneration.pod",
];

/// Records all scenarios, or those that `KCC_CAUSES` names.
pub(crate) fn record(testbed: &Testbed) {
    let wanted = std::env::var("KCC_CAUSES").ok();
    let wanted: Option<Vec<_>> = wanted.as_ref().map(|names| names.split(',').collect());
    let open = Registry::start(false).expect("needs Debian's docker-registry");
    let locked = Registry::start(true).expect("needs Debian's docker-registry");
    tools(testbed);
    broken_platform(&open);
    let all: Vec<_> = scenarios(&open.host(), &locked.host())
        .into_iter()
        .filter(|scenario| {
            wanted
                .as_ref()
                .is_none_or(|names| names.contains(&scenario.name))
        })
        .collect();
    for scenario in &all {
        let name = scenario.namespace();
        testbed.try_kubectl(&[
            "delete",
            "namespace",
            &name,
            "--ignore-not-found",
            "--wait=false",
        ]);
    }
    let of = |phase| all.iter().filter(move |scenario| scenario.phase == phase);
    for scenario in of(Phase::Together) {
        create(testbed, scenario);
    }
    let begun = Instant::now();
    while begun.elapsed() < SETTLED && of(Phase::Together).next().is_some() {
        thread::sleep(Duration::from_secs(5));
    }
    for scenario in of(Phase::Together) {
        write(testbed, scenario);
        remove(testbed, scenario);
    }
    let node = testbed.kubectl(&["get", "nodes", "-o", "jsonpath={.items[0].metadata.name}"]);
    let marked: [(Phase, &[&str], &[&str]); 2] = [
        (
            Phase::Tainted,
            &["taint", "node", &node, "dedicated=batch:NoSchedule"],
            &["taint", "node", &node, "dedicated=batch:NoSchedule-"],
        ),
        (Phase::Cordoned, &["cordon", &node], &["uncordon", &node]),
    ];
    for (phase, mark, unmark) in marked {
        if of(phase).next().is_none() {
            continue;
        }
        testbed.kubectl(mark);
        for scenario in of(phase) {
            create(testbed, scenario);
        }
        thread::sleep(SCHEDULED);
        for scenario in of(phase) {
            write(testbed, scenario);
            remove(testbed, scenario);
        }
        testbed.kubectl(unmark);
    }
}

/// Loads an image with a shell and its tools.
fn tools(testbed: &Testbed) {
    let files = tempfile::tempdir().unwrap();
    let bin = files.path().join("bin");
    fs::create_dir(&bin).unwrap();
    fs::create_dir(files.path().join("tmp")).unwrap();
    fs::copy("/bin/busybox", bin.join("busybox")).unwrap();
    for applet in [
        "sh", "sleep", "cat", "httpd", "nc", "touch", "kill", "mkdir", "true", "dd",
    ] {
        std::os::unix::fs::symlink("busybox", bin.join(applet)).unwrap();
    }
    fs::write(files.path().join("notes.txt"), "not a program\n").unwrap();
    testbed.image(TOOLS, files.path(), &["/bin/sh", "-c", "sleep 3600"]);
    let mut pack = Command::new(kcc_test_support::root().join("tests/testbed/pack-image"));
    pack.env("IMAGE_USER", "root");
    let as_root = TOOLS.replace(":1", "-root:1");
    testbed.load(
        pack.arg(as_root)
            .arg(files.path())
            .args(["/bin/sh", "-c", "sleep 3600"]),
    );
}

/// Pushes an index that has an image for a platform that no node is of.
fn broken_platform(registry: &Registry) {
    let put = |path: &str, kind: &str, body: &str| {
        let url = format!("http://{}/v2/{BROKEN_PLATFORM}/{path}", registry.host());
        let kind = format!("Content-Type: {kind}");
        let sent = Command::new("curl")
            .args(["-sf", "-X", "PUT", "-H", &kind, "--data-binary", body, &url])
            .stdout(Stdio::null())
            .status();
        assert!(sent.unwrap().success(), "{url}");
    };
    let config = "{\"architecture\":\"arm64\",\"os\":\"linux\",\"config\":{},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}";
    let url = format!(
        "http://{}/v2/{BROKEN_PLATFORM}/blobs/uploads/",
        registry.host()
    );
    let digest = |text: &str| {
        let mut child = Command::new("sha256sum")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), text.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        format!("sha256:{}", text.split_whitespace().next().unwrap())
    };
    let begun = Command::new("curl")
        .args(["-sf", "-X", "POST", "-D", "-", &url])
        .output()
        .unwrap();
    let headers = String::from_utf8(begun.stdout).unwrap();
    let location = headers
        .lines()
        .find_map(|line| {
            line.split_once(": ")
                .filter(|(name, _)| name.eq_ignore_ascii_case("location"))
        })
        .map(|(_, location)| location.trim().to_owned())
        .unwrap();
    let upload = format!("{location}&digest={}", digest(config));
    let sent = Command::new("curl")
        .args([
            "-sf",
            "-X",
            "PUT",
            "-H",
            "Content-Type: application/octet-stream",
        ])
        .args(["--data-binary", config, &upload])
        .status();
    assert!(sent.unwrap().success(), "{upload}");
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json",
                   "digest": digest(config), "size": config.len()},
        "layers": [],
    })
    .to_string();
    let of_manifest = digest(&manifest);
    put(
        &format!("manifests/{of_manifest}"),
        "application/vnd.oci.image.manifest.v1+json",
        &manifest,
    );
    let index = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [{
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": of_manifest,
            "size": manifest.len(),
            "platform": {"architecture": "arm64", "os": "linux"},
        }],
    })
    .to_string();
    put(
        "manifests/1",
        "application/vnd.oci.image.index.v1+json",
        &index,
    );
}

fn create(testbed: &Testbed, scenario: &Scenario) {
    let namespace = scenario.namespace();
    while testbed
        .try_kubectl(&["get", "namespace", &namespace])
        .is_some()
    {
        thread::sleep(Duration::from_millis(500));
    }
    testbed.kubectl(&["create", "namespace", &namespace]);
    for (name, value) in &scenario.namespace_labels {
        testbed.kubectl(&["label", "namespace", &namespace, &format!("{name}={value}")]);
    }
    for object in &scenario.objects {
        apply(testbed, &namespace, object);
    }
    for args in &scenario.commands {
        thread::sleep(Duration::from_secs(3));
        let args: Vec<_> = args.split(' ').collect();
        testbed.try_kubectl(&[&["-n", &namespace][..], &args].concat());
    }
}

fn apply(testbed: &Testbed, namespace: &str, object: &Value) {
    let mut child = testbed
        .command(&["-n", namespace, "apply", "-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    serde_json::to_writer(child.stdin.take().unwrap(), object).unwrap();
    assert!(child.wait().unwrap().success(), "{namespace}: {object}");
}

/// Writes what the cluster says about a scenario.
fn write(testbed: &Testbed, scenario: &Scenario) {
    let namespace = scenario.namespace();
    let list = |args: &[&str]| -> Vec<Value> {
        let text = testbed.kubectl(&[args, &["-o", "json"]].concat());
        let mut list: Value = serde_json::from_str(&text).unwrap();
        match list["items"].take() {
            Value::Array(items) => items,
            _ => Vec::new(),
        }
    };
    let mut objects = list(&["-n", &namespace, "get", KINDS]);
    objects.extend(list(&["get", CLUSTER_KINDS]).into_iter().filter(|object| {
        // The bed's own volumes are many and equal.
        let name = object["metadata"]["name"].as_str().unwrap();
        object["kind"] != "PersistentVolume" || name.ends_with("-1")
    }));
    objects.retain(|object| {
        let name = object["metadata"]["name"].as_str().unwrap();
        name != "kube-root-ca.crt"
    });
    let mut logs: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for pod in objects.iter().filter(|object| object["kind"] == "Pod") {
        let name = pod["metadata"]["name"].as_str().unwrap();
        for list in ["initContainerStatuses", "containerStatuses"] {
            for status in pod["status"][list].as_array().into_iter().flatten() {
                let container = status["name"].as_str().unwrap();
                let previous = status["state"]["waiting"].is_object();
                let mut args = vec!["-n", &namespace, "logs", name, "-c", container, "--tail=5"];
                if previous {
                    args.push("--previous");
                }
                if let Some(text) = testbed.try_kubectl(&args).filter(|text| !text.is_empty()) {
                    let lines = text.lines().map(str::to_owned).collect();
                    logs.insert(format!("{name}/{container}"), lines);
                }
            }
        }
    }
    for object in &mut objects {
        if object["kind"] == "Secret"
            && let Some(data) = object["data"].as_object_mut()
        {
            for value in data.values_mut() {
                *value = json!("");
            }
        }
        strip(object);
    }
    let needs: Vec<_> = scenario
        .needs
        .iter()
        .map(|(component, other, until)| json!([component, other, until]))
        .collect();
    let recorded = json!({
        "namespace": namespace,
        "absent": scenario.absent,
        "needs": needs,
        "objects": objects,
        "logs": logs,
    });
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/causes/recorded");
    fs::create_dir_all(&directory).unwrap();
    let text = serde_json::to_string_pretty(&recorded).unwrap();
    fs::write(
        directory.join(format!("{}.json", scenario.name)),
        text + "\n",
    )
    .unwrap();
}

fn strip(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| !NOISE.contains(&name.as_str()));
            fields.values_mut().for_each(strip);
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        _ => {}
    }
}

fn remove(testbed: &Testbed, scenario: &Scenario) {
    let namespace = scenario.namespace();
    // A pod that a finalizer holds back would hold back its namespace.
    let patch = "{\"metadata\":{\"finalizers\":null}}";
    for pod in testbed
        .try_kubectl(&["-n", &namespace, "get", "pods", "-o", "name"])
        .unwrap_or_default()
        .lines()
    {
        testbed.try_kubectl(&["-n", &namespace, "patch", pod, "--type=merge", "-p", patch]);
    }
    for cluster_wide in &scenario.cluster_wide {
        testbed.try_kubectl(&["delete", cluster_wide, "--ignore-not-found", "--wait=false"]);
    }
    testbed.try_kubectl(&["delete", "namespace", &namespace, "--wait=false"]);
}
