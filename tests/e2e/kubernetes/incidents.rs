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

/// The time in which a failure has to show itself.
const LIMIT: Duration = Duration::from_mins(2);

pub(crate) fn cases() -> impl Iterator<Item = Case<Testbed>> {
    ALL.iter().map(|incident| {
        let name = format!("incident_{}", incident.name.replace('-', "_"));
        Case::new(name, move |testbed| is_captured(incident, testbed))
    })
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
