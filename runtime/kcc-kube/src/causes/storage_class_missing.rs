//! A claim asks for a storage class that the cluster does not have.

use kcc_plan::Cause;

use super::{Facts, claims, facts::list};

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let classes = facts.names("StorageClass")?;
    let (name, class) = claims::pending(facts).find_map(|(name, claim)| {
        let class = claims::class(claim).filter(|class| !class.is_empty())?;
        let by_hand = claim.pointer("/spec/volumeName").is_some();
        (!classes.contains(&class) && !by_hand).then_some((name, class))
    })?;
    let evidence = match classes.as_slice() {
        [] => "the cluster has no storage class".to_owned(),
        names => format!("the cluster has {}", list(names)),
    };
    let why = format!("needs storage class `{class}`, which does not exist");
    Some(
        claims::unbound(facts, name, &why)
            .evidence(evidence)
            .help("correct the storage class of the volume, or create it"),
    )
}
