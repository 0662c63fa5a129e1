//! Checks the dependencies between crates, read from `cargo metadata`:
//! - only the crates listed in `WALLS` depend directly on a library, in any kind of
//!   dependency; others may depend on it through one of those;
//! - crates of the workspace depend on each other only as `LAYERS` lists, so those
//!   under `runtime/` see the model and the lowering but not evaluation;
//! - crates that only read the configuration tree need neither the evaluator nor its
//!   runtime to build or test, not even indirectly;
//! - no compiler crate is linked, even indirectly, with a library that can open a
//!   socket, and only tests read YAML with `serde_yaml`.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
    sync::OnceLock,
};

use serde_json::Value;

use crate::{assert_none, source::root};

/// Libraries, with the crates that may depend on them.
const WALLS: [(&str, &[&str]); 12] = [
    ("wasmtime", &["kcc-cue"]),
    ("bollard", &["kcc-docker"]),
    ("kube", &["kcc-kube"]),
    ("k8s-openapi", &["kcc-kube", "kcc-lower"]),
    ("petgraph", &["kcc-model"]),
    ("oci-client", &["kcc-image"]),
    ("serde-saphyr", &["kcc-lock", "kcc-lower"]),
    ("miette", &["kcc-diag"]),
    ("clap", &["kcc"]),
    ("clap_complete", &["kcc"]),
    ("indicatif", &["kcc"]),
    (
        "tokio",
        &[
            "kcc",
            "kcc-capsule",
            "kcc-docker",
            "kcc-image",
            "kcc-kube",
            "kcc-plan",
            "kcc-test-engines",
        ],
    ),
];

/// The crates of the workspace, with those that each may depend on.
const LAYERS: [(&str, &[&str]); 15] = [
    ("kcc-diag", &[]),
    ("kcc-lock", &[]),
    ("kcc-tree", &["kcc-diag"]),
    ("kcc-cue", &["kcc-diag", "kcc-tree"]),
    ("kcc-model", &["kcc-diag", "kcc-lock", "kcc-tree"]),
    (
        "kcc-lower",
        &["kcc-diag", "kcc-lock", "kcc-model", "kcc-tree"],
    ),
    (
        "kcc-plan",
        &["kcc-diag", "kcc-lock", "kcc-lower", "kcc-model", "kcc-tree"],
    ),
    (
        "kcc-docker",
        &[
            "kcc-diag",
            "kcc-lock",
            "kcc-lower",
            "kcc-model",
            "kcc-plan",
            "kcc-tree",
        ],
    ),
    (
        "kcc-kube",
        &[
            "kcc-diag",
            "kcc-lock",
            "kcc-lower",
            "kcc-model",
            "kcc-plan",
            "kcc-tree",
        ],
    ),
    (
        "kcc-image",
        &["kcc-diag", "kcc-docker", "kcc-lock", "kcc-plan"],
    ),
    (
        "kcc-capsule",
        &[
            "kcc-diag",
            "kcc-lock",
            "kcc-lower",
            "kcc-model",
            "kcc-plan",
            "kcc-tree",
        ],
    ),
    (
        "kcc",
        &[
            "kcc-capsule",
            "kcc-cue",
            "kcc-diag",
            "kcc-docker",
            "kcc-image",
            "kcc-kube",
            "kcc-lock",
            "kcc-lower",
            "kcc-model",
            "kcc-plan",
            "kcc-tree",
        ],
    ),
    // Without dependencies, so that it starts before anything heavy is built.
    ("kcc-demo", &[]),
    ("kcc-test-support", &["kcc-diag", "kcc-tree"]),
    (
        "kcc-test-engines",
        &["kcc-diag", "kcc-lock", "kcc-lower", "kcc-model", "kcc-plan"],
    ),
];

/// The crates that only tests depend on, and each other.
const FOR_TESTS: [&str; 2] = ["kcc-test-support", "kcc-test-engines"];

/// The crates that build and test without the evaluator: on a machine without Go,
/// and without waiting for the evaluator's build.
const WITHOUT_EVALUATOR: [&str; 10] = [
    "kcc-diag",
    "kcc-lock",
    "kcc-tree",
    "kcc-model",
    "kcc-lower",
    "kcc-plan",
    "kcc-docker",
    "kcc-image",
    "kcc-kube",
    "kcc-capsule",
];

/// The evaluator and its runtime.
const EVALUATOR: [&str; 2] = ["kcc-cue", "wasmtime"];

/// The crates that must be pure.
const PURE: [&str; 6] = [
    "kcc-diag",
    "kcc-lock",
    "kcc-tree",
    "kcc-cue",
    "kcc-model",
    "kcc-lower",
];

