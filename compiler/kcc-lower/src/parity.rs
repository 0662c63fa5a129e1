//! The parity ledger: how each engine honours each field that is in use.
//!
//! The verdict of each engine stands in the schema, beside the field; this file finds
//! the uses. A dropped field that the component would notice is an error, unless the
//! target accepts it with a reason.

use std::collections::BTreeMap;

use kcc_diag::{Code, at_more_paths};
use kcc_model::{
    Check, Component, Concurrency, Container, EnvValue, Expose, Image, Kind, Profile, TargetModel,
    Until, VolumeSource, covers, narrowest,
};
use kcc_tree::{Engine, Path};
use serde::Serialize;

use crate::docker::patched_fields;
use crate::kubernetes::GOVERNING_KINDS;
use crate::lowering::Lowering;

mod field;
mod verdict;

pub use field::Field;
pub use verdict::Verdict;

/// A use of a field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// The path in the model.
    #[serde(serialize_with = "serialize_path")]
    pub path: Path,
    /// The field.
    pub field: &'static Field,
    /// The verdict of the target's engine.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// The target's reason for accepting a drop.
    pub accepted: Option<String>,
}

fn serialize_path<S: serde::Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(path)
}

/// Returns every use of a field in a target, by component, in field order.
pub fn ledger(target: &TargetModel) -> Vec<Entry> {
    let engine = target.engine.engine();
    let mut entries = Vec::new();
    for component in target
        .components
        .values()
        .filter(|component| component.runs())
    {
        let mut uses = uses(component, target);
        let patches = target.patches.get(&component.name).into_iter().flatten();
        uses.extend(patches.map(|(kind, _)| {
            let below = vec!["kubernetes".to_owned(), kind.clone()];
            ("kubernetes.*", below)
        }));
        let docker_patch = target.docker_patches.get(&component.name);
        let fields = docker_patch.into_iter().flat_map(patched_fields);
        uses.extend(fields.map(|below| ("docker.*", below)));
        let root = component.path.0.first().map_or("", String::as_str);
        let mut uses: Vec<_> = uses
            .into_iter()
            .filter_map(|(field, below)| Some((position(root, field)?, below)))
            .collect();
        uses.sort();
        entries.extend(uses.into_iter().map(|(at, below)| {
            let path = Path(component.path.0.iter().cloned().chain(below).collect());
            entry(target, engine, path, &Field::all()[at])
        }));
    }
    for volume in target.volumes.values() {
        for (field, used) in [("size", true), ("class", volume.class.is_some())] {
            let at = position("volumes", field).filter(|_| used);
            let field_of = at.map(|at| &Field::all()[at]);
            let path = volume.path.join(field);
            entries.extend(field_of.map(|field| entry(target, engine, path, field)));
        }
    }
    for object in target.objects.values() {
        let kind = object.manifest.get("kind").and_then(|kind| kind.as_str());
        let field = match kind {
            Some(kind) if GOVERNING_KINDS.contains(&kind) => "objects.*.kind",
            _ => "objects.*",
        };
        let field = position("objects", field).map(|at| &Field::all()[at]);
        entries.extend(field.map(|field| entry(target, engine, object.path.clone(), field)));
    }
    entries
}

/// Returns the position of a field in the schema. Every name in this file is one, as
/// a test finds out.
fn position(root: &str, path: &str) -> Option<usize> {
    let field = Field::of(root, path);
    debug_assert!(field.is_some(), "the schema has no verdict on `{path}`");
    let field = field?;
    Field::all().iter().position(|other| other == field)
}

fn entry(target: &TargetModel, engine: Engine, path: Path, field: &'static Field) -> Entry {
    let accepted = target
        .parity_accept
        .iter()
        .find(|(pattern, _)| covers(pattern, &path.0))
        .map(|(_, reason)| reason.clone());
    Entry {
        path,
        field,
        verdict: field.verdict(engine),
        accepted,
    }
}

