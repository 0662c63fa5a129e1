//! What a replica on every machine cannot have on a cluster: data of its own, a
//! budget for machines that are emptied, old and new at once on some machines
//! and neither on others.

use kcc_diag::{Code, Diagnostics};
use kcc_tree::Path;

use super::View;
use crate::{Component, EngineTarget, Share};

pub(super) fn every_node(view: &View<'_>, found: &mut Diagnostics) {
    // On Docker there is one machine, and one replica on it.
    let EngineTarget::Kubernetes { .. } = view.target.engine else {
        return;
    };
    for component in view.target.components.values() {
        if !component.every_node {
            continue;
        }
        for wrong in wrong(component) {
            let error = view.lines.error(
                Code::CheckEveryNode,
                &wrong.path,
                wrong.message,
                wrong.label,
            );
            let (path, label) = wrong.because;
            let error = view.lines.also(error, &path, label);
            found.push(error.help(wrong.help));
        }
    }
}

/// What cannot be, and the line that it contradicts.
struct Wrong {
    path: Path,
    message: String,
    label: &'static str,
    because: (Path, &'static str),
    help: &'static str,
}

fn wrong(component: &Component) -> Vec<Wrong> {
    let path = &component.path;
    let everywhere = || (path.join("everyNode"), "one on every machine");
    let mut wrong = Vec::new();
    if component.stateful {
        wrong.push(Wrong {
            path: path.join("stateful"),
            message: format!(
                "`{path}` runs on every machine, where a cluster gives no replica a name and volumes of its own"
            ),
            label: "each with its own name and data",
            because: everywhere(),
            help: "remove one of the two; what belongs to a machine is kept in a volume with `hostPath`",
        });
    }
    if component.disruption.is_some() {
        wrong.push(Wrong {
            path: path.join("disruption"),
            message: format!(
                "`{path}` runs on every machine and goes with it: no budget holds a machine back"
            ),
            label: "holds nothing back",
            because: everywhere(),
            help: "remove `disruption`",
        });
    }
    let rollout = &component.rollout;
    let some = |share: Option<Share>| share.is_some_and(|share| !share.is_none());
    if some(rollout.surge) && some(rollout.unavailable) {
        let at = |field| path.join("rollout").join(field);
        wrong.push(Wrong {
            path: at("surge"),
            message: format!(
                "`{path}` runs on every machine: there the new one comes before the old one goes, or after, not both"
            ),
            label: "the new one comes first",
            because: (at("unavailable"), "the old one goes first"),
            help: "remove one of the two",
        });
    }
    wrong
}
