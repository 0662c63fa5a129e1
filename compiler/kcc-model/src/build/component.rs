//! Services and jobs: every field that a component has of its own. What it
//! gets from others (needs and their environment) is connected afterwards.

use std::collections::BTreeMap;

use kcc_diag::Code;

use super::env::RawEnv;
use super::late::{Late, Word};
use super::needs::RawNeed;
use super::{Cursor, Scope};
use super::{
    availability, backing, beside, container, files, labels, needs, ports, rights, routes,
    schedule, volumes,
};
use crate::{Component, Container, Kind, Millis, Name, Run, Security};

/// A component whose needs and environment are not connected yet.
pub(crate) struct Draft {
    pub(crate) component: Component,
    /// What is open in each of its containers, in their order.
    pub(crate) open: Vec<Open>,
    /// The files that hold an output of another component, by their path.
    pub(crate) files: BTreeMap<String, Late>,
    pub(crate) needs: BTreeMap<Name, RawNeed>,
}

/// What a container says that may depend on other components.
pub(crate) struct Open {
    pub(crate) env: BTreeMap<String, RawEnv>,
    pub(crate) words: Vec<Word>,
}

type Decode = fn(&Scope<'_>, &str, &Cursor<'_>) -> Option<Draft>;

/// The fields of the root that hold components, the first having the name
/// where two claim it.
pub(crate) const KINDS: [(&str, Decode); 4] = [
    ("services", service),
    ("jobs", job),
    ("cronJobs", cron_job),
    ("backing", backing::backing),
];

const COMMON: [&str; 20] = [
    "kubernetes",
    "docker",
    "image",
    "build",
    "command",
    "args",
    "workingDir",
    "user",
    "env",
    "needs",
    "resources",
    "volumes",
    "files",
    "init",
    "sidecars",
    "security",
    "identity",
    "placement",
    "labels",
    "annotations",
];
const SERVICE: [&str; 10] = [
    "port",
    "ports",
    "health",
    "replicas",
    "scale",
    "routes",
    "rollout",
    "disruption",
    "stateful",
    "everyNode",
];
const JOB: [&str; 4] = ["retries", "deadline", "completions", "parallelism"];
const CRON_JOB: [&str; 3] = ["schedule", "timeZone", "concurrency"];

/// Time to become ready, where a fragment says nothing.
pub(crate) const DEADLINE: Millis = Millis(300_000);
const JOB_DEADLINE: Millis = Millis(600_000);

fn service(scope: &Scope<'_>, name: &str, node: &Cursor<'_>) -> Option<Draft> {
    node.only(&[&COMMON[..], &SERVICE].concat());
    decode(scope, name, node, node, Kind::Service)
}

fn job(scope: &Scope<'_>, name: &str, node: &Cursor<'_>) -> Option<Draft> {
    node.only(&[&COMMON[..], &JOB].concat());
    let run = run(node);
    let mut draft = decode(scope, name, node, node, Kind::Job(run))?;
    draft.component.deadline = run.deadline.unwrap_or(JOB_DEADLINE);
    Some(draft)
}

fn cron_job(scope: &Scope<'_>, name: &str, node: &Cursor<'_>) -> Option<Draft> {
    node.only(&[&COMMON[..], &JOB, &CRON_JOB].concat());
    let cron = schedule::cron(node, run(node));
    // Without a schedule it still has a container whose mistakes are to be found.
    let draft = decode(
        scope,
        name,
        node,
        node,
        Kind::CronJob(cron.clone().unwrap_or_default()),
    )?;
    cron.map(|_| draft)
}

fn run(node: &Cursor<'_>) -> Run {
    let number = |field| node.child(field).and_then(|count| count.number());
    let usual = Run::default();
    Run {
        retries: number("retries").unwrap_or(usual.retries),
        deadline: node
            .child("deadline")
            .and_then(|time| time.quantity(Millis::parse)),
        completions: number("completions").unwrap_or(usual.completions),
        parallelism: number("parallelism").unwrap_or(usual.parallelism),
    }
}

/// Decodes what all components share. `owner` is the component's own node;
/// `node` is where its container is described, which for a backing is the
/// recipe of its kind.
pub(crate) fn decode(
    scope: &Scope<'_>,
    name: &str,
    owner: &Cursor<'_>,
    node: &Cursor<'_>,
    kind: Kind,
) -> Option<Draft> {
    let mut ports = ports::ports(node);
    let mut words = Vec::new();
    let container = container::container(scope, node, &ports, &mut words);
    let beside = beside::beside(name, node, container.as_ref(), &mut ports);
    let volumes = volumes::volumes(node);
    let mut late_files = BTreeMap::new();
    let files = files::files(scope, node, &mut late_files);
    volumes::unique_mounts(node, &volumes, &files);
    let rollout = node.child("rollout");
    let time = |field| rollout.as_ref()?.child(field)?.quantity(Millis::parse);
    let flag = |field| node.child(field).and_then(|flag| flag.flag()) == Some(true);
    let scale = availability::scale(node);
    let component = Component {
        name: name.to_owned(),
        team: scope.team(&owner.path),
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
        identity: rights::identity(node),
        placement: availability::placement(scope, node),
        grace_period: time("gracePeriod").unwrap_or(scope.engine.grace_period()),
        deadline: time("deadline").unwrap_or(DEADLINE),
        labels: labels::of(scope, node, "labels"),
        annotations: labels::of(scope, node, "annotations"),
        container: container?,
        init: beside.init,
        sidecars: beside.sidecars,
        kind,
    };
    let main = Open {
        env: super::env::raw(node),
        words,
    };
    Some(Draft {
        component,
        open: std::iter::once(main).chain(beside.open).collect(),
        files: late_files,
        needs: needs::raw(owner),
    })
}

/// Reports that something required is missing, unless a file could be read
/// only in part: then it may well be there.
pub(crate) fn missing(node: &Cursor<'_>, what: &str, help: &str) {
    if node.lines.partly_lost(&node.path) {
        return;
    }
    let message = format!("`{}` lacks {what}", node.path);
    let error = node.error(
        Code::EvalMissingField,
        message,
        format!("{what} is missing"),
    );
    node.report(error.help(help));
}

/// A component that runs nowhere in the system still has a container in the
/// model, so that every reader can treat all components alike.
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
