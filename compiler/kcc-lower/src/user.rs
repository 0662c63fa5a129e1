//! [`User`]: the user that a container runs as.
//!
//! Without `user` in a fragment the image decides, on both engines. Under the
//! profile `restricted` an image that starts as root is refused: by the kubelet on
//! Kubernetes, by kcc on Docker once the image is known.

use kcc_model::{Container, Profile};

/// The user setting of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum User {
    /// The image's user.
    FromImage,
    /// A numeric user, with an optional group.
    Number { uid: u32, gid: Option<u32> },
    /// A name that only the image can resolve.
    Named(String),
}

impl User {
    /// Returns the user of a container.
    pub(crate) fn of(container: &Container) -> Self {
        let Some(text) = &container.user else {
            return User::FromImage;
        };
        let (user, group) = match text.split_once(':') {
            Some((user, group)) => (user, Some(group)),
            None => (text.as_str(), None),
        };
        let number = |name: &str| {
            if name == "root" {
                Some(0)
            } else {
                name.parse().ok()
            }
        };
        match (number(user), group.map(number)) {
            (Some(uid), None) => User::Number { uid, gid: None },
            (Some(uid), Some(Some(gid))) => User::Number {
                uid,
                gid: Some(gid),
            },
            _ => User::Named(text.clone()),
        }
    }

    /// Returns true if a container certainly runs as root although its profile
    /// forbids it.
    pub(crate) fn is_forbidden_root(container: &Container) -> bool {
        container.security.profile == Profile::Restricted
            && matches!(User::of(container), User::Number { uid: 0, .. })
    }

    /// Returns the value for Docker; none leaves it to the image.
    pub(crate) fn for_docker(&self) -> Option<String> {
        match self {
            User::FromImage => None,
            User::Number { uid, gid: None } => Some(uid.to_string()),
            User::Number {
                uid,
                gid: Some(gid),
            } => Some(format!("{uid}:{gid}")),
            User::Named(name) => Some(name.clone()),
        }
    }
}
