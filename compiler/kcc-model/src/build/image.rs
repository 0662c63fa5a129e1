//! Decodes `image` and `build`.
//!
//! Fragments write paths relative to themselves; the model has them relative to
//! the system's root. Components with the same build inputs share one image: the
//! tag is a hash of the inputs, not of the component. On Kubernetes the tag also
//! depends on the content of the context, because only a new tag makes a cluster
//! pull a changed image. On Docker kcc compares the content itself, and a tag per
//! change would fill the disk.

use std::collections::BTreeMap;

use kcc_diag::Code;
use kcc_tree::{Engine, OriginKind};

use super::{Cursor, TargetContext};
use crate::{Build, Image};

/// The default Dockerfile.
const DOCKERFILE: &str = "Dockerfile";

/// The number of hexadecimal digits in a tag.
const TAG_DIGITS: usize = 12;

/// Decodes the image of a component.
pub(crate) fn image(cx: &TargetContext<'_>, node: &Cursor<'_>) -> Option<Image> {
    match (node.child("image"), node.child("build")) {
        (Some(reference), None) => self::reference(&reference).map(Image::Reference),
        (None, Some(build)) => Some(Image::Build(decode(cx, &build)?)),
        (Some(reference), Some(build)) => {
            let message = format!("`{}` has both `image` and `build`", node.path);
            let error = reference.error(Code::EvalConflict, message, "an existing image");
            let error = build
                .reporter
                .add_label(error, &build.path, "an image to build");
            node.report(error.help("remove `image` or `build`"));
            None
        }
        (None, None) => {
            node.report_missing(
                "`image`",
                "write `image: \"…\"`, or `build: context: \"…\"`",
            );
            None
        }
    }
}

/// Decodes an image reference: `registry/name:tag@digest`, where only the name
/// is required.
pub(crate) fn reference(node: &Cursor<'_>) -> Option<String> {
    let text = node.text()?;
    if is_reference(&text) {
        return Some(text);
    }
    let message = format!("`{}`: `{text}` is not a valid image reference", node.path);
    let error = node.error(Code::ModelBadName, message, "not an image reference");
    let compact: String = text.split_whitespace().collect();
    let compact = compact
        .split_once("://")
        .map_or(compact.as_str(), |(_, rest)| rest);
    let (name, version) = compact.split_at(name_length(compact));
    let lower = format!("{}{version}", name.to_ascii_lowercase());
    let better = [compact, &lower]
        .into_iter()
        .find(|text| is_reference(text));
    node.report(error.help(match better {
        Some(better) => format!("write `{better}`"),
        None => "write a name and a tag, such as `acme/web:1.4.2`".to_owned(),
    }));
    None
}

/// Returns the length in bytes of a reference's name, before tag and digest.
fn name_length(text: &str) -> usize {
    let named = text.find('@').unwrap_or(text.len());
    let last = text[..named].rfind('/').map_or(0, |at| at + 1);
    text[last..named].find(':').map_or(named, |at| last + at)
}

fn is_reference(text: &str) -> bool {
    let (name, version) = text.split_at(name_length(text));
    let (tag, digest) = match version.split_once('@') {
        Some((tag, digest)) => (tag, Some(digest)),
        None => (version, None),
    };
    let tagged = tag.is_empty() || tag.strip_prefix(':').is_some_and(is_tag);
    let mut parts = name.split('/').peekable();
    let first = parts.peek().copied().unwrap_or_default();
    // A first component with a dot or a port is a registry, not part of the name.
    if name.contains('/') && (first.contains(['.', ':']) || first == "localhost") {
        let host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | ':' | '-' | '[' | ']');
        if !first.chars().all(host) {
            return false;
        }
        parts.next();
    }
    tagged && digest.is_none_or(is_digest) && parts.all(is_name_component)
}

/// Checks a component of a name: lower-case letters and digits, with separators
/// between them.
fn is_name_component(part: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    part.starts_with(plain)
        && part.ends_with(plain)
        && part
            .chars()
            .all(|c| plain(c) || matches!(c, '.' | '_' | '-'))
}

fn is_tag(tag: &str) -> bool {
    const MAX_LENGTH: usize = 128;
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    tag.starts_with(word)
        && tag.len() <= MAX_LENGTH
        && tag.chars().all(|c| word(c) || matches!(c, '.' | '-'))
}

fn is_digest(digest: &str) -> bool {
    const MIN_LENGTH: usize = 32;
    digest.split_once(':').is_some_and(|(algorithm, hex)| {
        !algorithm.is_empty()
            && hex.len() >= MIN_LENGTH
            && hex.chars().all(|c| c.is_ascii_hexdigit())
    })
}

