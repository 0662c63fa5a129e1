//! Volumes: ConfigMaps of files and configs, claims, and where they are mounted.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    ConfigMap, ConfigMapVolumeSource, EmptyDirVolumeSource, HostPathVolumeSource, KeyToPath,
    PersistentVolumeClaim, PersistentVolumeClaimSpec, PersistentVolumeClaimStatus,
    PersistentVolumeClaimVolumeSource, SecretVolumeSource, Volume as KubeVolume, VolumeMount,
    VolumeResourceRequirements,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kcc_model::{Access, Component, FileContent, Name, VolumeSource};
use kcc_tree::Path;

use crate::kubernetes::metadata::{self, Owner};
use crate::kubernetes::{Belongs, Objects, quantity, secrets, workload};
use crate::lowering::Lowering;

/// The volume that a component's files are mounted from.
const FILES_VOLUME: &str = "kcc-files";
/// The head of the names of volumes that hold a secret for a file.
const SECRET_VOLUME: &str = "kcc-secret";
/// The file in such a volume.
const SECRET_FILE: &str = "value";

/// The ConfigMap of a config.
pub(super) fn config_name(config: &str) -> String {
    config.to_owned()
}

fn files_name(component: &Component) -> String {
    format!("{}-files", component.name)
}

fn claim_name(component: &Component, volume: &str) -> String {
    format!("{}-{volume}", component.name)
}

/// The ConfigMaps of the configs, which components may share.
pub(super) fn configs(lowering: &mut Lowering<'_>, objects: &mut Objects<'_>) {
    for config in lowering.target.configs.values() {
        let name = config_name(&config.name);
        let owner = Owner::Team(&config.team);
        let map = ConfigMap {
            metadata: metadata::of(lowering, &name, Some(objects.namespace), owner),
            data: Some(config.data.clone()),
            ..ConfigMap::default()
        };
        let path = Path::of(["configs", &config.name]);
        objects.add(lowering, &map, &Belongs::to_team(&config.team, path));
    }
}

/// The ConfigMap of a component's files.
pub(super) fn files(lowering: &mut Lowering<'_>, component: &Component, objects: &mut Objects<'_>) {
    let data: BTreeMap<_, _> = contents(component)
        .map(|(path, text)| (key(path), text.clone()))
        .collect();
    if data.is_empty() {
        return;
    }
    let name = files_name(component);
    let owner = Owner::Component(component);
    let map = ConfigMap {
        metadata: metadata::of(lowering, &name, Some(objects.namespace), owner),
        data: Some(data),
        ..ConfigMap::default()
    };
    objects.add(lowering, &map, &Belongs::to(component));
}

/// The claims that all replicas of a component share.
pub(super) fn claims(
    lowering: &mut Lowering<'_>,
    component: &Component,
    objects: &mut Objects<'_>,
) {
    if workload::is_stateful(component) {
        return;
    }
    for (volume, spec) in persistent(component) {
        let name = claim_name(component, volume);
        let owner = Owner::Component(component);
        let claim = PersistentVolumeClaim {
            metadata: metadata::of(lowering, &name, Some(objects.namespace), owner),
            spec: Some(spec),
            status: None,
        };
        let belongs = Belongs {
            path: component.path.join("volumes").join(volume),
            data: true,
            ..Belongs::to(component)
        };
        objects.add(lowering, &claim, &belongs);
    }
}

/// The claims that each replica has for itself. Nothing in a template can ever
/// change, so it carries only labels that never do. The list has one owner as a
/// whole: what the API server would fill in is written here, or it would be
/// another list to everybody else who applies the same manifest.
pub(super) fn claim_templates(
    lowering: &Lowering<'_>,
    component: &Component,
) -> Option<Vec<PersistentVolumeClaim>> {
    let templates: Vec<_> = persistent(component)
        .map(|(volume, spec)| PersistentVolumeClaim {
            metadata: ObjectMeta {
                name: Some(volume.to_owned()),
                labels: Some(metadata::selector(lowering, component)),
                ..ObjectMeta::default()
            },
            spec: Some(PersistentVolumeClaimSpec {
                volume_mode: Some("Filesystem".to_owned()),
                ..spec
            }),
            status: Some(PersistentVolumeClaimStatus {
                phase: Some("Pending".to_owned()),
                ..PersistentVolumeClaimStatus::default()
            }),
        })
        .collect();
    (!templates.is_empty()).then_some(templates)
}

