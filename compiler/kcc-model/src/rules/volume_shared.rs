//! A volume that one may write, mounted by several replicas.

use kcc_diag::{Code, Diagnostics};

use super::View;
use crate::{Access, VolumeSource};

pub(super) fn volume_shared(view: &View<'_>, found: &mut Diagnostics) {
    for component in view.target.components.values() {
        // The replicas of what is stateful have a volume each.
        let most = component.most_replicas();
        if most < 2 || component.stateful {
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
            let message = format!(
                "{most} replicas of `{}` would share volume `{name}`, which has access `{access:?}`",
                component.path
            );
            let error = view
                .lines
                .error(Code::CheckVolumeShared, &path, message, "for one only");
            let says = match component.scale {
                Some(_) => component.path.join("scale").join("max"),
                None => component.path.join("replicas"),
            };
            let error = view.lines.also(error, &says, format!("{most} replicas"));
            found.push(error.help(
                "write `stateful: true` for a volume each, or `access: \"ReadWriteMany\"` for one that all share",
            ));
        }
    }
}
