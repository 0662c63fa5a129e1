//! The main container of a component: image, process, probes, resources and
//! security context.

use std::collections::BTreeMap;

use kcc_diag::Code;

use super::late::{self, Word};
use super::{Cursor, Scope};
use super::{capabilities, health, image, resources, volumes};
use crate::{Container, Name, Port, Profile, Security};

/// Decodes a container; its environment is connected later, and so are the
/// outputs of others in its command. None where there is no image, which has
/// been reported then.
pub(crate) fn container(
    scope: &Scope<'_>,
    node: &Cursor<'_>,
    ports: &BTreeMap<Name, Port>,
    late: &mut Vec<Word>,
) -> Option<Container> {
    let words = late::words(node);
    late.extend(words.late);
    let image = image::image(scope, node);
    let container = Container {
        command: words.command,
        args: words.args,
        working_dir: node
            .child("workingDir")
            .and_then(|field| volumes::absolute_in(&field, &field.text()?, "inside the container")),
        user: node.child("user").and_then(|field| user(&field)),
        env: BTreeMap::new(),
        health: health::health(node, ports),
        resources: resources::resources(node),
        security: security(node),
        image: image?,
    };
    Some(container)
}

/// A user, and a group behind a `:`, each by its number or its name.
fn user(node: &Cursor<'_>) -> Option<String> {
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
    let message = format!("`{}`: `{text}` is no user", node.path);
    let error = node.error(Code::ModelBadName, message, "no such user");
    node.report(error.help("write a number such as `\"1000\"`, or with its group `\"1000:1000\"`"));
    None
}

fn security(node: &Cursor<'_>) -> Security {
    let mut security = Security::default();
    let Some(node) = node.child("security") else {
        return security;
    };
    node.only(&["profile", "readOnlyRoot", "privileged", "capabilities"]);
    if node
        .child("profile")
        .and_then(|field| field.text())
        .as_deref()
        == Some("baseline")
    {
        security.profile = Profile::Baseline;
    }
    if let Some(flag) = node.child("readOnlyRoot").and_then(|flag| flag.flag()) {
        security.read_only_root = flag;
    }
    if let Some(flag) = node.child("privileged").and_then(|flag| flag.flag()) {
        security.privileged = flag;
    }
    if let Some(capabilities) = node.child("capabilities") {
        let (added, dropped) = capabilities::changed(&capabilities);
        security.add_capabilities = added;
        if security.profile == Profile::Baseline {
            security.drop_capabilities = dropped;
        }
    }
    security
}
