//! The program of the container is for another processor, or not a program at all.

use kcc_plan::Cause;

use super::{
    Facts,
    facts::{cannot_start, logged},
};

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    // A shell or a newer runtime says so in the log.
    let logged = || logged(facts, "the program is for another processor", &["exec format error"]);
    let refused = cannot_start(facts).filter(|(_, message)| message.contains("exec format error"));
    let cause = refused.map(|(cause, _)| cause).or_else(logged)?;
    Some({
        let node = facts.node();
        let arch = node.and_then(|node| {
            let labels = facts.object("Node", node)?.pointer("/metadata/labels")?;
            labels.get("kubernetes.io/arch")?.as_str()
        });
        let node = node.zip(arch);
        cause
            .evidence(node.map(|(node, arch)| format!("node `{node}` has arch={arch}")))
            .help("build the program for the architecture of the node")
    })
}
