//! Decodes components into drafts: every field that depends on the component
//! alone. Needs and the variables they provide are connected afterwards.

use std::collections::BTreeMap;

use kcc_diag::Code;

use super::env::RawEnv;
use super::needs::RawNeed;
use super::output_refs::{OutputArg, OutputRef};
use super::{Cursor, TargetContext};
use super::{
    availability, backing, container, files, labels, needs, permissions, ports, routes, schedule,
    sidecars, volumes,
};
use crate::{Component, Container, Kind, Millis, Name, Run, Security};

/// A component whose needs and environment are not yet connected.
pub(crate) struct Draft {
    pub(crate) component: Component,
    /// The pending parts of each container, in order.
    pub(crate) pending: Vec<PendingContainer>,
    /// Files whose content is an output of another component, by path.
    pub(crate) output_files: BTreeMap<String, OutputRef>,
    pub(crate) needs: BTreeMap<Name, RawNeed>,
}

/// The parts of a container that may depend on other components.
pub(crate) struct PendingContainer {
    pub(crate) env: BTreeMap<String, RawEnv>,
    pub(crate) output_args: Vec<OutputArg>,
}

type Decode = fn(&TargetContext<'_>, &str, &Cursor<'_>) -> Option<Draft>;

/// Root fields that contain components. If two use the same name, the first
/// field in this order keeps it.
pub(crate) const COMPONENT_FIELDS: [(&str, Decode); 4] = [
    ("services", service),
    ("jobs", job),
    ("cronJobs", cron_job),
    ("backing", backing::backing),
];

/// The default time to become ready.
pub(crate) const DEADLINE: Millis = Millis(300_000);
const JOB_DEADLINE: Millis = Millis(600_000);

fn service(cx: &TargetContext<'_>, name: &str, node: &Cursor<'_>) -> Option<Draft> {
    decode(cx, name, node, node, Kind::Service)
}

fn job(cx: &TargetContext<'_>, name: &str, node: &Cursor<'_>) -> Option<Draft> {
    let run = run(node);
    let mut draft = decode(cx, name, node, node, Kind::Job(run))?;
    draft.component.deadline = run.deadline.unwrap_or(JOB_DEADLINE);
    Some(draft)
}

fn cron_job(cx: &TargetContext<'_>, name: &str, node: &Cursor<'_>) -> Option<Draft> {
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
    let container = container::container(cx, node, &ports, &mut output_args);
    let extra = sidecars::extra_containers(name, node, container.as_ref(), &mut ports);
    let volumes = volumes::volumes(node);
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
        needs: BTreeMap::new(),
        replicas: scale
            .map(|scale| scale.min)
            .or_else(|| node.child("replicas")?.number())
            .unwrap_or(1),
        scale,
        volumes,
        files,
        stateful: flag("stateful"),
        every_node: flag("everyNode"),
        rollout: availability::rollout(node),
        disruption: availability::disruption(node),
        identity: permissions::identity(node),
        placement: availability::placement(cx, node),
        grace_period: time("gracePeriod").unwrap_or(cx.engine.grace_period()),
        deadline: time("deadline").unwrap_or(DEADLINE),
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

/// Reports a missing required field, unless it may be in a file that could be
/// read only in part.
pub(crate) fn missing(node: &Cursor<'_>, what: &str, help: &str) {
    if node.reporter.may_be_unread(&node.path) {
        return;
    }
    let message = format!("`{}` is missing {what}", node.path);
    let error = node.error(Code::EvalMissingField, message, format!("missing {what}"));
    node.report(error.help(help));
}

/// Returns an empty container for an external backing, so that readers of the
/// model can treat all components alike.
pub(crate) fn no_container() -> Container {
    Container {
        image: crate::Image::Reference(String::new()),
        command: None,
        args: None,
        working_dir: None,
        user: None,
        env: BTreeMap::new(),
        health: crate::Health::default(),
        resources: crate::Resources::default(),
        security: Security::default(),
    }
}
