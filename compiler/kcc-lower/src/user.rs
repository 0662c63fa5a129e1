//! [`User`]: whom a container runs as.
//!
//! Without `user` in a fragment the image decides, on both engines. An image
//! that starts as root is refused where the profile is `restricted`: by the
//! kubelet on Kubernetes, by kcc on Docker, once it knows the image.

use kcc_model::{Container, Profile};

/// A user as a container runtime takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum User {
    /// Whatever the image says.
    OfImage,
    /// By number, with a group where one is said.
    Number { uid: u32, gid: Option<u32> },
    /// By a name that only the image can resolve.
    Named(String),
}

impl User {
    /// The user of a container.
    pub(crate) fn of(container: &Container) -> Self {
        let Some(text) = &container.user else {
            return User::OfImage;
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

    /// Whether a container certainly runs as root although its profile refuses
    /// that.
    pub(crate) fn is_refused(container: &Container) -> bool {
        container.security.profile == Profile::Restricted
            && matches!(User::of(container), User::Number { uid: 0, .. })
    }

    /// As Docker takes it; none leaves it to the image.
    pub(crate) fn for_docker(&self) -> Option<String> {
        match self {
            User::OfImage => None,
            User::Number { uid, gid: None } => Some(uid.to_string()),
            User::Number {
                uid,
                gid: Some(gid),
            } => Some(format!("{uid}:{gid}")),
            User::Named(name) => Some(name.clone()),
        }
    }
}
