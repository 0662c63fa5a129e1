//! [`User`]: whom a container runs as, and the user that kcc chooses where a
//! fragment names none.
//!
//! An image that says nothing runs as root. A component that must not
//! (`security.nonRoot`, the default) therefore runs as 65532, a number that no
//! distribution gives to anyone, unless its `user` says another.

use kcc_model::Container;

/// The user of containers that must not be root and name none.
pub(crate) const UNNAMED: u32 = 65_532;

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
            return if container.security.non_root {
                User::Number {
                    uid: UNNAMED,
                    gid: Some(UNNAMED),
                }
            } else {
                User::OfImage
            };
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

    /// Whether it is certainly root.
    pub(crate) fn is_root(&self) -> bool {
        matches!(self, User::Number { uid: 0, .. })
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
