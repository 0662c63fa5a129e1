//! Lowers security contexts: the profile of a component as the Pod Security Standards
//! define it, with the declared exceptions.

use k8s_openapi::api::core::v1::{
    Capabilities, PodSecurityContext, SeccompProfile, SecurityContext, Sysctl,
};
use kcc_model::{Component, Container, Profile, Security, VolumeSource};
use kcc_tree::Path;

use crate::lowering::Lowering;
use crate::source::Recorder;
use crate::user::User;

/// The group of volumes if only the image knows the user, or if pods of several users
/// share one. Any number works, since every process of the pod is a member.
const VOLUME_GROUP: i64 = 65_532;

/// The group's read bit, which the kubelet sets on every file of a volume.
const GROUP_READS: u32 = 0o040;

/// Returns the context of a pod: its user, and the group that owns its volumes.
pub(super) fn pod(lowering: &mut Lowering<'_>, component: &Component) -> PodSecurityContext {
    let user = User::of(&component.container);
    let path = component.path.join("user");
    check_numeric(lowering, &path, &user);
    lowering.check_root(&component.path, &component.container);
    let restricted = component.container.security.profile == Profile::Restricted;
    let (uid, gid) = match user {
        User::Number { uid, gid } => (Some(i64::from(uid)), gid.map(i64::from)),
        User::FromImage | User::Named(_) => (None, None),
    };
    let modes: Vec<_> = modes(component).collect();
    let keeps_data = component.volumes.values().any(|volume| {
        !matches!(
            volume.source,
            VolumeSource::Config(_) | VolumeSource::HostPath(_)
        )
    });
    let is_shared = |source: &VolumeSource| matches!(source, VolumeSource::Shared(_));
    let shares = component
        .volumes
        .values()
        .any(|volume| is_shared(&volume.source));
    // Group 0 would be root's; the user's own number works as well as any other.
    // The pods that share a volume, perhaps as different users, have to agree.
    let group = gid.filter(|group| *group != 0).or(uid).filter(|_| !shares);
    let group = group
        .or(Some(VOLUME_GROUP))
        .filter(|group| (keeps_data || !modes.is_empty()) && *group != 0);
    for (path, mode) in modes {
        if group.is_some() && mode & GROUP_READS == 0 {
            lowering.warn_file_mode(&path, mode, mode | GROUP_READS);
        }
    }
    PodSecurityContext {
        run_as_non_root: restricted.then_some(true),
        run_as_user: uid,
        run_as_group: gid,
        fs_group: group,
        sysctls: privileged_ports(component, uid),
        fs_group_change_policy: group.map(|_| "OnRootMismatch".to_owned()),
        seccomp_profile: Some(SeccompProfile {
            type_: "RuntimeDefault".to_owned(),
            ..SeccompProfile::default()
        }),
        ..PodSecurityContext::default()
    }
}

/// Returns the setting that lets any user listen on a port below 1024. Docker sets it
/// for every container, a node's container runtime only if it is configured to.
fn privileged_ports(component: &Component, uid: Option<i64>) -> Option<Vec<Sysctl>> {
    let privileged = component.ports.values().any(|port| port.number < 1024);
    (privileged && uid != Some(0)).then(|| {
        vec![Sysctl {
            name: "net.ipv4.ip_unprivileged_port_start".to_owned(),
            value: "0".to_owned(),
        }]
    })
}

/// Records the fields of a pod's context.
pub(super) fn record_pod(sources: &Recorder) {
    sources.model("runAsNonRoot", &["security.profile"]);
    sources.model("runAsUser", &["user"]);
    sources.model("runAsGroup", &["user"]);
    sources.model("fsGroup", &["user", "volumes"]);
    sources.kcc(
        "fsGroupChangePolicy",
        "avoids changing the group of a large volume at every start",
    );
    sources.kcc(
        "sysctls",
        "lets a user other than root listen on a port below 1024, as on Docker",
    );
    sources.kcc("seccompProfile.type", "required by the restricted profile");
}

