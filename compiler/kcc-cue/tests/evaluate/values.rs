//! Values and their origins.

use kcc_cue::Limits;
use kcc_tree::{Node, OriginKind, Path, Value};

use super::{TEAMS, evaluate, evaluate_within, json, summary};

const WEB: &str = r#"
-- a/web.cue --
package shop

// Umlauts before a value: äöü €
services: web: {
	image:    "a/web:1"
	replicas: 2
	port:     8080
	labels: greeting: "grüße"
}
on: prod: services: web: replicas: 3
"#;

const RULES: &str = r#"
-- rules/rules.cue --
package shop

services: [string]: replicas: <=9
defaults: services: [string]: user: "1000"
"#;

/// Returns the source behind a path, with origin kind and team.
fn lines(archives: &[&str], target: &str, path: &[&str]) -> Vec<(String, OriginKind, String)> {
    let tree = evaluate(archives).tree;
    let path = Path(path.iter().map(|name| (*name).to_owned()).collect());
    tree.get(target, &path)
        .unwrap_or_else(|| panic!("{path} is not there"))
        .origins
        .iter()
        .filter(|origin| origin.kind != OriginKind::Schema)
        .map(|origin| {
            let team = tree
                .files
                .get(origin.by)
                .and_then(|file| file.team())
                .unwrap_or("");
            (
                tree.files.text(origin.span).to_owned(),
                origin.kind,
                team.to_owned(),
            )
        })
        .collect()
}

#[test]
fn origins_span_the_source_of_a_value() {
    let files = [TEAMS, WEB, RULES];
    let at = |target, path: &[&str]| lines(&files, target, path);
    let line = |text: &str, role, team: &str| (text.to_owned(), role, team.to_owned());
    assert_eq!(
        at("dev", &["services", "web", "replicas"]),
        [
            line("2", OriginKind::Value, "a"),
            line("<=9", OriginKind::Constraint, "rules")
        ]
    );
    assert_eq!(
        at("prod", &["services", "web", "replicas"]),
        [
            line("3", OriginKind::Value, "a"),
            line("<=9", OriginKind::Constraint, "rules")
        ]
    );
    assert_eq!(
        at("dev", &["services", "web", "labels", "greeting"]),
        [line("\"grüße\"", OriginKind::Value, "a")]
    );
    assert_eq!(
        at("dev", &["services", "web", "user"]),
        [line("\"1000\"", OriginKind::Default, "rules")]
    );
    // The long form of a port has the origin of the short one.
    assert_eq!(
        at("dev", &["services", "web", "ports", "http", "number"]),
        [line("8080", OriginKind::Value, "a")]
    );
}

#[test]
fn defaults_of_the_schema_have_their_origin_in_it() {
    let tree = evaluate(&[TEAMS, WEB]).tree;
    let path = Path::of(["services", "web", "stateful"]);
    let node = tree.get("dev", &path).unwrap();
    assert_eq!(node.value, Value::Bool(false));
    let origin = node.origins.first().unwrap();
    assert_eq!(origin.kind, OriginKind::Schema);
    assert!(
        tree.files.text(origin.span).contains("@default(false)"),
        "{node:?}"
    );
    assert_eq!(
        tree.files.get(origin.span.file).unwrap().name(),
        "schema/service.cue"
    );
}

#[test]
fn lists_the_declarations_of_components() {
    let tree = evaluate(&[TEAMS, WEB, RULES]).tree;
    let declarations = &tree.declarations["dev"];
    let web = declarations
        .iter()
        .find(|one| one.path == Path::of(["services", "web"]))
        .unwrap();
    let texts: Vec<&str> = web
        .owners
        .iter()
        .map(|span| tree.files.text(*span))
        .collect();
    assert_eq!(
        (texts, tree.files.team(web.owners[0])),
        (vec!["web"], Some("a"))
    );
}

#[test]
fn is_independent_of_file_order() {
    let broken = r#"
-- b/b.cue --
package shop

services: api: {imge: "x", replicas: "2"}
"#;
    let mut files = vec![TEAMS, WEB, RULES, broken];
    let first = evaluate(&files);
    files.reverse();
    let second = evaluate(&files);
    assert!(first.found.has_errors());
    assert_eq!(json(&first), json(&second));
    assert_eq!(format!("{:?}", first.tree), format!("{:?}", second.tree));
}

#[test]
fn evaluates_only_the_requested_targets() {
    let evaluated = evaluate_within(&[TEAMS, WEB], &["prod", "nowhere"], Limits::default());
    assert_eq!(evaluated.tree.targets.keys().collect::<Vec<_>>(), ["prod"]);
    assert_eq!(
        evaluated.targets.iter().collect::<Vec<_>>(),
        ["dev", "prod"]
    );
    assert_eq!(summary(&evaluated), [""; 0]);
}

#[test]
fn a_system_without_targets_has_the_default_ones() {
    let evaluated = evaluate(&[r#"
-- kcc.cue --
package x

system: name: "x"
"#]);
    assert_eq!(
        evaluated.targets.iter().collect::<Vec<_>>(),
        ["dev", "prod", "stage", "test"]
    );
}

#[test]
fn evaluates_fragments_without_a_system() {
    let evaluated = evaluate(&[WEB]);
    assert_eq!(
        evaluated.tree.system,
        Node {
            value: Value::Absent,
            origins: Vec::new()
        }
    );
    assert_eq!(evaluated.tree.targets.len(), 4);
}
