//! Decodes components into drafts: every field that depends on the component
//! alone. Needs and the variables they provide are connected afterwards.

use std::collections::BTreeMap;

use kcc_diag::Code;
use kcc_tree::{Path, schema::component_fields};

use super::draft::{Draft, PendingContainer};
use super::names::is_label;
use super::{Cursor, TargetContext};
use super::{
    availability, container, files, labels, needs, permissions, ports, routes, schedule, sidecars,
    volumes,
};
use crate::{Component, IpAddr, Kind, Millis, Run};

/// The time that an apply waits for a job without a deadline of its own.
const JOB_DEADLINE: Millis = Millis(600_000);

pub(crate) fn service(cx: &TargetContext<'_>, name: &str, node: &Cursor<'_>) -> Option<Draft> {
    decode(cx, name, node, node, Kind::Service)
}

pub(crate) fn job(cx: &TargetContext<'_>, name: &str, node: &Cursor<'_>) -> Option<Draft> {
    let run = run(node);
    let mut draft = decode(cx, name, node, node, Kind::Job(run))?;
    draft.component.deadline = run.deadline.unwrap_or(JOB_DEADLINE);
    Some(draft)
}

pub(crate) fn cron_job(cx: &TargetContext<'_>, name: &str, node: &Cursor<'_>) -> Option<Draft> {
    let cron = schedule::cron(node, run(node));
    // The container is decoded even without a schedule, to report its mistakes.
    let draft = decode(
        cx,
        name,
        node,
        node,
        Kind::CronJob(cron.clone().unwrap_or_default()),
    )?;
    cron.map(|_| draft)
}

fn run(node: &Cursor<'_>) -> Run {
    let number = |field| node.child(field).and_then(|count| count.number());
    let defaults = Run::default();
    Run {
        retries: number("retries").unwrap_or(defaults.retries),
        deadline: node
            .child("deadline")
            .and_then(|time| time.quantity(Millis::parse)),
        completions: number("completions").unwrap_or(defaults.completions),
        parallelism: number("parallelism").unwrap_or(defaults.parallelism),
    }
}

/// Decodes the fields that all components share. `owner` is the component's own
/// node; `node` describes its container, which for a backing is the recipe of its
/// kind.
pub(crate) fn decode(
    cx: &TargetContext<'_>,
    name: &str,
    owner: &Cursor<'_>,
    node: &Cursor<'_>,
    kind: Kind,
) -> Option<Draft> {
    let mut ports = ports::ports(node);
    let mut output_args = Vec::new();
    let volumes = volumes::volumes(node);
    let container = container::container(cx, node, &ports, &volumes, &mut output_args);
    let extra = sidecars::extra_containers(cx, name, node, container.as_ref(), &mut ports);
    let mut output_files = BTreeMap::new();
    let files = files::files(cx, node, &mut output_files);
    volumes::check_unique_mounts(node, &volumes, &files);
    let rollout = node.child("rollout");
    let time = |field| rollout.as_ref()?.child(field)?.quantity(Millis::parse);
    let flag = |field| node.child(field).and_then(|flag| flag.boolean()) == Some(true);
    let scale = availability::scale(node);
    let component = Component {
        name: name.to_owned(),
        team: cx.team(&owner.path),
        path: owner.path.clone(),
        routes: routes::routes(node, &ports),
        ports,
        aliases: aliases(cx, node),
        needs: BTreeMap::new(),
        host_aliases: host_aliases(cx, node),
        replicas: scale
            .map(|scale| scale.min)
            .or_else(|| node.child("replicas")?.number())
            .unwrap_or(1),
        scale,
        volumes,
        host_network: flag("hostNetwork"),
        devices: volumes::devices(node),
        files,
        stateful: flag("stateful"),
        every_node: flag("everyNode"),
        // A kind of backing says what runs, not when.
        manual: owner
            .child("start")
            .and_then(|start| start.text())
            .as_deref()
            == Some("manual"),
        rollout: availability::rollout(node),
        disruption: availability::disruption(node),
        identity: permissions::identity(node),
        placement: availability::placement(cx, node),
        grace_period: time("gracePeriod").unwrap_or(cx.engine.grace_period()),
        deadline: time("deadline").unwrap_or(cx.engine.rollout_deadline()),
        labels: labels::decode(cx, node, "labels"),
        annotations: labels::decode(cx, node, "annotations"),
        container: container?,
        init: extra.init,
        sidecars: extra.sidecars,
        kind,
    };
    let main = PendingContainer {
        env: super::env::decode(node),
        output_args,
    };
    Some(Draft {
        component,
        pending: std::iter::once(main).chain(extra.pending).collect(),
        output_files,
        needs: needs::decode(owner),
    })
}

/// Decodes `aliases`. The name of a component leads to that component.
fn aliases(cx: &TargetContext<'_>, node: &Cursor<'_>) -> Vec<String> {
    let mut aliases = Vec::new();
    for field in node.child("aliases").iter().flat_map(Cursor::items) {
        let Some(name) = host_name(cx, &field) else {
            continue;
        };
        if !aliases.contains(&name) {
            aliases.push(name);
        }
    }
    aliases
}

/// Decodes a host name that is not a component's.
fn host_name(cx: &TargetContext<'_>, field: &Cursor<'_>) -> Option<String> {
    let name = field.text()?;
    let (message, label, help) = if !name.split('.').all(is_label) {
        (
            format!("`{name}` is not a valid host name"),
            "not a host name",
            "write a name of lower-case letters, digits and `-`, such as `db.internal`",
        )
    } else if is_component(cx, &name) {
        (
            format!("`{}` is the name of component `{name}`", field.path),
            "the name of a component",
            "remove it: the name resolves to the component on the target's network",
        )
    } else {
        return Some(name);
    };
    let error = field.error(Code::ModelBadName, message, label);
    field.report(error.help(help));
    None
}

/// Returns true if a component has that name.
fn is_component(cx: &TargetContext<'_>, name: &str) -> bool {
    let mut paths = component_fields().iter().map(|kind| Path::of([kind, name]));
    paths.any(|path| cx.owners.get(&path).is_some())
}

/// Decodes `hostAliases`. An alias takes precedence over name servers, so that the
/// name of a component would no longer lead to it.
fn host_aliases(cx: &TargetContext<'_>, node: &Cursor<'_>) -> BTreeMap<String, IpAddr> {
    let Some(all) = node.child("hostAliases") else {
        return BTreeMap::new();
    };
    let mut aliases = BTreeMap::new();
    for (name, field) in all.fields() {
        let Some(text) = field.text() else { continue };
        let address = text.parse();
        let bad = |message: String, label: &str, help: &str| {
            let error = field.error(Code::ModelBadName, message, label);
            field.report(error.help(help));
        };
        if !name.split('.').all(is_label) {
            let message = format!("`{name}` is not a valid host name");
            let help = "write a name of lower-case letters, digits and `-`, such as `db.internal`";
            bad(message, "not a host name", help);
        } else if is_component(cx, name) {
            let message = format!("`{}` redirects the name of component `{name}`", field.path);
            let help = "remove it: the name resolves to the component on the target's network";
            bad(message, "the name of a component", help);
        } else if let Ok(address) = address {
            aliases.insert(name.to_owned(), address);
        } else {
            let message = format!("`{}`: `{text}` is not an IP address", field.path);
            bad(
                message,
                "expected an IP address",
                "write an address such as `10.0.0.7`",
            );
        }
    }
    aliases
}
