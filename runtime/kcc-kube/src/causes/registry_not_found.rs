//! The name of the registry does not resolve on the node.

use kcc_plan::Cause;

use super::{Facts, pull};
use crate::text::one_line;

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let why = pull::refusal(facts)?;
    let unresolved = ["no such host", "server misbehaving", "name resolution"];
    unresolved.iter().any(|text| why.contains(text)).then(|| {
        let registry = pull::registry(facts);
        pull::cannot_pull(facts, &format!("host `{registry}` does not resolve"))
            .evidence(one_line(why))
            .help("correct the registry in `image:`, or the name servers of the node")
    })
}
