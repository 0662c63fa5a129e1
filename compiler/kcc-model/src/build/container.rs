//! Decodes the main container of a component: image, process, probes, resources
//! and security context.

use std::collections::BTreeMap;

use kcc_diag::Code;

use super::output_refs::{self, OutputArg};
use super::{Cursor, TargetContext};
use super::{capabilities, health, image, resources, volumes};
use crate::{Container, Name, Port, Profile, Security, Volume, VolumeSource};

/// Decodes a container without its environment and the outputs in its command,
/// which are connected later. It mounts all host paths of its component. Returns none
/// if there is no image, which is reported.
pub(crate) fn container(
    cx: &TargetContext<'_>,
    node: &Cursor<'_>,
    ports: &BTreeMap<Name, Port>,
    volumes: &BTreeMap<Name, Volume>,
    output_args: &mut Vec<OutputArg>,
) -> Option<Container> {
    let command_line = output_refs::command_line(node);
    output_args.extend(command_line.output_args);
    let image = image::image(cx, node);
    let health = health::health(cx, node, ports, image.as_ref());
    let host_paths = volumes
        .iter()
        .filter(|(_, volume)| matches!(volume.source, VolumeSource::HostPath(_)))
        .map(|(name, _)| name.clone())
        .collect();
    let container = Container {
        command: command_line.command,
        args: command_line.args,
        platform: node.child("platform").and_then(|field| platform(&field)),
        working_dir: node.child("workingDir").and_then(|field| {
            volumes::absolute_path(&field, &field.text()?, "inside the container")
        }),
        user: node.child("user").and_then(|field| user(&field)),
        env: BTreeMap::new(),
        host_paths,
        health,
        resources: resources::resources(node),
        security: security(node),
        image: image?,
    };
    Some(container)
}

/// Decodes a platform: the operating system, the architecture, and a variant of it.
fn platform(node: &Cursor<'_>) -> Option<String> {
    let text = node.text()?;
    let parts: Vec<_> = text.split('/').collect();
    let plain = |part: &&str| {
        !part.is_empty()
            && part
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
    };
    if (2..=3).contains(&parts.len()) && parts.iter().all(plain) {
        return Some(text);
    }
    let message = format!("`{}`: `{text}` is not a platform", node.path);
    let error = node.error(Code::ModelBadName, message, "not a platform");
    let help = "write the operating system and the architecture, such as `\"linux/amd64\"` or \
                `\"linux/arm64\"`";
    node.report(error.help(help));
    None
}

/// Decodes `user` or `user:group`, each a number or a name.
pub(crate) fn user(node: &Cursor<'_>) -> Option<String> {
    let text = node.text()?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    let named = |name: &str| {
        !name.starts_with(|c: char| c.is_ascii_digit() || c == '-') && name.chars().all(plain)
    };
    let is_one = |name: &str| {
        !name.is_empty() && (named(name) || name.parse::<i32>().is_ok_and(|id| id >= 0))
    };
    let (user, group) = text
        .split_once(':')
        .map_or((&text[..], None), |(user, group)| (user, Some(group)));
    if is_one(user) && group.is_none_or(is_one) {
        return Some(text);
    }
    let message = format!("`{}`: `{text}` is not a valid user", node.path);
    let error = node.error(Code::ModelBadName, message, "not a user name or number");
    node.report(error.help("write a number such as `\"1000\"`, or with a group `\"1000:1000\"`"));
    None
}

fn security(node: &Cursor<'_>) -> Security {
    let mut security = Security::default();
    let Some(node) = node.child("security") else {
        return security;
    };
    if node
        .child("profile")
        .and_then(|field| field.text())
        .as_deref()
        == Some("baseline")
    {
        security.profile = Profile::Baseline;
    }
    if let Some(flag) = node.child("readOnlyRoot").and_then(|flag| flag.boolean()) {
        security.read_only_root = flag;
    }
    if let Some(flag) = node.child("privileged").and_then(|flag| flag.boolean()) {
        security.privileged = flag;
    }
    if let Some(capabilities) = node.child("capabilities") {
        let (added, dropped) = capabilities::decode(&capabilities);
        security.add_capabilities = added;
        if security.profile == Profile::Baseline {
            security.drop_capabilities = dropped;
        }
    }
    security
}