/// Reports every drop that the target does not accept: once for a line that several
/// components share, as in a template or a default.
pub(crate) fn check(lowering: &mut Lowering<'_>) {
    let mut drops: BTreeMap<_, Vec<(Path, &str)>> = BTreeMap::new();
    for entry in ledger(lowering.target) {
        if let (Verdict::Dropped(why), None) = (entry.verdict, entry.accepted) {
            let key = (lowering.line(&entry.path), any_component(&entry.path));
            let drops = drops.entry(key).or_default();
            drops.push((entry.path, why));
        }
    }
    for ((_, pattern), drops) in drops {
        let Some(((path, why), others)) = drops.split_first() else {
            continue;
        };
        let engine = lowering.target.engine.engine();
        let message = format!("`{path}` has no effect on {engine}: {why}");
        let message = at_more_paths(message, others.len());
        let accepted = if others.is_empty() { path } else { &pattern };
        // Without the target's name, so that targets of one engine share a diagnostic.
        let help = format!(
            "move it under `on` for other targets, or accept the drop in `system.targets`: \
             `parity: accept: {:?}: \"<reason>\"`",
            narrowest(&accepted.0)
        );
        let label = format!("{engine} drops it");
        lowering.error(Code::LowerParityDropped, path, message, label, help);
    }
}

/// Returns the pattern for a path in any component.
fn any_component(path: &Path) -> Path {
    let mut pattern = path.clone();
    if let Some(name) = pattern.0.get_mut(1) {
        "*".clone_into(name);
    }
    pattern
}