/// Whether a volume can be attached to one machine only.
pub(super) fn ties_to_one_machine(component: &Component) -> bool {
    component.volumes.values().any(|volume| {
        matches!(
            volume.source,
            VolumeSource::Persistent {
                access: Access::ReadWriteOnce | Access::ReadWriteOncePod,
                ..
            }
        )
    })
}

fn persistent(component: &Component) -> impl Iterator<Item = (&str, PersistentVolumeClaimSpec)> {
    component.volumes.iter().filter_map(|(name, volume)| {
        let VolumeSource::Persistent {
            size,
            access,
            class,
        } = &volume.source
        else {
            return None;
        };
        let spec = PersistentVolumeClaimSpec {
            access_modes: Some(vec![access_mode(*access).to_owned()]),
            resources: Some(VolumeResourceRequirements {
                limits: None,
                requests: Some(BTreeMap::from([(
                    "storage".to_owned(),
                    quantity::size(*size),
                )])),
            }),
            storage_class_name: class.clone(),
            ..PersistentVolumeClaimSpec::default()
        };
        Some((name.as_str(), spec))
    })
}

fn access_mode(access: Access) -> &'static str {
    match access {
        Access::ReadWriteOnce => "ReadWriteOnce",
        Access::ReadOnlyMany => "ReadOnlyMany",
        Access::ReadWriteMany => "ReadWriteMany",
        Access::ReadWriteOncePod => "ReadWriteOncePod",
    }
}

/// The volumes of a pod that are not made from templates, and all mounts of its
/// container.
pub(super) fn mounts(
    lowering: &mut Lowering<'_>,
    component: &Component,
) -> (Option<Vec<KubeVolume>>, Option<Vec<VolumeMount>>) {
    let mut volumes = Vec::new();
    let mut mounts = Vec::new();
    for (name, volume) in &component.volumes {
        let mut kube = KubeVolume {
            name: name.clone(),
            ..KubeVolume::default()
        };
        let mut read_only = None;
        match &volume.source {
            VolumeSource::Persistent { access, .. } => {
                kube.persistent_volume_claim = Some(PersistentVolumeClaimVolumeSource {
                    claim_name: claim_name(component, name),
                    read_only: None,
                });
                read_only = (*access == Access::ReadOnlyMany).then_some(true);
            }
            VolumeSource::Ephemeral(wanted) => {
                kube.empty_dir = Some(EmptyDirVolumeSource {
                    medium: (wanted.memory == Some(true)).then(|| "Memory".to_owned()),
                    size_limit: wanted.size.map(quantity::size),
                });
            }
            VolumeSource::Config(config) => {
                let path = component.path.join("volumes").join(name);
                if lowering.config_data(&path, config).is_none() {
                    continue;
                }
                kube.config_map = Some(ConfigMapVolumeSource {
                    name: config_name(config),
                    default_mode: volume.mode.map(mode),
                    ..ConfigMapVolumeSource::default()
                });
                read_only = Some(true);
            }
            VolumeSource::HostPath(path) => {
                kube.host_path = Some(HostPathVolumeSource {
                    path: path.clone(),
                    type_: None,
                });
            }
            VolumeSource::Secret(secret) => {
                let Some(place) = secrets::place(lowering, &component.path, secret) else {
                    continue;
                };
                kube.secret = Some(SecretVolumeSource {
                    secret_name: Some(place.name),
                    items: Some(vec![KeyToPath {
                        key: place.key,
                        path: secret.clone(),
                        mode: volume.mode.map(mode),
                    }]),
                    ..SecretVolumeSource::default()
                });
                read_only = Some(true);
            }
        }
        mounts.push(VolumeMount {
            name: name.clone(),
            mount_path: volume.mount.clone(),
            read_only,
            ..VolumeMount::default()
        });
        let from_template =
            workload::is_stateful(component) && kube.persistent_volume_claim.is_some();
        if !from_template {
            volumes.push(kube);
        }
    }
    mount_files(component, &mut volumes, &mut mounts);
    mount_secrets(lowering, component, &mut volumes, &mut mounts);
    (
        (!volumes.is_empty()).then_some(volumes),
        (!mounts.is_empty()).then_some(mounts),
    )
}

