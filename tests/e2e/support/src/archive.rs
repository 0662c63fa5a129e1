//! The requirements on archives of the shop's revisions that hold on either engine.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::Value;

use crate::{ExampleCopy, layout::check_layout, registry::Registry, shop::Shop};

const WEB: &str = "teams/storefront/web.cue";

/// Changes a shop on its engine.
pub struct Changes<'a> {
    /// Returns all objects without what every new one has of its own.
    pub objects: &'a dyn Fn() -> Value,
    /// Changes what a container of `web` runs with, and returns the path of the field.
    pub drift: &'a dyn Fn() -> String,
    /// True if the next apply has to be told to take the field back.
    pub conflicts: bool,
    /// Removes everything, the record too.
    pub destroy: &'a dyn Fn(),
}

/// Checks that revisions are archived and compared, and that the shop comes back from an
/// archive after it was lost, field by field.
pub fn is_restored_from_an_archive(shop: &impl Shop, changes: &Changes<'_>) {
    let copy = shop.copy();
    ok(copy, &["apply", "--yes"]);
    copy.edit(WEB, "\"welcome\"", "\"hello\"");
    ok(copy, &["apply", "--yes", "-m", "greet"]);

    // Into a directory, one file and a registry: whatever is there is not added again.
    let registry = Registry::start(false).expect("docker-registry is not installed");
    let remote = format!("oci://{}/shop/history", registry.host());
    let scratch = tempfile::tempdir().unwrap();
    let directory = scratch.path().join("archive");
    let file = scratch.path().join("archive.tar");
    let (directory, file) = (directory.to_str().unwrap(), file.to_str().unwrap());
    for archive in [directory, file, &remote] {
        for (added, present) in [(2, 0), (0, 2)] {
            let done = ok(copy, &["history", "export", archive, "--format", "json"]);
            let done: Value = serde_json::from_str(&done).unwrap();
            assert_eq!(done["added"].as_array().unwrap().len(), added, "{done}");
            assert_eq!(done["present"], present, "{done}");
        }
        let verified = copy.run_ok(&["history", "verify", archive]);
        assert!(verified.trim_end().ends_with(": 1, 2"), "{verified}");
    }
    let names = check_layout(Path::new(directory), true);
    assert_eq!(
        names.len(),
        4,
        "two revisions with their outcomes: {names:?}"
    );
    copy.edit(
        "kcc.cue",
        "system: {",
        "system: {\n\thistory: archive: \"../kept\"",
    );
    ok(copy, &["history", "sync"]);
    let kept = copy.path("../kept");
    assert_eq!(check_layout(&kept, true), names);

    compares(copy, changes);
    damage_is_named(copy, directory, &names);

    // Everything is lost, and one command brings it back.
    let before = (changes.objects)();
    (changes.destroy)();
    let none = copy.run(&["history", "--target", copy.target()]);
    assert!(!none.out.contains("greet"), "{none:#?}");
    let plan = ok(
        copy,
        &["history", "restore", &remote, "--yes", "-m", "lost"],
    );
    assert!(plan.contains("create"), "{plan}");
    let after = (changes.objects)();
    assert_same("", &before, &after);
    assert_eq!(shop.page().1["greeting"], "hello");
    assert!(copy.plan().is_empty());
    let history = ok(copy, &["history"]);
    assert_eq!(history.lines().count(), 4, "{history}");
    assert!(history.contains("rollback to 2: lost"), "{history}");
    ok(copy, &["rollback", "1", "--yes"]);
    assert_eq!(shop.page().1["greeting"], "welcome");

    // A record and an archive are limited to what is wanted.
    let pruned = copy.run(&[
        "history",
        "prune",
        "--target",
        copy.target(),
        "--keep",
        "1",
        "--yes",
    ]);
    pruned.assert_stderr_contains("removed 3 revisions");
    ok(copy, &["history", "import", file]);
    let history = ok(copy, &["history"]);
    assert_eq!(history.lines().count(), 4, "{history}");
    ok(copy, &["show", "2"]);
    ok(copy, &["history", "sync"]);
    let pruned = copy.run(&["history", "prune", "../kept", "--keep", "1"]);
    pruned.assert_stderr_contains("removed 2 revisions");
    assert_eq!(check_layout(&kept, true).len(), 2);
}

/// Runs a command on the target, which has to succeed, and returns its stdout.
fn ok(copy: &ExampleCopy, command: &[&str]) -> String {
    copy.run_ok(&[command, &["--target", copy.target()]].concat())
}

