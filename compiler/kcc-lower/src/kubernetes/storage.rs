//! Lowers volumes: ConfigMaps of files and configs, claims of components and of the
//! system, and their mounts.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{
    ConfigMap, ConfigMapProjection, ConfigMapVolumeSource, EmptyDirVolumeSource,
    HostPathVolumeSource, KeyToPath, PersistentVolumeClaim, PersistentVolumeClaimSpec,
    PersistentVolumeClaimStatus, PersistentVolumeClaimVolumeSource, ProjectedVolumeSource,
    SecretProjection, SecretVolumeSource, Volume as KubeVolume, VolumeMount, VolumeProjection,
    VolumeResourceRequirements,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kcc_model::{
    Access, Bytes, Component, Container, File, FileContent, Name, Propagation, Volume, VolumeSource,
};
use kcc_tree::Path;

use crate::kubernetes::label;
use crate::kubernetes::metadata::{self, Owner};
use crate::kubernetes::objects::{Attribution, Objects};
use crate::kubernetes::stateful::is_stateful;
use crate::kubernetes::{quantity, secrets};
use crate::lowering::Lowering;
use crate::source::Recorder;

/// The volume that a component's files are mounted from.
const FILES_VOLUME: &str = "kcc-files";
/// The prefix of the names of volumes with a secret for a file.
const SECRET_VOLUME: &str = "kcc-secret";
/// The file in such a volume.
const SECRET_FILE: &str = "value";

/// Returns the name of a config's ConfigMap.
pub(super) fn config_name(config: &str) -> String {
    config.to_owned()
}

fn files_name(component: &Component) -> String {
    format!("{}-files", component.name)
}

fn claim_name(component: &Component, volume: &str) -> String {
    format!("{}-{volume}", component.name)
}

/// Adds the ConfigMaps of configs, which components may share.
pub(super) fn configs(lowering: &mut Lowering<'_>, objects: &mut Objects<'_>) {
    for config in lowering.target.configs.values() {
        let name = config_name(&config.name);
        let owner = Owner::Team(&config.team);
        let map = ConfigMap {
            metadata: metadata::object(lowering, &name, Some(objects.namespace), owner),
            data: Some(config.data.clone()),
            ..ConfigMap::default()
        };
        let path = Path::of(["configs", &config.name]);
        let attribution = Attribution::team(&config.team, path);
        let sources = attribution.sources(lowering);
        sources.alike("data", "data");
        objects.add(lowering, &map, &attribution, &sources);
    }
}

/// Adds the ConfigMap of a component's files.
pub(super) fn files(lowering: &mut Lowering<'_>, component: &Component, objects: &mut Objects<'_>) {
    let mut data = BTreeMap::new();
    let mut binary = BTreeMap::new();
    for (path, file) in mapped_files(component) {
        let key = file_key(path);
        match &file.content {
            FileContent::Content(text) => _ = data.insert(key, text.clone()),
            FileContent::Binary(bytes) => _ = binary.insert(key, ByteString(bytes.0.clone())),
            FileContent::Secret(_) | FileContent::Template(_) => {}
        }
    }
    if data.is_empty() && binary.is_empty() {
        return;
    }
    let name = files_name(component);
    let owner = Owner::Component(component);
    let map = ConfigMap {
        metadata: metadata::object(lowering, &name, Some(objects.namespace), owner),
        data: metadata::some(data),
        binary_data: metadata::some(binary),
        ..ConfigMap::default()
    };
    let attribution = Attribution::component(component);
    let sources = attribution.sources(lowering);
    for (path, file) in mapped_files(component) {
        for field in ["data", "binaryData"] {
            let field = sources.below(field).entry(&file_key(path));
            field.named("", ["files", file.declared(path)]);
        }
    }
    objects.add(lowering, &map, &attribution, &sources);
}

/// Adds the claims of the system's volumes, which components share.
pub(super) fn shared_claims(lowering: &mut Lowering<'_>, objects: &mut Objects<'_>) {
    for volume in lowering.target.volumes.values() {
        if !lowering.has_volume(&volume.name) {
            continue;
        }
        let owner = Owner::Team(&volume.team);
        let claim = PersistentVolumeClaim {
            metadata: metadata::object(lowering, &volume.name, Some(objects.namespace), owner),
            spec: Some(claim_spec(
                volume.size,
                volume.access,
                volume.class.as_ref(),
            )),
            status: None,
        };
        let attribution = Attribution {
            data: true,
            ..Attribution::team(&volume.team, volume.path.clone())
        };
        let sources = attribution.sources(lowering);
        record_claim(&sources);
        objects.add(lowering, &claim, &attribution, &sources);
    }
}

