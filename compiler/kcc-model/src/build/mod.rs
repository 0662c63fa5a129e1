//! The build stage: decodes a `ConfigTree` into a `SystemModel`.
//!
//! Short forms are expanded here and nowhere else, units are normalised, and the
//! variables of needs and outputs are filled in. The stage never fails as a
//! whole: a component that cannot be decoded is reported and left out, and the
//! others are built. Checks across components belong to the rules.

mod availability;
mod backing;
mod capabilities;
#[cfg(test)]
mod completeness;
mod component;
mod connect;
mod container;
mod context;
mod cursor;
mod draft;
mod env;
mod files;
mod health;
mod image;
mod labels;
mod mode;
mod names;
mod needs;
mod objects;
mod output_refs;
mod outputs;
mod permissions;
mod ports;
mod provided;
mod resources;
mod routes;
mod schedule;
mod secrets;
mod sidecars;
mod system;
mod volumes;

use std::collections::BTreeMap;

use kcc_diag::{Code, Diagnostic, Diagnostics};
use kcc_lock::Images;
use kcc_tree::{ConfigTree, Path};

pub(crate) use context::TargetContext;
pub(crate) use cursor::{Cursor, Sink};
pub use names::is_label;
pub use provided::published_variables;
pub(crate) use provided::{ambiguous_port, has_ambiguous_port, provided_variables};
pub(crate) use secrets::secret_references;

use crate::owners::Owners;
use crate::reporter::Reporter;
use crate::{Component, Kind, Name, ReferencedFiles, SystemModel, TargetModel};
use draft::Draft;

type Decode = fn(&TargetContext<'_>, &str, &Cursor<'_>) -> Option<Draft>;

/// Root fields that contain components. If two use the same name, the first
/// field in this order keeps it.
const COMPONENT_FIELDS: [(&str, Decode); 4] = [
    ("services", component::service),
    ("jobs", component::job),
    ("cronJobs", component::cron_job),
    ("backing", backing::backing),
];

/// Builds everything that can be built and reports the rest.
pub(crate) fn build_model(
    tree: &ConfigTree,
    files: ReferencedFiles<'_>,
) -> (SystemModel, Diagnostics) {
    let sink = Sink::default();
    let model = build_into(tree, files, &sink);
    (model, sink.into_diagnostics())
}

/// Builds the system and its targets without anything in them.
pub(crate) fn build_system(tree: &ConfigTree) -> SystemModel {
    let system = system::build(tree, &Sink::default());
    let targets = system.targets.into_iter().map(|(target, binding)| {
        let model = TargetModel {
            target: target.clone(),
            engine: binding.engine,
            pin_images: binding.pin_images,
            parity_accept: BTreeMap::new(),
            components: BTreeMap::new(),
            secrets: BTreeMap::new(),
            configs: BTreeMap::new(),
            volumes: BTreeMap::new(),
            objects: BTreeMap::new(),
            patches: BTreeMap::new(),
            docker_patches: BTreeMap::new(),
            grants: BTreeMap::new(),
        };
        (target, model)
    });
    SystemModel {
        name: system.name,
        teams: system.teams,
        targets: targets.collect(),
        archive: system.archive,
        images: Images::default(),
    }
}

fn build_into(tree: &ConfigTree, files: ReferencedFiles<'_>, sink: &Sink) -> SystemModel {
    let system = system::build(tree, sink);
    let mut targets = BTreeMap::new();
    for target in tree.targets.keys() {
        let Some(binding) = system.targets.get(target) else {
            // Mistakes in a declared target are already reported.
            let declared = tree
                .system
                .child("targets")
                .and_then(|all| all.child(target));
            if declared.is_none() {
                sink.report(unknown_target(&system, target));
            }
            continue;
        };
        let owners = Owners::of(tree, &system.teams, target);
        let cx = TargetContext {
            system: &system.name,
            reporter: Reporter::of(tree, target),
            owners: &owners,
            files,
            engine: &binding.engine,
        };
        if let Some(model) = build_target(&cx, target, binding, sink) {
            targets.insert(target.clone(), model);
        }
    }
    SystemModel {
        name: system.name,
        teams: system.teams,
        targets,
        archive: system.archive,
        images: files.images.clone(),
    }
}

fn build_target(
    cx: &TargetContext<'_>,
    target: &str,
    binding: &system::TargetBinding,
    sink: &Sink,
) -> Option<TargetModel> {
    let root = cx.reporter.tree().targets.get(target)?;
    let root = Cursor::new(root, Path::default(), cx.reporter, sink);
    let mut drafts: BTreeMap<Name, Draft> = BTreeMap::new();
    for (kind, decode) in COMPONENT_FIELDS {
        let Some(all) = root.child(kind) else {
            continue;
        };
        for (name, node) in all.fields() {
            names::validate(&node, "component", name);
            if let Some(draft) = decode(cx, name, &node) {
                // A rule reports duplicate names.
                drafts.entry(name.to_owned()).or_insert(draft);
            }
        }
    }
    let configs = secrets::configs(cx, &root);
    let objects = objects::objects(cx, &root);
    let components = connect::connect(cx, drafts, sink);
    let secrets = secrets::secrets(cx, &root, &components);
    let model = TargetModel {
        target: target.to_owned(),
        engine: binding.engine.clone(),
        pin_images: binding.pin_images,
        parity_accept: binding.parity_accept.clone(),
        components,
        secrets,
        configs,
        volumes: volumes::shared(cx, &root),
        objects,
        patches: objects::patches(&root),
        docker_patches: objects::docker_patches(&root),
        grants: permissions::grants(&root),
    };
    root.report_unknown("#Root");
    Some(model)
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
    .at(Path::of(["on", target]))
    .help(format!("write one of the targets {}", known.join(", ")))
}

/// Returns true if a component may have ports that are missing from its model
/// because of a mistake that was reported.
pub(crate) fn ports_may_be_incomplete(component: &Component, reporter: Reporter<'_>) -> bool {
    let path = match component.kind {
        Kind::Backing { .. } => component.path.join("component"),
        Kind::Service | Kind::Job(_) | Kind::CronJob(_) => component.path.clone(),
    };
    let sidecars = component.sidecars.keys();
    let mut sidecars = sidecars.map(|name| path.join("sidecars").join(name));
    ports::may_be_incomplete(&path, &component.ports, reporter)
        || sidecars.any(|path| ports::may_be_incomplete(&path, &component.ports, reporter))
}
