//! The requirements on the timeline of the shop that hold on either engine.

use std::{collections::BTreeSet, fs, process::Stdio, thread::sleep, time::Duration};

use serde_json::Value;

use crate::ExampleCopy;

/// The timeline of a target as JSON, and as a trace.
pub struct Lanes(Value, Value);

impl Lanes {
    /// Reads it.
    pub fn of(copy: &ExampleCopy) -> Self {
        Self::with(copy, &[])
    }

    /// Reads it with further arguments.
    pub fn with(copy: &ExampleCopy, more: &[&str]) -> Self {
        let formats = ["--format", "json", "--trace", "trace.json"];
        let args = [&["timeline", "--target", copy.target()][..], &formats, more].concat();
        let json = serde_json::from_str(&copy.run_ok(&args)).unwrap();
        let trace = fs::read_to_string(copy.path("trace.json")).unwrap();
        Self(json, serde_json::from_str(&trace).unwrap())
    }

    /// Returns the machines.
    pub fn machines(&self) -> BTreeSet<&str> {
        let lanes = self.0["lanes"].as_array().unwrap().iter();
        lanes
            .map(|lane| lane["machine"].as_str().unwrap())
            .collect()
    }

    /// Returns each observation as machine, object and event.
    pub fn observations(&self) -> Vec<(&str, &str, &str)> {
        let lanes = self.0["lanes"].as_array().unwrap().iter();
        lanes
            .flat_map(|lane| {
                let observations = lane["observations"].as_array().unwrap().iter();
                observations.map(|one| {
                    (
                        lane["machine"].as_str().unwrap(),
                        one["object"].as_str().unwrap(),
                        one["event"].as_str().unwrap(),
                    )
                })
            })
            .collect()
    }

    /// Returns each observation that the engine does not hold any more, as machine, object
    /// and event.
    pub fn journaled(&self) -> Vec<(&str, &str, &str)> {
        let lanes = self.0["lanes"].as_array().unwrap().iter();
        let all = lanes.flat_map(|lane| lane["observations"].as_array().unwrap().iter());
        let shown = self.observations().into_iter().zip(all);
        let journaled = shown.filter(|(_, observation)| observation["journaled"] == true);
        journaled.map(|(shown, _)| shown).collect()
    }

    /// Returns the gaps as machine and reason.
    pub fn gaps(&self) -> Vec<(&str, &str)> {
        let lanes = self.0["lanes"].as_array().unwrap().iter();
        let gaps = lanes.flat_map(|lane| {
            let gaps = lane["gaps"].as_array().into_iter().flatten();
            gaps.map(|gap| {
                let machine = lane["machine"].as_str().unwrap();
                (machine, gap["why"].as_str().unwrap())
            })
        });
        gaps.collect()
    }

    /// Returns the arrows of a proof: the machine and object of the cause, and the machine
    /// of the effect. Both are about one object, which another machine acted on.
    pub fn arrows(&self, proof: &str) -> Vec<(String, String, String)> {
        let arrows = self.0["arrows"].as_array().unwrap().iter();
        let own = arrows.filter(|arrow| arrow["proof"] == proof);
        own.map(|arrow| {
            let place = |place: &Value| {
                let index = |name: &str| usize::try_from(place[name].as_u64().unwrap()).unwrap();
                let lane = &self.0["lanes"][index("lane")];
                let object = &lane["observations"][index("observation")]["object"];
                (lane["machine"].clone(), object.clone())
            };
            let ((from, cause), (to, effect)) = (place(&arrow["from"]), place(&arrow["to"]));
            assert_ne!(from, to, "{arrow}");
            // A container of a pod is named behind it.
            let (cause, effect) = (cause.as_str().unwrap(), effect.as_str().unwrap());
            assert!(effect.starts_with(cause), "{cause} and {effect}");
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            (text(&from), cause.to_owned(), text(&to))
        })
        .collect()
    }
}

/// Starts to record a copy, does something, and kills the recorder once it has written.
pub fn record_until_killed(copy: &ExampleCopy, act: impl FnOnce()) {
    let mut command = copy.command(&["record", "--target", copy.target(), "--for", "2m"]);
    let silent = command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut recorder = silent.spawn().unwrap();
    sleep(Duration::from_secs(3));
    act();
    // It writes every five seconds.
    sleep(Duration::from_secs(8));
    recorder.kill().unwrap();
    recorder.wait().unwrap();
}

/// Checks that every apply is in the lane of the machine that ran it and in that of the
/// engine, in a proved order.
pub fn shows_applies(copy: &ExampleCopy, lanes: &Lanes, engine: &str, applies: usize) {
    let entries = lanes.arrows("entry");
    assert_eq!(entries.len(), applies, "{entries:#?}");
    for (from, _, to) in &entries {
        assert!(from.starts_with("kcc of ") && to == engine, "{from} {to}");
    }
    let text = copy.run_ok(&["timeline", "--target", copy.target()]);
    assert!(
        text.contains(&format!("\n{engine}\n")) || text.starts_with(engine),
        "{text}"
    );
    assert!(text.contains("after 1"), "{text}");
    let events = lanes.1["traceEvents"].as_array().unwrap();
    let count = |phase: &str| events.iter().filter(|event| event["ph"] == phase).count();
    assert_eq!(count("M"), lanes.machines().len());
    assert_eq!(count("X"), lanes.observations().len());
    assert_eq!(
        (count("s"), count("f")),
        (count("f"), lanes.0["arrows"].as_array().unwrap().len())
    );
}
