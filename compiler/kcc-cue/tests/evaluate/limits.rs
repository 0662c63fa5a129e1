//! Evaluations that would never end or need too much memory.

use std::time::{Duration, Instant};

use kcc_cue::{Evaluated, Limits};

use super::{TEAMS, evaluate, evaluate_within, summary};

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
        time: Duration::from_secs(1),
        ..Limits::default()
    };
    let start = Instant::now();
    let evaluated = evaluate_within(&[SYSTEM, ENDLESS], &["dev"], limits);
    let took = start.elapsed();
    assert!(took < Duration::from_secs(20), "{took:?}");
    let [found] = &summary(&evaluated)[..] else {
        panic!("{:?}", summary(&evaluated));
    };
    assert!(
        found.starts_with("kcc::eval::timeout") || found.starts_with("kcc::eval::memory"),
        "{found}"
    );
    assert_eq!(
        evaluated.tree.system.child("name").unwrap().as_str(),
        Some("x")
    );
}

#[test]
fn stops_an_exploding_evaluation_at_its_memory_limit() {
    let limits = Limits {
        memory: Some(256 << 20),
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
    let evaluated = evaluate_within(&[SYSTEM, GROWING], &["dev"], Limits::default());
    assert_eq!(
        summary(&evaluated),
        [
            "kcc::eval::wrong-type: `services.api.port`: expected a whole number from 1 to \
             65535, found a string",
            "kcc::eval::memory: `_h` alone needs more than 112 MiB of memory",
        ]
    );
    assert_eq!(
        lines(&evaluated)[1..],
        ["_h: \"\\(_g)\\(_g)\\(_g)\\(_g)\\(_g)\\(_g)\\(_g)\\(_g)\\(_g)\\(_g)\""]
    );
}

/// Returns the text of the first label of each diagnostic.
fn lines(evaluated: &Evaluated) -> Vec<&str> {
    let files = &evaluated.tree.files;
    let labels = evaluated.found.iter().map(|found| &found.labels);
    labels
        .map(|labels| labels.first().map_or("", |label| files.text(label.span)))
        .collect()
}

/// A system of two teams: the private names of one explode, and the other one has a mistake of its
/// own.
fn explodes(imports: &str, private: &str, value: &str) -> Evaluated {
    let a = format!(
        "-- a/a.cue --\npackage shop\n\n{imports}\n{private}\nservices: web: {{\n\timage: \
         \"a/web:1\"\n\tenv: X: {value}\n}}\n"
    );
    let b = "-- b/b.cue --\npackage shop\n\nservices: api: {image: \"b/api:1\", port: \"http\"}\n";
    evaluate(&[TEAMS, &a, b])
}

/// Asserts that evaluations stop at a declaration and that the other team's mistake is reported,
/// with no more than a share of the limits.
fn assert_refused(evaluated: &Evaluated, names: &[&str]) {
    let found = summary(evaluated);
    let [refused, other] = &found[..] else {
        panic!("{found:?}");
    };
    let exceeds = |name: &&&str| {
        refused.starts_with(&format!(
            "kcc::eval::memory: `{name}` alone needs more than "
        )) || refused.starts_with(&format!(
            "kcc::eval::timeout: `{name}` alone takes more than "
        ))
    };
    let name = names.iter().find(exceeds).expect(refused);
    assert!(other.contains("`services.api.port`"), "{other}");
    let declaration = format!("{name}: ");
    assert!(lines(evaluated)[0].starts_with(&declaration), "{refused}");
}

#[test]
fn refuses_lists_that_repeat_lists() {
    let lists: Vec<_> = (1..=10)
        .map(|at| {
            format!(
                "_x{at}: [{}]\n",
                vec![format!("_x{}", at - 1); 10].join(", ")
            )
        })
        .collect();
    let lists = lists.concat();
    let private = format!("_x0: [\"x\"]\n{lists}_x: json.Marshal(_x10)\n");
    let evaluated = explodes("import \"encoding/json\"\n", &private, "_x");
    assert_refused(&evaluated, &["_x"]);
}

#[test]
fn refuses_comprehensions_over_long_ranges() {
    for comprehension in [
        "[for a in list.Range(0, 100000, 1) for b in list.Range(0, 100000, 1) {a + b}]",
        "[for a in list.Range(0, 100000, 1) for b in list.Range(0, 100000, 1) if a + b < 0 {a}]",
        "{for i in list.Range(0, 3000000, 1) {\"f\\(i)\": i}}",
    ] {
        let private = format!("_x: {comprehension}\n");
        let evaluated = explodes("import \"list\"\n", &private, "\"\\(len(_x))\"");
        assert_refused(&evaluated, &["_x"]);
    }
}

#[test]
fn refuses_text_that_multiplies() {
    let doubled: Vec<_> = (1..=35)
        .map(|at| format!("_s{at}: \"\\(_s{})\\(_s{})\"\n", at - 1, at - 1))
        .collect();
    let doubled = doubled.concat();
    let evaluated = explodes("", &format!("_s0: \"0123456789\"\n{doubled}"), "_s35");
    assert_refused(&evaluated, &["_s21", "_s22", "_s23"]);

    let replaced: Vec<_> = (1..=9)
        .map(|at| {
            format!(
                "_r{at}: strings.Replace(_r{}, \"a\", \"aaaaaaaaaa\", -1)\n",
                at - 1
            )
        })
        .collect();
    let replaced = replaced.concat();
    let private = format!("_r0: \"a\"\n{replaced}");
    let evaluated = explodes("import \"strings\"\n", &private, "_r9");
    assert_refused(&evaluated, &["_r6", "_r7", "_r8"]);

    let private = "_x: strings.Join(list.Repeat([\"0123456789\"], 1000000), \"0123456789\")\n";
    let imports = "import (\n\t\"list\"\n\t\"strings\"\n)\n";
    let evaluated = explodes(imports, private, "_x");
    assert_refused(&evaluated, &["_x"]);
}

#[test]
fn reports_a_product_of_disjunctions_without_writing_it_out() {
    let factors: Vec<String> = (0..6)
        .map(|at| format!("({{a{at}: 1}} | {{a{at}: 2}} | {{a{at}: 3}})"))
        .collect();
    let wrapped: Vec<_> = (1..=8)
        .map(|at| {
            format!(
                "_d{at}: {{v: _d{}}} & ({{w: 1}} | {{w: 2}} | {{w: 3}})\n",
                at - 1
            )
        })
        .collect();
    let wrapped = wrapped.concat();
    let private = format!("_d0: {}\n{wrapped}", factors.join(" & "));
    let evaluated = explodes("", &private, "\"\\(_d8.w)\"");
    let found = summary(&evaluated);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("kcc::eval::"), "{found:?}");
    assert!(found.iter().all(|text| text.len() < 300), "{found:?}");
}

