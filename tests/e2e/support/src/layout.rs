//! [`check_layout`]: the rules of OCI image layouts, checked on a directory without the
//! code that wrote it; and `skopeo`, where it is installed.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;
use sha2::{Digest, Sha256};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// Checks a layout and returns the names in its index. All content has to be reachable
/// from there if `complete` says so.
pub fn check_layout(path: &Path, complete: bool) -> BTreeSet<String> {
    let marker: Value = json(&fs::read(path.join("oci-layout")).unwrap());
    assert_eq!(marker["imageLayoutVersion"], "1.0.0");
    let index = json(&fs::read(path.join("index.json")).unwrap());
    assert_eq!(index["schemaVersion"], 2);
    assert_eq!(index["mediaType"], INDEX);
    let mut names = BTreeSet::new();
    let mut reached = BTreeSet::new();
    for entry in index["manifests"].as_array().unwrap() {
        assert_eq!(entry["mediaType"], MANIFEST);
        let name = &entry["annotations"]["org.opencontainers.image.ref.name"];
        let name = name.as_str().unwrap().to_owned();
        assert!(is_tag(&name), "{name}");
        assert!(names.insert(name), "two entries have one name");
        let manifest = json(&content(path, entry, &mut reached));
        assert_eq!(manifest["schemaVersion"], 2);
        assert_eq!(manifest["mediaType"], MANIFEST);
        assert!(is_media_type(&manifest["artifactType"]));
        assert_eq!(entry["artifactType"], manifest["artifactType"]);
        content(path, &manifest["config"], &mut reached);
        for layer in manifest["layers"].as_array().unwrap() {
            content(path, layer, &mut reached);
        }
    }
    for entry in fs::read_dir(path).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(
            ["oci-layout", "index.json", "blobs"].contains(&&*name),
            "{name}"
        );
    }
    let mut stored = BTreeSet::new();
    for entry in fs::read_dir(path.join("blobs/sha256"))
        .into_iter()
        .flatten()
    {
        stored.insert(entry.unwrap().file_name().into_string().unwrap());
    }
    if complete {
        assert_eq!(stored, reached);
    }
    names
}

/// Copies everything that has a name in a layout to another one, as another tool does
/// it, and returns false if that tool is not installed.
pub fn copy_with_skopeo(from: &Path, to: &Path, names: &BTreeSet<String>) -> bool {
    for name in names {
        let copy = Command::new("skopeo")
            .args(["copy", "--insecure-policy"])
            .arg(format!("oci:{}:{name}", from.display()))
            .arg(format!("oci:{}:{name}", to.display()))
            .stdout(Stdio::null())
            .output();
        let Ok(copy) = copy else {
            return false;
        };
        let output = String::from_utf8_lossy(&copy.stderr);
        assert!(copy.status.success(), "{name}: {output}");
    }
    true
}

/// Reads the content of a descriptor and compares it with its size and digest.
fn content(path: &Path, descriptor: &Value, reached: &mut BTreeSet<String>) -> Vec<u8> {
    assert!(is_media_type(&descriptor["mediaType"]), "{descriptor}");
    let digest = descriptor["digest"].as_str().unwrap();
    let hex = digest.strip_prefix("sha256:").unwrap();
    let content = fs::read(path.join("blobs/sha256").join(hex)).unwrap();
    assert_eq!(descriptor["size"], content.len());
    assert_eq!(format!("{:x}", Sha256::digest(&content)), hex);
    reached.insert(hex.to_owned());
    content
}

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

/// Follows RFC 6838 as far as the specification of images asks for it.
fn is_media_type(value: &Value) -> bool {
    let part = |text: &str| {
        let inner = |c: char| c.is_ascii_alphanumeric() || "!#$&-^_.+".contains(c);
        text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(inner)
    };
    let media_type = value.as_str().and_then(|text| text.split_once('/'));
    media_type.is_some_and(|(main, sub)| part(main) && part(sub))
}

/// Follows the specification of registries, whose tags the names become.
fn is_tag(name: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    name.len() <= 128 && !name.starts_with(['.', '-']) && name.chars().all(inner)
}
