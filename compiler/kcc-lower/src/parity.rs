//! The parity ledger: how each engine honours each field that is in use.
//!
//! To add a field, add it to [`Field`] (`parity/field.rs`) with its path and a
//! verdict per engine, and find its uses in [`ledger`]. A dropped field that the
//! component would notice is an error, unless the target accepts it with a reason.

use kcc_diag::Code;
use kcc_model::{
    Check, Component, Concurrency, Container, EngineTarget, Expose, Image, Kind, Millis, Profile,
    TargetModel, VolumeSource, covers,
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

/// The default deadline, which does not count as a use of the field.
const DEFAULT_DEADLINE: Millis = Millis(300_000);

/// A use of a field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// The path in the model.
    #[serde(serialize_with = "serialize_path")]
    pub path: Path,
    /// The field.
    pub field: Field,
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
        let mut uses = uses(component, &target.engine);
        let patches = target.patches.get(&component.name).into_iter().flatten();
        uses.extend(patches.map(|(kind, _)| {
            let below = vec!["kubernetes".to_owned(), kind.clone()];
            (Field::KubernetesPatch, below)
        }));
        let docker_patch = target.docker_patches.get(&component.name);
        let fields = docker_patch.into_iter().flat_map(patched_fields);
        uses.extend(fields.map(|below| (Field::DockerPatch, below)));
        uses.sort();
        entries.extend(uses.into_iter().map(|(field, below)| {
            let path = Path(component.path.0.iter().cloned().chain(below).collect());
            entry(target, engine, path, field)
        }));
    }
    for object in target.objects.values() {
        let kind = object.manifest.get("kind").and_then(|kind| kind.as_str());
        let field = match kind {
            Some(kind) if GOVERNING_KINDS.contains(&kind) => Field::RuleObject,
            _ => Field::Object,
        };
        entries.push(entry(target, engine, object.path.clone(), field));
    }
    entries
}