#[test]
fn reports_a_panic_of_the_evaluator_at_its_declaration() {
    let evaluated = explodes("", "_x: {a: 0 | 1, a, a * 0}\n", "\"\\(_x.a)\"");
    let found = summary(&evaluated);
    assert!(found[0].starts_with("kcc::eval::"), "{found:?}");
    assert!(found[1].contains("`services.api.port`"), "{found:?}");
    assert_eq!(lines(&evaluated)[0], "_x: {a: 0 | 1, a, a * 0}");
}

#[test]
fn refuses_a_number_of_millions_of_digits() {
    let private = format!("_x: {}\n", "7".repeat(3_000_000));
    let evaluated = explodes("", &private, "\"\\(_x)\"");
    assert_refused(&evaluated, &["_x"]);
}

#[test]
fn refuses_a_struct_of_hundreds_of_thousands_of_fields() {
    let fields: Vec<_> = (0..200_000).map(|at| format!("\tf{at}: {at}\n")).collect();
    let fields = fields.concat();
    let evaluated = explodes("", &format!("_x: {{\n{fields}}}\n"), "\"\\(_x.f1)\"");
    assert_refused(&evaluated, &["_x"]);
}

#[test]
fn accepts_thousands_of_components_that_one_line_makes() {
    let many = "-- a/a.cue --\npackage shop\n\nimport \"list\"\n\nfor i in list.Range(0, 1500, 1) \
                {\n\tservices: \"web-\\(i)\": {image: \"a/web:1\", port: 80, env: {A: \"x\", B: \
                \"\\(i)\"}, health: http: \"/\"}\n}\n";
    let evaluated = evaluate(&[TEAMS, many]);
    assert_eq!(summary(&evaluated), [""; 0]);
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
