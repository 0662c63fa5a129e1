//! Errors: none hides another, and none is reported twice.

use kcc_tree::{Path, Value};

use super::{TEAMS, evaluate, json, summary};

#[test]
fn errors_of_one_team_hide_none_of_another() {
    let evaluated = evaluate(&[
        TEAMS,
        // An unknown name, an unknown package and a syntax error would each leave CUE without a
        // value for any team.
        r#"
-- a/name.cue --
package shop

services: one: {image: "x", user: nobody}
-- a/import.cue --
package shop

import "strngs"

services: two: image: strngs.X
-- a/syntax.cue --
package shop

services: three: {image: "x", user: }
-- a/other.cue --
package other

services: four: image: "x"
-- b/type.cue --
package shop

services: five: {image: "x", replicas: "many"}
-- b/good.cue --
package shop

services: good: {image: "good:1", replicas: 2}
"#,
    ]);
    assert_eq!(
        summary(&evaluated),
        [
            "kcc::load::import: package `strngs` does not exist",
            "kcc::eval::unknown-name: `nobody` is not defined",
            "kcc::load::package-clause: `a/other.cue` must be in package `shop`, not in `other`",
            "kcc::load::syntax: invalid CUE in `a/syntax.cue`: expected a value, found `}`",
            "kcc::eval::wrong-type: `services.five.replicas`: expected a whole number from 0 to \
             10000, found a string",
        ]
    );
    let good = Path::of(["services", "good", "image"]);
    for target in ["dev", "prod"] {
        let node = evaluated.tree.get(target, &good).unwrap();
        assert_eq!(node.value, Value::String("good:1".to_owned()));
    }
}

#[test]
fn reports_an_error_in_several_targets_once() {
    let base = r#"
-- a/web.cue --
package shop

services: web: {image: "x", replicas: -1}
"#;
    let evaluated = evaluate(&[TEAMS, base]);
    let found: Vec<_> = evaluated.found.iter().collect();
    assert_eq!(found.len(), 1, "{:?}", summary(&evaluated));
    assert_eq!(found[0].targets.iter().collect::<Vec<_>>(), ["dev", "prod"]);

    let overlay = r#"
-- a/web.cue --
package shop

services: web: image: "x"
on: prod: services: web: replicas: -1
"#;
    let evaluated = evaluate(&[TEAMS, overlay]);
    assert_eq!(
        summary(&evaluated),
        [
            "kcc::eval::out-of-bounds [prod]: `services.web.replicas`: expected a whole number from \
          0 to 10000, found `-1`"
        ]
    );
}

#[test]
fn an_error_in_the_system_has_no_target() {
    let evaluated = evaluate(&[r#"
-- kcc.cue --
package shop

import "strngs"

system: {name: "shop", tems: a: path: "a"}
"#]);
    let found: Vec<_> = evaluated
        .found
        .iter()
        .map(|found| (found.code.as_str(), found.targets.len()))
        .collect();
    assert_eq!(
        found,
        [("kcc::load::import", 0), ("kcc::eval::unknown-field", 0)],
        "{:?}",
        summary(&evaluated)
    );
}

#[test]
fn an_import_used_only_by_services_is_not_unused() {
    let evaluated = evaluate(&[r#"
-- kcc.cue --
package x

import "strings"

system: name: "x"
services: web: image: strings.ToLower("A")
"#]);
    assert_eq!(summary(&evaluated), [""; 0]);
}

#[test]
fn labels_a_conflict_with_the_line_of_each_team() {
    let evaluated = evaluate(&[
        TEAMS,
        r#"
-- a/web.cue --
package shop

services: web: {image: "x", replicas: 2}
-- rules/web.cue --
package shop

services: web: replicas: 3
services: web: replicas: >1
"#,
    ]);
    let json = json(&evaluated);
    assert_eq!(json.lines().count(), 1, "{json}");
    let found: serde_json::Value = serde_json::from_str(&json).unwrap();
    let labels: Vec<_> = found["labels"]
        .as_array()
        .unwrap()
        .iter()
        .map(|label| {
            [&label["file"], &label["team"], &label["text"]].map(|part| part.as_str().unwrap())
        })
        .collect();
    assert_eq!(
        labels,
        [
            ["a/web.cue", "a", "`a` sets `2`"],
            ["rules/web.cue", "rules", "`rules` sets `3`"]
        ]
    );
}

#[test]
fn keeps_values_of_variables_out_of_messages() {
    let evaluated = evaluate(&[
        TEAMS,
        r#"
-- a/web.cue --
package shop

services: web: {image: "x", env: {A: "hunter2", B: "hunter2", C: 4711}}
-- rules/web.cue --
package shop

services: web: env: {A: "hunter3", B: =~"^x"}
-- b/b.cue --
package shop

services: b: {image: "x", env: A: "hunter2" + 1}
"#,
    ]);
    assert_eq!(
        evaluated.found.iter().count(),
        4,
        "{:?}",
        summary(&evaluated)
    );
    let json = json(&evaluated);
    for secret in ["hunter", "4711"] {
        assert!(!json.contains(secret), "{json}");
    }
}

#[test]
fn names_component_and_team_of_a_missing_field() {
    let evaluated = evaluate(&[
        TEAMS,
        r#"
-- b/web.cue --
package shop

services: web: {image: "x", volumes: data: size: "1Gi"}
"#,
    ]);
    assert_eq!(
        summary(&evaluated),
        ["kcc::eval::missing-field: `volumes.data` of service `web` of `b` has no `mount`"]
    );
}
