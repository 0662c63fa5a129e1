//! Rebuilds the record of a target from the objects that carry its labels. Pure
//! but for what is read through `observe`.
//!
//! Labels alone prove nothing, because anybody can copy them; the cluster's own
//! account of who wrote an object does, since kcc writes under a name of its own.

use std::collections::BTreeSet;

use kcc_lower::kubernetes::KubernetesDesired;
use kcc_model::{Name, SecretProvider};
use kcc_plan::{Error, Recovered, Recovery, Scope};

use crate::{
    client::{Client, MANAGER},
    memory::{Entry, Memory},
    observe,
    observed::{CLAIM, NAMESPACE, Observed, ObservedObject, Ownership, Reference, SECRET},
};

/// Why an object that carries the labels is left alone.
const DOUBT: &str = "kcc never wrote it, as the cluster tells";

/// What is there once the objects that are provably kcc's own count as recorded.
pub(crate) struct Found {
    pub(crate) recovery: Recovery,
    /// The record with them, from which an inventory can be made.
    pub(crate) memory: Memory,
    pub(crate) observed: Observed,
}

/// Looks for everything of a target. Changes nothing.
pub(crate) async fn find(
    client: &Client,
    scope: &Scope,
    kube: &KubernetesDesired,
    recorded: &Memory,
) -> Result<Found, Error> {
    let observed = observe::objects(client, scope, kube, recorded).await?;
    let mut memory = recorded.clone();
    memory.recorded = true;
    let own = observed
        .objects
        .values()
        .filter(|there| there.ownership == Ownership::Claimed && is_written_by_kcc(there));
    memory.inventory.objects.extend(own.map(Entry::of));
    // The claims of a StatefulSet are known once the set is.
    let observed = observe::objects(client, scope, kube, &memory).await?;
    let recovery = recovery(scope, kube, recorded, &observed);
    Ok(Found {
        recovery,
        memory,
        observed,
    })
}

fn recovery(
    scope: &Scope,
    kube: &KubernetesDesired,
    recorded: &Memory,
    observed: &Observed,
) -> Recovery {
    let objects = observed
        .objects
        .values()
        .filter(|there| there.ownership != Ownership::Foreign && there.reference.kind != NAMESPACE);
    let objects = objects.map(|there| Recovered {
        kind: there.reference.kind.clone(),
        name: there.reference.name.clone(),
        component: there.component.clone(),
        team: there.team.clone(),
        recorded: recorded.knows(&there.reference.kind, &there.reference.name, &there.uid),
        doubt: (there.ownership == Ownership::Claimed).then(|| DOUBT.to_owned()),
    });
    Recovery {
        scope: scope.clone(),
        objects: objects.collect(),
        secrets: Vec::new(),
        lost_secrets: lost_secrets(kube, observed).into_iter().collect(),
    }
}

fn is_written_by_kcc(there: &ObservedObject) -> bool {
    let managers = there.live.pointer("/metadata/managedFields");
    let managers = managers.and_then(serde_json::Value::as_array);
    let mut managers = managers.into_iter().flatten();
    managers.any(|entry| entry["manager"] == MANAGER)
}

/// The generated secrets that are gone although claims of their component are
/// there: nothing else opens what those hold.
pub(crate) fn lost_secrets(kube: &KubernetesDesired, observed: &Observed) -> BTreeSet<Name> {
    let holds_data = |component: &Name| {
        observed.objects.values().any(|there| {
            there.reference.kind == CLAIM && there.component.as_ref() == Some(component)
        })
    };
    let secrets = kube.secrets.iter().filter(|secret| {
        let reference = Reference::core(SECRET, &kube.namespace, &secret.name);
        secret.provider == SecretProvider::Generate {}
            && !observed.objects.contains_key(&reference.key())
            && secret.component.as_ref().is_some_and(holds_data)
    });
    secrets.map(|secret| secret.name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn who_wrote_an_object_proves_whose_it_is() {
        let written = |manager: &str| {
            let live = json!({"metadata": {"managedFields": [{"manager": manager}]}});
            let reference = Reference::core("Service", "shop", "web");
            is_written_by_kcc(&ObservedObject::of(reference, Ownership::Claimed, live))
        };
        assert!(written("kcc"));
        assert!(!written("kubectl-label") && !written("kcc-scale"));
    }
}
