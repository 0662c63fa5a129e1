//! Evaluations that would never end or need too much memory.

use std::time::{Duration, Instant};

use kcc_cue::Limits;

use super::{evaluate_within, summary};

const SYSTEM: &str = r#"
-- kcc.cue --
package x

system: name: "x"
"#;

/// Six nested loops over ten names produce a million labels.
const ENDLESS: &str = r#"
-- web.cue --
package x

_n: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
services: web: {
	image: "a/web:1"
	labels: {for a in _n for b in _n for c in _n for d in _n for e in _n for f in _n {
		"\(a)\(b)\(c)\(d)\(e)\(f)": "x"
	}}
}
"#;

#[test]
fn stops_an_endless_evaluation_at_its_deadline() {
    let limits = Limits {
        time: Duration::from_millis(300),
        ..Limits::default()
    };
    let start = Instant::now();
    let evaluated = evaluate_within(&[SYSTEM, ENDLESS], &["dev"], limits);
    let took = start.elapsed();
    assert!(took < Duration::from_secs(20), "{took:?}");
    assert_eq!(
        summary(&evaluated),
        ["kcc::eval::timeout [dev]: the evaluation was stopped after 300 ms"]
    );
    // The other targets are not affected, and the system is known.
    assert!(evaluated.tree.targets.is_empty());
    assert_eq!(
        evaluated.tree.system.child("name").unwrap().as_str(),
        Some("x")
    );
}

#[test]
fn stops_an_exploding_evaluation_at_its_memory_limit() {
    let limits = Limits {
        memory: 256 << 20,
        ..Limits::default()
    };
    let evaluated = evaluate_within(&[SYSTEM, ENDLESS], &["dev"], limits);
    assert_eq!(
        summary(&evaluated),
        ["kcc::eval::memory [dev]: the evaluation needs more than 256 MiB of memory"]
    );
}

#[test]
fn reports_deep_input_without_crashing() {
    let deep = format!(
        "-- web.cue --\npackage x\n\nservices: web: {{image: \"a/web:1\", replicas: {}1{}}}\n",
        "(".repeat(20_000),
        ")".repeat(20_000)
    );
    let evaluated = evaluate_within(&[SYSTEM, &deep], &["dev"], Limits::default());
    assert!(evaluated.found.has_errors(), "{:?}", summary(&evaluated));
}
