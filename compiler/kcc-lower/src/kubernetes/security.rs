//! Security contexts: what the restricted Pod Security Standard asks for, but
//! for what a fragment says otherwise in words.

use k8s_openapi::api::core::v1::{
    Capabilities, PodSecurityContext, SeccompProfile, SecurityContext,
};
use kcc_model::{Component, Security, VolumeSource};

use crate::lowering::Lowering;
use crate::user::User;

/// The context of a pod: its user, and the group that its volumes are given to.
pub(super) fn pod(lowering: &mut Lowering<'_>, component: &Component) -> PodSecurityContext {
    let non_root = component.container.security.non_root;
    let user = User::of(&component.container);
    let path = component.path.join("user");
    if let User::Named(name) = &user {
        lowering.unsupported(
            &path,
            format!("Kubernetes takes a user by its number only, but `{path}` is `{name}`"),
            "write the number that the name has inside the image, as in `\"1000:1000\"`",
        );
    }
    if non_root && user.is_root() {
        lowering.runs_as_root(component);
    }
    let (uid, gid) = match user {
        User::Number { uid, gid } => (Some(i64::from(uid)), gid.map(i64::from)),
        User::OfImage | User::Named(_) => (None, None),
    };
    let keeps_data = component.volumes.values().any(|volume| {
        !matches!(
            volume.source,
            VolumeSource::Config(_) | VolumeSource::HostPath(_)
        )
    });
    // A volume that belongs to the group 0 is root's; the user's own number is
    // a group as good as any other.
    let group = gid.filter(|group| *group != 0).or(uid);
    let group = group.filter(|group| keeps_data && *group != 0);
    PodSecurityContext {
        run_as_non_root: Some(non_root),
        run_as_user: uid,
        run_as_group: gid,
        fs_group: group,
        // A large volume is not walked again at every start.
        fs_group_change_policy: group.map(|_| "OnRootMismatch".to_owned()),
        seccomp_profile: Some(SeccompProfile {
            type_: "RuntimeDefault".to_owned(),
            ..SeccompProfile::default()
        }),
        ..PodSecurityContext::default()
    }
}

/// The context of a container.
pub(super) fn container(security: &Security) -> SecurityContext {
    if security.privileged {
        // All capabilities and every device: nothing is left to drop.
        return SecurityContext {
            privileged: Some(true),
            read_only_root_filesystem: security.read_only_root.then_some(true),
            ..SecurityContext::default()
        };
    }
    let added = security.add_capabilities.clone();
    // The server takes the one as the other.
    let escalates = added
        .iter()
        .any(|name| name == "SYS_ADMIN" || name == "ALL");
    SecurityContext {
        allow_privilege_escalation: (!escalates).then_some(false),
        capabilities: Some(Capabilities {
            add: (!added.is_empty()).then_some(added),
            drop: Some(vec!["ALL".to_owned()]),
        }),
        read_only_root_filesystem: security.read_only_root.then_some(true),
        ..SecurityContext::default()
    }
}
