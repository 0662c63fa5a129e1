//! The requirements on the shop that hold on either engine.

use serde_json::Value;

use crate::{ExampleCopy, outcome, report};

/// The shop's components that run in containers.
pub const COMPONENTS: [&str; 7] = [
    "cart", "carts", "checkout", "migrate", "orders", "payments", "web",
];

/// A copy of the shop on an engine.
pub trait Shop {
    /// Returns the copy.
    fn copy(&self) -> &ExampleCopy;

    /// Returns status and report of the page that customers see.
    fn page(&self) -> (u16, Value);

    /// Lists all of its objects on the engine, each with a version that changes with it.
    fn objects(&self) -> Vec<String>;

    /// Returns true if the intent of an apply is stored.
    fn has_intent(&self) -> bool;
}

/// Checks that the shop comes up whole and that a second apply changes nothing.
/// `words` occur in its line of the status.
pub fn comes_up_and_is_stable(shop: &impl Shop, words: &[&str]) {
    let copy = shop.copy();
    let operations = copy.plan();
    let created = |operation: &Value| operation["action"] == "create";
    assert!(operations.iter().all(created), "{operations:#?}");
    assert_eq!(shop.objects(), [""; 0], "a plan changes nothing");

    let mut before = Vec::new();
    copy.comes_up_and_is_stable(|| {
        check_page(&shop.page());
        before = shop.objects();
    });
    assert_eq!(shop.objects(), before);
    assert!(copy.plan().is_empty());

    let status = copy.run(&["status", "--target", copy.target()]);
    assert_eq!(status.code, Some(0), "{status:#?}");
    let line = |component: &str| {
        let mut lines = status.out.lines();
        lines.find(|line| line.starts_with(component)).unwrap()
    };
    for word in [&["storefront", "running"], words].concat() {
        assert!(line("web ").contains(word), "{word}: {}", status.out);
    }
    assert!(line("migrate ").contains("completed"), "{}", status.out);
}

/// Checks that the page reaches everything: web → cart → checkout → payments, and
/// the ports of both databases.
fn check_page((status, page): &(u16, Value)) {
    assert_eq!(
        (*status, &page["ok"]),
        (200, &Value::Bool(true)),
        "{page:#}"
    );
    let cart = &page["calls"][0]["answer"];
    assert_eq!(cart["dials"][0]["address"], "carts:6379", "{page:#}");
    let checkout = &cart["calls"][0]["answer"];
    assert_eq!(checkout["dials"][0]["address"], "orders:5432", "{page:#}");
    assert_eq!(checkout["calls"][0]["answer"]["ok"], true, "{page:#}");
}

/// Checks that changing one variable is one operation on one object.
pub fn applies_one_variable(shop: &impl Shop, action: &str, kind: &str, done: &str) {
    let copy = shop.copy();
    copy.edit(
        "teams/storefront/web.cue",
        "GREETING: \"welcome\"",
        "GREETING: \"hello\"",
    );
    let operations = copy.plan();
    assert_eq!(operations.len(), 1, "{operations:#?}");
    let operation = &operations[0];
    assert_eq!(operation["cause"], "`env.GREETING` changed");
    assert_eq!(operation["action"], action);
    assert_eq!(operation["kind"], kind);
    assert_eq!(operation["team"], "storefront");
    let report = copy.apply();
    for component in COMPONENTS {
        let expected = if component == "web" {
            done
        } else {
            "unchanged"
        };
        assert_eq!(outcome(&report, component), expected, "{component}");
    }
    assert_eq!(shop.page().1["greeting"], "hello");
}

/// Checks that neither a second apply nor a plan runs beside the first, once that
/// printed a line, that both name it, and that another one waits for it.
pub fn one_apply_at_a_time(shop: &impl Shop, line: &str) {
    let copy = shop.copy();
    let mut child = copy.start_until(&apply(copy), line);
    let impatient = [&apply(copy)[..], &["--lock-timeout", "0s"]].concat();
    for args in [&impatient[..], &["plan", "--target", copy.target()]] {
        let ran = copy.run(args);
        assert_eq!(ran.code, Some(3), "{ran:#?}");
        for text in [
            "kcc::apply::lock-held",
            "an apply has been running since 20",
            &format!("(process {}", child.id()),
        ] {
            ran.assert_stderr_contains(text);
        }
        assert!(!ran.out.contains("nothing to do"), "{ran:#?}");
    }
    // The status is what runs now.
    let status = copy.run(&["status", "--target", copy.target()]);
    assert_eq!(status.code, Some(0), "{status:#?}");
    let second = copy.run(&apply(copy));
    assert_eq!(second.code, Some(0), "{second:#?}");
    second.assert_stderr_contains("waiting for the lock: an apply has been running since 20");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// Returns the output of all commands.
pub fn all_outputs(copy: &ExampleCopy) -> Vec<String> {
    let target = copy.target();
    let apply = [
        "-v", "apply", "--target", target, "--yes", "--format", "json",
    ];
    let file = "shown-plan.json";
    let mut texts = Vec::new();
    for args in [
        &["plan", "--target", target, "-o", file],
        &apply[..],
        &["plan", "--target", target],
        &["render", "--target", target],
        &["status", "--target", target],
    ] {
        let ran = copy.run(args);
        assert_eq!(ran.code, Some(0), "{ran:#?}");
        texts.extend([ran.out, ran.err]);
    }
    texts.push(std::fs::read_to_string(copy.path(file)).unwrap());
    texts
}

/// Takes the shop down, with its data or without.
pub fn take_down(copy: &ExampleCopy, volumes: bool) {
    let down = [
        "down",
        "--target",
        copy.target(),
        "--yes",
        "--format",
        "json",
    ];
    let volumes: &[&str] = if volumes { &["--volumes"] } else { &[] };
    let out = copy.run_ok(&[&down[..], volumes].concat());
    assert_eq!(outcome(&report(&out), "web"), "deleted");
}

/// Checks that an unreachable engine is an error of the environment.
pub fn fails_without_its_engine(copy: &ExampleCopy, engine: &str, more: &[&str], texts: &[&str]) {
    for command in ["plan", "apply", "status", "down"] {
        let mut args = vec![command, "--target", copy.target()];
        if matches!(command, "apply" | "down") {
            args.push("--yes");
        }
        args.extend(more);
        let ran = copy.run_at(engine, &args);
        assert_eq!(ran.code, Some(3), "{ran:#?}");
        for text in texts {
            ran.assert_stderr_contains(text);
        }
    }
}

fn apply(copy: &ExampleCopy) -> [&str; 4] {
    ["apply", "--target", copy.target(), "--yes"]
}
