//! Decodes `resources`. Short `memory` sets request and limit, short `cpu` sets the
//! request; the long forms override both. Docker's minimum memory is 6 MiB.

use kcc_diag::Code;

use super::Cursor;
use crate::{Amounts, Bytes, MilliCpu, Resources};

/// Decodes the resources of a component.
pub(crate) fn resources(node: &Cursor<'_>) -> Resources {
    let Some(node) = node.child("resources") else {
        return Resources::default();
    };
    let short = amounts(&node);
    let long = |field| node.child(field).map(|node| amounts(&node));
    let requests = long("requests").unwrap_or_default();
    let limits = long("limits").unwrap_or_default();
    Resources {
        requests: Amounts {
            cpu: requests.cpu.or(short.cpu),
            memory: requests.memory.or(short.memory),
        },
        limits: Amounts {
            cpu: limits.cpu,
            memory: limits.memory.or(short.memory),
        },
        gpu: node.child("gpu").and_then(|count| count.number()),
    }
}

fn amounts(node: &Cursor<'_>) -> Amounts {
    Amounts {
        cpu: node
            .child("cpu")
            .and_then(|cpu| cpu.quantity(MilliCpu::parse)),
        memory: node
            .child("memory")
            .and_then(|memory| size(&memory, "6Mi", "128Mi")),
    }
}

/// Decodes a size of at least `least`. A smaller one usually lacks its unit and
/// would mean bytes.
pub(crate) fn size(node: &Cursor<'_>, min: &str, example: &str) -> Option<Bytes> {
    let size = node.quantity(Bytes::parse)?;
    if Bytes::parse(min).is_ok_and(|min| size >= min) {
        return Some(size);
    }
    let text = node.text().unwrap_or_default();
    let is_meant = |text: &str| text.len() <= 4 && text.bytes().all(|byte| byte.is_ascii_digit());
    let message = format!("`{}`: expected at least `{min}`, found `{text}`", node.path);
    let error = node.error(Code::ModelBadQuantity, message, "too small");
    node.report(error.help(if is_meant(&text) {
        format!("add a unit, such as `{text}Mi`: a plain number means bytes")
    } else {
        format!("write `{min}` or more, such as `{example}`")
    }));
    None
}
