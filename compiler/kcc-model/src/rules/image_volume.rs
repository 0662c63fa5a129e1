//! Warns about persistent volumes on Docker that the container's user cannot write,
//! as far as `kcc.lock` knows: a new volume gets the content and the owner of the
//! image's directory, and without one it belongs to root. On Kubernetes the pod's
//! group can write.

use kcc_diag::{Code, Diagnostics};
use kcc_lock::{DirectoryFacts, ImageFacts, NoDirectory};
use kcc_tree::Engine;

use super::image_facts::images;
use super::view::View;
use crate::{Container, RefusedUser, VolumeSource};

pub(super) fn image_volume(view: &View<'_>, diagnostics: &mut Diagnostics) {
    if !view.target.engine.is(Engine::Docker) {
        return;
    }
    for image in images(view) {
        // Init steps and sidecars share the volumes; the main container owns them.
        if image.path != image.component.path {
            continue;
        }
        let Some((uid, gid)) = user(image.container, image.facts).filter(|(uid, _)| *uid != 0)
        else {
            continue;
        };
        // An init step of root may change the owner.
        let steps = image.component.init.iter();
        let mut users = steps.filter_map(|step| step.container.user.as_deref());
        if users.any(|user| RefusedUser::root(user).is_some()) {
            continue;
        }
        for (name, volume) in &image.component.volumes {
            let VolumeSource::Persistent { .. } = volume.source else {
                continue;
            };
            if volume.read_only {
                continue;
            }
            let Some(directory) = image.facts.directories.get(&volume.mount) else {
                continue;
            };
            let why = match directory {
                DirectoryFacts::Present(directory) if directory.is_writable_by(uid, gid) => {
                    continue;
                }
                DirectoryFacts::Present(directory) => format!(
                    "belongs to {}:{} with mode {:04o}",
                    directory.uid, directory.gid, directory.mode
                ),
                DirectoryFacts::Other(NoDirectory::Absent) => {
                    "does not exist, so that the volume belongs to root".to_owned()
                }
                DirectoryFacts::Other(NoDirectory::Unknown) => continue,
            };
            let path = image
                .component
                .path
                .join("volumes")
                .join(name)
                .join("mount");
            let message = format!(
                "user {uid} cannot write volume `{name}` of `{}`: in image `{}`, `{}` {why}",
                image.component.path, image.reference, volume.mount
            );
            let warning = view.reporter.warning(
                Code::CheckImageVolume,
                &path,
                message,
                "not writable on Docker",
            );
            diagnostics.push(warning.help(format!(
                "create it in the image, with `RUN install -d -o {uid} {}`, or mount the volume at a \
                 directory that user {uid} owns",
                volume.mount
            )));
        }
    }
}

/// Returns the numbers of the user and group that a container runs as, if both the
/// fragment and the image tell.
fn user(container: &Container, facts: &ImageFacts) -> Option<(u32, Option<u32>)> {
    let Some(text) = &container.user else {
        return Some((facts.uid?, facts.gid));
    };
    let (user, group) = text
        .split_once(':')
        .map_or((&text[..], None), |(user, group)| (user, Some(group)));
    let group = match group {
        Some(group) => Some(group.parse().ok()?),
        None => None,
    };
    Some((user.parse().ok()?, group))
}
