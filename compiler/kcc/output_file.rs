//! Writes the files that commands make: each holds its old content or the new one, also
//! if the disk is full or kcc is killed.

use std::{
    fs,
    io::{self, Write as _},
    path::Path,
};

/// Replaces the content of a file, or creates it.
pub(crate) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    write(path, content, false)
}

/// Replaces the content of a file that nothing can make once more, or creates it: it is
/// on the disk when this returns.
pub(crate) fn replace_durably(path: &Path, content: &[u8]) -> io::Result<()> {
    write(path, content, true)
}

fn write(path: &Path, content: &[u8], durably: bool) -> io::Result<()> {
    // Replaces the file behind a symbolic link, not the link.
    let target = path.canonicalize();
    let path = target.as_deref().unwrap_or(path);
    let old = path.metadata().ok();
    if old.as_ref().is_some_and(|old| !old.is_file()) {
        // A device or a pipe has no old content.
        return fs::write(path, content);
    }
    if old.is_some() {
        // A rename would replace a file that nobody may write to.
        fs::OpenOptions::new().write(true).open(path)?;
    }
    let mut builder = tempfile::Builder::new();
    builder.prefix(".kcc-").suffix(".tmp");
    // Of these the system takes the user's mask.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(path.parent().unwrap_or(Path::new(".")))?;
    file.write_all(content)?;
    if let Some(old) = old {
        file.as_file().set_permissions(old.permissions())?;
    }
    if durably {
        file.as_file().sync_all()?;
    }
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::{fs::Permissions, os::unix::fs::PermissionsExt as _};

    use super::*;

    #[test]
    fn replaces_content_and_keeps_the_rest() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("plan.json");
        replace_durably(&path, b"first").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        let link = directory.path().join("link");
        std::os::unix::fs::symlink("plan.json", &link).unwrap();
        replace(&link, b"second").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o640);
        assert!(link.symlink_metadata().unwrap().is_symlink());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);
    }

    #[test]
    fn writes_to_a_device_and_not_over_it() {
        let error = replace(Path::new("/dev/full"), b"text").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert!(!Path::new("/dev/full").is_file());
        replace(Path::new("/dev/null"), b"text").unwrap();
    }
}
