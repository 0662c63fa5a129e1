//! `image` and `build`: where the image of a component comes from.
//!
//! Paths are written relative to the fragment whose line holds them, and
//! become relative to the system's root. Components that are built in the same
//! way share one image: its tag is made of how it is built, not of who uses it.
//! On Kubernetes it is made of what it is built from, too: nobody but its tag
//! tells a cluster that an image is another. A Docker engine is told by kcc, and
//! a tag for every change would fill its disk.

use std::collections::BTreeMap;

use kcc_diag::Code;
use kcc_tree::OriginKind;

use super::{Cursor, Scope, component};
use crate::{Build, EngineTarget, Image};

/// The file that says how an image is built, where no other is named.
const DOCKERFILE: &str = "Dockerfile";

/// Digits of a tag, four bits each.
const TAG_DIGITS: usize = 12;

/// Decodes the image of a component.
pub(crate) fn image(scope: &Scope<'_>, node: &Cursor<'_>) -> Option<Image> {
    match (node.child("image"), node.child("build")) {
        (Some(reference), None) => self::reference(&reference).map(Image::Reference),
        (None, Some(build)) => Some(Image::Build(decode(scope, &build)?)),
        (Some(reference), Some(build)) => {
            let message = format!("`{}` has an image and is built, too", node.path);
            let error = reference.error(
                Code::EvalConflict,
                message,
                "an image that is there already",
            );
            let error = build
                .lines
                .also(error, &build.path, "an image that is built");
            node.report(error.help("remove `image` or `build`"));
            None
        }
        (None, None) => {
            // A component that nobody claims is reported as such by its rule.
            let claimed = scope
                .owners
                .get(&node.path)
                .is_none_or(|owner| !owner.unclaimed);
            if claimed {
                component::missing(
                    node,
                    "`image`",
                    "write `image: \"…\"`, or `build: context: \"…\"`",
                );
            }
            None
        }
    }
}

/// The reference of an image: `registry/name:tag@digest`, where only the name
/// has to be there.
pub(crate) fn reference(node: &Cursor<'_>) -> Option<String> {
    let text = node.text()?;
    if is_reference(&text) {
        return Some(text);
    }
    let message = format!("`{}`: `{text}` is no reference of an image", node.path);
    let error = node.error(Code::ModelBadName, message, "no such image");
    let meant: String = text.split_whitespace().collect();
    let meant = meant
        .split_once("://")
        .map_or(meant.as_str(), |(_, rest)| rest);
    let (name, version) = meant.split_at(name_length(meant));
    let lower = format!("{}{version}", name.to_ascii_lowercase());
    let better = [meant, &lower].into_iter().find(|text| is_reference(text));
    node.report(error.help(match better {
        Some(better) => format!("write `{better}`"),
        None => "write its name and its version, such as `acme/web:1.4.2`".to_owned(),
    }));
    None
}

/// How many bytes of a reference are its name, before tag and digest.
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
    // A registry has a dot or a port, so that it is no part of the name.
    if name.contains('/') && (first.contains(['.', ':']) || first == "localhost") {
        let host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | ':' | '-' | '[' | ']');
        if !first.chars().all(host) {
            return false;
        }
        parts.next();
    }
    tagged && digest.is_none_or(is_digest) && parts.all(is_part)
}

/// A part of a name: lower-case letters and digits, with signs between them.
fn is_part(part: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    part.starts_with(plain)
        && part.ends_with(plain)
        && part
            .chars()
            .all(|c| plain(c) || matches!(c, '.' | '_' | '-'))
}

fn is_tag(tag: &str) -> bool {
    const LONGEST: usize = 128;
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    tag.starts_with(word)
        && tag.len() <= LONGEST
        && tag.chars().all(|c| word(c) || matches!(c, '.' | '-'))
}

fn is_digest(digest: &str) -> bool {
    const SHORTEST: usize = 32;
    digest.split_once(':').is_some_and(|(algorithm, hex)| {
        !algorithm.is_empty() && hex.len() >= SHORTEST && hex.chars().all(|c| c.is_ascii_hexdigit())
    })
}

fn decode(scope: &Scope<'_>, node: &Cursor<'_>) -> Option<Build> {
    node.only(&["context", "file", "args", "stage"]);
    let Some(written) = node.child("context") else {
        component::missing(
            node,
            "`context`",
            "write `context: \".\"` for the fragment's folder",
        );
        return None;
    };
    let context = inside(&written, &written.text()?)?;
    let file = match node.child("file") {
        Some(file) => below(&file, &context)?,
        None => DOCKERFILE.to_owned(),
    };
    let args = node
        .child("args")
        .map(|args| args.text_map())
        .unwrap_or_default();
    let stage = node.child("stage").and_then(|stage| stage.text());
    let tag = tag(scope.system, &context, &file, &args, stage.as_deref());
    let mut build = Build {
        tag,
        context,
        file,
        args,
        stage,
    };
    let there = scope.referred.there;
    if let Err(why) = there(&format!("{}/", build.context)) {
        no_context(&written, &build.context, &why);
    } else if let Err(why) = there(&name_of_file(&build)) {
        no_file(node, &written, &build, &why);
    } else if let EngineTarget::Kubernetes { .. } = scope.engine {
        match (scope.referred.context)(&build) {
            Ok(hash) => build.tag = of_content(&build.tag, &hash),
            Err(why) => no_context(&written, &build.context, &why),
        }
    }
    Some(build)
}

