//! Warns about persistent volumes on Docker that the container's user cannot write,
//! as far as `kcc.lock` knows: a new volume gets the content and the owner of the
//! image's directory. Without one it belongs to the user of the component, and a
//! shared one to that of the component that is created first. On Kubernetes the pod's
//! group can write.

use kcc_diag::{Code, Diagnostics};
use kcc_lock::{DirectoryFacts, ImageFacts, NoDirectory};
use kcc_tree::Engine;

use super::image_facts::{UsedImage, images};
use super::view::View;
use crate::{Container, RefusedUser, Volume, VolumeSource};

pub(super) fn image_volume(view: &View<'_>, diagnostics: &mut Diagnostics) {
    if !view.target.engine.is(Engine::Docker) {
        return;
    }
    // Init steps and sidecars share the volumes; the main container owns them.
    let images: Vec<_> = images(view)
        .filter(|image| image.path == image.component.path)
        .collect();
    for image in &images {
        // An init step of root may change the owner.
        let steps = image.component.init.iter();
        let mut users = steps.filter_map(|step| step.container.user.as_deref());
        if users.any(|user| RefusedUser::root(user).is_some()) {
            continue;
        }
        for (name, volume) in &image.component.volumes {
            if volume.read_only {
                continue;
            }
            let why = match &volume.source {
                VolumeSource::Persistent { .. } => unwritable(image, image, volume),
                VolumeSource::Shared(shared) => images.iter().find_map(|first| {
                    let mut mounts = first.component.volumes.values();
                    let mount = mounts
                        .find(|volume| volume.source == VolumeSource::Shared(shared.clone()))?;
                    let why = unwritable(image, first, mount)?;
                    let own = first.component.name == image.component.name;
                    Some(if own {
                        why
                    } else {
                        format!("if `{}` is created first, {why}", first.component.path)
                    })
                }),
                _ => None,
            };
            let (Some(why), Some((uid, _))) = (why, user(image.container, image.facts)) else {
                continue;
            };
            let path = image.component.path.join("volumes").join(name);
            let message = format!(
                "user {uid} cannot write volume `{name}` of `{}`: {why}",
                image.component.path
            );
            let warning = view.reporter.warning(
                Code::CheckImageVolume,
                &path.join("mount"),
                message,
                "not writable on Docker",
            );
            diagnostics.push(warning.help(match &volume.source {
                VolumeSource::Shared(shared) => format!(
                    "give all components that write to volume `{shared}` the same `user`, or a \
                     directory in their images that everybody may write to"
                ),
                _ => format!(
                    "create it in the image, with `RUN install -d -o {uid} {}`, or mount the volume \
                     at a directory that user {uid} owns",
                    volume.mount
                ),
            }));
        }
    }
}

/// Returns why the user of a container cannot write to a volume that another one, or
/// the same, creates with its mount; none if it can, or if that is unknown.
fn unwritable(writer: &UsedImage<'_>, creator: &UsedImage<'_>, mount: &Volume) -> Option<String> {
    let (uid, gid) = user(writer.container, writer.facts).filter(|(uid, _)| *uid != 0)?;
    match creator.facts.directories.get(&mount.mount)? {
        DirectoryFacts::Present(directory) => {
            let allowed = directory.is_writable_by(uid, gid);
            (!allowed).then(|| {
                format!(
                    "in image `{}`, `{}` belongs to {}:{} with mode {:04o}",
                    creator.reference, mount.mount, directory.uid, directory.gid, directory.mode
                )
            })
        }
        // A component that only reads leaves the volume to the first that writes.
        DirectoryFacts::Other(NoDirectory::Absent) if mount.read_only => None,
        DirectoryFacts::Other(NoDirectory::Absent) => {
            let (owner, _) = user(creator.container, creator.facts)?;
            (owner != uid).then(|| format!("the volume belongs to user {owner}"))
        }
        DirectoryFacts::Other(NoDirectory::Unknown) => None,
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
