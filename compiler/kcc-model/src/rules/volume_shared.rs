//! Reports volumes that can be mounted only once but would be shared by several
//! replicas.

use kcc_diag::{Code, Diagnostics};
use kcc_tree::Engine;

use super::view::View;
use crate::{Access, VolumeSource};

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
            if !matches!(access, Access::ReadWriteOnce | Access::ReadWriteOncePod) {
                continue;
            }
            let path = component.path.join("volumes").join(name);
            let who = if everywhere {
                "the replicas on all nodes".to_owned()
            } else {
                format!("{max} replicas")
            };
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
            let cause = match component.scale {
                Some(_) => component.path.join("scale").join("max"),
                None => component.path.join("replicas"),
            };
            let error = view.reporter.add_label(error, &cause, who);
            diagnostics.push(error.help(
                "write `stateful: true` for a volume per replica, or `access: \"ReadWriteMany\"` for a shared volume",
            ));
        }
    }
}
