//! Validates limits that the API server would otherwise enforce only on apply.

use kcc_model::{Component, FileContent, VolumeSource};

use crate::lowering::Lowering;

/// Controllers append up to eleven characters to a name and use the result as a
/// label value of at most 63.
const MAX_NAME_LENGTH: usize = 52;
/// A ConfigMap contains at most one mebibyte.
const MAX_CONFIG_SIZE: usize = 1 << 20;

pub(super) fn validate(lowering: &mut Lowering<'_>, component: &Component) {
    let name = &component.name;
    if name.len() > MAX_NAME_LENGTH {
        lowering.unsupported(
            &component.path,
            format!(
                "on Kubernetes a name can have at most {MAX_NAME_LENGTH} characters, but `{name}` has {}",
                name.len()
            ),
            "choose a shorter name",
        );
    }
    let begins_with_digit = name.starts_with(|c: char| c.is_ascii_digit());
    if begins_with_digit && !component.ports.is_empty() {
        lowering.unsupported(
            &component.path,
            format!("on Kubernetes a host name has to start with a letter, but `{name}` does not"),
            "rename it",
        );
    }
    let files: usize = component
        .files
        .values()
        .map(|file| match &file.content {
            FileContent::Content(text) => text.len(),
            FileContent::Binary(bytes) => bytes.0.len(),
            FileContent::Secret(_) | FileContent::Template(_) => 0,
        })
        .sum();
    check_size(lowering, component, "files", files);
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
            check_size(lowering, component, &format!("volumes.{volume}"), size);
        }
    }
}

fn check_size(lowering: &mut Lowering<'_>, component: &Component, field: &str, size: usize) {
    if size > MAX_CONFIG_SIZE {
        lowering.unsupported(
            &component.path.join(field),
            format!(
                "on Kubernetes the files of a component can have at most {MAX_CONFIG_SIZE} bytes, but \
                 these have {size}"
            ),
            "copy large files into the image, or keep them in a volume that an init step fills",
        );
    }
}

/// Returns true for a valid name of a container port: at most 15 characters, at
/// least one letter, no consecutive hyphens.
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
    fn accepts_the_port_names_kubernetes_accepts() {
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
