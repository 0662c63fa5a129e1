//! Reports volumes that can be mounted only once but would be shared, by several
//! replicas or by several components.

use std::collections::BTreeSet;

use kcc_diag::{Code, Diagnostics};
use kcc_tree::{Engine, Path};

use super::view::View;
use crate::{Access, Component, SharedVolume, VolumeSource};

/// The label of a node with its name.
const NODE_NAME: &str = "kubernetes.io/hostname";

pub(super) fn volume_shared(view: &View<'_>, diagnostics: &mut Diagnostics) {
    for component in view.target.components.values() {
        // Each replica of a stateful component has a volume of its own.
        let max = component.max_replicas();
        let everywhere = component.every_node && view.target.engine.is(Engine::Kubernetes);
        if (max < 2 && !everywhere) || component.stateful {
            continue;
        }
        for (name, volume) in &component.volumes {
            let VolumeSource::Persistent { access, .. } = &volume.source else {
                continue;
            };
            if !access.is_single() {
                continue;
            }
            let path = component.path.join("volumes").join(name);
            let who = replicas(component, everywhere);
            let message = format!(
                "{who} of `{}` would share volume `{name}`, which has access mode `{access:?}`",
                component.path
            );
            let error = view.reporter.error(
                Code::CheckVolumeShared,
                &path,
                message,
                "can be mounted once",
            );
            if everywhere {
                let cause = component.path.join("everyNode");
                let error = view
                    .reporter
                    .add_label(error, &cause, "one replica per node");
                diagnostics.push(error.help(
                    "write `hostPath` for a directory of each node, or `access: \"ReadWriteMany\"` for a shared volume",
                ));
                continue;
            }
            let error = view.reporter.add_label(error, &several(component), who);
            diagnostics.push(error.help(
                "write `stateful: true` for a volume per replica, or `access: \"ReadWriteMany\"` for a shared volume",
            ));
        }
    }
    // A single host mounts a volume as often as it likes.
    if view.target.engine.is(Engine::Kubernetes) {
        for volume in view.target.volumes.values() {
            mounted_twice(view, volume, diagnostics);
        }
    }
}

/// Says how many replicas there are.
fn replicas(component: &Component, everywhere: bool) -> String {
    if everywhere {
        "the replicas on all nodes".to_owned()
    } else {
        format!("{} replicas", component.max_replicas())
    }
}

/// Returns the path that gives a component more than one replica.
fn several(component: &Component) -> Path {
    match component.scale {
        _ if component.every_node => component.path.join("everyNode"),
        Some(_) => component.path.join("scale").join("max"),
        None => component.path.join("replicas"),
    }
}

/// Reports a volume of the system whose pods are not all on the node that can mount it.
fn mounted_twice(view: &View<'_>, volume: &SharedVolume, diagnostics: &mut Diagnostics) {
    if !volume.access.is_single() {
        return;
    }
    let users: Vec<(&Component, Path)> = view
        .target
        .components
        .values()
        .filter(|component| component.runs())
        .filter_map(|component| Some((component, mount_of(component, volume)?)))
        .collect();
    let replicated = |component: &Component| component.every_node || component.max_replicas() > 1;
    let several = users.len() > 1 || users.iter().any(|(component, _)| replicated(component));
    if !several || volume.access == Access::ReadWriteOnce && on_one_node(&users) {
        return;
    }
    let paths = users.iter().map(|(user, _)| format!("`{}`", user.path));
    let paths: Vec<_> = paths.collect();
    let who = match (&users[..], paths.split_last()) {
        ([(user, _)], _) => format!("{} of `{}`", replicas(user, user.every_node), user.path),
        (_, Some((last, first))) => format!("{} and {last}", first.join(", ")),
        (_, None) => return,
    };
    let message = format!(
        "{who} would share volume `{}`, which has access mode `{:?}`",
        volume.name, volume.access
    );
    let mut error = view.reporter.error(
        Code::CheckVolumeShared,
        &volume.path,
        message,
        "can be mounted once",
    );
    for (component, path) in &users {
        error = view.reporter.add_label(error, path, "mounted here");
        if replicated(component) {
            let text = replicas(component, component.every_node);
            error = view
                .reporter
                .add_label(error, &self::several(component), text);
        }
    }
    diagnostics.push(error.help(match volume.access {
        Access::ReadWriteOnce => format!(
            "write `volumes: {:?}: access: \"ReadWriteMany\"`, or put all of them on one node with \
             `placement: nodes: \"{NODE_NAME}\": \"…\"`",
            volume.name
        ),
        _ => format!(
            "write `volumes: {:?}: access: \"ReadWriteMany\"`",
            volume.name
        ),
    }));
}

/// Returns the path at which a component mounts a volume of the system.
fn mount_of(component: &Component, volume: &SharedVolume) -> Option<Path> {
    let mut volumes = component.volumes.iter();
    let (name, _) = volumes.find(
        |(_, own)| matches!(&own.source, VolumeSource::Shared(name) if *name == volume.name),
    )?;
    Some(component.path.join("volumes").join(name).join("from"))
}

/// Returns true if all components run on one and the same node.
fn on_one_node(users: &[(&Component, Path)]) -> bool {
    let nodes = users
        .iter()
        .map(|(component, _)| component.placement.nodes.get(NODE_NAME));
    let nodes: BTreeSet<_> = nodes.collect();
    nodes.len() == 1 && !nodes.contains(&None)
}