/// Returns the fields that a component uses, with their paths below it.
fn uses(component: &Component, target: &TargetModel) -> Vec<(&'static str, Vec<String>)> {
    let engine = &target.engine;
    let mut uses = Vec::new();
    let mut add = |field: &'static str, used: bool, names: &[&str]| {
        if used {
            uses.push((field, names.iter().map(|name| (*name).to_owned()).collect()));
        }
    };
    for (path, container) in component.containers() {
        let within = path.0.iter().skip(component.path.0.len());
        let within: Vec<_> = within.map(String::as_str).collect();
        container_uses(component, container, &within, &mut add);
    }
    for (name, port) in &component.ports {
        let path = component.port_path(name);
        let below = path.0.iter().skip(component.path.0.len());
        let below: Vec<_> = below.map(String::as_str).collect();
        add("ports.*", true, &below);
        add(
            "ports.*.expose",
            port.expose != Expose::No,
            &[&below[..], &["expose"]].concat(),
        );
        let public = [&below[..], &["public"]].concat();
        add("ports.*.public", port.public, &public);
    }
    for (name, need) in &component.needs {
        add("needs.*", true, &["needs", name]);
        let other = target.components.get(name);
        let external = other.is_some_and(|other| !other.runs());
        let unchecked = external && need.until == Until::Healthy;
        add("needs.*.until", unchecked, &["needs", name, "until"]);
    }
    let aliases = !component.host_aliases.is_empty();
    add("hostAliases", aliases, &["hostAliases"]);
    for (at, alias) in component.aliases.iter().enumerate() {
        // On Kubernetes a name without dots is a Service.
        let service = engine.is(Engine::Kubernetes) && !alias.contains('.');
        add("aliases", !service, &["aliases", &at.to_string()]);
    }
    let plain = component.scale.is_none() && component.replicas != 1;
    add("replicas", plain, &["replicas"]);
    availability_uses(component, &mut add);
    for (name, volume) in &component.volumes {
        add("volumes.*", true, &["volumes", name]);
        if let VolumeSource::Ephemeral(volume) = &volume.source {
            let at = ["volumes", name.as_str(), "ephemeral"];
            add("volumes.*.ephemeral", true, &at);
            let defaults = kcc_model::Ephemeral::default();
            let exec = volume.exec != defaults.exec;
            add(
                "volumes.*.ephemeral.exec",
                exec,
                &[&at[..], &["exec"]].concat(),
            );
            let mode = volume.mode.is_some();
            add(
                "volumes.*.ephemeral.mode",
                mode,
                &[&at[..], &["mode"]].concat(),
            );
        }
        let mode = volume.mode.is_some();
        add("volumes.*.mode", mode, &["volumes", name, "mode"]);
        let host = matches!(volume.source, VolumeSource::HostPath(_));
        add("volumes.*.hostPath", host, &["volumes", name, "hostPath"]);
        let shared = matches!(volume.source, VolumeSource::Shared(_));
        add("volumes.*.from", shared, &["volumes", name, "from"]);
        let propagated = volume.propagation.is_some();
        let propagation = ["volumes", name, "propagation"];
        add("volumes.*.propagation", propagated, &propagation);
        let read_only = volume.read_only;
        add(
            "volumes.*.readOnly",
            read_only,
            &["volumes", name, "readOnly"],
        );
        if let VolumeSource::Persistent { class, .. } = &volume.source {
            add("volumes.*.size", true, &["volumes", name, "size"]);
            add(
                "volumes.*.class",
                class.is_some(),
                &["volumes", name, "class"],
            );
        }
    }
    add("hostNetwork", component.host_network, &["hostNetwork"]);
    for name in component.devices.keys() {
        add("devices.*", true, &["devices", name]);
    }
    for (path, file) in &component.files {
        let path = file.declared(path);
        add("files.*", true, &["files", path]);
        add(
            "files.*.mode",
            file.access.mode.is_some(),
            &["files", path, "mode"],
        );
        add(
            "files.*.owner",
            file.access.owner.is_some(),
            &["files", path, "owner"],
        );
    }
    for (name, route) in &component.routes {
        add("routes.*", true, &["routes", name]);
        add(
            "routes.*.tls",
            route.tls.is_some(),
            &["routes", name, "tls"],
        );
    }
    if let Kind::CronJob(cron) = &component.kind {
        add("schedule", true, &["schedule"]);
        add("timeZone", cron.time_zone.is_some(), &["timeZone"]);
        let concurrency = cron.concurrency != Concurrency::Allow;
        add("concurrency", concurrency, &["concurrency"]);
    }
    if let Some(run) = component.run() {
        add("retries", true, &["retries"]);
        add("deadline", run.deadline.is_some(), &["deadline"]);
        add("completions", run.completions != 1, &["completions"]);
        add("parallelism", run.parallelism != 1, &["parallelism"]);
    }
    add("start", component.manual, &["start"]);
    add("stateful", component.stateful, &["stateful"]);
    add("everyNode", component.every_node, &["everyNode"]);
    let longer = component.grace_period != engine.grace_period();
    add("rollout.gracePeriod", longer, &["rollout", "gracePeriod"]);
    let waits = component.run().is_none() && component.deadline != engine.rollout_deadline();
    add("rollout.deadline", waits, &["rollout", "deadline"]);
    let security = &component.container.security;
    let changed = security.profile != Profile::default();
    add("security.profile", changed, &["security", "profile"]);
    add(
        "security.readOnlyRoot",
        security.read_only_root,
        &["security", "readOnlyRoot"],
    );
    add(
        "security.privileged",
        security.privileged,
        &["security", "privileged"],
    );
    let known = component.identity != kcc_model::Identity::default();
    add("identity", known, &["identity"]);
    let added = !security.add_capabilities.is_empty();
    add(
        "security.capabilities",
        added,
        &["security", "capabilities"],
    );
    add("labels", !component.labels.is_empty(), &["labels"]);
    add(
        "annotations",
        !component.annotations.is_empty(),
        &["annotations"],
    );
    uses
}