fn decode(cx: &TargetContext<'_>, node: &Cursor<'_>) -> Option<Build> {
    let Some(declared) = node.child("context") else {
        node.report_missing(
            "`context`",
            "write `context: \".\"` for the fragment's directory",
        );
        return None;
    };
    let context = relative_to_root(&declared, &declared.text()?)?;
    let file = match node.child("file") {
        Some(file) => relative_to_context(&file, &context)?,
        None => DOCKERFILE.to_owned(),
    };
    let args = node
        .child("args")
        .map(|args| args.text_map())
        .unwrap_or_default();
    let stage = node.child("stage").and_then(|stage| stage.text());
    let tag = build_tag(cx.system, &context, &file, &args, stage.as_deref());
    let mut build = Build {
        tag,
        context,
        file,
        args,
        stage,
    };
    let check_exists = cx.files.check_exists;
    if let Err(why) = check_exists(&format!("{}/", build.context)) {
        report_unreadable_context(&declared, &build.context, &why);
    } else if let Err(why) = check_exists(&dockerfile_path(&build)) {
        report_unreadable_dockerfile(node, &declared, &build, &why);
    } else if cx.engine.is(Engine::Kubernetes) {
        match (cx.files.hash_context)(&build) {
            Ok(hash) => build.tag = content_tag(&build.tag, &hash),
            Err(why) => report_unreadable_context(&declared, &build.context, &why),
        }
    }
    Some(build)
}

fn report_unreadable_context(declared: &Cursor<'_>, context: &str, why: &str) {
    let message = format!("`{}`: cannot read `{context}`: {why}", declared.path);
    let error = declared.error(
        Code::ModelMissingFile,
        message,
        "cannot read this directory",
    );
    declared.report(error.help(format!(
        "add the directory `{context}`, or write another path"
    )));
}

fn report_unreadable_dockerfile(node: &Cursor<'_>, context: &Cursor<'_>, build: &Build, why: &str) {
    let name = dockerfile_path(build);
    let named = node.child("file").filter(|_| build.file != DOCKERFILE);
    let (at, label, other) = match &named {
        Some(file) => (file, "cannot read this file", "write another path"),
        None => (
            context,
            "no Dockerfile in this directory",
            "name another file with `file: \"…\"` next to `context`",
        ),
    };
    let message = format!("`{}`: cannot read `{name}`: {why}", at.path);
    let error = at.error(Code::ModelMissingFile, message, label);
    at.report(error.help(format!("add `{name}`, or {other}")));
}

/// Returns the Dockerfile's path relative to the root.
fn dockerfile_path(build: &Build) -> String {
    match build.context.as_str() {
        "." | "" => build.file.clone(),
        context => format!("{context}/{}", build.file),
    }
}

/// Replaces the tag of a reference by a hash of the image's content.
fn content_tag(reference: &str, hash: &str) -> String {
    let name = reference
        .split_once(':')
        .map_or(reference, |(name, _)| name);
    format!("{name}:{}", hash.get(..TAG_DIGITS).unwrap_or(hash))
}

/// Converts a path from relative to its fragment to relative to the root.
pub(crate) fn relative_to_root(node: &Cursor<'_>, declared: &str) -> Option<String> {
    let found = normalise(node.directory(), declared);
    if found.is_none() {
        let message = format!(
            "`{}`: `{declared}` leads outside the system's root",
            node.path
        );
        let error = node.error(Code::LoadOutsideRoot, message, "outside the root");
        let directory = match node.directory() {
            "" => "the root".to_owned(),
            directory => format!("`{directory}`"),
        };
        node.report(error.help(format!(
            "write a path relative to {directory}, the directory of this file"
        )));
    }
    found
}

/// Returns the Dockerfile relative to the context. The schema's default is
/// relative to it already.
fn relative_to_context(node: &Cursor<'_>, context: &str) -> Option<String> {
    let declared = node.text()?;
    if node
        .node
        .origins
        .iter()
        .all(|origin| origin.kind == OriginKind::Schema)
    {
        return Some(declared);
    }
    let file = relative_to_root(node, &declared)?;
    let relative = match context {
        "." => Some(file.as_str()),
        context => file
            .strip_prefix(context)
            .and_then(|rest| rest.strip_prefix('/')),
    };
    if let Some(relative) = relative {
        return Some(relative.to_owned());
    }
    let message = format!(
        "`{}`: `{file}` is not inside the build context `{context}`",
        node.path
    );
    let error = node.error(Code::ModelBadPath, message, "outside the context");
    node.report(error.help("move the file into the context, or choose a context that contains it"));
    None
}