fn entry(target: &TargetModel, engine: Engine, path: Path, field: Field) -> Entry {
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

/// Reports every drop that the target does not accept.
pub(crate) fn check(lowering: &mut Lowering<'_>) {
    for entry in ledger(lowering.target) {
        if let (Verdict::Dropped(why), None) = (entry.verdict, entry.accepted) {
            // Without the target's name, so that targets of one engine share a diagnostic.
            let help = format!(
                "move it under `on` for other targets, or accept the drop in `system.targets`: \
                 `parity: accept: {:?}: \"<reason>\"`",
                entry.path.to_string()
            );
            let engine = lowering.target.engine.engine();
            lowering.error(
                Code::LowerParityDropped,
                &entry.path,
                format!("`{}` has no effect on {engine}: {why}", entry.path),
                format!("{engine} drops it"),
                help,
            );
        }
    }
}

/// Returns the fields that a component uses, with their paths below it.
fn uses(component: &Component, engine: &EngineTarget) -> Vec<(Field, Vec<String>)> {
    let mut uses = Vec::new();
    let mut add = |field: Field, used: bool, names: &[&str]| {
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
        add(Field::Port, true, &below);
        add(
            Field::Expose,
            port.expose != Expose::No,
            &[&below[..], &["expose"]].concat(),
        );
    }
    for name in component.needs.keys() {
        add(Field::Need, true, &["needs", name]);
    }
    let plain = component.scale.is_none() && component.replicas != 1;
    add(Field::Replicas, plain, &["replicas"]);
    availability_uses(component, &mut add);
    for (name, volume) in &component.volumes {
        add(Field::Volume, true, &["volumes", name]);
        if let VolumeSource::Ephemeral(volume) = &volume.source {
            let at = ["volumes", name.as_str(), "ephemeral"];
            add(Field::Ephemeral, true, &at);
            let defaults = kcc_model::Ephemeral::default();
            let exec = volume.exec != defaults.exec;
            add(Field::EphemeralExec, exec, &[&at[..], &["exec"]].concat());
            let mode = volume.mode.is_some();
            add(Field::EphemeralMode, mode, &[&at[..], &["mode"]].concat());
        }
        let mode = volume.mode.is_some();
        add(Field::VolumeMode, mode, &["volumes", name, "mode"]);
        let host = matches!(volume.source, VolumeSource::HostPath(_));
        add(Field::HostPath, host, &["volumes", name, "hostPath"]);
        if let VolumeSource::Persistent { class, .. } = &volume.source {
            add(Field::VolumeSize, true, &["volumes", name, "size"]);
            add(
                Field::VolumeClass,
                class.is_some(),
                &["volumes", name, "class"],
            );
        }
    }
    for (path, file) in &component.files {
        add(Field::File, true, &["files", path]);
        add(
            Field::FileMode,
            file.access.mode.is_some(),
            &["files", path, "mode"],
        );
        add(
            Field::FileOwner,
            file.access.owner.is_some(),
            &["files", path, "owner"],
        );
    }
    for (name, route) in &component.routes {
        add(Field::Route, true, &["routes", name]);
        add(
            Field::RouteTls,
            route.tls.is_some(),
            &["routes", name, "tls"],
        );
    }
    if let Kind::CronJob(cron) = &component.kind {
        add(Field::Schedule, true, &["schedule"]);
        add(Field::TimeZone, cron.time_zone.is_some(), &["timeZone"]);
        let concurrency = cron.concurrency != Concurrency::Allow;
        add(Field::Concurrency, concurrency, &["concurrency"]);
    }
    if let Some(run) = component.run() {
        add(Field::Retries, true, &["retries"]);
        let (deadline, completions) = if component.is_cron_job() {
            (Field::CronDeadline, Field::CronCompletions)
        } else {
            (Field::Deadline, Field::Completions)
        };
        add(deadline, run.deadline.is_some(), &["deadline"]);
        add(completions, run.completions != 1, &["completions"]);
        add(Field::Parallelism, run.parallelism != 1, &["parallelism"]);
    }
    add(Field::Stateful, component.stateful, &["stateful"]);
    add(Field::EveryNode, component.every_node, &["everyNode"]);
    let longer = component.grace_period != engine.grace_period();
    add(Field::GracePeriod, longer, &["rollout", "gracePeriod"]);
    let waits = component.run().is_none() && component.deadline != DEFAULT_DEADLINE;
    add(Field::RolloutDeadline, waits, &["rollout", "deadline"]);
    let security = &component.container.security;
    let changed = security.profile != Profile::default();
    add(Field::Profile, changed, &["security", "profile"]);
    add(
        Field::ReadOnlyRoot,
        security.read_only_root,
        &["security", "readOnlyRoot"],
    );
    add(
        Field::Privileged,
        security.privileged,
        &["security", "privileged"],
    );
    let known = component.identity != kcc_model::Identity::default();
    add(Field::Identity, known, &["identity"]);
    let added = !security.add_capabilities.is_empty();
    add(Field::Capabilities, added, &["security", "capabilities"]);
    add(Field::Labels, !component.labels.is_empty(), &["labels"]);
    add(
        Field::Annotations,
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
    add: &mut impl FnMut(Field, bool, &[&str]),
) {
    let cron = component.is_cron_job();
    let extra = match within {
        ["init", _] => Some(if cron { Field::CronInit } else { Field::Init }),
        ["sidecars", _] if cron => Some(Field::CronSidecar),
        ["sidecars", _] => Some(Field::Sidecar),
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
        Image::Reference(_) => add(Field::Image, true, &["image"]),
        Image::Build(_) => add(Field::Build, true, &["build"]),
    }
    add(Field::Command, container.command.is_some(), &["command"]);
    add(Field::Args, container.args.is_some(), &["args"]);
    add(
        Field::WorkingDir,
        main && container.working_dir.is_some(),
        &["workingDir"],
    );
    add(Field::User, main && container.user.is_some(), &["user"]);
    add(Field::Env, !container.env.is_empty(), &["env"]);
    for (field, name, probe) in [
        (Field::Startup, "startup", &container.health.startup),
        (Field::Readiness, "readiness", &container.health.readiness),
        (Field::Liveness, "liveness", &container.health.liveness),
    ] {
        let Some(probe) = probe else { continue };
        add(field, true, &["health", name]);
        let grpc = matches!(probe.check, Check::Grpc { .. });
        // The short form is one field in the fragment, so it counts once.
        if field == Field::Liveness && container.health.is_short_form() {
            add(Field::GrpcHealth, grpc, &["health", "grpc"]);
        } else if !container.health.is_short_form() {
            add(Field::GrpcHealth, grpc, &["health", name, "grpc"]);
        }
    }
    if step {
        return;
    }
    let (requests, limits) = (&container.resources.requests, &container.resources.limits);
    add(
        Field::CpuRequest,
        requests.cpu.is_some(),
        &["resources", "requests", "cpu"],
    );
    add(
        Field::MemoryRequest,
        requests.memory.is_some(),
        &["resources", "requests", "memory"],
    );
    add(
        Field::CpuLimit,
        limits.cpu.is_some(),
        &["resources", "limits", "cpu"],
    );
    add(
        Field::MemoryLimit,
        limits.memory.is_some(),
        &["resources", "limits", "memory"],
    );
}

/// Adds the availability fields of a component.
fn availability_uses(component: &Component, add: &mut impl FnMut(Field, bool, &[&str])) {
    let (rollout, placement) = (&component.rollout, &component.placement);
    for (field, used, names) in [
        (Field::Scale, component.scale.is_some(), &["scale"][..]),
        (
            Field::RolloutStrategy,
            rollout.strategy.is_some(),
            &["rollout", "strategy"],
        ),
        (
            Field::RolloutSurge,
            rollout.surge.is_some(),
            &["rollout", "surge"],
        ),
        (
            Field::RolloutUnavailable,
            rollout.unavailable.is_some(),
            &["rollout", "unavailable"],
        ),
        (
            Field::PreStop,
            rollout.pre_stop.is_some(),
            &["rollout", "preStop"],
        ),
        (
            Field::Disruption,
            component.disruption.is_some(),
            &["disruption"],
        ),
        (
            Field::Spread,
            placement.spread.is_some(),
            &["placement", "spread"],
        ),
        (
            Field::Nodes,
            !placement.nodes.is_empty(),
            &["placement", "nodes"],
        ),
        (
            Field::Tolerations,
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
        let paths: BTreeSet<_> = Field::ALL.iter().map(|field| field.path()).collect();
        assert_eq!(paths.len(), Field::ALL.len());
        for field in Field::ALL {
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
