//! Reports mounts of volumes that the system does not declare.

use kcc_diag::{Code, Diagnostics, nearest};
use kcc_tree::Path;

use super::view::View;
use crate::VolumeSource;

pub(super) fn unknown_volume(view: &View<'_>, diagnostics: &mut Diagnostics) {
    let declared = view.reporter.field_names(&Path::of(["volumes"]));
    for component in view.target.components.values() {
        for (name, volume) in &component.volumes {
            let VolumeSource::Shared(shared) = &volume.source else {
                continue;
            };
            if declared.contains(shared) {
                continue;
            }
            let path = component.path.join("volumes").join(name).join("from");
            let message = format!(
                "`{}` mounts volume `{shared}`, which is not declared",
                component.path
            );
            let error =
                view.reporter
                    .error(Code::CheckUnknownVolume, &path, message, "no such volume");
            let near = nearest(shared, declared.iter().map(String::as_str));
            diagnostics.push(error.missing(shared).help(match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("declare it: `volumes: {shared:?}: size: \"1Gi\"`"),
            }));
        }
    }
}