/// Each file is mounted alone, so that it does not hide its neighbours.
fn mount_files(
    component: &Component,
    volumes: &mut Vec<KubeVolume>,
    mounts: &mut Vec<VolumeMount>,
) {
    if contents(component).next().is_none() {
        return;
    }
    let name = free(component, FILES_VOLUME.to_owned());
    volumes.push(KubeVolume {
        name: name.clone(),
        config_map: Some(ConfigMapVolumeSource {
            name: files_name(component),
            items: file_modes(component),
            ..ConfigMapVolumeSource::default()
        }),
        ..KubeVolume::default()
    });
    mounts.extend(contents(component).map(|(path, _)| VolumeMount {
        name: name.clone(),
        mount_path: path.clone(),
        sub_path: Some(key(path)),
        read_only: Some(true),
        ..VolumeMount::default()
    }));
}

/// The files of a component with their modes, if one of them has its own: a list
/// that is there has to name all.
fn file_modes(component: &Component) -> Option<Vec<KeyToPath>> {
    let files = || contents(component).map(|(path, _)| (path, component.files[path].mode));
    files().find_map(|(_, mode)| mode)?;
    Some(
        files()
            .map(|(path, wanted)| KeyToPath {
                key: key(path),
                path: key(path),
                mode: wanted.map(mode),
            })
            .collect(),
    )
}

/// A mode as the API has it.
fn mode(mode: u32) -> i32 {
    i32::try_from(mode).unwrap_or_default()
}

/// Each secret that is a file is a volume, and the file is mounted alone.
fn mount_secrets(
    lowering: &mut Lowering<'_>,
    component: &Component,
    volumes: &mut Vec<KubeVolume>,
    mounts: &mut Vec<VolumeMount>,
) {
    let mut names: BTreeMap<(&Name, Option<u32>), String> = BTreeMap::new();
    for (path, file) in &component.files {
        let FileContent::Secret(secret) = &file.content else {
            continue;
        };
        let alike = (secret, file.mode);
        if !names.contains_key(&alike) {
            let at = component.path.join("files").join(path);
            let Some(place) = secrets::place(lowering, &at, secret) else {
                continue;
            };
            let name = free(component, format!("{SECRET_VOLUME}-{}", names.len() + 1));
            volumes.push(KubeVolume {
                name: name.clone(),
                secret: Some(SecretVolumeSource {
                    secret_name: Some(place.name),
                    items: Some(vec![KeyToPath {
                        key: place.key,
                        path: SECRET_FILE.to_owned(),
                        mode: file.mode.map(mode),
                    }]),
                    ..SecretVolumeSource::default()
                }),
                ..KubeVolume::default()
            });
            names.insert(alike, name);
        }
        mounts.push(VolumeMount {
            name: names[&alike].clone(),
            mount_path: path.clone(),
            sub_path: Some(SECRET_FILE.to_owned()),
            read_only: Some(true),
            ..VolumeMount::default()
        });
    }
}

/// The files with a content that everybody may read, by their path.
fn contents(component: &Component) -> impl Iterator<Item = (&String, &String)> {
    component
        .files
        .iter()
        .filter_map(|(path, file)| match &file.content {
            FileContent::Content(text) => Some((path, text)),
            FileContent::Secret(_) | FileContent::Template(_) => None,
        })
}

/// A name that no volume of the component has.
fn free(component: &Component, mut name: String) -> String {
    while component.volumes.contains_key(&name) {
        name.push('s');
    }
    name
}

/// A ConfigMap's key for a path: the path itself with `_` for `/` where that is
/// unambiguous and allowed, else a hash.
pub(crate) fn key(path: &str) -> String {
    const LONGEST: usize = 200;
    let plain = path.trim_start_matches('/');
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '-');
    let readable = !plain.is_empty()
        && plain.len() <= LONGEST
        && !plain.starts_with('.')
        && plain.chars().all(allowed);
    if readable {
        plain.replace('/', "_")
    } else {
        format!("file-{}", &crate::hash(&path)[..16])
    }
}

#[cfg(test)]
mod tests {
    use super::key;

    #[test]
    fn keys_of_files_are_allowed_and_differ() {
        let long = "/x".repeat(300);
        let paths = [
            "/etc/app.toml",
            "/etc_app.toml",
            "/etc/app_toml",
            "/.hidden",
            "/etc/..",
            "/ä",
            "/a b",
            "/",
            &long,
        ];
        let keys: std::collections::BTreeSet<_> = paths.iter().map(|path| key(path)).collect();
        assert_eq!(keys.len(), paths.len());
        assert_eq!(key("/etc/app.toml"), "etc_app.toml");
        for key in keys {
            let allowed = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
            assert!(
                key.chars().all(allowed) && key.len() <= 253 && !key.starts_with(".."),
                "{key}"
            );
        }
    }
}