/// Joins a directory and a relative path and removes `.` and `..`; returns none
/// if the result leaves the root. The root itself is `.`.
fn normalise(directory: &str, declared: &str) -> Option<String> {
    if declared.starts_with('/') || declared.contains('\\') {
        return None;
    }
    let mut names: Vec<&str> = Vec::new();
    for name in directory.split('/').chain(declared.split('/')) {
        match name {
            "" | "." => {}
            ".." => _ = names.pop()?,
            name => names.push(name),
        }
    }
    Some(if names.is_empty() {
        ".".to_owned()
    } else {
        names.join("/")
    })
}

/// Returns the reference of a built image: the directory's name, tagged with a
/// hash of the build inputs.
fn build_tag(
    system: &str,
    context: &str,
    file: &str,
    args: &BTreeMap<String, String>,
    stage: Option<&str>,
) -> String {
    let directory = context.rsplit('/').next().unwrap_or(context);
    let mut name = String::new();
    for c in directory.chars().map(|c| c.to_ascii_lowercase()) {
        match c {
            'a'..='z' | '0'..='9' => name.push(c),
            _ if name.is_empty() || name.ends_with('-') => {}
            _ => name.push('-'),
        }
    }
    let name = name.trim_end_matches('-');
    let name = if name.is_empty() { system } else { name };
    let mut hash = Fnv::default();
    for text in [context, file, stage.unwrap_or("")] {
        hash.add(text);
    }
    for (key, value) in args {
        hash.add(key);
        hash.add(value);
    }
    format!("{system}/{name}:{:012x}", hash.0 >> 16)
}

/// FNV-1a, written out because the tag must not change with the version of a
/// library.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Fnv {
    fn add(&mut self, text: &str) {
        // A terminator for each text, so that `a`,`bc` differs from `ab`,`c`.
        for byte in text.bytes().chain([0xff]) {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_the_references_registries_accept() {
        let digest = "a".repeat(64);
        for text in [
            "nginx",
            "nginx:1.29",
            "acme/web:1.4.2",
            "registry.acme.com:5000/shop/web:v1_2-3",
            "localhost/web",
            "localhost:5000/web",
            "ghcr.io/acme/my__web.app:latest",
            &format!("acme/web@sha256:{digest}"),
            &format!("acme/web:1@sha256:{digest}"),
        ] {
            assert!(is_reference(text), "{text}");
        }
        for text in [
            "",
            " ",
            "acme/web: 1",
            "Acme/web",
            "acme//web",
            "acme/web:",
            "acme/web:a/b:c",
            "https://acme.com/web:1",
            "acme/web@sha256:12",
            "-web",
        ] {
            assert!(!is_reference(text), "{text}");
        }
    }

    #[test]
    fn resolves_paths_relative_to_the_fragment() {
        for (directory, declared, path) in [
            ("teams/payments", "../../app", Some("app")),
            ("teams/payments", ".", Some("teams/payments")),
            ("", "app/./x/..", Some("app")),
            ("", ".", Some(".")),
            ("", "../app", None),
            ("teams", "../../app", None),
            ("teams", "/app", None),
            ("", "app\\x", None),
        ] {
            assert_eq!(
                normalise(directory, declared).as_deref(),
                path,
                "{directory} {declared}"
            );
        }
    }

    #[test]
    fn tag_depends_only_on_the_build_inputs() {
        let none = BTreeMap::new();
        let one = build_tag("shop", "app", "Dockerfile", &none, None);
        assert_eq!(one, build_tag("shop", "app", "Dockerfile", &none, None));
        assert!(one.starts_with("shop/app:"), "{one}");
        let args = BTreeMap::from([("A".to_owned(), "1".to_owned())]);
        for other in [
            build_tag("shop", "teams/app", "Dockerfile", &none, None),
            build_tag("shop", "app", "Dockerfile.debug", &none, None),
            build_tag("shop", "app", "Dockerfile", &args, None),
            build_tag("shop", "app", "Dockerfile", &none, Some("debug")),
        ] {
            assert_ne!(one, other);
        }
        assert!(build_tag("shop", ".", "Dockerfile", &none, None).starts_with("shop/shop:"));
        assert!(build_tag("shop", "My App", "Dockerfile", &none, None).starts_with("shop/my-app:"));
    }
}
