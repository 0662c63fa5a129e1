//! [`Memory`]: what kcc remembers of a target, in a `ConfigMap` of the target's
//! namespace, so that a whole team and its CI share it. It never holds a secret.

use std::collections::{BTreeMap, BTreeSet};

use kcc_diag::Code;
use kcc_plan::{Error, Intent, Scope};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{
    client::Client,
    observed::{ObservedObject, Reference, Templates, label, label_of},
};

const INVENTORY: &str = "inventory";
const INTENT: &str = "intent";

/// What earlier applies left.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Memory {
    /// Something is remembered at all.
    pub(crate) recorded: bool,
    /// Every object that is ours.
    pub(crate) inventory: Inventory,
    /// What an apply that was killed was about to make.
    pub(crate) intent: Option<BTreeSet<Made>>,
}

/// Every object of a target that kcc made and that is there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Inventory {
    pub(crate) objects: Vec<Entry>,
    /// The components that each component started after.
    #[serde(default)]
    pub(crate) after: BTreeMap<String, BTreeSet<String>>,
    /// Claim templates of the `StatefulSets` so far, by set: their claims outlive them.
    #[serde(default)]
    pub(crate) templates: BTreeMap<String, BTreeSet<String>>,
}

/// One object of an inventory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Entry {
    pub(crate) api_version: String,
    pub(crate) kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) namespace: Option<String>,
    pub(crate) name: String,
    pub(crate) uid: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) data: bool,
}

impl Entry {
    /// The entry of an object that is there.
    pub(crate) fn of(there: &ObservedObject) -> Self {
        Self {
            api_version: there.reference.api_version.clone(),
            kind: there.reference.kind.clone(),
            namespace: there.reference.namespace.clone(),
            name: there.reference.name.clone(),
            uid: there.uid.clone(),
            data: there.data,
        }
    }

    pub(crate) fn reference(&self) -> Reference {
        Reference {
            api_version: self.api_version.clone(),
            kind: self.kind.clone(),
            namespace: self.namespace.clone(),
            name: self.name.clone(),
        }
    }
}

/// Kind and name of something that may have been made.
pub(crate) type Made = (String, String);

/// The name of what kcc keeps for a target. A component's name has no dot.
pub(crate) fn name(scope: &Scope) -> String {
    let mut name = format!("kcc.{}.{}", scope.system, scope.target);
    if let Some(instance) = &scope.instance {
        name = format!("{name}.{instance}");
    }
    name
}

impl Memory {
    /// Reads what is remembered.
    pub(crate) async fn read(
        client: &Client,
        namespace: &str,
        scope: &Scope,
    ) -> Result<Self, Error> {
        let reference = Reference::core("ConfigMap", namespace, &name(scope));
        let Some(map) = client.get(&reference).await? else {
            return Ok(Self::default());
        };
        if label_of(&map, label::MANAGED_BY) != Some("kcc") {
            return Err(Error::new(
                Code::StateStore,
                format!("{reference} in namespace `{namespace}` is where kcc keeps its inventory, and kcc did not make it"),
            )
            .help("rename it if somebody needs it, or delete it"));
        }
        Ok(Self {
            recorded: true,
            inventory: part(&map, INVENTORY, &reference)?.unwrap_or_default(),
            intent: part(&map, INTENT, &reference)?,
        })
    }

    /// Whether an object with our labels is one that kcc made: the inventory
    /// has it, or an apply that was killed was about to make it.
    pub(crate) fn knows(&self, kind: &str, name: &str, uid: &str) -> bool {
        self.inventory.objects.iter().any(|entry| entry.uid == uid)
            || self.intent.as_ref().is_some_and(|made| {
                made.iter()
                    .any(|(other, called)| other == kind && called == name)
            })
    }

    /// The claim templates of all `StatefulSets` so far.
    pub(crate) fn templates(&self) -> Templates {
        let mut templates = Templates::default();
        for (set, names) in &self.inventory.templates {
            let names: Vec<_> = names
                .iter()
                .map(|name| json!({"metadata": {"name": name}}))
                .collect();
            templates.learn(&json!({
                "metadata": {"name": set},
                "spec": {"volumeClaimTemplates": names},
            }));
        }
        templates
    }