/// Adds the claims that all replicas of a component share.
pub(super) fn claims(
    lowering: &mut Lowering<'_>,
    component: &Component,
    objects: &mut Objects<'_>,
) {
    if is_stateful(component) {
        return;
    }
    for (volume, spec) in claim_specs(component) {
        let name = claim_name(component, volume);
        let owner = Owner::Component(component);
        let claim = PersistentVolumeClaim {
            metadata: metadata::object(lowering, &name, Some(objects.namespace), owner),
            spec: Some(spec),
            status: None,
        };
        let attribution = Attribution {
            path: component.path.join("volumes").join(volume),
            data: true,
            ..Attribution::component(component)
        };
        let sources = attribution.sources(lowering);
        let volume = sources.within(["volumes", volume]);
        volume.model("metadata.name", &[""]);
        record_claim(&volume);
        objects.add(lowering, &claim, &attribution, &sources);
    }
}

/// Returns the claim templates, from which each replica gets its own claims.
/// Templates are immutable, so they have only labels that never change. The list is
/// owned as a whole: fields that the API server would fill in are set here, or other
/// field managers that apply the same manifest would see a different list.
pub(super) fn claim_templates(
    lowering: &Lowering<'_>,
    component: &Component,
    sources: &Recorder,
) -> Option<Vec<PersistentVolumeClaim>> {
    for (at, (volume, _)) in claim_specs(component).enumerate() {
        let claim = sources.element(at).within(["volumes", volume]);
        claim.model("", &[""]);
        claim.kcc("metadata.labels", label::IDENTITY);
        record_claim(&claim);
        claim.kcc("spec.volumeMode", "the API server's default");
        claim.kcc("status", "the API server's default");
    }
    let templates: Vec<_> = claim_specs(component)
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

/// Returns true if a component has a volume that only one node can attach.
pub(super) fn has_single_node_volume(lowering: &Lowering<'_>, component: &Component) -> bool {
    let mut volumes = component.volumes.values();
    volumes.any(|volume| {
        lowering
            .target
            .access(volume)
            .is_some_and(Access::is_single)
    })
}

fn claim_specs(component: &Component) -> impl Iterator<Item = (&str, PersistentVolumeClaimSpec)> {
    component.volumes.iter().filter_map(|(name, volume)| {
        let VolumeSource::Persistent {
            size,
            access,
            class,
        } = &volume.source
        else {
            return None;
        };
        Some((name.as_str(), claim_spec(*size, *access, class.as_ref())))
    })
}

fn claim_spec(size: Bytes, access: Access, class: Option<&String>) -> PersistentVolumeClaimSpec {
    PersistentVolumeClaimSpec {
        access_modes: Some(vec![access_mode(access).to_owned()]),
        resources: Some(VolumeResourceRequirements {
            limits: None,
            requests: Some(BTreeMap::from([(
                "storage".to_owned(),
                quantity::size(size),
            )])),
        }),
        storage_class_name: class.cloned(),
        ..PersistentVolumeClaimSpec::default()
    }
}

/// Records the fields of a claim, given the volume that requests it.
fn record_claim(volume: &Recorder) {
    volume.model("spec.accessModes", &["access"]);
    volume.model("spec.resources.requests.storage", &["size"]);
    volume.model("spec.storageClassName", &["class"]);
}

fn access_mode(access: Access) -> &'static str {
    match access {
        Access::ReadWriteOnce => "ReadWriteOnce",
        Access::ReadOnlyMany => "ReadOnlyMany",
        Access::ReadWriteMany => "ReadWriteMany",
        Access::ReadWriteOncePod => "ReadWriteOncePod",
    }
}

/// The volumes of a pod, without those from claim templates, and the mounts of its
/// containers.
#[derive(Default)]
pub(super) struct Mounted {
    volumes: Vec<(KubeVolume, Vec<String>)>,
    mounts: Vec<(VolumeMount, Vec<String>)>,
}

impl Mounted {
    /// Returns the volumes and records that each follows a volume or the files.
    pub(super) fn volumes(&self, sources: &Recorder) -> Option<Vec<KubeVolume>> {
        Self::list(self.volumes.iter(), sources)
    }

