//! Recovery: rebuilds the inventory of a scope from the objects that carry its
//! labels.
//!
//! Labels alone prove nothing, because anybody can copy them. The cluster's managed
//! fields do: they record every writer, and kcc writes as a field manager of its own.

use std::collections::BTreeSet;

use kcc_lower::kubernetes::KubernetesDesired;
use kcc_model::{Name, SecretProvider};
use kcc_plan::{Error, Recovery, Scope};

use crate::{
    client::Client,
    observe,
    observed::{CLAIM, Observed, Ownership, Reference, SECRET},
    records::{Entry, Records},
};

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
    let before = observe::objects(client, scope, kube, recorded).await?;
    let owned = before.labelled().into_iter();
    let owned: BTreeSet<_> = owned
        .filter(|object| object.recorded)
        .map(|object| (object.kind, object.name))
        .collect();
    let mut records = recorded.clone();
    records.recorded = true;
    let objects = before.objects.values();
    let own = objects.filter(|existing| existing.ownership == Ownership::Unrecorded);
    records.inventory.objects.extend(own.map(Entry::of));
    // Reading again finds the claims of a StatefulSet that is now recorded.
    let observed = observe::objects(client, scope, kube, &records).await?;
    let mut objects = observed.labelled();
    for object in &mut objects {
        object.recorded = owned.contains(&(object.kind.clone(), object.name.clone()));
    }
    let recovery = Recovery {
        scope: scope.clone(),
        objects,
        secrets: Vec::new(),
        lost_secrets: lost_secrets(kube, &observed).into_iter().collect(),
    };
    Ok(Recoverable {
        recovery,
        records,
        observed,
    })
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
