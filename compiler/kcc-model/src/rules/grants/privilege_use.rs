//! [`PrivilegeUse`]: one use of privileges, and what mounting a host path takes.

use kcc_tree::Path;

use crate::Privilege;
use crate::permissions::is_below;

/// API sockets of the common container engines.
const SOCKETS: [&str; 8] = [
    "/var/run/docker.sock",
    "/run/docker.sock",
    "/run/containerd/containerd.sock",
    "/var/run/containerd/containerd.sock",
    "/run/crio/crio.sock",
    "/var/run/crio/crio.sock",
    "/run/podman/podman.sock",
    "/var/run/podman/podman.sock",
];

/// A use of privileges, which needs a grant.
#[derive(Debug)]
pub(super) struct PrivilegeUse {
    /// The path of the use.
    pub(super) path: Path,
    pub(super) what: Vec<Privilege>,
    /// A description for the message, if the privileges alone are unclear.
    pub(super) action: Option<&'static str>,
    /// A help that avoids the privilege.
    pub(super) alternative: Option<&'static str>,
}

impl PrivilegeUse {
    pub(super) fn of(path: Path, what: Vec<Privilege>) -> Self {
        Self {
            path,
            what,
            action: None,
            alternative: None,
        }
    }
}

/// Returns the privileges to mount a host path. An engine's socket has a privilege
/// of its own; a directory that contains one needs both.
pub(super) fn host_path_privileges(path: &str) -> Vec<Privilege> {
    let directory = Privilege::HostPath(path.to_owned());
    if SOCKETS.contains(&path) {
        vec![Privilege::Socket]
    } else if SOCKETS.iter().any(|socket| is_below(socket, path)) {
        vec![directory, Privilege::Socket]
    } else {
        vec![directory]
    }
}