    /// Returns the mounts of a container and records that each follows a volume or file.
    pub(super) fn mounts(
        &self,
        component: &Component,
        container: &Container,
        sources: &Recorder,
    ) -> Option<Vec<VolumeMount>> {
        let is_mounted = |(mount, _): &&(VolumeMount, _)| {
            let volume = component.volumes.get(&mount.name);
            volume.is_none_or(|volume| volume.is_mounted_by(container, &mount.name))
        };
        Self::list(self.mounts.iter().filter(is_mounted), sources)
    }

    fn list<'m, T: Clone + 'm>(
        all: impl Iterator<Item = &'m (T, Vec<String>)>,
        sources: &Recorder,
    ) -> Option<Vec<T>> {
        let sources = sources.component();
        let mut items = Vec::new();
        for (at, (item, path)) in all.enumerate() {
            let paths = sources.resolve(std::slice::from_ref(path));
            sources.element(at).paths("", paths);
            items.push(item.clone());
        }
        (!items.is_empty()).then_some(items)
    }

    fn volume<const N: usize>(&mut self, volume: KubeVolume, path: [&str; N]) {
        self.volumes
            .push((volume, path.map(str::to_owned).to_vec()));
    }

    fn mount(&mut self, mount: VolumeMount, path: [&str; 2]) {
        self.mounts.push((mount, path.map(str::to_owned).to_vec()));
    }
}

/// Lowers the volumes and files of a component.
pub(super) fn mounts(lowering: &mut Lowering<'_>, component: &Component) -> Mounted {
    let mut mounted = Mounted::default();
    for (name, volume) in &component.volumes {
        let mut kube = KubeVolume {
            name: name.clone(),
            ..KubeVolume::default()
        };
        let only_readers = lowering.target.access(volume) == Some(Access::ReadOnlyMany);
        let mut read_only = volume.read_only || only_readers;
        match &volume.source {
            VolumeSource::Persistent { .. } => {
                kube.persistent_volume_claim = Some(claim(claim_name(component, name)));
            }
            VolumeSource::Shared(shared) => {
                kube.persistent_volume_claim = Some(claim(shared.clone()));
            }
            VolumeSource::Ephemeral(options) => {
                kube.empty_dir = Some(EmptyDirVolumeSource {
                    medium: (options.memory == Some(true)).then(|| "Memory".to_owned()),
                    size_limit: options.size.map(quantity::size),
                });
            }
            VolumeSource::Config(config) => {
                let path = component.path.join("volumes").join(name);
                if lowering.config_data(&path, config).is_none() {
                    continue;
                }
                kube.config_map = Some(ConfigMapVolumeSource {
                    name: config_name(config),
                    default_mode: volume.mode.map(api_mode),
                    ..ConfigMapVolumeSource::default()
                });
                read_only = true;
            }
            VolumeSource::HostPath(path) => {
                kube.host_path = Some(HostPathVolumeSource {
                    path: path.clone(),
                    type_: None,
                });
            }
            VolumeSource::Secret(secret) => {
                let Some(secret_key) = secrets::secret_key(lowering, &component.path, secret)
                else {
                    continue;
                };
                kube.secret = Some(SecretVolumeSource {
                    secret_name: Some(secret_key.name),
                    items: Some(vec![KeyToPath {
                        key: secret_key.key,
                        path: secret.clone(),
                        mode: volume.mode.map(api_mode),
                    }]),
                    ..SecretVolumeSource::default()
                });
                read_only = true;
            }
        }
        project_files(lowering, component, volume, &mut kube);
        let path = ["volumes", name];
        let mount = VolumeMount {
            name: name.clone(),
            mount_path: volume.mount.clone(),
            read_only: read_only.then_some(true),
            mount_propagation: propagation(lowering, component, name, volume.propagation),
            ..VolumeMount::default()
        };
        mounted.mount(mount, path);
        let own = matches!(volume.source, VolumeSource::Persistent { .. });
        let from_template = is_stateful(component) && own;
        if !from_template {
            mounted.volume(kube, path);
        }
    }
    mount_files(component, &mut mounted);
    mount_secrets(lowering, component, &mut mounted);
    mounted
}

