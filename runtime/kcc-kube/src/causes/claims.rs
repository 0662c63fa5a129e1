//! The claims of a pod, which several causes tell apart.

use k8s_openapi::api::core::v1::Pod;
use kcc_plan::Cause;
use serde_json::Value;

use super::{Facts, scheduling};

/// Returns the claims of a pod that are not bound.
pub(super) fn pending<'a>(facts: &Facts<'a>) -> impl Iterator<Item = (&'a str, &'a Value)> {
    let refused = facts.unschedulable().is_some();
    let names = names(facts.pod.filter(|_| refused));
    let facts = *facts;
    names.filter_map(move |name| {
        let claim = facts.object("PersistentVolumeClaim", name)?;
        let bound = claim
            .pointer("/status/phase")
            .is_some_and(|phase| phase == "Bound");
        (!bound).then_some((name, claim))
    })
}

/// Returns the names of the claims that a pod mounts.
pub(super) fn names(pod: Option<&Pod>) -> impl Iterator<Item = &str> {
    let spec = pod.and_then(|pod| pod.spec.as_ref());
    let volumes = spec
        .into_iter()
        .flat_map(|spec| spec.volumes.iter().flatten());
    volumes.filter_map(|volume| Some(volume.persistent_volume_claim.as_ref()?.claim_name.as_str()))
}

/// Returns the storage class of a claim.
pub(super) fn class(claim: &Value) -> Option<&str> {
    claim.pointer("/spec/storageClassName")?.as_str()
}

/// Creates the cause of a claim without a volume.
pub(super) fn unbound(facts: &Facts<'_>, name: &str, why: &str) -> Cause {
    scheduling::cannot_place(facts, &format!("claim `{name}` {why}"))
}