/// Libraries that can access the network.
const NETWORK: [&str; 13] = [
    "async-std",
    "bollard",
    "curl",
    "hyper",
    "kube",
    "kube-client",
    "mio",
    "oci-client",
    "reqwest",
    "rustls",
    "socket2",
    "tokio",
    "ureq",
];

/// A package with its dependencies.
#[derive(Debug, Default, Clone)]
struct Package {
    /// Dependencies in its manifest, with their kind: `normal`, `dev` or `build`.
    named: BTreeSet<(String, String)>,
    /// The ids of the packages it is linked with.
    linked: BTreeSet<String>,
    /// The ids of all packages needed to build and test it. Cargo resolves `dev`
    /// dependencies of members only.
    needed: BTreeSet<String>,
    name: String,
    member: bool,
}

type Packages = BTreeMap<String, Package>;

/// Reads the packages for this machine's platform: libraries of other platforms may
/// not be available.
fn packages() -> &'static Packages {
    static PACKAGES: OnceLock<Packages> = OnceLock::new();
    PACKAGES.get_or_init(|| {
        let version = output(Command::new("rustc").arg("-vV"));
        let host = version
            .lines()
            .find_map(|line| line.strip_prefix("host: "))
            .unwrap();
        let metadata = output(Command::new(env!("CARGO")).args([
            "metadata",
            "--format-version=1",
            "--locked",
            "--offline",
            "--filter-platform",
            host,
        ]));
        parse(&serde_json::from_str(&metadata).unwrap())
    })
}

fn output(command: &mut Command) -> String {
    let output = command.current_dir(root()).output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

fn parse(metadata: &Value) -> Packages {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let kind = |value: &Value| value.as_str().unwrap_or("normal").to_owned();
    let members: BTreeSet<String> = list(&metadata["workspace_members"])
        .iter()
        .map(text)
        .collect();
    let mut packages = Packages::new();
    for package in list(&metadata["packages"]) {
        let id = text(&package["id"]);
        let named = list(&package["dependencies"])
            .iter()
            .map(|one| (text(&one["name"]), kind(&one["kind"])))
            .collect();
        let member = members.contains(&id);
        let name = text(&package["name"]);
        packages.insert(
            id,
            Package {
                named,
                linked: BTreeSet::new(),
                needed: BTreeSet::new(),
                name,
                member,
            },
        );
    }
    for node in list(&metadata["resolve"]["nodes"]) {
        let linked = list(&node["deps"])
            .iter()
            .filter(|dep| {
                list(&dep["dep_kinds"])
                    .iter()
                    .any(|one| kind(&one["kind"]) == "normal")
            })
            .map(|dep| text(&dep["pkg"]))
            .collect();
        if let Some(package) = packages.get_mut(&text(&node["id"])) {
            package.linked = linked;
            package.needed = list(&node["deps"])
                .iter()
                .map(|dep| text(&dep["pkg"]))
                .collect();
        }
    }
    packages
}

fn members(packages: &Packages) -> impl Iterator<Item = &Package> {
    packages.values().filter(|package| package.member)
}

fn names(package: &Package, library: &str) -> bool {
    package.named.iter().any(|(name, _)| name == library)
}

fn outside_walls(packages: &Packages) -> Vec<String> {
    let mut complaints = Vec::new();
    for (library, allowed) in WALLS {
        if !members(packages).any(|package| names(package, library)) {
            complaints.push(format!("no crate depends on {library}: remove its wall"));
        }
        for package in members(packages) {
            if names(package, library) && !allowed.contains(&package.name.as_str()) {
                complaints.push(format!("{} must not depend on {library}", package.name));
            }
        }
    }
    complaints
}

fn outside_layers(packages: &Packages) -> Vec<String> {
    let mut complaints = Vec::new();
    let known: BTreeMap<&str, &[&str]> = LAYERS.into_iter().collect();
    for package in members(packages) {
        let Some(allowed) = known.get(package.name.as_str()) else {
            complaints.push(format!("{} has no layer", package.name));
            continue;
        };
        for (name, kind) in &package.named {
            let is_test = kind == "dev" || FOR_TESTS.contains(&package.name.as_str());
            if FOR_TESTS.contains(&name.as_str()) {
                if !is_test {
                    complaints.push(format!(
                        "{} must not depend on {name} outside of tests",
                        package.name
                    ));
                }
            } else if known.contains_key(name.as_str()) && !allowed.contains(&name.as_str()) {
                complaints.push(format!("{} must not depend on {name}", package.name));
            }
        }
    }
    complaints
}

/// Returns the names of a package and of everything that its edges lead to.
fn reached<'a>(
    packages: &'a Packages,
    id: &'a str,
    edges: fn(&Package) -> &BTreeSet<String>,
) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::from([id]);
    let mut open = vec![id];
    while let Some(next) = open.pop() {
        for other in packages.get(next).into_iter().flat_map(edges) {
            if reached.insert(other) {
                open.push(other);
            }
        }
    }
    let packages = reached.into_iter().filter_map(|id| packages.get(id));
    packages.map(|package| package.name.as_str()).collect()
}

