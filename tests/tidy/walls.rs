//! Which crate may depend on which, read from `cargo metadata`.
//!
//! What holds, precisely:
//! - a library of a wall is a direct dependency, of whatever kind, of the
//!   crates that the wall names and of no other; others may still get it
//!   through one of those;
//! - crates of the workspace know each other as `LAYERS` says, so those under
//!   `runtime/` see the model and the lowering and nothing of evaluation;
//! - nothing that a crate which only reads the configuration tree needs to build
//!   or to test, however far away, is the evaluator or its runtime;
//! - nothing that a compiler crate is linked with, however far away, can open
//!   a socket, and no crate but a test reads YAML with `serde_yaml`.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
    sync::OnceLock,
};

use serde_json::Value;

use crate::{none, source::root};

/// Libraries, and the crates that may name them.
const WALLS: [(&str, &[&str]); 11] = [
    ("wasmtime", &["kcc-cue"]),
    ("bollard", &["kcc-docker"]),
    ("kube", &["kcc-kube"]),
    ("k8s-openapi", &["kcc-kube", "kcc-lower"]),
    ("petgraph", &["kcc-model", "kcc-plan"]),
    ("serde-saphyr", &["kcc-lower"]),
    ("miette", &["kcc-diag"]),
    ("clap", &["kcc"]),
    ("clap_complete", &["kcc"]),
    ("indicatif", &["kcc"]),
    ("tokio", &["kcc", "kcc-docker", "kcc-kube", "kcc-plan"]),
];

/// The crates of the workspace, and which of them each may name.
const LAYERS: [(&str, &[&str]); 9] = [
    ("kcc-diag", &[]),
    ("kcc-tree", &["kcc-diag"]),
    ("kcc-cue", &["kcc-diag", "kcc-tree"]),
    ("kcc-model", &["kcc-diag", "kcc-tree"]),
    ("kcc-lower", &["kcc-diag", "kcc-model", "kcc-tree"]),
    ("kcc-plan", &["kcc-diag", "kcc-lower", "kcc-model"]),
    (
        "kcc-docker",
        &["kcc-diag", "kcc-lower", "kcc-model", "kcc-plan"],
    ),
    (
        "kcc-kube",
        &["kcc-diag", "kcc-lower", "kcc-model", "kcc-plan"],
    ),
    (
        "kcc",
        &[
            "kcc-cue",
            "kcc-diag",
            "kcc-docker",
            "kcc-kube",
            "kcc-lower",
            "kcc-model",
            "kcc-plan",
            "kcc-tree",
        ],
    ),
];

/// Crates that build and test without the evaluator: on a machine without Go,
/// and without waiting for the engine build.
const WITHOUT_EVALUATOR: [&str; 7] = [
    "kcc-diag",
    "kcc-tree",
    "kcc-model",
    "kcc-lower",
    "kcc-plan",
    "kcc-docker",
    "kcc-kube",
];

/// The evaluator and its runtime.
const EVALUATOR: [&str; 2] = ["kcc-cue", "wasmtime"];

/// Crates that are pure.
const PURE: [&str; 5] = ["kcc-diag", "kcc-tree", "kcc-cue", "kcc-model", "kcc-lower"];

/// Libraries with which a program can reach the network.
const NETWORK: [&str; 12] = [
    "async-std",
    "bollard",
    "curl",
    "hyper",
    "kube",
    "kube-client",
    "mio",
    "reqwest",
    "rustls",
    "socket2",
    "tokio",
    "ureq",
];

/// A package and what it names and is linked with.
#[derive(Debug, Default, Clone)]
struct Package {
    /// What its manifest names, each with its kind: `normal`, `dev` or `build`.
    named: BTreeSet<(String, String)>,
    /// What it is linked with, by the other's id.
    linked: BTreeSet<String>,
    /// Everything that building and testing it needs, of whatever kind, by id.
    /// Cargo resolves `dev` dependencies of members only.
    needed: BTreeSet<String>,
    name: String,
    member: bool,
}

type Packages = BTreeMap<String, Package>;

/// What cargo says of the workspace on this machine; other machines' libraries
/// need not be here.
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
            complaints.push(format!("no crate depends on {library}: tear its wall down"));
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
        for (name, _) in &package.named {
            if known.contains_key(name.as_str()) && !allowed.contains(&name.as_str()) {
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
fn libraries_stay_behind_their_walls() {
    none(&outside_walls(packages()));
}

#[test]
fn crates_know_only_the_layers_below() {
    none(&outside_layers(packages()));
}

#[test]
fn nothing_pure_is_linked_with_the_network() {
    none(&networked(packages()));
}

#[test]
fn only_the_command_line_needs_the_evaluator() {
    none(&with_evaluator(packages()));
}

#[test]
fn only_tests_read_yaml_with_the_old_reader() {
    none(&old_yaml(packages()));
}

#[test]
fn each_wall_can_be_broken() {
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
        package("kcc-plan", &[("kcc-new", "dev")], &["kcc-new"]),
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
        "no crate depends on bollard: tear its wall down",
    );
    says(
        outside_layers(&packages),
        "kcc-model must not depend on kcc-plan",
    );
    says(outside_layers(&packages), "kcc-new has no layer");
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
