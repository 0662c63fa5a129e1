//! [`RefusedImage`]: an image whose own user the profile `restricted` refuses.
//! It has one message: from the check if `kcc.lock` has the image, on Docker before
//! a container is created, on Kubernetes when the kubelet refuses to create one.

/// An image that must not run as its own user.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RefusedImage {
    /// The path of the component that uses it, such as `services.web`.
    pub path: String,
    /// The image's reference.
    pub image: String,
    /// The reason why its user is refused.
    pub user: RefusedUser,
}

/// The reason why a user is refused, as far as the engine reveals it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum RefusedUser {
    /// The image names no user, which means root.
    Unnamed,
    /// Root, as the image writes it.
    Root(String),
    /// Root; the engine does not reveal how the image writes it.
    SomeRoot,
    /// A name, from which Kubernetes cannot tell that it is not root.
    Name(String),
    /// A name that is not in the image's own list of users.
    Unresolved(String),
}

impl RefusedUser {
    /// Parses `user` or `user:group` of an image's configuration; none if the
    /// user is not root.
    pub fn root(text: &str) -> Option<Self> {
        let user = text.split_once(':').map_or(text, |(user, _)| user);
        if user.is_empty() {
            return Some(Self::Unnamed);
        }
        let is_root = user == "root" || user.parse() == Ok(0);
        is_root.then(|| Self::Root(text.to_owned()))
    }
}

impl RefusedImage {
    /// Describes the refusal in one line.
    pub fn message(&self) -> String {
        let Self { path, image, user } = self;
        let how = match user {
            RefusedUser::Unnamed => "names no user and starts as root".to_owned(),
            RefusedUser::Root(user) => format!("starts as root (user `{user}`)"),
            RefusedUser::SomeRoot => "starts as root".to_owned(),
            RefusedUser::Unresolved(user) => {
                return format!(
                    "image `{image}` of `{path}` starts as user `{user}`, which its `/etc/passwd` does not \
                     list; under profile `restricted` Kubernetes requires a number"
                );
            }
            RefusedUser::Name(user) => {
                return format!(
                    "image `{image}` of `{path}` starts as user `{user}`; Kubernetes cannot tell from \
                     a name that it is not root, as profile `restricted` requires"
                );
            }
        };
        format!("image `{image}` of `{path}` {how}, which profile `restricted` refuses")
    }

    /// Returns the ways out, as lines to paste.
    pub fn help(&self) -> String {
        let (section, name) = self
            .path
            .split_once('.')
            .unwrap_or(("services", &self.path));
        let plain = name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.chars().all(|c| c.is_ascii_alphanumeric());
        let name = if plain {
            name.to_owned()
        } else {
            format!("{:?}", name.trim_matches('"'))
        };
        let first = match self.user {
            // `kcc.lock` has the number of the name.
            RefusedUser::Name(_) => "run `kcc lock`, ",
            _ => "",
        };
        format!(
            "{first}name another user, or let the image run as it was built: one of\n\
             {section}: {name}: user: \"65532\"\n\
             {section}: {name}: security: profile: \"baseline\"\n\
             defaults: {section}: [string]: security: profile: \"baseline\""
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recognises_every_spelling_of_root() {
        for root in ["", "0", "root", "0:0", "root:1000", ":1000", "00"] {
            assert!(RefusedUser::root(root).is_some(), "{root:?}");
        }
        for other in ["1000", "1000:0", "node", "node:node", "rootless"] {
            assert_eq!(RefusedUser::root(other), None, "{other}");
        }
    }

    #[test]
    fn names_the_user_and_the_ways_out() {
        let refused = RefusedImage {
            path: "jobs.\"load-data\"".to_owned(),
            image: "acme/load:1".to_owned(),
            user: RefusedUser::root("root").unwrap(),
        };
        assert_eq!(
            refused.message(),
            "image `acme/load:1` of `jobs.\"load-data\"` starts as root (user `root`), which profile \
             `restricted` refuses"
        );
        let help = refused.help();
        assert!(
            help.contains("\njobs: \"load-data\": user: \"65532\"\n"),
            "{help}"
        );
    }
}
