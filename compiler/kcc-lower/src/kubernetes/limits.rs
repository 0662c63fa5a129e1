//! What the API server would refuse for its shape alone, found before it is asked.

use kcc_model::{Component, FileContent, VolumeSource};

use crate::lowering::Lowering;

/// The controllers append up to eleven characters to a name and use the whole
/// as a label, which has room for 63.
const LONGEST_NAME: usize = 52;
/// A ConfigMap holds at most one mebibyte.
const LARGEST_CONFIG: usize = 1 << 20;

pub(super) fn hold(lowering: &mut Lowering<'_>, component: &Component) {
    let name = &component.name;
    if name.len() > LONGEST_NAME {
        lowering.unsupported(
            &component.path,
            format!(
                "on Kubernetes a name has at most {LONGEST_NAME} characters, but `{name}` has {}",
                name.len()
            ),
            "give it a shorter name",
        );
    }
    let begins_with_digit = name.starts_with(|c: char| c.is_ascii_digit());
    if begins_with_digit && !component.ports.is_empty() {
        lowering.unsupported(
            &component.path,
            format!("on Kubernetes a host name begins with a letter, but `{name}` does not"),
            "rename it",
        );
    }
    let files: usize = component
        .files
        .values()
        .map(|file| match &file.content {
            FileContent::Content(text) => text.len(),
            FileContent::Secret(_) | FileContent::Template(_) => 0,
        })
        .sum();
    too_large(lowering, component, "files", files);
    for (volume, config) in &component.volumes {
        if let VolumeSource::Config(config) = &config.source {
            let data = lowering
                .target
                .configs
                .get(config)
                .map(|config| &config.data);
            let size = data
                .into_iter()
                .flatten()
                .map(|(key, text)| key.len() + text.len())
                .sum();
            too_large(lowering, component, &format!("volumes.{volume}"), size);
        }
    }
}

fn too_large(lowering: &mut Lowering<'_>, component: &Component, field: &str, size: usize) {
    if size > LARGEST_CONFIG {
        lowering.unsupported(
            &component.path.join(field),
            format!(
                "on Kubernetes the files of a component hold at most {LARGEST_CONFIG} bytes, but \
                 these hold {size}"
            ),
            "put large files into the image",
        );
    }
}

/// Whether a container's port may be called so: up to 15 characters, a letter
/// among them, no two hyphens in a row.
pub(super) fn is_port_name(name: &str) -> bool {
    name.len() <= 15
        && name.contains(|c: char| c.is_ascii_lowercase())
        && !name.contains("--")
        && !name.starts_with('-')
        && !name.ends_with('-')
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

#[cfg(test)]
mod tests {
    use super::is_port_name;

    #[test]
    fn port_names_are_those_that_a_container_takes() {
        for name in ["http", "a", "grpc-web", "h2", "exactly15-chars"] {
            assert!(is_port_name(name), "{name}");
        }
        for name in [
            "",
            "80",
            "sixteen-chars-xx",
            "a--b",
            "-a",
            "a-",
            "Http",
            "a_b",
        ] {
            assert!(!is_port_name(name), "{name}");
        }
    }
}