/// Records the fields of a container's context.
pub(super) fn record_container(sources: &Recorder) {
    for field in ["runAsUser", "runAsGroup"] {
        sources.model(field, &["user", "image"]);
    }
    sources.model("allowPrivilegeEscalation", &["security.profile"]);
    let drop = ["security.capabilities.drop", "security.profile"];
    sources.component().model("capabilities.drop", &drop);
    let add = ["security.capabilities.add", "security"];
    sources.model("capabilities.add", &add);
    sources.model("privileged", &["security.privileged"]);
    sources.model("readOnlyRootFilesystem", &["security.readOnlyRoot"]);
}

/// Returns the declared modes of files from a config or secret.
fn modes(component: &Component) -> impl Iterator<Item = (Path, u32)> {
    let files = component.files.iter().filter_map(|(path, file)| {
        let declared = file.declared(path);
        Some((
            component.path.join("files").join(declared),
            file.access.mode?,
        ))
    });
    let volumes = component.volumes.iter().filter_map(|(name, volume)| {
        Some((component.path.join("volumes").join(name), volume.mode?))
    });
    files
        .chain(volumes)
        .map(|(path, mode)| (path.join("mode"), mode))
}

/// Returns the context of the container at a path, with its user if that is not the
/// pod's.
pub(super) fn container(
    lowering: &mut Lowering<'_>,
    component: &Component,
    path: &Path,
    container: &Container,
) -> SecurityContext {
    let (uid, gid) = if container.user.is_none() {
        user_of_image(lowering, container)
    } else if container.user == component.container.user {
        (None, None)
    } else {
        declared_user(lowering, path, container)
    };
    SecurityContext {
        run_as_user: uid.map(i64::from),
        run_as_group: gid.map(i64::from),
        ..of_profile(&container.security)
    }
}

/// Returns the user and group that a container declares for itself.
fn declared_user(
    lowering: &mut Lowering<'_>,
    path: &Path,
    container: &Container,
) -> (Option<u32>, Option<u32>) {
    lowering.check_root(path, container);
    let user = User::of(container);
    check_numeric(lowering, &path.join("user"), &user);
    match user {
        User::Number { uid, gid } => (Some(uid), gid),
        User::FromImage | User::Named(_) => (None, None),
    }
}

/// Returns the user and group of a container's image. The kubelet accepts an image
/// under `runAsNonRoot` only if its user is a number, and most images name theirs: the
/// number comes from `kcc.lock`, for each image by itself.
fn user_of_image(lowering: &Lowering<'_>, container: &Container) -> (Option<u32>, Option<u32>) {
    let facts = lowering.facts(&container.image);
    let facts = facts.filter(|facts| !facts.starts_as_root());
    let uid = facts.and_then(|facts| facts.uid);
    let gid = facts.and_then(|facts| facts.gid);
    (uid, gid.filter(|_| uid.is_some()))
}

/// Reports a user that only the image can resolve.
fn check_numeric(lowering: &mut Lowering<'_>, path: &Path, user: &User) {
    if let User::Named(name) = user {
        lowering.unsupported(
            path,
            format!("Kubernetes requires a numeric user, but `{path}` is `{name}`"),
            "write the number of the user inside the image, such as `\"1000:1000\"`",
        );
    }
}

/// Returns the context of a container that its profile gives.
fn of_profile(security: &Security) -> SecurityContext {
    if security.privileged {
        // Privileged implies all capabilities, so there is nothing to drop.
        return SecurityContext {
            privileged: Some(true),
            read_only_root_filesystem: security.read_only_root.then_some(true),
            ..SecurityContext::default()
        };
    }
    let some = |names: &[String]| (!names.is_empty()).then(|| names.to_vec());
    let read_only_root_filesystem = security.read_only_root.then_some(true);
    let add = some(&security.add_capabilities);
    if security.profile == Profile::Baseline {
        let drop = some(&security.drop_capabilities);
        return SecurityContext {
            capabilities: (add.is_some() || drop.is_some()).then_some(Capabilities { add, drop }),
            read_only_root_filesystem,
            ..SecurityContext::default()
        };
    }
    // The API server rejects `allowPrivilegeEscalation: false` with these.
    let escalates = add
        .iter()
        .flatten()
        .any(|name| name == "SYS_ADMIN" || name == "ALL");
    SecurityContext {
        allow_privilege_escalation: (!escalates).then_some(false),
        capabilities: Some(Capabilities {
            add,
            drop: Some(vec!["ALL".to_owned()]),
        }),
        read_only_root_filesystem,
        ..SecurityContext::default()
    }
}