fn networked(packages: &Packages) -> Vec<String> {
    let mut complaints = Vec::new();
    for (id, package) in packages
        .iter()
        .filter(|(_, one)| PURE.contains(&one.name.as_str()))
    {
        for library in reached(packages, id, |package| &package.linked) {
            if NETWORK.contains(&library) {
                complaints.push(format!("{} is linked with {library}", package.name));
            }
        }
    }
    complaints
}

fn with_evaluator(packages: &Packages) -> Vec<String> {
    let mut complaints = Vec::new();
    for name in WITHOUT_EVALUATOR {
        let found = packages.iter().find(|(_, package)| package.name == name);
        let Some((id, _)) = found else {
            complaints.push(format!("there is no crate {name}"));
            continue;
        };
        for library in reached(packages, id, |package| &package.needed) {
            if EVALUATOR.contains(&library) {
                complaints.push(format!("{name} needs {library} to build or test"));
            }
        }
    }
    complaints
}

fn old_yaml(packages: &Packages) -> Vec<String> {
    let kinds = |package: &Package, kind: &str| {
        package
            .named
            .iter()
            .any(|(name, of)| name == "serde_yaml" && of == kind)
    };
    members(packages)
        .filter(|package| kinds(package, "normal") || kinds(package, "build"))
        .map(|package| {
            format!(
                "{} must not depend on serde_yaml outside of tests",
                package.name
            )
        })
        .collect()
}

#[test]
fn libraries_are_used_only_by_the_listed_crates() {
    assert_none(&outside_walls(packages()));
}

#[test]
fn crates_depend_only_on_layers_below() {
    assert_none(&outside_layers(packages()));
}

#[test]
fn pure_crates_are_not_linked_with_the_network() {
    assert_none(&networked(packages()));
}

#[test]
fn only_the_command_line_needs_the_evaluator() {
    assert_none(&with_evaluator(packages()));
}

#[test]
fn only_tests_use_serde_yaml() {
    assert_none(&old_yaml(packages()));
}

#[test]
fn finds_each_kind_of_violation() {
    let package = |name: &str, named: &[(&str, &str)], linked: &[&str]| {
        let own = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let named = named
            .iter()
            .map(|(name, kind)| ((*name).to_owned(), (*kind).to_owned()));
        let package = Package {
            named: named.collect(),
            linked: own(linked),
            needed: own(linked),
            name: name.to_owned(),
            member: true,
        };
        (name.to_owned(), package)
    };
    let packages = Packages::from([
        package(
            "kcc-model",
            &[("wasmtime", "dev"), ("kcc-plan", "normal")],
            &["petgraph"],
        ),
        package("kcc-lower", &[("serde_yaml", "normal")], &["far"]),
        package("far", &[], &["mio"]),
        package("mio", &[], &[]),
        package(
            "kcc-plan",
            &[("kcc-new", "dev"), ("kcc-test-support", "dev")],
            &["kcc-new"],
        ),
        package("kcc-docker", &[("kcc-test-engines", "normal")], &[]),
        package("kcc-new", &[], &["wasmtime"]),
        package("wasmtime", &[], &[]),
    ]);
    let says = |complaints: Vec<String>, expected: &str| {
        assert!(
            complaints.iter().any(|one| one == expected),
            "{expected}: {complaints:?}"
        );
    };
    says(
        outside_walls(&packages),
        "kcc-model must not depend on wasmtime",
    );
    says(
        outside_walls(&packages),
        "no crate depends on bollard: remove its wall",
    );
    says(
        outside_layers(&packages),
        "kcc-model must not depend on kcc-plan",
    );
    says(outside_layers(&packages), "kcc-new has no layer");
    says(
        outside_layers(&packages),
        "kcc-docker must not depend on kcc-test-engines outside of tests",
    );
    let tested = "kcc-plan must not depend on kcc-test-support outside of tests".to_owned();
    assert!(!outside_layers(&packages).contains(&tested));
    says(networked(&packages), "kcc-lower is linked with mio");
    says(
        with_evaluator(&packages),
        "kcc-plan needs wasmtime to build or test",
    );
    says(with_evaluator(&packages), "there is no crate kcc-kube");
    says(
        old_yaml(&packages),
        "kcc-lower must not depend on serde_yaml outside of tests",
    );
}