/// Returns the propagation of mounts below a volume. The API server takes both
/// directions only from privileged containers.
fn propagation(
    lowering: &mut Lowering<'_>,
    component: &Component,
    volume: &str,
    propagation: Option<Propagation>,
) -> Option<String> {
    // Init steps and sidecars are never privileged.
    let mut others = component.containers().skip(1);
    let alone = !others.any(|(_, other)| other.host_paths.contains(volume));
    let privileged = component.container.security.privileged && alone;
    if propagation == Some(Propagation::Bidirectional) && !privileged {
        let path = component.path.join("volumes").join(volume);
        let path = path.join("propagation");
        lowering.unsupported(
            &path,
            format!("`{path}` requires all containers to be privileged on Kubernetes"),
            if alone {
                "write `security: privileged: true`, or `propagation: \"hostToContainer\"`"
            } else {
                "write `propagation: \"hostToContainer\"`, or remove `hostPaths` of init steps and sidecars"
            },
        );
    }
    propagation.map(|propagation| {
        let name = match propagation {
            Propagation::HostToContainer => "HostToContainer",
            Propagation::Bidirectional => "Bidirectional",
        };
        name.to_owned()
    })
}

fn claim(claim_name: String) -> PersistentVolumeClaimVolumeSource {
    PersistentVolumeClaimVolumeSource {
        claim_name,
        read_only: None,
    }
}

/// The mode of files that declare none.
const DEFAULT_MODE: u32 = 0o644;

/// Returns the volume of a config or secret that contains a path. Such a volume is
/// read-only, so that no file can be mounted in it; for other volumes the kubelet
/// creates a directory there.
fn read_only_parent<'c>(component: &'c Component, path: &str) -> Option<&'c Volume> {
    let below = |volume: &Volume| {
        let rest = path.strip_prefix(&volume.mount);
        rest.is_some_and(|rest| rest.starts_with('/'))
    };
    component
        .volumes
        .values()
        .filter(|volume| below(volume))
        .max_by_key(|volume| volume.mount.len())
        .filter(|volume| {
            matches!(
                volume.source,
                VolumeSource::Config(_) | VolumeSource::Secret(_)
            )
        })
}

/// Adds the files below the mount of a config or secret to its volume, which becomes a
/// projected one.
fn project_files(
    lowering: &mut Lowering<'_>,
    component: &Component,
    volume: &Volume,
    kube: &mut KubeVolume,
) {
    let inside: Vec<_> = component
        .files
        .iter()
        .filter(|(path, _)| read_only_parent(component, path) == Some(volume))
        .collect();
    if inside.is_empty() {
        return;
    }
    let item = |key: String, path: &str, file: &File| KeyToPath {
        key,
        path: path[volume.mount.len() + 1..].to_owned(),
        mode: file
            .access
            .mode
            .or(volume.mode.map(|_| DEFAULT_MODE))
            .map(api_mode),
    };
    let mut sources = Vec::new();
    if let Some(config) = kube.config_map.take() {
        sources.push(VolumeProjection {
            config_map: Some(ConfigMapProjection {
                name: config.name,
                items: config.items,
                optional: None,
            }),
            ..VolumeProjection::default()
        });
    }
    if let Some(secret) = kube.secret.take() {
        sources.push(VolumeProjection {
            secret: Some(SecretProjection {
                name: secret.secret_name.unwrap_or_default(),
                items: secret.items,
                optional: None,
            }),
            ..VolumeProjection::default()
        });
    }
    let mut plain = Vec::new();
    for (path, file) in inside {
        match &file.content {
            FileContent::Content(_) | FileContent::Binary(_) => {
                plain.push(item(file_key(path), path, file));
            }
            FileContent::Secret(secret) => {
                let at = component.path.join("files").join(path);
                let Some(key) = secrets::secret_key(lowering, &at, secret) else {
                    continue;
                };
                sources.push(VolumeProjection {
                    secret: Some(SecretProjection {
                        name: key.name,
                        items: Some(vec![item(key.key, path, file)]),
                        optional: None,
                    }),
                    ..VolumeProjection::default()
                });
            }
            FileContent::Template(_) => {}
        }
    }
    if !plain.is_empty() {
        sources.push(VolumeProjection {
            config_map: Some(ConfigMapProjection {
                name: files_name(component),
                items: Some(plain),
                optional: None,
            }),
            ..VolumeProjection::default()
        });
    }
    kube.projected = Some(ProjectedVolumeSource {
        default_mode: volume.mode.map(api_mode),
        sources: Some(sources),
    });
}

