//! Packs the files of a container into tar archives, which are unpacked before it
//! starts, and finds the directories that must be writable for that.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use kcc_diag::Code;
use kcc_lower::docker::{Container, Mount};
use kcc_plan::Error;

/// A tar archive and the directory inside the container where it is unpacked.
pub(crate) struct Archive {
    pub(crate) directory: String,
    pub(crate) bytes: Vec<u8>,
}

/// Returns the directories that get an archive each: the root or, if that is read-only,
/// every directory with files or secrets.
pub(crate) fn archive_directories(container: &Container) -> BTreeSet<&str> {
    let files = container.files.keys().chain(container.binary_files.keys());
    let secrets = container.mounts.iter();
    let secrets = secrets.filter(|(_, mount)| matches!(mount, Mount::Secret(_)));
    let paths = files.chain(secrets.map(|(path, _)| path));
    paths.map(|path| split(container, path).0).collect()
}

/// Returns the directory of the archive that a file is in, and its name there.
fn split<'p>(container: &Container, path: &'p str) -> (&'p str, &'p str) {
    match path.rsplit_once('/') {
        Some((directory, name)) if container.read_only && !directory.is_empty() => {
            (directory, name)
        }
        _ => ("/", path.trim_start_matches('/')),
    }
}

/// Packs the archive of a directory. `user` is the user it runs as; `secrets` holds the
/// values of the mounted secrets, by name.
pub(crate) fn archive(
    container: &Container,
    directory: &str,
    user: &str,
    secrets: &BTreeMap<String, String>,
) -> std::io::Result<Archive> {
    let owner = owner(user);
    let mut files: BTreeMap<&str, (Cow<'_, [u8]>, u32)> = BTreeMap::new();
    for (path, content) in container.all_files() {
        files.insert(path, (content, 0o644));
    }
    for (path, mount) in &container.mounts {
        if let Mount::Secret(name) = mount {
            let value = secrets.get(name).map_or("", String::as_str);
            // Without a numeric user id the file's reader is unknown.
            let mode = if owner.is_some() { 0o400 } else { 0o444 };
            files.insert(path, (Cow::Borrowed(value.as_bytes()), mode));
        }
    }
    let (uid, gid) = owner.unwrap_or((0, 0));
    let mut builder = tar::Builder::new(Vec::new());
    for (path, (content, mode)) in files {
        let (own, name) = split(container, path);
        if own != directory {
            continue;
        }
        let access = container.access.get(path);
        let mode = access.and_then(|access| access.mode).unwrap_or(mode);
        let (uid, gid) = access
            .and_then(|access| access.owner)
            .map_or((uid, gid), |(uid, gid)| (u64::from(uid), u64::from(gid)));
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(mode);
        header.set_uid(uid);
        header.set_gid(gid);
        header.set_mtime(0);
        builder.append_data(&mut header, name, &*content)?;
    }
    Ok(Archive {
        directory: directory.to_owned(),
        bytes: builder.into_inner()?,
    })
}

/// The owner and mode that a directory gets, by its path.
pub(crate) type Directories = BTreeMap<String, ((u64, u64), u32)>;

/// Returns the directories that a container shares with its sidecars and init steps,
/// writable for everybody as in-memory volumes are.
pub(crate) fn shared_directories(container: &Container) -> Directories {
    let shared = container.mounts.iter();
    let shared = shared.filter(|(_, mount)| matches!(mount, Mount::Shared(_)));
    shared
        .map(|(path, _)| (path.clone(), ((0, 0), 0o1777)))
        .collect()
}

/// Packs directories.
pub(crate) fn pack_directories(directories: &Directories) -> std::io::Result<Archive> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, ((uid, gid), mode)) in directories {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Directory);
        header.set_size(0);
        header.set_mode(*mode);
        header.set_uid(*uid);
        header.set_gid(*gid);
        header.set_mtime(0);
        let name = format!("{}/", path.trim_start_matches('/'));
        builder.append_data(&mut header, name, std::io::empty())?;
    }
    Ok(Archive {
        directory: "/".to_owned(),
        bytes: builder.into_inner()?,
    })
}

/// Returns the directories of files in a container with a read-only root, except
/// those inside a mount, which are writable already.
pub(crate) fn writable_directories(container: &Container) -> BTreeSet<String> {
    if !container.read_only {
        return BTreeSet::new();
    }
    let secrets = container
        .mounts
        .iter()
        .filter(|(_, mount)| matches!(mount, Mount::Secret(_)));
    let mounted: Vec<_> = container
        .mounts
        .iter()
        .filter(|(_, mount)| !matches!(mount, Mount::Secret(_)))
        .map(|(path, _)| path.as_str())
        .collect();
    let files = container.all_files().into_keys();
    files
        .chain(secrets.map(|(path, _)| path.as_str()))
        .filter_map(|path| path.rsplit_once('/'))
        .map(|(directory, _)| directory)
        .filter(|directory| {
            !directory.is_empty() && !mounted.iter().any(|mount| is_below(directory, mount))
        })
        .map(str::to_owned)
        .collect()
}

fn is_below(path: &str, directory: &str) -> bool {
    path.strip_prefix(directory)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Returns user and group id if both are known without reading the image.
pub(crate) fn owner(user: &str) -> Option<(u64, u64)> {
    let (user, group) = user.split_once(':').unwrap_or((user, "0"));
    Some((user.parse().ok()?, group.parse().ok()?))
}

/// Returns the ids of a user by the lines of an image's `/etc/passwd`.
pub(crate) fn named_owner(user: &str, passwd: &str) -> Option<(u64, u64)> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let _ = fields.next().filter(|name| *name == user)?;
        let _password = fields.next()?;
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    })
}

/// Returns true if a container shares directories with sidecars or init steps.
pub(crate) fn has_shared_directories(container: &Container) -> bool {
    let mut mounts = container.mounts.values();
    mounts.any(|mount| matches!(mount, Mount::Shared(_)))
}

pub(crate) fn cannot_pack(name: &str, error: std::io::Error) -> Error {
    let message = format!("cannot pack the files of `{name}`");
    Error::new(Code::ApplyRefused, message).cause(error)
}

#[cfg(test)]
mod tests;