/// Adds the fields of one of a component's containers, at path `within` it.
fn container_uses(
    component: &Component,
    container: &Container,
    within: &[&str],
    add: &mut impl FnMut(&'static str, bool, &[&str]),
) {
    let extra = match within {
        ["init", _] => Some("init.*"),
        ["sidecars", _] => Some("sidecars.*"),
        _ => None,
    };
    if let Some(field) = extra {
        add(field, true, within);
    }
    // Some fields belong to the component and apply to all its containers.
    let main = extra.is_none();
    let step = matches!(within, ["init", _]);
    let mut add = |field, used, names: &[&str]| add(field, used, &[within, names].concat());
    match container.image {
        // An init step without an image uses the main container's.
        _ if step && container.image == component.container.image => {}
        Image::Reference(_) => add("image", true, &["image"]),
        Image::Build(_) => add("build", true, &["build"]),
    }
    add(
        "platform",
        main && container.platform.is_some(),
        &["platform"],
    );
    add("command", container.command.is_some(), &["command"]);
    add("args", container.args.is_some(), &["args"]);
    add(
        "workingDir",
        main && container.working_dir.is_some(),
        &["workingDir"],
    );
    let own_user = main || container.user != component.container.user;
    add("user", own_user && container.user.is_some(), &["user"]);
    add("env", !container.env.is_empty(), &["env"]);
    for (name, value) in &container.env {
        let dropped = matches!(value, EnvValue::Field(field) if field.only_in_cluster());
        add("env.*.field", dropped, &["env", name, "field"]);
    }
    for (field, name, probe) in [
        ("health.startup", "startup", &container.health.startup),
        ("health.readiness", "readiness", &container.health.readiness),
        ("health.liveness", "liveness", &container.health.liveness),
    ] {
        let Some(probe) = probe else { continue };
        // A check that the engine runs unasked is not a use of a field.
        if matches!(probe.check, Check::Image { declared: false }) {
            continue;
        }
        add(field, true, &["health", name]);
        let grpc = matches!(probe.check, Check::Grpc { .. });
        // The short form is one field in the fragment, so it counts once.
        if name == "liveness" && container.health.is_short_form() {
            add("health.*.grpc", grpc, &["health", "grpc"]);
        } else if !container.health.is_short_form() {
            add("health.*.grpc", grpc, &["health", name, "grpc"]);
        }
    }
    if step {
        return;
    }
    add(
        "resources.gpu",
        container.resources.gpu.is_some(),
        &["resources", "gpu"],
    );
    let (requests, limits) = (&container.resources.requests, &container.resources.limits);
    add(
        "resources.requests.cpu",
        requests.cpu.is_some(),
        &["resources", "requests", "cpu"],
    );
    add(
        "resources.requests.memory",
        requests.memory.is_some(),
        &["resources", "requests", "memory"],
    );
    add(
        "resources.limits.cpu",
        limits.cpu.is_some(),
        &["resources", "limits", "cpu"],
    );
    add(
        "resources.limits.memory",
        limits.memory.is_some(),
        &["resources", "limits", "memory"],
    );
}

/// Adds the availability fields of a component.
fn availability_uses(component: &Component, add: &mut impl FnMut(&'static str, bool, &[&str])) {
    let (rollout, placement) = (&component.rollout, &component.placement);
    for (field, used, names) in [
        ("scale", component.scale.is_some(), &["scale"][..]),
        (
            "rollout.strategy",
            rollout.strategy.is_some(),
            &["rollout", "strategy"],
        ),
        (
            "rollout.surge",
            rollout.surge.is_some(),
            &["rollout", "surge"],
        ),
        (
            "rollout.unavailable",
            rollout.unavailable.is_some(),
            &["rollout", "unavailable"],
        ),
        (
            "rollout.preStop",
            rollout.pre_stop.is_some(),
            &["rollout", "preStop"],
        ),
        (
            "disruption",
            component.disruption.is_some(),
            &["disruption"],
        ),
        (
            "placement.spread",
            placement.spread.is_some(),
            &["placement", "spread"],
        ),
        (
            "placement.priorityClass",
            placement.priority_class.is_some(),
            &["placement", "priorityClass"],
        ),
        (
            "placement.nodes",
            !placement.nodes.is_empty(),
            &["placement", "nodes"],
        ),
        (
            "placement.tolerations",
            !placement.tolerations.is_empty(),
            &["placement", "tolerations"],
        ),
    ] {
        add(field, used, names);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn paths_are_unique_and_reasons_are_not_empty() {
        let paths: BTreeSet<_> = Field::all().iter().map(Field::path).collect();
        assert_eq!(paths.len(), Field::all().len());
        for field in Field::all() {
            for engine in Engine::ALL {
                let (Verdict::Emulated(why)
                | Verdict::DroppedByNature(why)
                | Verdict::Dropped(why)) = field.verdict(engine)
                else {
                    continue;
                };
                assert!(why.len() > 10 && !why.ends_with('.'), "{}", field.path());
            }
        }
    }
}
