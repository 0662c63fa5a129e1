//! `resources`: the short `memory` is the request and the limit, the short
//! `cpu` is the request; what is written long stands.

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
            .and_then(|memory| memory.quantity(Bytes::parse)),
    }
}
