//! [`used_images`]: the images that a system uses, for `kcc lock`.

use std::collections::{BTreeMap, BTreeSet};

use kcc_diag::{Code, Diagnostics, Outcome};
use kcc_tree::{ConfigTree, Engine, Path};

use crate::{
    Check, Container, Image, ReferencedFiles, VolumeSource, build,
    consequences::without_consequences, rules,
};

/// The image of the services that check health in a rendered `compose.yaml`.
pub const PROBE_IMAGE: &str = "busybox:1.37";

/// The use of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageUse {
    /// The first target that uses it, and the path of its reference there.
    pub declared: (String, Path),
    /// The directories at which containers of the image mount persistent volumes on
    /// Docker.
    pub directories: BTreeSet<String>,
    /// True if only rendered files refer to it: it is not read if that is impossible.
    pub optional: bool,
}

/// Returns the images that a tree refers to. Like `examine`, it reports whatever is
/// wrong, but not what is only wrong until the facts about images are known.
pub fn used_images(
    tree: &ConfigTree,
    evaluated: Diagnostics,
    files: ReferencedFiles<'_>,
) -> Outcome<BTreeMap<String, ImageUse>> {
    let (model, mut found) = build::build_model(tree, files);
    found.extend(rules::check_all(tree, &model));
    let found = without_consequences(tree, evaluated, found);
    let mut found: Diagnostics = found
        .into_iter()
        .filter(|one| !is_repaired(one.code))
        .collect();
    found.sort(&tree.files);
    let mut used: BTreeMap<String, ImageUse> = BTreeMap::new();
    for target in model.targets.values() {
        let on_docker = target.engine.is(Engine::Docker);
        for component in target.components.values().filter(|one| one.runs()) {
            if on_docker && target.pin_images && component.containers().any(is_probed) {
                used.entry(PROBE_IMAGE.to_owned())
                    .or_insert_with(|| ImageUse {
                        declared: (target.target.clone(), component.path.join("health")),
                        directories: BTreeSet::new(),
                        optional: true,
                    });
            }
            for (path, container) in component.containers() {
                let Image::Reference(reference) = &container.image else {
                    continue;
                };
                let used = used.entry(reference.clone()).or_insert_with(|| ImageUse {
                    declared: (target.target.clone(), path.join("image")),
                    directories: BTreeSet::new(),
                    optional: false,
                });
                used.optional = false;
                // Init steps and sidecars share the volumes of the main container.
                if on_docker && path == component.path {
                    let volumes = component.volumes.values();
                    let persistent = volumes.filter(|volume| {
                        let source = &volume.source;
                        matches!(
                            source,
                            VolumeSource::Persistent { .. } | VolumeSource::Shared(_)
                        )
                    });
                    used.directories
                        .extend(persistent.map(|volume| volume.mount.clone()));
                }
            }
        }
    }
    found.finish(used)
}

/// Returns true if a rendered file needs a client to check the health of a container.
fn is_probed((_, container): (Path, &Container)) -> bool {
    let readiness = container.health.readiness.as_ref();
    readiness.is_some_and(|probe| {
        matches!(
            probe.check,
            Check::Http { .. } | Check::Tcp { .. } | Check::Grpc { .. }
        )
    })
}

/// Returns true for mistakes that new facts about images may repair.
fn is_repaired(code: Code) -> bool {
    matches!(
        code,
        Code::CheckImageHealth
            | Code::CheckImagePlatform
            | Code::CheckNeedNotHealthy
            | Code::ApplyImageUser
    )
}
