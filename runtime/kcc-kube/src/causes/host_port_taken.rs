//! A port of the node that the pod publishes is taken by another pod.

use kcc_plan::Cause;

use super::{Facts, scheduling};

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let message = scheduling::refusal(facts, &["free ports for the requested pod ports"])?;
    let spec = facts.pod?.spec.as_ref()?;
    let ports = spec.containers.iter().flat_map(|container| container.ports.iter().flatten());
    let ports: Vec<_> = ports
        .filter_map(|port| port.host_port)
        .map(|port| port.to_string())
        .collect();
    Some(
        scheduling::cannot_place(
            facts,
            &format!("no node has host port {} free", ports.join(", ")),
        )
        .evidence(scheduling::words(message))
        .help("run fewer replicas than there are nodes, or publish no host port"),
    )
}
