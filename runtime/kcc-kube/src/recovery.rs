//! Recovery: rebuilds the inventory of a scope from the objects that carry its
//! labels.
//!
//! Labels alone prove nothing, because anybody can copy them. The cluster's managed
//! fields do: they record every writer, and kcc writes as a field manager of its own.

use std::collections::BTreeSet;

use kcc_lower::kubernetes::KubernetesDesired;
use kcc_model::{Name, SecretProvider};
use kcc_plan::{Error, Recovered, Recovery, Scope};

use crate::{
    client::{Client, MANAGER},
    observe,
    observed::{CLAIM, NAMESPACE, Observed, ObservedObject, Ownership, Reference, SECRET},
    records::{Entry, Records},
};

/// The reason to leave a labelled object alone.
const DOUBT: &str = "kcc never wrote it, according to its managed fields";

/// The observed state with all objects that are provably kcc's counted as recorded.
pub(crate) struct Recoverable {
    pub(crate) recovery: Recovery,
    /// The records including those objects.
    pub(crate) records: Records,
    pub(crate) observed: Observed,
}

/// Looks for everything of a scope. Read-only.
pub(crate) async fn find(
    client: &Client,
    scope: &Scope,
    kube: &KubernetesDesired,
    recorded: &Records,
) -> Result<Recoverable, Error> {
    let observed = observe::objects(client, scope, kube, recorded).await?;
    let mut records = recorded.clone();
    records.recorded = true;
    let own = observed.objects.values().filter(|existing| {
        existing.ownership == Ownership::Unrecorded && is_written_by_kcc(existing)
    });
    records.inventory.objects.extend(own.map(Entry::of));
    // Reading again finds the claims of a StatefulSet that is now recorded.
    let observed = observe::objects(client, scope, kube, &records).await?;
    let recovery = recovery(scope, kube, recorded, &observed);
    Ok(Recoverable {
        recovery,
        records,
        observed,
    })
}

fn recovery(
    scope: &Scope,
    kube: &KubernetesDesired,
    recorded: &Records,
    observed: &Observed,
) -> Recovery {
    let objects = observed.objects.values().filter(|existing| {
        existing.ownership != Ownership::Unmanaged && existing.reference.kind != NAMESPACE
    });
    let objects = objects.map(|existing| Recovered {
        kind: existing.reference.kind.clone(),
        name: existing.reference.name.clone(),
        component: existing.component.clone(),
        team: existing.team.clone(),
        recorded: recorded.lists(
            &existing.reference.kind,
            &existing.reference.name,
            &existing.uid,
        ),
        doubt: (existing.ownership == Ownership::Unrecorded).then(|| DOUBT.to_owned()),
    });
    Recovery {
        scope: scope.clone(),
        objects: objects.collect(),
        secrets: Vec::new(),
        lost_secrets: lost_secrets(kube, observed).into_iter().collect(),
    }
}

fn is_written_by_kcc(existing: &ObservedObject) -> bool {
    let managers = existing.live.pointer("/metadata/managedFields");
    let managers = managers.and_then(serde_json::Value::as_array);
    let mut managers = managers.into_iter().flatten();
    managers.any(|entry| entry["manager"] == MANAGER)
}

/// Returns the generated secrets that are missing although claims of their component
/// exist: nothing else unlocks the data.
pub(crate) fn lost_secrets(kube: &KubernetesDesired, observed: &Observed) -> BTreeSet<Name> {
    let holds_data = |component: &Name| {
        observed.objects.values().any(|existing| {
            existing.reference.kind == CLAIM && existing.component.as_ref() == Some(component)
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
    fn managed_fields_prove_ownership() {
        let written = |manager: &str| {
            let live = json!({"metadata": {"managedFields": [{"manager": manager}]}});
            let reference = Reference::core("Service", "shop", "web");
            is_written_by_kcc(&ObservedObject::of(reference, Ownership::Unrecorded, live))
        };
        assert!(written("kcc"));
        assert!(!written("kubectl-label") && !written("kcc-scale"));
    }
}
