//! Resolves the user of an image to numbers, as engines do when they start it.

/// The numbers of a user and group; none is unknown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Ids {
    pub(crate) uid: Option<u32>,
    pub(crate) gid: Option<u32>,
}

/// Returns the numbers that `user` or `user:group` contains, and true if a name is
/// left to resolve. Root needs no file.
pub(crate) fn numbers(text: &str) -> (Ids, bool) {
    let (user, group) = split(text);
    let uid = match user {
        "" | "root" => Some(0),
        user => user.parse().ok(),
    };
    let gid = match group {
        Some("root") => Some(0),
        group => group.and_then(|group| group.parse().ok()),
    };
    let open = uid.is_none() || (group.is_some() && gid.is_none());
    (Ids { uid, gid }, open)
}

/// Resolves the names in `user` or `user:group` by the image's files. The group of a
/// user that is a name is the one in `/etc/passwd`, unless another one is written.
pub(crate) fn resolve(text: &str, passwd: &str, group: &str) -> Ids {
    let (name, group_name) = split(text);
    let (mut ids, _) = numbers(text);
    let primary = if ids.uid.is_none() {
        let entry = entry(passwd, name);
        ids.uid = entry.and_then(|fields| fields.get(2)?.parse().ok());
        entry_gid(passwd, name)
    } else {
        None
    };
    if ids.gid.is_none() {
        ids.gid = match group_name {
            Some(name) => entry(group, name).and_then(|fields| fields.get(2)?.parse().ok()),
            None => primary,
        };
    }
    ids
}

fn split(text: &str) -> (&str, Option<&str>) {
    match text.split_once(':') {
        Some((user, group)) => (user, Some(group).filter(|group| !group.is_empty())),
        None => (text, None),
    }
}

fn entry_gid(passwd: &str, name: &str) -> Option<u32> {
    entry(passwd, name)?.get(3)?.parse().ok()
}

/// Returns the fields of the line for a name.
fn entry<'a>(file: &'a str, name: &str) -> Option<Vec<&'a str>> {
    let mut lines = file.lines().map(|line| line.trim().split(':'));
    lines
        .find(|fields| fields.clone().next() == Some(name))
        .map(Iterator::collect)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nnode:x:1000:1001::/home/node:/bin/sh\n";
    const GROUP: &str = "root:x:0:\nnode:x:1001:\nstaff:x:50:node\n";

    fn ids(uid: u32, gid: Option<u32>) -> Ids {
        Ids {
            uid: Some(uid),
            gid,
        }
    }

    #[test]
    fn numbers_need_no_file() {
        assert_eq!(numbers(""), (ids(0, None), false));
        assert_eq!(numbers("root:root"), (ids(0, Some(0)), false));
        assert_eq!(numbers("1000"), (ids(1000, None), false));
        assert_eq!(numbers("1000:2000"), (ids(1000, Some(2000)), false));
        assert_eq!(numbers("1000:staff"), (ids(1000, None), true));
        assert!(numbers("node").1);
    }

    #[test]
    fn names_are_looked_up() {
        let resolve = |text| resolve(text, PASSWD, GROUP);
        assert_eq!(resolve("node"), ids(1000, Some(1001)));
        assert_eq!(resolve("node:staff"), ids(1000, Some(50)));
        assert_eq!(resolve("node:7"), ids(1000, Some(7)));
        assert_eq!(resolve("1000:staff"), ids(1000, Some(50)));
        assert_eq!(resolve("nod"), Ids::default());
    }
}
