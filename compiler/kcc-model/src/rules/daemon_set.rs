//! Reports fields that contradict `everyNode`, which becomes a `DaemonSet`: replicas
//! with identities, a disruption budget, surge together with unavailability.

use kcc_diag::{Code, Diagnostics};
use kcc_tree::{Engine, Path};

use super::view::View;
use crate::{Component, Share};

pub(super) fn daemon_set(view: &View<'_>, diagnostics: &mut Diagnostics) {
    // On Docker it is one replica on the only host.
    if !view.target.engine.is(Engine::Kubernetes) {
        return;
    }
    for component in view.target.components.values() {
        if !component.every_node {
            continue;
        }
        for contradiction in contradictions(component) {
            let error = view.reporter.error(
                Code::CheckEveryNode,
                &contradiction.path,
                contradiction.message,
                contradiction.label,
            );
            let (path, label) = contradiction.because;
            let error = view.reporter.add_label(error, &path, label);
            diagnostics.push(error.help(contradiction.help));
        }
    }
}

/// A contradicting field, and the line it contradicts.
struct Contradiction {
    path: Path,
    message: String,
    label: &'static str,
    because: (Path, &'static str),
    help: &'static str,
}

fn contradictions(component: &Component) -> Vec<Contradiction> {
    let path = &component.path;
    let everywhere = || (path.join("everyNode"), "one replica per node");
    let mut found = Vec::new();
    if component.stateful {
        found.push(Contradiction {
            path: path.join("stateful"),
            message: format!(
                "`{path}` runs on every node, where Kubernetes gives replicas no names and volumes of their own"
            ),
            label: "replicas with their own name and data",
            because: everywhere(),
            help: "remove one of the two, or keep data of a node in a volume with `hostPath`",
        });
    }
    if component.disruption.is_some() {
        found.push(Contradiction {
            path: path.join("disruption"),
            message: format!(
                "`{path}` runs on every node, and a disruption budget does not apply to it"
            ),
            label: "has no effect",
            because: everywhere(),
            help: "remove `disruption`",
        });
    }
    let rollout = &component.rollout;
    let is_positive = |share: Option<Share>| share.is_some_and(|share| !share.is_zero());
    if is_positive(rollout.surge) && is_positive(rollout.unavailable) {
        let at = |field| path.join("rollout").join(field);
        found.push(Contradiction {
            path: at("surge"),
            message: format!(
                "`{path}` runs on every node: its rollout can either surge or be unavailable, not both"
            ),
            label: "starts the new one first",
            because: (at("unavailable"), "stops the old one first"),
            help: "remove one of the two",
        });
    }
    found
}
