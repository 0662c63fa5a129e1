//! `resources`: the short `memory` is the request and the limit, the short
//! `cpu` is the request; what is written long stands.
//!
//! Docker's engine gives no container less than 6 MiB.

use kcc_diag::Code;

use super::Cursor;
use crate::{Amounts, Bytes, MilliCpu, Resources};

/// Decodes the resources of a component.
pub(crate) fn resources(node: &Cursor<'_>) -> Resources {
    let Some(node) = node.child("resources") else {
        return Resources::default();
    };
    node.only(&["cpu", "memory", "requests", "limits"]);
    let short = amounts(&node);
    let long = |field| {
        let node = node.child(field);
        node.inspect(|node| node.only(&["cpu", "memory"]))
            .map(|node| amounts(&node))
    };
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

/// A size that is not less than the least one; without a unit it would be bytes.
pub(crate) fn size(node: &Cursor<'_>, least: &str, usual: &str) -> Option<Bytes> {
    let size = node.quantity(Bytes::parse)?;
    if Bytes::parse(least).is_ok_and(|least| size >= least) {
        return Some(size);
    }
    let text = node.text().unwrap_or_default();
    let is_meant = |text: &str| text.len() <= 4 && text.bytes().all(|byte| byte.is_ascii_digit());
    let message = format!(
        "`{}`: expected at least `{least}`, found `{text}`",
        node.path
    );
    let error = node.error(Code::ModelBadQuantity, message, "too little");
    node.report(error.help(if is_meant(&text) {
        format!("write it with its unit, such as `{text}Mi`: without one these are bytes")
    } else {
        format!("write `{least}` or more, such as `{usual}`")
    }));
    None
}
