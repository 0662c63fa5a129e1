//! The main container of a component: image, process, probes, resources and
//! security context.

use std::collections::BTreeMap;

use super::late::{self, Word};
use super::{Cursor, Scope};
use super::{capabilities, health, image, resources};
use crate::{Container, Name, Port, Security};

/// Decodes a container; its environment is connected later, and so are the
/// outputs of others in its command. None where there is no image, which has
/// been reported then.
pub(crate) fn container(
    scope: &Scope<'_>,
    node: &Cursor<'_>,
    ports: &BTreeMap<Name, Port>,
    late: &mut Vec<Word>,
) -> Option<Container> {
    let text = |field| node.child(field).and_then(|field| field.text());
    let words = late::words(node);
    late.extend(words.late);
    let image = image::image(scope, node);
    let container = Container {
        command: words.command,
        args: words.args,
        working_dir: text("workingDir"),
        user: text("user"),
        env: BTreeMap::new(),
        health: health::health(node, ports),
        resources: resources::resources(node),
        security: security(node),
        image: image?,
    };
    Some(container)
}

/// What holds unless a fragment says otherwise in words.
pub(crate) fn secure() -> Security {
    Security {
        non_root: true,
        read_only_root: false,
        privileged: false,
        add_capabilities: Vec::new(),
    }
}

fn security(node: &Cursor<'_>) -> Security {
    let mut security = secure();
    let Some(node) = node.child("security") else {
        return security;
    };
    node.only(&["nonRoot", "readOnlyRoot", "privileged", "capabilities"]);
    if let Some(flag) = node.child("nonRoot").and_then(|flag| flag.flag()) {
        security.non_root = flag;
    }
    if let Some(flag) = node.child("readOnlyRoot").and_then(|flag| flag.flag()) {
        security.read_only_root = flag;
    }
    if let Some(flag) = node.child("privileged").and_then(|flag| flag.flag()) {
        security.privileged = flag;
    }
    if let Some(capabilities) = node.child("capabilities") {
        security.add_capabilities = capabilities::added(&capabilities);
    }
    security
}
