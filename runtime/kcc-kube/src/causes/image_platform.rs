//! The image exists, but not for the platform of the node.

use kcc_plan::Cause;

use super::{Facts, pull};

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let why = pull::refusal(facts)?;
    why.contains("no match for platform").then(|| {
        let node = facts.node().and_then(|node| facts.object("Node", node));
        let label = |name| node?.pointer("/metadata/labels")?.get(name)?.as_str();
        let platform = label("kubernetes.io/os").zip(label("kubernetes.io/arch"));
        let evidence = platform.map(|(os, arch)| format!("the node's platform is {os}/{arch}"));
        pull::cannot_pull(facts, "it is not built for the node's platform")
            .evidence(evidence)
            .help("build the image for that platform too, or place the pod with `placement:`")
    })
}
