//! The requirements on the history of the shop that hold on either engine.

use std::fs;

use kcc_test_support::CommandOutput;
use serde_json::Value;

use crate::{
    ExampleCopy,
    shop::{Shop, take_down},
};

const WEB: &str = "teams/storefront/web.cue";
const CHECKOUT: &str = "teams/payments/checkout.cue";

/// Checks that applies are listed and shown with lines and teams, and that the first one
/// can be applied again, although the engine and the fragments have changed. `drift`
/// changes what runs.
pub fn keeps_a_history(shop: &impl Shop, drift: impl Fn()) {
    let copy = shop.copy();
    let original = [WEB, CHECKOUT].map(|file| (file, read(copy, file)));
    apply(copy, &["-m", "first"]);
    copy.edit(WEB, "\"welcome\"", "\"hello\"");
    apply(copy, &["-m", "greet"]);
    copy.edit(CHECKOUT, "retries: 5", "retries: 4");
    copy.edit(CHECKOUT, "memory: \"64Mi\"", "memory: \"80Mi\"");
    apply(copy, &[]);
    apply(copy, &["-m", "nothing to do"]);
    let list = revisions(copy);
    assert_eq!(list.len(), 3, "{list:#?}");
    let states: Vec<_> = list
        .iter()
        .map(|one| (&one["number"], &one["state"]))
        .collect();
    assert_eq!(
        states,
        [
            (&3.into(), &"complete".into()),
            (&2.into(), &"complete".into()),
            (&1.into(), &"complete".into())
        ]
    );
    assert_eq!(list[1]["message"], "greet");
    assert_eq!(
        list[1]["changes"]["teams"]["storefront"],
        serde_json::json!([0, 1, 0])
    );
    let of_payments = list[0]["changes"]["teams"].as_object().unwrap();
    assert_eq!(of_payments.keys().collect::<Vec<_>>(), ["payments"]);
    let history = command(copy, &["history"], &[]);
    assert!(
        history.contains("storefront: 1 changed") && history.contains("greet"),
        "{history}"
    );
    let web = command(copy, &["history"], &["--component", "web"]);
    assert!(web.contains("greet") && web.lines().count() == 3, "{web}");
    let payments = command(
        copy,
        &["history"],
        &["--team", "payments", "--since", "-1h"],
    );
    assert!(
        !payments.contains("greet") && payments.lines().count() == 3,
        "{payments}"
    );

    // Each revision is shown with what changed, and the lines of its values.
    let line = |text: &str| {
        let text = read(copy, WEB).lines().position(|line| line.contains(text));
        format!("{WEB}:{}", text.unwrap() + 1)
    };
    let second = command(copy, &["show", "2"], &[]);
    let greeting = "services.web.env.GREETING: \"welcome\" → \"hello\"";
    let at = format!("{} (storefront)", line("GREETING"));
    assert!(
        second.contains(greeting) && second.contains(&at),
        "{second}"
    );
    for (number, text) in [("1", "\"welcome\""), ("2", "\"hello\""), ("3", "\"hello\"")] {
        let shown = command(copy, &["show", number, "web"], &[]);
        let value = format!("services.web.env.GREETING = {text}");
        assert!(shown.contains(&value), "{shown}");
        assert!(
            shown.contains(&line("GREETING")) && shown.contains("storefront"),
            "{shown}"
        );
    }
    let in_force = command(copy, &["show", "@-0s"], &[]);
    assert!(in_force.starts_with("revision 3 of"), "{in_force}");
    let missing = copy.run(&["show", "9", "--target", copy.target()]);
    assert_eq!(missing.code, Some(3), "{missing:#?}");
    missing.assert_stderr_contains("the revisions are 1 to 3");

    // Another user sees the same.
    let home = tempfile::tempdir().unwrap();
    let mut bob = copy.command(&["history", "--target", copy.target()]);
    let bob = CommandOutput::of(bob.env("HOME", home.path()).env("USER", "bob"));
    assert_eq!(bob.out, history);

    // The first one comes back, whatever runs and whatever the fragments say.
    drift();
    fs::write(
        copy.path(WEB),
        "package shop\n\nservices: web: replicas: \"many\"\n",
    )
    .unwrap();
    fs::write(copy.path(CHECKOUT), "package").unwrap();
    let plan = command(
        copy,
        &["rollback", "1"],
        &["--yes", "-m", "greeting is wrong"],
    );
    assert!(plan.contains("env.GREETING"), "{plan}");
    assert_eq!(shop.page().1["greeting"], "welcome");
    let list = revisions(copy);
    assert_eq!(list[0]["rollsBackTo"], 1, "{list:#?}");
    assert_eq!(list[0]["state"], "complete");
    for (file, text) in &original {
        fs::write(copy.path(file), text).unwrap();
    }
    let left = copy.plan();
    assert!(
        left.is_empty(),
        "it has exactly the first objects: {left:#?}"
    );

    // An apply of one component leaves the others as they were.
    copy.edit(WEB, "\"welcome\"", "\"only\"");
    copy.edit(CHECKOUT, "memory: \"64Mi\"", "memory: \"96Mi\"");
    apply(copy, &["--only", "payments"]);
    let shown = command(copy, &["show", "5", "services"], &[]);
    assert!(
        shown.contains("= \"welcome\"") && shown.contains("= \"96Mi\""),
        "{shown}"
    );

    // A killed apply is interrupted, and stays it.
    let target = ["apply", "--target", copy.target(), "--yes"];
    let mut child = copy.start_until(&target, "web");
    child.kill().unwrap();
    child.wait().unwrap();
    let history = command(copy, &["history"], &[]);
    let first = |history: &str| history.lines().nth(1).unwrap().to_owned();
    assert!(first(&history).contains("interrupted"), "{history}");
    // Something is left to do, even if an engine went on by itself.
    copy.edit(WEB, "\"only\"", "\"after\"");
    copy.apply();
    let list = revisions(copy);
    assert_eq!(
        (&list[0]["state"], &list[1]["state"]),
        (&"complete".into(), &"interrupted".into())
    );

    take_down(copy, false);
    let history = command(copy, &["history"], &[]);
    assert!(first(&history).contains("taken down"), "{history}");
    let down = copy.run(&["show", "8", "--target", copy.target()]);
    down.assert_stderr_contains("it was taken down then");
    command(copy, &["rollback", "1"], &["--yes"]);
    assert_eq!(shop.page().1["greeting"], "welcome");
}

fn read(copy: &ExampleCopy, file: &str) -> String {
    fs::read_to_string(copy.path(file)).unwrap()
}

/// Runs a command on the target, which has to succeed, and returns its stdout.
fn command(copy: &ExampleCopy, command: &[&str], more: &[&str]) -> String {
    let target = ["--target", copy.target()];
    copy.run_ok(&[command, &target[..], more].concat())
}

fn apply(copy: &ExampleCopy, more: &[&str]) {
    command(copy, &["apply"], &[&["--yes"], more].concat());
}

fn revisions(copy: &ExampleCopy) -> Vec<Value> {
    let text = command(copy, &["history"], &["--format", "json"]);
    let list: Value = serde_json::from_str(&text).unwrap();
    list["revisions"].as_array().unwrap().clone()
}
