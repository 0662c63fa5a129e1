//! Tests the modes and owners of files in archives.

use std::io::Read;

use kcc_model::FileAccess;
use kcc_test_engines::desired::container;

use super::*;

#[test]
fn a_named_user_has_the_ids_of_its_line() {
    let passwd = "root:x:0:0:root:/root:/bin/sh\nweb:x:1000:2000::/:/bin/false\n";
    assert_eq!(named_owner("web", passwd), Some((1000, 2000)));
    assert_eq!(named_owner("root", passwd), Some((0, 0)));
    assert_eq!(named_owner("we", passwd), None);
}

/// Packs the files of a container and returns mode and owner by path.
fn packed(container: &Container, user: &str) -> BTreeMap<String, (u32, u64, u64)> {
    let secrets = BTreeMap::from([("key".to_owned(), "k".to_owned())]);
    let mut found = BTreeMap::new();
    for directory in archive_directories(container) {
        let archive = archive(container, directory, user, &secrets).unwrap();
        for entry in tar::Archive::new(archive.bytes.as_slice())
            .entries()
            .unwrap()
        {
            let mut entry = entry.unwrap();
            entry.read_to_string(&mut String::new()).unwrap();
            let (path, header) = (entry.path().unwrap(), entry.header());
            let is = (
                header.mode().unwrap(),
                header.uid().unwrap(),
                header.gid().unwrap(),
            );
            found.insert(path.display().to_string(), is);
        }
    }
    found
}

#[test]
fn files_have_the_containers_owner_and_the_declared_modes() {
    let mut web = container("web", "acme/web:1", "shop-dev");
    for path in ["/opt/run.sh", "/etc/app.toml"] {
        web.files.insert(path.to_owned(), "x".to_owned());
    }
    web.mounts
        .insert("/etc/key".to_owned(), Mount::Secret("key".to_owned()));
    let access = |mode, owner| FileAccess { mode, owner };
    web.access
        .insert("/opt/run.sh".to_owned(), access(Some(0o755), None));
    web.access
        .insert("/etc/app.toml".to_owned(), access(None, Some((7, 8))));
    let own = packed(&web, "1000:2000");
    assert_eq!(own["opt/run.sh"], (0o755, 1000, 2000));
    assert_eq!(own["etc/app.toml"], (0o644, 7, 8));
    assert_eq!(own["etc/key"], (0o400, 1000, 2000));
    // Without a numeric id the secret is root's and readable by everybody.
    assert_eq!(packed(&web, "node")["etc/key"], (0o444, 0, 0));
    web.access
        .insert("/etc/key".to_owned(), access(Some(0o440), None));
    assert_eq!(packed(&web, "1000")["etc/key"], (0o440, 1000, 0));
}