    /// Stores an intent beside the inventory: call before the first mutation.
    pub(crate) async fn begin(
        &self,
        client: &Client,
        namespace: &str,
        intent: &Intent,
    ) -> Result<(), Error> {
        let made: BTreeSet<_> = intent
            .made()
            .into_iter()
            .map(|(kind, name)| (kind.to_owned(), name.to_owned()))
            .collect();
        write(
            client,
            namespace,
            &intent.scope,
            &self.inventory,
            Some(&made),
        )
        .await
    }
}

/// Stores what is there now and forgets the intent: call after the last mutation.
pub(crate) async fn end(
    client: &Client,
    namespace: &str,
    scope: &Scope,
    inventory: &Inventory,
) -> Result<(), Error> {
    if inventory.objects.is_empty() {
        return forget(client, namespace, scope).await;
    }
    write(client, namespace, scope, inventory, None).await
}

async fn forget(client: &Client, namespace: &str, scope: &Scope) -> Result<(), Error> {
    let reference = Reference::core("ConfigMap", namespace, &name(scope));
    let Some(map) = client.get(&reference).await? else {
        return Ok(());
    };
    let uid = map.pointer("/metadata/uid").and_then(Value::as_str);
    client.discard(&reference, uid.unwrap_or_default()).await
}

async fn write(
    client: &Client,
    namespace: &str,
    scope: &Scope,
    inventory: &Inventory,
    intent: Option<&BTreeSet<Made>>,
) -> Result<(), Error> {
    let name = name(scope);
    // Structs of texts always serialise.
    let text = |value: Result<String, serde_json::Error>| value.unwrap_or_default();
    let mut data = BTreeMap::from([(INVENTORY, text(serde_json::to_string(inventory)))]);
    data.extend(intent.map(|intent| (INTENT, text(serde_json::to_string(intent)))));
    let manifest = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace, "labels": labels(scope)},
        "data": data,
    });
    let reference = Reference::core("ConfigMap", namespace, &name);
    client.apply(&reference, &manifest, false).await
}

/// The labels of what kcc keeps for itself: not those of a component, so that
/// it is no part of the target.
pub(crate) fn labels(scope: &Scope) -> Value {
    json!({label::MANAGED_BY: "kcc", "kcc.dev/state-of": scope.system})
}

fn part<T: DeserializeOwned>(
    map: &Value,
    key: &str,
    reference: &Reference,
) -> Result<Option<T>, Error> {
    let Some(text) = map.get("data").and_then(|data| data.get(key)?.as_str()) else {
        return Ok(None);
    };
    serde_json::from_str(text).map(Some).map_err(|error| {
        Error::new(
            Code::StateStore,
            format!("cannot understand `{key}` of {reference}"),
        )
        .help("it was changed or belongs to another version of kcc")
        .cause(error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_known_by_identity_or_intent() {
        let entry = Entry {
            api_version: "v1".to_owned(),
            kind: "Service".to_owned(),
            namespace: Some("shop".to_owned()),
            name: "web".to_owned(),
            uid: "1".to_owned(),
            data: false,
        };
        let mut memory = Memory::default();
        memory.inventory.objects.push(entry);
        assert!(memory.knows("Service", "web", "1"));
        assert!(!memory.knows("Service", "web", "2"));
        memory.intent = Some(BTreeSet::from([("Service".to_owned(), "web".to_owned())]));
        assert!(memory.knows("Service", "web", "2"));
        assert!(!memory.knows("ConfigMap", "web", "2"));
    }

    #[test]
    fn an_inventory_comes_back_as_it_was() {
        let mut inventory = Inventory::default();
        inventory
            .templates
            .insert("orders".to_owned(), BTreeSet::from(["data".to_owned()]));
        let text = serde_json::to_string(&inventory).unwrap();
        assert_eq!(serde_json::from_str::<Inventory>(&text).unwrap(), inventory);
        let memory = Memory {
            inventory,
            ..Memory::default()
        };
        assert!(memory.templates().made("data-orders-0"));
    }
}
