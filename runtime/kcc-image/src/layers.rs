//! [`Search`]: finds files and directories in the layers of an image, from the
//! uppermost down. A layer that removes a path hides those below.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, BufRead, BufReader, Read},
    path::{Component, Path},
};

use kcc_lock::Directory;

/// The largest file whose content is read.
const MAX_FILE: u64 = 1024 * 1024;
/// The most that a layer may have unpacked.
const MAX_LAYER: u64 = 8 * 1024 * 1024 * 1024;

const REMOVED: &str = ".wh.";
const EMPTIED: &str = ".wh..wh..opq";

/// The content of an image at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// A file with its content.
    File(Vec<u8>),
    /// A directory.
    Directory(Directory),
    /// Nothing.
    Absent,
    /// Something whose answer is elsewhere, such as a link.
    Undecided,
}

/// A search for paths, which are relative to the image's root.
#[derive(Debug, Default, Clone)]
pub(crate) struct Search {
    open: BTreeSet<String>,
    found: BTreeMap<String, Found>,
}

impl Search {
    /// Starts a search for absolute paths.
    pub(crate) fn of<'a>(paths: impl IntoIterator<Item = &'a str>) -> Self {
        let open = paths.into_iter().map(relative).collect();
        Self {
            open,
            found: BTreeMap::new(),
        }
    }

    /// Returns true if every path is decided.
    pub(crate) fn is_done(&self) -> bool {
        self.open.is_empty()
    }

    /// Returns the answer for an absolute path.
    pub(crate) fn get(&self, path: &str) -> &Found {
        self.found.get(&relative(path)).unwrap_or(&Found::Undecided)
    }

    /// Searches the next layer below those before: a tar archive, compressed or not.
    /// Stops reading once all paths are decided.
    pub(crate) fn layer(&mut self, layer: impl Read) -> io::Result<()> {
        let mut archive = tar::Archive::new(unpacked(layer)?.take(MAX_LAYER));
        let mut hidden = BTreeSet::new();
        let mut here: BTreeMap<String, Found> = BTreeMap::new();
        for entry in archive.entries()? {
            let mut entry = entry?;
            let Some(path) = entry.path().ok().and_then(|path| normal(&path)) else {
                continue;
            };
            let (parent, name) = path.rsplit_once('/').unwrap_or(("", &path));
            if name == EMPTIED {
                hidden.extend(
                    self.open
                        .iter()
                        .filter(|open| is_below(open, parent))
                        .cloned(),
                );
                continue;
            }
            if let Some(name) = name.strip_prefix(REMOVED) {
                let removed = relative(&format!("{parent}/{name}"));
                let same = |open: &&String| **open == removed || is_below(open, &removed);
                hidden.extend(self.open.iter().filter(same).cloned());
                continue;
            }
            let is_directory = entry.header().entry_type().is_dir();
            if !is_directory {
                // A file or link in place of a directory: what is below it is elsewhere.
                let below = self.open.iter().filter(|open| is_below(open, &path));
                here.extend(below.map(|open| (open.clone(), Found::Undecided)));
            }
            if self.open.contains(&path) {
                let found = content(&mut entry)?;
                here.insert(path, found);
                if self.open.iter().all(|open| here.contains_key(open)) {
                    break;
                }
            }
        }
        for path in hidden {
            here.entry(path).or_insert(Found::Absent);
        }
        self.open.retain(|path| !here.contains_key(path));
        self.found.extend(here);
        Ok(())
    }

    /// Goes on with what the next layer below those before says, if that was
    /// searched by itself.
    pub(crate) fn below(&mut self, mut layer: Self) {
        for path in std::mem::take(&mut self.open) {
            match layer.found.remove(&path) {
                Some(found) => _ = self.found.insert(path, found),
                None => _ = self.open.insert(path),
            }
        }
    }

    /// Ends the search after the lowest layer: what is in none is absent.
    pub(crate) fn finish(&mut self) {
        let open = std::mem::take(&mut self.open);
        self.found
            .extend(open.into_iter().map(|path| (path, Found::Absent)));
    }
}

fn content(entry: &mut tar::Entry<'_, impl Read>) -> io::Result<Found> {
    let header = entry.header();
    let id = |id: io::Result<u64>| id.ok().and_then(|id| u32::try_from(id).ok());
    match header.entry_type() {
        tar::EntryType::Directory => {
            let (uid, gid) = (id(header.uid()), id(header.gid()));
            let (Some(uid), Some(gid), Ok(mode)) = (uid, gid, header.mode()) else {
                return Ok(Found::Undecided);
            };
            Ok(Found::Directory(Directory {
                uid,
                gid,
                mode: mode & 0o7777,
            }))
        }
        tar::EntryType::Regular | tar::EntryType::Continuous if entry.size() <= MAX_FILE => {
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes)?;
            Ok(Found::File(bytes))
        }
        _ => Ok(Found::Undecided),
    }
}

/// Unpacks a layer by its first bytes: media types in manifests are not always true.
fn unpacked<'a>(layer: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
    const GZIP: [u8; 2] = [0x1f, 0x8b];
    const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
    let mut layer = BufReader::new(layer);
    let start = layer.fill_buf()?;
    Ok(if start.starts_with(&GZIP) {
        Box::new(flate2::bufread::MultiGzDecoder::new(layer))
    } else if start.starts_with(&ZSTD) {
        let decoder = ruzstd::decoding::StreamingDecoder::new(layer);
        Box::new(decoder.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?)
    } else {
        Box::new(layer)
    })
}