/// Checks that revisions, fragments and the engine are compared with their lines.
fn compares(copy: &ExampleCopy, changes: &Changes<'_>) {
    let target = copy.target();
    let line = |text: &str| {
        let file = fs::read_to_string(copy.path(WEB)).unwrap();
        let at = file.lines().position(|line| line.contains(text));
        format!("{WEB}:{}", at.unwrap() + 1)
    };
    let at = line("GREETING");
    for sides in [["1", "2"], ["1", "@-0s"], ["1", target], ["1", "."]] {
        let text = ok(copy, &["diff", sides[0], sides[1]]);
        assert!(
            text.contains("storefront\n  services.web.env.GREETING\n"),
            "{text}"
        );
        assert!(
            text.contains("\"welcome\"") && text.contains("\"hello\""),
            "{text}"
        );
        assert_eq!(text.matches(&at).count(), 2, "{text}");
        // `system.history` was not declared then.
        let fields = text
            .lines()
            .filter(|line| line.starts_with("  ") && !line.starts_with("   "));
        assert!(fields.count() <= 2, "{text}");
    }
    let same = copy.run(&["diff", target, "live", "--exit-code"]);
    assert_eq!(same.code, Some(0), "{same:#?}");
    let field = (changes.drift)();
    let path = format!("live:{field}");
    let differs = copy.run(&["diff", target, "live", "--exit-code"]);
    assert_eq!(differs.code, Some(1), "{differs:#?}");
    let (object, _) = field.split_once(':').unwrap();
    assert!(differs.out.contains(object), "{differs:#?}");
    let old = ok(copy, &["diff", "live", "2"]);
    assert!(old.contains(object), "{old}");
    let blame = ok(copy, &["blame", &path]);
    assert!(
        [" differs from revision 2", " may differ from revision 2"]
            .iter()
            .any(|text| blame.contains(text)),
        "{blame}"
    );
    assert!(
        blame.contains(WEB) && blame.contains("storefront"),
        "{blame}"
    );
    let mut apply = vec!["apply", "--yes"];
    if changes.conflicts {
        apply.extend(["--take", &field]);
    }
    ok(copy, &apply);
    let blame = ok(copy, &["blame", &path]);
    assert!(blame.contains("is as in revision"), "{blame}");
}

/// Checks that each damaged file is noticed, with the revisions that it belongs to.
fn damage_is_named(copy: &ExampleCopy, archive: &str, names: &BTreeSet<String>) {
    let blobs = Path::new(archive).join("blobs/sha256");
    let mut reported = BTreeSet::new();
    for entry in fs::read_dir(blobs).unwrap() {
        let path = entry.unwrap().path();
        let whole = fs::read(&path).unwrap();
        let mut damaged = whole.clone();
        let middle = damaged.len() / 2;
        damaged[middle] ^= 1;
        fs::write(&path, &damaged).unwrap();
        let verified = copy.run(&["history", "verify", archive]);
        assert_eq!(verified.code, Some(1), "{}: {verified:#?}", path.display());
        let of = names
            .iter()
            .filter(|name| verified.out.contains(&format!("damaged: {name}: ")));
        let before = reported.len();
        reported.extend(of.cloned());
        assert!(
            reported.len() > before || verified.out.contains("damaged: "),
            "{verified:#?}"
        );
        fs::write(&path, whole).unwrap();
    }
    let revisions = names.iter().filter(|name| !name.ends_with(".outcome"));
    assert!(
        revisions.clone().all(|name| reported.contains(name)),
        "{reported:?}"
    );
    copy.run_ok(&["history", "verify", archive]);
}

/// Compares two values field by field, and names the first that differs.
fn assert_same(path: &str, before: &Value, after: &Value) {
    match (before, after) {
        (Value::Object(one), Value::Object(other)) => {
            let names: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
            for name in names {
                let path = format!("{path}.{name}");
                assert_same(&path, &before[name.as_str()], &after[name.as_str()]);
            }
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            for (at, (one, other)) in one.iter().zip(other).enumerate() {
                assert_same(&format!("{path}[{at}]"), one, other);
            }
        }
        _ => assert_eq!(before, after, "{path}"),
    }
}

/// Removes fields by name at any depth.
pub fn without(value: &mut Value, names: &[&str]) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| !names.contains(&name.as_str()));
            for field in fields.values_mut() {
                without(field, names);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| without(item, names)),
        _ => {}
    }
}
