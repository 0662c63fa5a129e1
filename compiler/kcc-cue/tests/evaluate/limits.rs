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
        ["kcc::eval::memory: the evaluation needs more than 256 MiB of memory"]
    );
}

/// Each line holds the one above ten times.
const GROWING: &str = r#"
-- web.cue --
package x

_a: "0123456789"
_b: "\(_a)\(_a)\(_a)\(_a)\(_a)\(_a)\(_a)\(_a)\(_a)\(_a)"
_c: "\(_b)\(_b)\(_b)\(_b)\(_b)\(_b)\(_b)\(_b)\(_b)\(_b)"
_d: "\(_c)\(_c)\(_c)\(_c)\(_c)\(_c)\(_c)\(_c)\(_c)\(_c)"
_e: "\(_d)\(_d)\(_d)\(_d)\(_d)\(_d)\(_d)\(_d)\(_d)\(_d)"
_f: "\(_e)\(_e)\(_e)\(_e)\(_e)\(_e)\(_e)\(_e)\(_e)\(_e)"
_g: "\(_f)\(_f)\(_f)\(_f)\(_f)\(_f)\(_f)\(_f)\(_f)\(_f)"
_h: "\(_g)\(_g)\(_g)\(_g)\(_g)\(_g)\(_g)\(_g)\(_g)\(_g)"
services: web: {image: "a/web:1", env: TEXT: _h}
-- api.cue --
package x

services: api: {image: "a/api:1", port: "http"}
"#;

#[test]
fn names_the_declarations_that_explode_and_checks_the_rest() {
    let limits = Limits {
        memory: 256 << 20,
        ..Limits::default()
    };
    let evaluated = evaluate_within(&[SYSTEM, GROWING], &["dev"], limits);
    assert_eq!(
        summary(&evaluated),
        [
            "kcc::eval::wrong-type: `services.api.port`: expected a whole number from 1 to \
             65535, found a string",
            "kcc::eval::memory: the evaluation needs more than 256 MiB of memory",
        ]
    );
    let memory = evaluated.found.iter().nth(1).unwrap();
    let files = &evaluated.tree.files;
    let lines: Vec<_> = memory
        .labels
        .iter()
        .map(|label| files.text(label.span))
        .collect();
    assert_eq!(lines.first(), Some(&"_a: \"0123456789\""));
    assert!(lines.iter().all(|line| line.starts_with('_')), "{lines:?}");
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
