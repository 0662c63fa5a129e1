//! The context of a build: the files of a directory, except those that its
//! `.dockerignore` excludes, as a tar archive.
//!
//! The archive depends only on names, contents and executable bits; neither times
//! nor owners matter. Its hash decides if an image is rebuilt, so the same files
//! must give the same hash on every machine.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use bytes::Bytes;
use futures_util::Stream;
use kcc_diag::Code;
use kcc_model::Build;
use kcc_plan::Error;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use crate::{dockerignore::Ignore, hex::hex};

/// The number of bytes sent to the engine at once.
const CHUNK: usize = 64 * 1024;

/// Hashes everything a build depends on: the context, the Dockerfile's name, the
/// arguments and the stage.
pub fn context_hash(root: &Path, build: &Build) -> io::Result<String> {
    let mut hasher = Hasher(Sha256::new());
    write(&root.join(&build.context), build, &mut hasher)?;
    let rest = format!("{:?}{:?}{:?}", build.file, build.args, build.stage);
    hasher.write_all(rest.as_bytes())?;
    Ok(hex(&hasher.0.finalize()))
}

/// Hashes like [`context_hash`], on a thread where blocking is allowed.
pub(crate) async fn hash(root: &Path, build: &Build) -> Result<String, Error> {
    let (root, own) = (root.to_owned(), build.clone());
    let result = tokio::task::spawn_blocking(move || context_hash(&root, &own));
    let result = result
        .await
        .unwrap_or_else(|panic| Err(io::Error::other(panic)));
    result.map_err(|error| {
        let message = format!(
            "cannot read build context `{}` of image `{}`",
            build.context, build.tag
        );
        Error::new(Code::ApplyImageBuild, message)
            .help("make sure that the directory exists and its files are readable")
            .cause(error)
    })
}

/// Streams the archive in chunks while it is being written.
pub(crate) fn stream(
    root: &Path,
    build: &Build,
) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    let (context, build) = (root.join(&build.context), build.clone());
    let (sender, receiver) = mpsc::channel(4);
    tokio::task::spawn_blocking(move || {
        let mut pieces = Pieces {
            sender: sender.clone(),
            buffer: Vec::with_capacity(CHUNK),
        };
        let written = write(&context, &build, &mut pieces).and_then(|()| pieces.flush());
        if let Err(error) = written {
            // The receiver is gone if the engine gave up, which it reports itself.
            let _ = sender.blocking_send(Err(error));
        }
    });
    futures_util::stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|piece| (piece, receiver))
    })
}

struct Hasher(Sha256);

impl Write for Hasher {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Pieces {
    sender: mpsc::Sender<io::Result<Bytes>>,
    buffer: Vec<u8>,
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= CHUNK {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let piece = Bytes::from(std::mem::take(&mut self.buffer));
        if piece.is_empty() {
            return Ok(());
        }
        self.sender
            .blocking_send(Ok(piece))
            .map_err(io::Error::other)
    }
}

fn write<W: Write>(context: &Path, build: &Build, out: W) -> io::Result<()> {
    let mut archive = tar::Builder::new(out);
    for (name, path) in entries(context, build)? {
        append(&mut archive, &name, &path)?;
    }
    archive.into_inner()?.flush()
}

fn append<W: Write>(archive: &mut tar::Builder<W>, name: &str, path: &Path) -> io::Result<()> {
    let metadata = fs::symlink_metadata(path)?;
    let mut header = tar::Header::new_gnu();
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(0);
    if metadata.is_symlink() {
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_mode(0o777);
        archive.append_link(&mut header, name, fs::read_link(path)?)
    } else if metadata.is_dir() {
        header.set_entry_type(tar::EntryType::Directory);
        header.set_mode(0o755);
        archive.append_data(&mut header, format!("{name}/"), io::empty())
    } else {
        let size = metadata.len();
        header.set_size(size);
        header.set_mode(if is_executable(&metadata) {
            0o755
        } else {
            0o644
        });
        let mut content = Exactly {
            left: size,
            file: File::open(path)?,
        };
        archive.append_data(&mut header, name, &mut content)?;
        if content.left == 0 {
            return Ok(());
        }
        Err(io::Error::other(format!(
            "`{name}` shrank while it was being read"
        )))
    }
}

/// A file that yields exactly as many bytes as the header announced, even if it grows.
struct Exactly {
    left: u64,
    file: File,
}

impl Read for Exactly {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let read = self.file.read(&mut buffer[..most])?;
        self.left -= read as u64;
        Ok(read)
    }
}

#[cfg(unix)]
fn is_executable(metadata: &fs::Metadata) -> bool {
    std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o111 != 0
}

#[cfg(not(unix))]
fn is_executable(_: &fs::Metadata) -> bool {
    true
}

/// Lists the files of the context by their names in the archive, sorted.
fn entries(context: &Path, build: &Build) -> io::Result<Vec<(String, PathBuf)>> {
    let ignore = ignore(context, build)?;
    // The engine needs these two even if a pattern excludes them.
    let always = [build.file.trim_start_matches("./"), ".dockerignore"];
    let mut entries = Vec::new();
    let mut open = vec![(String::new(), context.to_owned())];
    while let Some((prefix, directory)) = open.pop() {
        for entry in fs::read_dir(&directory)? {
            let entry = entry?;
            let name = entry.file_name().into_string().map_err(|name| {
                io::Error::other(format!("file name `{}` is not UTF-8", name.display()))
            })?;
            let name = format!("{prefix}{name}");
            let excluded = ignore.excludes(&name) && !always.contains(&name.as_str());
            let kind = entry.file_type()?;
            let leads_to_wanted = || {
                always
                    .iter()
                    .any(|path| path.starts_with(&format!("{name}/")))
            };
            if kind.is_dir() && (!excluded || ignore.has_exceptions() || leads_to_wanted()) {
                open.push((format!("{name}/"), entry.path()));
            }
            // Sockets, pipes and devices have no content to send.
            if !excluded && (kind.is_dir() || kind.is_file() || kind.is_symlink()) {
                entries.push((name, entry.path()));
            }
        }
    }
    entries.sort();
    Ok(entries)
}

