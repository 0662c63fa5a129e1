//! Decodes the `volumes` of a component (persistent, ephemeral, from the host, the
//! content of a config or secret) and those of the system, which components share.

use std::collections::BTreeMap;

use kcc_diag::Code;
use kcc_tree::Value;

use super::{Cursor, TargetContext, mode, names, resources};
use crate::{
    Access, Device, Ephemeral, File, Name, Propagation, SharedVolume, Volume, VolumeSource,
};

/// Decodes the volumes of a component.
pub(crate) fn volumes(node: &Cursor<'_>) -> BTreeMap<Name, Volume> {
    let Some(all) = node.child("volumes") else {
        return BTreeMap::new();
    };
    all.fields()
        .filter_map(|(name, field)| {
            names::validate(&field, "volume", name);
            Some((name.to_owned(), volume(&field)?))
        })
        .collect()
}

fn volume(node: &Cursor<'_>) -> Option<Volume> {
    let source = source(node);
    let Some(mount) = node.child("mount") else {
        node.report_missing("`mount`", "write the path inside the container");
        return None;
    };
    let mount = container_path(&mount, &mount.text()?)?;
    let source = source?;
    let mode = node.child("mode").and_then(|field| {
        if matches!(source, VolumeSource::Config(_) | VolumeSource::Secret(_)) {
            return mode::of_file(&field);
        }
        let message = format!(
            "`{}` applies only to the files of a `config` or `secret`",
            field.path
        );
        let error = field.error(Code::EvalConflict, message, "neither is declared here");
        field.report(error.help("remove it, or move it into `ephemeral: {mode: …}`"));
        None
    });
    let propagation = node.child("propagation").and_then(|field| {
        if !matches!(source, VolumeSource::HostPath(_)) {
            let message = format!("`{}` applies only to a `hostPath`", field.path);
            let error = field.error(Code::EvalConflict, message, "no `hostPath` here");
            field.report(error.help("remove it"));
            return None;
        }
        match field.text()?.as_str() {
            "bidirectional" => Some(Propagation::Bidirectional),
            _ => Some(Propagation::HostToContainer),
        }
    });
    Some(Volume {
        mount,
        source,
        mode,
        propagation,
        read_only: node.child("readOnly").and_then(|flag| flag.boolean()) == Some(true),
    })
}

/// Decodes the devices of a component.
pub(crate) fn devices(node: &Cursor<'_>) -> BTreeMap<Name, Device> {
    let Some(all) = node.child("devices") else {
        return BTreeMap::new();
    };
    all.fields()
        .filter_map(|(name, field)| {
            names::validate(&field, "device", name);
            let Some(path) = field.child("path") else {
                field.report_missing("`path`", "write `path: \"/dev/…\"`");
                return None;
            };
            let path = absolute_path(&path, &path.text()?, "on the host")?;
            let mount = match field.child("mount") {
                Some(mount) => container_path(&mount, &mount.text()?)?,
                None => path.clone(),
            };
            Some((name.to_owned(), Device { path, mount }))
        })
        .collect()
}

/// Decodes the volumes of the system.
pub(crate) fn shared(cx: &TargetContext<'_>, root: &Cursor<'_>) -> BTreeMap<Name, SharedVolume> {
    let Some(all) = root.child("volumes") else {
        return BTreeMap::new();
    };
    all.fields()
        .filter_map(|(name, node)| {
            names::validate(&node, "volume", name);
            let Some(size) = node.child("size") else {
                node.report_missing("`size`", "write `size: \"1Gi\"`");
                return None;
            };
            let volume = SharedVolume {
                name: name.to_owned(),
                team: cx.team(&node.path),
                path: node.path.clone(),
                size: resources::size(&size, "1Mi", "1Gi")?,
                access: access(&node)?,
                class: node.child("class").and_then(|class| class.text()),
            };
            Some((name.to_owned(), volume))
        })
        .collect()
}

fn source(node: &Cursor<'_>) -> Option<VolumeSource> {
    if let Some(field) = node.child("ephemeral") {
        if matches!(field.node.value, Value::Struct(_)) {
            return Some(VolumeSource::Ephemeral(ephemeral(&field)));
        }
        if field.boolean() == Some(true) {
            return Some(VolumeSource::Ephemeral(Ephemeral::default()));
        }
    }
    if let Some(config) = node.child("config") {
        return config.text().map(VolumeSource::Config);
    }
    if let Some(secret) = node.child("secret") {
        return secret.text().map(VolumeSource::Secret);
    }
    if let Some(path) = node.child("hostPath") {
        return absolute_path(&path, &path.text()?, "on the host").map(VolumeSource::HostPath);
    }
    if let Some(volume) = node.child("from") {
        return volume.text().map(VolumeSource::Shared);
    }
    let Some(size) = node.child("size") else {
        node.report_missing("`size`", "write `size: \"1Gi\"`, or `ephemeral: true`");
        return None;
    };
    Some(VolumeSource::Persistent {
        size: resources::size(&size, "1Mi", "1Gi")?,
        access: access(node)?,
        class: node.child("class").and_then(|class| class.text()),
    })
}