fn is_below(path: &str, parent: &str) -> bool {
    parent.is_empty()
        || path
            .strip_prefix(parent)
            .is_some_and(|rest| rest.starts_with('/'))
}

/// Returns a path without slashes at its ends, or empty parts.
fn relative(path: &str) -> String {
    let parts: Vec<_> = path.split('/').filter(|part| !part.is_empty()).collect();
    parts.join("/")
}

/// Returns the path of an entry as [`relative`] writes it; none if it is not in the
/// image or not UTF-8.
fn normal(path: &Path) -> Option<String> {
    let mut parts = Vec::new();
    for part in path.components() {
        match part {
            Component::Normal(part) => parts.push(part.to_str()?),
            Component::CurDir | Component::RootDir => {}
            Component::ParentDir | Component::Prefix(_) => return None,
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    enum Entry<'a> {
        File(&'a str, &'a str),
        Directory(&'a str, u32, u32),
        Link(&'a str, &'a str),
    }
    use Entry::{Directory as Dir, File, Link};

    fn tar(entries: &[Entry<'_>]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for entry in entries {
            let mut header = tar::Header::new_gnu();
            let (path, content) = match entry {
                File(path, content) => {
                    header.set_mode(0o644);
                    (path, *content)
                }
                Dir(path, owner, mode) => {
                    header.set_entry_type(tar::EntryType::Directory);
                    header.set_uid(u64::from(*owner));
                    header.set_gid(u64::from(*owner));
                    header.set_mode(*mode);
                    (path, "")
                }
                Link(path, to) => {
                    header.set_entry_type(tar::EntryType::Symlink);
                    header.set_link_name(to).unwrap();
                    (path, "")
                }
            };
            header.set_size(content.len() as u64);
            header.set_cksum();
            builder
                .append_data(&mut header, path, content.as_bytes())
                .unwrap();
        }
        builder.into_inner().unwrap()
    }

    fn search(paths: &[&str], layers: &[&[Entry<'_>]]) -> Vec<Found> {
        let mut search = Search::of(paths.iter().copied());
        for layer in layers {
            search.layer(tar(layer).as_slice()).unwrap();
        }
        search.finish();
        paths.iter().map(|path| search.get(path).clone()).collect()
    }

    fn file(content: &str) -> Found {
        Found::File(content.as_bytes().to_vec())
    }

    fn directory(owner: u32, mode: u32) -> Found {
        Found::Directory(Directory {
            uid: owner,
            gid: owner,
            mode,
        })
    }

    #[test]
    fn the_uppermost_layer_decides() {
        let layers: [&[Entry<'_>]; 2] = [
            &[Dir("etc/", 0, 0o755), File("etc/passwd", "new")],
            &[
                Dir("./data", 1000, 0o750),
                File("./etc/group", "old"),
                File("./etc/passwd", "old"),
            ],
        ];
        let found = search(&["/etc/passwd", "/etc/group", "/data/", "/none"], &layers);
        let expected = [
            file("new"),
            file("old"),
            directory(1000, 0o750),
            Found::Absent,
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn removed_paths_are_absent() {
        let below: &[Entry<'_>] = &[
            Dir("a", 1, 0o755),
            Dir("a/b", 1, 0o755),
            Dir("c", 1, 0o755),
            Dir("c/d", 1, 0o755),
            Dir("e", 1, 0o755),
        ];
        let removed = search(&["/a/b", "/e"], &[&[File(".wh.a", "")], below]);
        assert_eq!(removed, [Found::Absent, directory(1, 0o755)]);
        // A directory that is emptied exists itself, and may have new content.
        let top: &[Entry<'_>] = &[
            Dir("c", 2, 0o700),
            File("c/.wh..wh..opq", ""),
            Dir("a", 2, 0o700),
            Dir("a/b", 2, 0o700),
            File("a/.wh..wh..opq", ""),
        ];
        let found = search(&["/c/d", "/c", "/a/b"], &[top, below]);
        let expected = [Found::Absent, directory(2, 0o700), directory(2, 0o700)];
        assert_eq!(found, expected);
    }

    #[test]
    fn links_are_undecided() {
        let layers: [&[Entry<'_>]; 1] = [&[Link("var/run", "/run"), Link("data", "/mnt")]];
        let found = search(&["/var/run/app", "/data"], &layers);
        assert_eq!(found, [Found::Undecided, Found::Undecided]);
    }

    #[test]
    fn reads_compressed_layers() {
        let plain = tar(&[File("etc/passwd", "x")]);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&plain).unwrap();
        let gzip = gzip.finish().unwrap();
        let zstd = ruzstd::encoding::compress_to_vec(
            plain.as_slice(),
            ruzstd::encoding::CompressionLevel::Fastest,
        );
        for layer in [&plain, &gzip, &zstd] {
            let mut search = Search::of(["/etc/passwd"]);
            search.layer(layer.as_slice()).unwrap();
            assert!(search.is_done());
            assert_eq!(*search.get("/etc/passwd"), file("x"));
        }
    }

    #[test]
    fn a_truncated_layer_is_an_error() {
        let whole = tar(&[File("a", &"x".repeat(2000)), File("etc/passwd", "x")]);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&whole).unwrap();
        let gzip = gzip.finish().unwrap();
        for layer in [&whole[..1000], &gzip[..gzip.len() / 2]] {
            assert!(Search::of(["/etc/passwd"]).layer(layer).is_err());
        }
    }
}