/// Reads the patterns from `<Dockerfile>.dockerignore` or else `.dockerignore`.
fn ignore(context: &Path, build: &Build) -> io::Result<Ignore> {
    for name in [
        format!("{}.dockerignore", build.file),
        ".dockerignore".to_owned(),
    ] {
        match fs::read_to_string(context.join(&name)) {
            Ok(text) => {
                return Ignore::parse(&text).map_err(|line| {
                    io::Error::other(format!("`{name}` contains an invalid pattern: `{line}`"))
                });
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Ignore::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn build() -> Build {
        Build {
            tag: "shop-app".to_owned(),
            context: ".".to_owned(),
            file: "Dockerfile".to_owned(),
            args: BTreeMap::new(),
            stage: None,
        }
    }

    fn context(files: &[(&str, &str)]) -> tempfile::TempDir {
        let context = tempfile::tempdir().unwrap();
        for (name, content) in files {
            let path = context.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        context
    }

    fn archive(context: &Path) -> (Vec<u8>, Vec<String>) {
        let mut bytes = Vec::new();
        write(context, &build(), &mut bytes).unwrap();
        let names = tar::Archive::new(bytes.as_slice())
            .entries()
            .unwrap()
            .map(|entry| entry.unwrap().path().unwrap().display().to_string())
            .collect();
        (bytes, names)
    }

    #[test]
    fn archive_depends_only_on_names_and_contents() {
        let files = [("Dockerfile", "FROM scratch"), ("b/x", "1"), ("a", "2")];
        let (first, names) = archive(context(&files).path());
        std::thread::sleep(std::time::Duration::from_millis(1100));
        let mut reverse = files;
        reverse.reverse();
        let (second, _) = archive(context(&reverse).path());
        assert_eq!(names, ["Dockerfile", "a", "b/", "b/x"]);
        assert!(first == second, "modification times must not matter");
        let (other, _) =
            archive(context(&[("Dockerfile", "FROM scratch"), ("b/x", "1"), ("a", "3")]).path());
        assert!(first != other);
    }

    #[test]
    fn excludes_ignored_files_except_the_dockerfile() {
        let files = [
            ("Dockerfile", ""),
            (".dockerignore", "*\n!src\nsrc/*.o\n"),
            ("src/a.c", ""),
            ("src/a.o", ""),
            ("x", ""),
        ];
        let (_, names) = archive(context(&files).path());
        assert_eq!(names, [".dockerignore", "Dockerfile", "src/", "src/a.c"]);
    }

    #[cfg(unix)]
    #[test]
    fn keeps_symlinks_and_normalises_modes() {
        use std::os::unix::fs::PermissionsExt;
        let context = context(&[("Dockerfile", ""), ("run", "")]);
        std::os::unix::fs::symlink("/etc/passwd", context.path().join("link")).unwrap();
        fs::set_permissions(
            context.path().join("run"),
            fs::Permissions::from_mode(0o711),
        )
        .unwrap();
        let (bytes, _) = archive(context.path());
        let mut found = BTreeMap::new();
        for entry in tar::Archive::new(bytes.as_slice()).entries().unwrap() {
            let entry = entry.unwrap();
            let link = entry
                .link_name()
                .unwrap()
                .map(|path| path.display().to_string());
            found.insert(
                entry.path().unwrap().display().to_string(),
                (entry.header().mode().unwrap(), link),
            );
        }
        assert_eq!(found["link"].1.as_deref(), Some("/etc/passwd"));
        assert_eq!((found["run"].0, found["Dockerfile"].0), (0o755, 0o644));
    }

    #[tokio::test]
    async fn hash_covers_arguments_and_the_stream_equals_the_archive() {
        use futures_util::StreamExt;
        let big = "x".repeat(300_000);
        let context = context(&[("Dockerfile", "FROM scratch"), ("big", &big)]);
        let plain = hash(context.path(), &build()).await.unwrap();
        let mut other = build();
        other.args.insert("V".to_owned(), "2".to_owned());
        assert_ne!(plain, hash(context.path(), &other).await.unwrap());
        assert_eq!(plain, hash(context.path(), &build()).await.unwrap());

        let mut pieces = Box::pin(stream(context.path(), &build()));
        let mut all = Vec::new();
        while let Some(piece) = pieces.next().await {
            all.extend_from_slice(&piece.unwrap());
        }
        assert!(all == archive(context.path()).0);
    }

    #[tokio::test]
    async fn names_a_missing_context() {
        let mut build = build();
        build.context = "nowhere".to_owned();
        let error = hash(tempfile::tempdir().unwrap().path(), &build)
            .await
            .unwrap_err();
        assert_eq!(error.code, Code::ApplyImageBuild);
        assert_eq!(
            error.message,
            "cannot read build context `nowhere` of image `shop-app`"
        );
    }
}
