//! A volume that one may write, mounted by several replicas.

use kcc_diag::{Code, Diagnostics};

use super::View;
use crate::{Access, EngineTarget, VolumeSource};

pub(super) fn volume_shared(view: &View<'_>, found: &mut Diagnostics) {
    for component in view.target.components.values() {
        // The replicas of what is stateful have a volume each.
        let most = component.most_replicas();
        let everywhere =
            component.every_node && matches!(view.target.engine, EngineTarget::Kubernetes { .. });
        if (most < 2 && !everywhere) || component.stateful {
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
                "the replicas on all machines".to_owned()
            } else {
                format!("{most} replicas")
            };
            let message = format!(
                "{who} of `{}` would share volume `{name}`, which has access `{access:?}`",
                component.path
            );
            let error = view
                .lines
                .error(Code::CheckVolumeShared, &path, message, "for one only");
            if everywhere {
                let says = component.path.join("everyNode");
                let error = view.lines.also(error, &says, "one on every machine");
                found.push(error.help(
                    "write `hostPath` for a folder of each machine, or `access: \"ReadWriteMany\"` for a volume that all share",
                ));
                continue;
            }
            let says = match component.scale {
                Some(_) => component.path.join("scale").join("max"),
                None => component.path.join("replicas"),
            };
            let error = view.lines.also(error, &says, who);
            found.push(error.help(
                "write `stateful: true` for a volume each, or `access: \"ReadWriteMany\"` for one that all share",
            ));
        }
    }
}