fn ephemeral(node: &Cursor<'_>) -> Ephemeral {
    let defaults = Ephemeral::default();
    let flag = |name| node.child(name).and_then(|field| field.boolean());
    Ephemeral {
        exec: flag("exec").unwrap_or(defaults.exec),
        size: node
            .child("size")
            .and_then(|size| resources::size(&size, "1Mi", "64Mi")),
        mode: node
            .child("mode")
            .and_then(|field| mode::of_directory(&field)),
        memory: flag("memory"),
    }
}

fn access(node: &Cursor<'_>) -> Option<Access> {
    let Some(field) = node.child("access") else {
        return Some(Access::ReadWriteOnce);
    };
    let declared = field.text()?;
    let access = match declared.as_str() {
        "ReadWriteOnce" => Access::ReadWriteOnce,
        "ReadOnlyMany" => Access::ReadOnlyMany,
        "ReadWriteMany" => Access::ReadWriteMany,
        "ReadWriteOncePod" => Access::ReadWriteOncePod,
        _ => {
            let message = format!("`{}`: unknown access mode `{declared}`", field.path);
            let error = field.error(Code::EvalWrongType, message, "no such access mode");
            let known = "`ReadWriteOnce`, `ReadOnlyMany`, `ReadWriteMany` or `ReadWriteOncePod`";
            field.report(error.help(format!("write {known}")));
            return None;
        }
    };
    Some(access)
}

/// Validates an absolute path inside a container, other than its root.
pub(crate) fn container_path(node: &Cursor<'_>, path: &str) -> Option<String> {
    let path = absolute_path(node, path, "inside the container")?;
    if path != "/" {
        return Some(path);
    }
    let message = "expected a path inside the container, found the root `/`";
    let error = node.error(Code::ModelBadPath, message, "would hide the image's files");
    node.report(error.help("write a path below the root, such as `/data`"));
    None
}

/// Validates an absolute path; `place` says where, for the message.
pub(crate) fn absolute_path(node: &Cursor<'_>, path: &str, place: &str) -> Option<String> {
    if path.starts_with('/') && !path.split('/').any(|name| name == "..") {
        let trimmed = path.trim_end_matches('/');
        return Some(if trimmed.is_empty() { "/" } else { trimmed }.to_owned());
    }
    let climbs = path.split('/').any(|name| name == "..");
    let (expected, label) = if climbs {
        ("a path without `..`", "contains `..`")
    } else {
        ("an absolute path", "not absolute")
    };
    let message = format!("expected {expected} {place}, found `{path}`");
    let error = node.error(Code::ModelBadPath, message, label);
    node.report(error.help(format!("write `{}`", suggest_absolute(path))));
    None
}

/// Suggests an absolute path.
fn suggest_absolute(path: &str) -> String {
    let mut names = Vec::new();
    for name in path.split('/') {
        match name {
            "" | "." => {}
            ".." => _ = names.pop(),
            name => names.push(name),
        }
    }
    format!("/{}", names.join("/"))
}

/// Reports two mounts at one path, which engines reject.
pub(crate) fn check_unique_mounts(
    node: &Cursor<'_>,
    volumes: &BTreeMap<Name, Volume>,
    files: &BTreeMap<String, File>,
) {
    let mut taken: BTreeMap<&str, kcc_tree::Path> = BTreeMap::new();
    let volumes = volumes.iter().map(|(name, volume)| {
        (
            volume.mount.as_str(),
            node.path.join("volumes").join(name).join("mount"),
        )
    });
    let files = files.iter().map(|(path, file)| {
        let declared = node.path.join("files").join(file.declared(path));
        (path.as_str(), declared)
    });
    for (mount, path) in volumes.chain(files) {
        if let Some(first) = taken.get(mount) {
            let message = format!("`{first}` and `{path}` are both mounted at `{mount}`");
            let error =
                node.reporter
                    .error(Code::ModelBadPath, &path, message, "duplicate mount path");
            let error = node.reporter.add_label(error, first, "first used here");
            node.report(error.help("mount one of them at another path"));
        } else {
            taken.insert(mount, path);
        }
    }
}
