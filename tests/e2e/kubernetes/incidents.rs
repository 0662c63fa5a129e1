//! Brings failures about on a real cluster and captures them. `KCC_UPDATE=1` writes the
//! capsules to `tests/e2e/incidents`, from which the tests on Docker reproduce them.

use std::{
    fs,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use kcc_test_engines::{
    Host as _, SHELL, System,
    incidents::{ALL, Incident},
    kubernetes::Testbed,
    trials::Case,
};
use serde_json::Value;

use crate::shop::Shop;

/// The time in which a failure has to show itself.
const LIMIT: Duration = Duration::from_mins(2);

pub(crate) fn cases() -> impl Iterator<Item = Case<Testbed>> {
    let live = Case::new("a_copy_runs_what_live_pods_run", |testbed| {
        a_copy_runs_what_live_pods_run(testbed);
    });
    let incidents = ALL.iter().map(|incident| {
        let name = format!("incident_{}", incident.name.replace('-', "_"));
        Case::new(name, move |testbed| is_captured(incident, testbed))
    });
    incidents.chain([live])
}

/// Compares the copy of the shop, field by field, with the pods that the cluster runs.
fn a_copy_runs_what_live_pods_run(testbed: Arc<Testbed>) {
    let shop = Shop::of(testbed, "live");
    shop.generate_key();
    shop.run_ok(&["apply", "--target", "prod", "--yes"]);
    shop.run_ok(&["capture", "--target", "prod", "-o", "x.capsule"]);
    let report = [
        "reproduce",
        "x.capsule",
        "--all",
        "--report",
        "--memory",
        "64Gi",
        "--format",
        "json",
    ];
    let out = shop.run_ok(&report);
    let document: Value = serde_json::from_str(&out).unwrap();
    let fields = document["fidelity"]["fields"].as_array().unwrap();
    let of_copy = |component: &str, field: &str| {
        let name = format!("{component}: {field}");
        let mut found = fields.iter().filter(|one| one["field"] == name.as_str());
        found.next().map_or(Value::Null, |one| one["copy"].clone())
    };
    let pods = shop.kubectl(&["get", "pods", "-o", "json"]);
    let pods: Value = serde_json::from_str(&pods).unwrap();
    let mut compared = 0;
    for pod in pods["items"].as_array().unwrap() {
        let component = pod["metadata"]["labels"]["app.kubernetes.io/name"].as_str();
        let component = component.unwrap();
        let container = &pod["spec"]["containers"][0];
        let mut same = |field: &str, live: &Value| {
            let copy = of_copy(component, field);
            assert_eq!(copy, *live, "{component}: {field}");
            compared += 1;
        };
        same("image", &container["image"]);
        for variable in container["env"].as_array().into_iter().flatten() {
            let value = &variable["value"];
            // The kubelet expands the others.
            if value.as_str().is_some_and(|value| !value.contains('$')) {
                let name = variable["name"].as_str().unwrap();
                same(&format!("env.{name}"), value);
            }
        }
        for field in ["command", "args"] {
            let live = &container[field];
            if !live.to_string().contains('$') {
                same(field, live);
            }
        }
        if let Some(limit) = container["resources"]["limits"]["memory"].as_str() {
            let mebibytes = limit.strip_suffix("Mi").unwrap().parse::<u64>().unwrap();
            same("memory", &(mebibytes << 20).into());
        }
        for mount in container["volumeMounts"].as_array().into_iter().flatten() {
            let path = mount["mountPath"].as_str().unwrap();
            // The cluster adds its own.
            if !path.starts_with("/var/run/secrets/kubernetes.io") {
                let there =
                    ["mount", "file"].map(|kind| of_copy(component, &format!("{kind}.{path}")));
                assert!(
                    there.iter().any(|one| !one.is_null()),
                    "{component}: {path}"
                );
                compared += 1;
            }
        }
    }
    assert!(compared > 30, "{compared} fields: {pods:#}");
}

fn is_captured(incident: &Incident, testbed: Arc<Testbed>) {
    let system = System::of(testbed, "hello", "prod", incident.name);
    let name = system.name.clone();
    fs::write(system.path("kcc.cue"), incident.fragment(&name)).unwrap();
    system.testbed.shell_image(SHELL);
    let apply = ["apply", "--target", "prod", "--yes", "--timeout", "40s"];
    let applied = system.run(&apply);
    if incident.breaks.is_empty() {
        assert_eq!(applied.code, Some(4), "{applied:#?}");
    } else {
        assert_eq!(applied.code, Some(0), "{applied:#?}");
    }
    for command in incident.breaks {
        let command = format!("-n {name} {command}");
        let words: Vec<&str> = command.split(' ').collect();
        system.testbed.kubectl(&words);
    }
    let file = "x.capsule";
    let capture = [
        "capture",
        "--target",
        "prod",
        "--edited-values",
        "-o",
        file,
        "--format",
        "json",
    ];
    let begun = Instant::now();
    loop {
        let out = system.run_ok(&capture);
        let document: Value = serde_json::from_str(&out).unwrap();
        let symptoms = document["symptoms"].as_array().unwrap().iter();
        let (component, kind) = incident.symptom;
        let mut found =
            symptoms.filter(|symptom| symptom["component"] == component && symptom["kind"] == kind);
        if found.next().is_some() {
            break;
        }
        assert!(begun.elapsed() < LIMIT, "{}: {out}", incident.name);
        thread::sleep(Duration::from_secs(2));
    }
    if std::env::var_os("KCC_UPDATE").is_some() {
        fs::copy(system.path(file), incident.capsule()).unwrap();
    }
}
