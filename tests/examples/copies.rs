//! Checks that the copy of every example on a Docker engine runs what production runs,
//! field by field, apart from what the report of its fidelity lists. The reports are in
//! `tests/examples/copies`, which `KCC_UPDATE=1` updates.

use std::collections::BTreeMap;

use jiff::Timestamp;
use kcc::pipeline;
use kcc_capsule::{
    Capsule, Capture, Choices, Observed, Purpose, Stub, Treatment, processes, reproduce,
};
use kcc_plan::revision::Revision;
use kcc_test_support::{golden, root};
use kcc_tree::Engine;

use super::{Copy, EXAMPLES, records::recorded, sources::context};

/// The fields that a Docker engine has as a cluster does.
const EXACT: [&str; 9] = [
    "image",
    "command",
    "args",
    "workingDir",
    "memory",
    "cpuMillis",
    "file.",
    "user",
    "health",
];

/// Records the revision of a target.
fn revision(name: &str, target: &str) -> Revision {
    let copy = Copy::of(name);
    let context = context(&copy);
    let compiled = pipeline::compile(&context, None, target).unwrap();
    recorded(&context, &compiled)
}

#[test]
fn a_copy_runs_what_production_runs() {
    let mut reports = BTreeMap::new();
    for (name, targets) in EXAMPLES {
        for target in targets {
            let revision = revision(name, target);
            let at = Timestamp::UNIX_EPOCH;
            let capsule = Capsule {
                capture: Capture::new(&revision, None, at, Observed::default()),
                revision,
                id: "0".repeat(8),
            };
            let choices = Choices {
                all: true,
                purpose: Purpose::Look,
                stub: Stub {
                    image: "kcc-stub:1".to_owned(),
                    command: vec!["/kcc".to_owned()],
                },
                ..Choices::default()
            };
            let copy = reproduce(&capsule, &choices)
                .unwrap_or_else(|refused| panic!("{name} in {target}: {refused:?}"));
            let model = capsule.revision.content.model();
            let ran = capsule.revision.content.lowered(&capsule.capture.scope);
            let then = processes(&ran.desired, &model.secrets);
            let now = processes(&copy.lowered.desired, &model.secrets);
            for (unit, then) in then
                .iter()
                .filter(|(unit, _)| copy.copied.contains(&unit.component))
            {
                let Some(now) = now.get(unit) else {
                    let listed = copy.fidelity.differences();
                    let listed = listed.filter(|field| field.field == unit.to_string());
                    assert_eq!(listed.count(), 1, "{name} in {target}: {unit} is missing");
                    continue;
                };
                for (field, value) in &then.fields {
                    if EXACT.iter().any(|exact| field.starts_with(exact)) {
                        let copied = now.fields.get(field);
                        assert_eq!(copied, Some(value), "{name} in {target}: {unit}: {field}");
                    } else if now.fields.get(field) != Some(value) {
                        let full = format!("{unit}: {field}");
                        let mut listed = copy.fidelity.differences();
                        let found = listed.find(|field| field.field == full);
                        let found = found.unwrap_or_else(|| panic!("{name} in {target}: {full}"));
                        assert!(found.why.is_some(), "{full}");
                    }
                }
            }
            assert!(copy.fidelity.same() > 0, "{name} in {target}");
            if capsule.capture.engine == Engine::Kubernetes {
                let text = copy.fidelity.to_text();
                reports.insert(format!("{name}-{target}.txt"), text.into_bytes());
            } else {
                // Nothing but the secrets, the data and what an instance has of its own.
                let odd = copy.fidelity.differences().filter(|field| {
                    matches!(field.treatment, Treatment::Replaced)
                        && !field.field.starts_with("secret ")
                        && !field.field.contains(": data of volume ")
                });
                let odd: Vec<_> = odd.collect();
                assert!(odd.is_empty(), "{name} in {target}: {odd:#?}");
            }
        }
    }
    let folder = root().join("tests/examples/copies");
    golden::check_folder(&folder, &reports).unwrap_or_else(|differences| panic!("{differences}"));
}