/// Mounts each file by itself, so that it does not hide others in its directory.
fn mount_files(component: &Component, mounted: &mut Mounted) {
    let separate =
        || mapped_files(component).filter(|(path, _)| read_only_parent(component, path).is_none());
    if separate().next().is_none() {
        return;
    }
    let name = unused_volume_name(component, FILES_VOLUME.to_owned());
    let volume = KubeVolume {
        name: name.clone(),
        config_map: Some(ConfigMapVolumeSource {
            name: files_name(component),
            items: file_modes(component),
            ..ConfigMapVolumeSource::default()
        }),
        ..KubeVolume::default()
    };
    mounted.volume(volume, ["files"]);
    for (path, file) in separate() {
        let mount = VolumeMount {
            name: name.clone(),
            mount_path: path.clone(),
            sub_path: Some(file_key(path)),
            read_only: Some(true),
            ..VolumeMount::default()
        };
        mounted.mount(mount, ["files", file.declared(path)]);
    }
}

/// Returns the items of the files volume if any file has a mode: a list of items has
/// to contain all files.
fn file_modes(component: &Component) -> Option<Vec<KeyToPath>> {
    let files = || mapped_files(component).map(|(path, file)| (path, file.access.mode));
    files().find_map(|(_, mode)| mode)?;
    Some(
        files()
            .map(|(path, mode)| KeyToPath {
                key: file_key(path),
                path: file_key(path),
                mode: mode.map(api_mode),
            })
            .collect(),
    )
}

/// Converts a mode to the API's type.
fn api_mode(mode: u32) -> i32 {
    i32::try_from(mode).unwrap_or_default()
}

/// Adds a volume for each secret used as a file, and mounts the file by itself.
fn mount_secrets(lowering: &mut Lowering<'_>, component: &Component, mounted: &mut Mounted) {
    let mut names: BTreeMap<(&Name, Option<u32>), String> = BTreeMap::new();
    for (path, file) in &component.files {
        let FileContent::Secret(secret) = &file.content else {
            continue;
        };
        if read_only_parent(component, path).is_some() {
            continue;
        }
        let shared = (secret, file.access.mode);
        if !names.contains_key(&shared) {
            let at = component.path.join("files").join(path);
            let Some(secret_key) = secrets::secret_key(lowering, &at, secret) else {
                continue;
            };
            let name =
                unused_volume_name(component, format!("{SECRET_VOLUME}-{}", names.len() + 1));
            let volume = KubeVolume {
                name: name.clone(),
                secret: Some(SecretVolumeSource {
                    secret_name: Some(secret_key.name),
                    items: Some(vec![KeyToPath {
                        key: secret_key.key,
                        path: SECRET_FILE.to_owned(),
                        mode: file.access.mode.map(api_mode),
                    }]),
                    ..SecretVolumeSource::default()
                }),
                ..KubeVolume::default()
            };
            mounted.volume(volume, ["files"]);
            names.insert(shared, name);
        }
        let mount = VolumeMount {
            name: names[&shared].clone(),
            mount_path: path.clone(),
            sub_path: Some(SECRET_FILE.to_owned()),
            read_only: Some(true),
            ..VolumeMount::default()
        };
        mounted.mount(mount, ["files", path]);
    }
}

/// Returns the files that the component's ConfigMap contains, by path.
fn mapped_files(component: &Component) -> impl Iterator<Item = (&String, &File)> {
    let files = component.files.iter();
    files.filter(|(_, file)| {
        matches!(
            file.content,
            FileContent::Content(_) | FileContent::Binary(_)
        )
    })
}

/// Returns a name that no volume of the component has.
fn unused_volume_name(component: &Component, mut name: String) -> String {
    while component.volumes.contains_key(&name) {
        name.push('s');
    }
    name
}

/// Returns a ConfigMap key for a path: the path with `_` for `/` if that is valid and
/// unambiguous, else a hash.
fn file_key(path: &str) -> String {
    const MAX_LENGTH: usize = 200;
    let plain = path.trim_start_matches('/');
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '-');
    let readable = !plain.is_empty()
        && plain.len() <= MAX_LENGTH
        && !plain.starts_with('.')
        && plain.chars().all(allowed);
    if readable {
        plain.replace('/', "_")
    } else {
        format!("file-{}", &crate::hash::of_json(&path)[..16])
    }
}

#[cfg(test)]
mod tests {
    use super::file_key;

    #[test]
    fn file_keys_are_valid_and_unique() {
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
        let keys: std::collections::BTreeSet<_> = paths.iter().map(|path| file_key(path)).collect();
        assert_eq!(keys.len(), paths.len());
        assert_eq!(file_key("/etc/app.toml"), "etc_app.toml");
        for key in keys {
            let allowed = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
            assert!(
                key.chars().all(allowed) && key.len() <= 253 && !key.starts_with(".."),
                "{key}"
            );
        }
    }
}
