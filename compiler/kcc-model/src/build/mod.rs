//! The build stage: a `ConfigTree` becomes a `SystemModel`.
//!
//! Short forms are written long here and nowhere else, units are normalised,
//! and the environment of needs and outputs is filled in. The stage is total:
//! a component that cannot be decoded is reported and left out, and all others
//! are built. Whether the pieces fit together is the business of the rules.

mod availability;
mod backing;
mod beside;
mod capabilities;
mod component;
mod container;
mod cursor;
mod env;
mod files;
mod health;
mod image;
mod labels;
mod late;
mod mode;
mod names;
mod needs;
mod objects;
mod outputs;
mod ports;
mod resources;
mod rights;
mod routes;
mod schedule;
mod secrets;
mod system;
mod volumes;

use std::cell::RefCell;
use std::collections::BTreeMap;

use kcc_diag::{Code, Diagnostic, Diagnostics};
use kcc_tree::{ConfigTree, Path};

pub(crate) use cursor::{Cursor, Found};
pub(crate) use env::{is_of, prefix};
pub use names::is_label;
pub(crate) use secrets::references as secret_references;

use crate::lines::Lines;
use crate::owners::Owners;
use crate::{Component, EngineTarget, Kind, Name, Referred, SystemModel, TargetModel};
use component::Draft;

/// What decoding one target needs to know.
pub(crate) struct Scope<'a> {
    pub(crate) system: &'a str,
    pub(crate) lines: Lines<'a>,
    pub(crate) owners: &'a Owners,
    pub(crate) referred: Referred<'a>,
    pub(crate) engine: &'a EngineTarget,
}

impl Scope<'_> {
    /// The team that a path belongs to; the system itself where no team does.
    pub(crate) fn team(&self, path: &Path) -> Name {
        let team = self.owners.get(path).and_then(|owner| owner.team.clone());
        team.unwrap_or_else(|| self.system.to_owned())
    }
}

/// Builds whatever can be built, and says what could not.
pub(crate) fn build_all(tree: &ConfigTree, referred: Referred<'_>) -> (SystemModel, Diagnostics) {
    let found = RefCell::new(Diagnostics::new());
    let system = system::build(tree, &found);
    let mut targets = BTreeMap::new();
    for target in tree.targets.keys() {
        let Some(bound) = system.targets.get(target) else {
            // What is wrong with a target that is declared has been said.
            let declared = tree
                .system
                .child("targets")
                .and_then(|all| all.child(target));
            if declared.is_none() {
                found.borrow_mut().push(unknown_target(&system, target));
            }
            continue;
        };
        let owners = Owners::of(tree, &system.teams, target);
        let scope = Scope {
            system: &system.name,
            lines: Lines::of(tree, target),
            owners: &owners,
            referred,
            engine: &bound.engine,
        };
        if let Some(model) = build_target(&scope, target, bound, &found) {
            targets.insert(target.clone(), model);
        }
    }
    let model = SystemModel {
        name: system.name,
        teams: system.teams,
        targets,
    };
    (model, found.into_inner())
}

fn build_target(
    scope: &Scope<'_>,
    target: &str,
    bound: &system::Bound,
    found: &Found,
) -> Option<TargetModel> {
    let root = scope.lines.tree().targets.get(target)?;
    let root = Cursor::new(root, Path::default(), scope.lines, found);
    let mut drafts: BTreeMap<Name, Draft> = BTreeMap::new();
    for (kind, decode) in component::KINDS {
        let Some(all) = root.child(kind) else {
            continue;
        };
        for (name, node) in all.fields() {
            names::check(&node, "component", name);
            if let Some(draft) = decode(scope, name, &node) {
                // A name that is taken twice is reported by its rule.
                drafts.entry(name.to_owned()).or_insert(draft);
            }
        }
    }
    let configs = secrets::configs(scope, &root);
    let objects = objects::objects(scope, &root);
    let components = needs::connect(scope, drafts, found);
    let secrets = secrets::secrets(scope, &root, &components);
    Some(TargetModel {
        target: target.to_owned(),
        engine: bound.engine.clone(),
        parity_accept: bound.parity_accept.clone(),
        components,
        secrets,
        configs,
        objects,
        patches: objects::patches(&root),
        docker_patches: objects::docker_patches(&root),
        grants: rights::grants(&root),
    })
}

fn unknown_target(system: &system::System, target: &str) -> Diagnostic {
    let known: Vec<_> = system
        .targets
        .keys()
        .map(|name| format!("`{name}`"))
        .collect();
    Diagnostic::error(
        Code::CheckUnknownTarget,
        format!("there is no target `{target}`"),
    )
    .at(format!("on.{target}"))
    .help(format!("the targets are {}", known.join(", ")))
}

/// Whether a component may have ports that its model lacks, because something
/// that was reported keeps them from being known.
pub(crate) fn ports_unsure(component: &Component, lines: Lines<'_>) -> bool {
    let path = match component.kind {
        Kind::Backing { .. } => component.path.join("component"),
        Kind::Service | Kind::Job(_) | Kind::CronJob(_) => component.path.clone(),
    };
    let sidecars = component.sidecars.keys();
    let mut sidecars = sidecars.map(|name| path.join("sidecars").join(name));
    ports::unsure(&path, &component.ports, lines)
        || sidecars.any(|path| ports::unsure(&path, &component.ports, lines))
}