fn no_context(written: &Cursor<'_>, context: &str, why: &str) {
    let message = format!("`{}`: cannot read `{context}`: {why}", written.path);
    let error = written.error(Code::ModelMissingFile, message, "this folder");
    written.report(error.help(format!(
        "add the folder `{context}`, or write the path of another"
    )));
}

fn no_file(node: &Cursor<'_>, context: &Cursor<'_>, build: &Build, why: &str) {
    let name = name_of_file(build);
    let named = node.child("file").filter(|_| build.file != DOCKERFILE);
    let (at, label, other) = match &named {
        Some(file) => (file, "this file", "write the path of another"),
        None => (
            context,
            "this folder",
            "name another file: `file: \"…\"` beside `context`",
        ),
    };
    let message = format!("`{}`: cannot read `{name}`: {why}", at.path);
    let error = at.error(Code::ModelMissingFile, message, label);
    at.report(error.help(format!("add `{name}`, or {other}")));
}

/// The Dockerfile, relative to the root.
fn name_of_file(build: &Build) -> String {
    match build.context.as_str() {
        "." | "" => build.file.clone(),
        context => format!("{context}/{}", build.file),
    }
}

/// The reference with a tag that changes with what the image is built from.
fn of_content(reference: &str, hash: &str) -> String {
    let name = reference
        .split_once(':')
        .map_or(reference, |(name, _)| name);
    format!("{name}:{}", hash.get(..TAG_DIGITS).unwrap_or(hash))
}

/// A path that a fragment writes, relative to the root.
pub(crate) fn inside(node: &Cursor<'_>, written: &str) -> Option<String> {
    let found = normalise(node.folder(), written);
    if found.is_none() {
        let message = format!(
            "`{}`: `{written}` leads outside the system's root",
            node.path
        );
        let error = node.error(Code::LoadOutsideRoot, message, "outside the root");
        let folder = match node.folder() {
            "" => "the root".to_owned(),
            folder => format!("`{folder}`"),
        };
        node.report(error.help(format!(
            "write a path relative to {folder}, the folder of this file"
        )));
    }
    found
}

/// The Dockerfile, relative to the context. That of the schema lies in it.
fn below(node: &Cursor<'_>, context: &str) -> Option<String> {
    let written = node.text()?;
    if node
        .node
        .origins
        .iter()
        .all(|origin| origin.kind == OriginKind::Schema)
    {
        return Some(written);
    }
    let file = inside(node, &written)?;
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
    node.report(error.help("move the file into the context, or choose a context that holds it"));
    None
}

/// A relative path from a folder, without `.` and `..`; none if it leaves the
/// root. The root itself is `.`.
fn normalise(folder: &str, written: &str) -> Option<String> {
    if written.starts_with('/') || written.contains('\\') {
        return None;
    }
    let mut names: Vec<&str> = Vec::new();
    for name in folder.split('/').chain(written.split('/')) {
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

/// The reference of a built image: the folder's name, and a hash of everything
/// that decides how it is built.
fn tag(
    system: &str,
    context: &str,
    file: &str,
    args: &BTreeMap<String, String>,
    stage: Option<&str>,
) -> String {
    let folder = context.rsplit('/').next().unwrap_or(context);
    let mut name = String::new();
    for c in folder.chars().map(|c| c.to_ascii_lowercase()) {
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
        hash.text(text);
    }
    for (key, value) in args {
        hash.text(key);
        hash.text(value);
    }
    format!("{system}/{name}:{:012x}", hash.0 >> 16)
}

/// FNV-1a: the tag must not change between versions of a library.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Fnv {
    fn text(&mut self, text: &str) {
        // The end of each text counts too, or `a`,`bc` would equal `ab`,`c`.
        for byte in text.bytes().chain([0xff]) {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_what_registries_take() {
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
    fn paths_are_relative_to_the_fragment() {
        for (folder, written, path) in [
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
                normalise(folder, written).as_deref(),
                path,
                "{folder} {written}"
            );
        }
    }

    #[test]
    fn a_tag_depends_on_how_the_image_is_built_alone() {
        let none = BTreeMap::new();
        let one = tag("shop", "app", "Dockerfile", &none, None);
        assert_eq!(one, tag("shop", "app", "Dockerfile", &none, None));
        assert!(one.starts_with("shop/app:"), "{one}");
        let args = BTreeMap::from([("A".to_owned(), "1".to_owned())]);
        for other in [
            tag("shop", "teams/app", "Dockerfile", &none, None),
            tag("shop", "app", "Dockerfile.debug", &none, None),
            tag("shop", "app", "Dockerfile", &args, None),
            tag("shop", "app", "Dockerfile", &none, Some("debug")),
        ] {
            assert_ne!(one, other);
        }
        assert!(tag("shop", ".", "Dockerfile", &none, None).starts_with("shop/shop:"));
        assert!(tag("shop", "My App", "Dockerfile", &none, None).starts_with("shop/my-app:"));
    }
}
