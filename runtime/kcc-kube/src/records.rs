//! [`Records`]: the records of a scope, in a `ConfigMap` in the target's namespace,
//! so that a whole team and its CI share them. They never contain a secret.

use std::collections::{BTreeMap, BTreeSet};

use kcc_diag::Code;
use kcc_plan::{Error, Intent, Scope, Unapplied};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{
    client::Client,
    observed::{ObservedObject, Reference, Templates, label, label_of, version},
};

const INVENTORY: &str = "inventory";
const INTENT: &str = "intent";

/// The records that earlier applies left.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Records {
    /// True if there are any records.
    pub(crate) recorded: bool,
    /// The version of the records as they were read, which changes with each write.
    pub(crate) version: Option<String>,
    /// The inventory of the last apply.
    pub(crate) inventory: Inventory,
    /// The objects that an interrupted apply set out to create.
    pub(crate) intent: Option<BTreeSet<KindAndName>>,
}

/// Every existing object of a scope that kcc made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Inventory {
    pub(crate) objects: Vec<Entry>,
    /// The components that each component started after.
    #[serde(default)]
    pub(crate) after: BTreeMap<String, BTreeSet<String>>,
    /// The claim templates of all `StatefulSets` so far, by set; the claims outlive
    /// the sets.
    #[serde(default)]
    pub(crate) templates: BTreeMap<String, BTreeSet<String>>,
    /// The reasons why the last apply failed.
    #[serde(default, skip_serializing_if = "Unapplied::is_empty")]
    pub(crate) unapplied: Unapplied,
}

impl Inventory {
    /// Returns true if there is nothing to record.
    fn is_empty(&self) -> bool {
        self.objects.is_empty() && self.unapplied.is_empty()
    }
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
    /// Creates the entry of an observed object.
    pub(crate) fn of(existing: &ObservedObject) -> Self {
        Self {
            api_version: existing.reference.api_version.clone(),
            kind: existing.reference.kind.clone(),
            namespace: existing.reference.namespace.clone(),
            name: existing.reference.name.clone(),
            uid: existing.uid.clone(),
            data: existing.data,
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

/// The kind and name of an object that may have been created.
pub(crate) type KindAndName = (String, String);

/// Returns the name of a scope's records. The dots keep it apart from components.
pub(crate) fn name(scope: &Scope) -> String {
    let mut name = format!("kcc.{}.{}", scope.system, scope.target);
    if let Some(instance) = &scope.instance {
        name = format!("{name}.{instance}");
    }
    name
}

impl Records {
    /// Reads the records.
    pub(crate) async fn read(
        client: &Client,
        namespace: &str,
        scope: &Scope,
    ) -> Result<Self, Error> {
        let reference = Reference::core("ConfigMap", namespace, &name(scope));
        let Some(map) = client.get(&reference).await? else {
            return Ok(Self::default());
        };
        if label_of(&map, label::MANAGED_BY) != Some(label::MANAGER) {
            return Err(Error::new(
                Code::StateStore,
                format!("{reference} in namespace `{namespace}` has the name of kcc's inventory but is not managed by kcc"),
            )
            .help("delete it, or recreate it under another name"));
        }
        Ok(Self {
            recorded: true,
            version: version(&map).map(str::to_owned),
            inventory: part(&map, INVENTORY, &reference)?.unwrap_or_default(),
            intent: part(&map, INTENT, &reference)?,
        })
    }

    /// Returns true if an object of that kind and name is in the inventory, or if an
    /// interrupted apply set out to create it.
    pub(crate) fn names(&self, kind: &str, name: &str) -> bool {
        let mut entries = self.inventory.objects.iter();
        entries.any(|entry| entry.kind == kind && entry.name == name)
            || self
                .intent
                .iter()
                .flatten()
                .any(|(other, called)| other == kind && called == name)
    }

    /// Returns true if kcc made an object that carries the scope's labels: the
    /// inventory lists it, or an interrupted apply set out to create it.
    pub(crate) fn lists(&self, kind: &str, name: &str, uid: &str) -> bool {
        self.inventory.objects.iter().any(|entry| entry.uid == uid)
            || self.intent.as_ref().is_some_and(|created| {
                created
                    .iter()
                    .any(|(other, called)| other == kind && called == name)
            })
    }

    /// Returns the claim templates of all `StatefulSets` so far.
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

    /// Stores an intent next to the inventory. Call it before the first mutation.
    pub(crate) async fn begin(
        &self,
        client: &Client,
        namespace: &str,
        intent: &Intent,
    ) -> Result<(), Error> {
        let created: BTreeSet<_> = intent
            .created()
            .into_iter()
            .map(|(kind, name)| (kind.to_owned(), name.to_owned()))
            .collect();
        write(
            client,
            namespace,
            &intent.scope,
            &self.inventory,
            Some(&created),
        )
        .await
    }
}

/// Stores the inventory and removes the intent. Call it after the last mutation.
pub(crate) async fn store_inventory(
    client: &Client,
    namespace: &str,
    scope: &Scope,
    inventory: &Inventory,
) -> Result<(), Error> {
    if inventory.is_empty() {
        return remove(client, namespace, scope).await;
    }
    write(client, namespace, scope, inventory, None).await
}

async fn remove(client: &Client, namespace: &str, scope: &Scope) -> Result<(), Error> {
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
    intent: Option<&BTreeSet<KindAndName>>,
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

/// Returns the labels of the records. They differ from those of components, so that
/// the records do not belong to the target.
pub(crate) fn labels(scope: &Scope) -> Value {
    json!({label::MANAGED_BY: label::MANAGER, label::STATE_OF: scope.system})
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
            format!("cannot parse `{key}` of {reference}"),
        )
        .help("undo any edits of it, or use the version of kcc that wrote it")
        .cause(error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_objects_by_identity_or_intent() {
        let entry = Entry {
            api_version: "v1".to_owned(),
            kind: "Service".to_owned(),
            namespace: Some("shop".to_owned()),
            name: "web".to_owned(),
            uid: "1".to_owned(),
            data: false,
        };
        let mut records = Records::default();
        records.inventory.objects.push(entry);
        assert!(records.lists("Service", "web", "1"));
        assert!(!records.lists("Service", "web", "2"));
        records.intent = Some(BTreeSet::from([("Service".to_owned(), "web".to_owned())]));
        assert!(records.lists("Service", "web", "2"));
        assert!(!records.lists("ConfigMap", "web", "2"));
    }

    #[test]
    fn inventory_survives_serialisation() {
        let mut inventory = Inventory::default();
        inventory
            .templates
            .insert("orders".to_owned(), BTreeSet::from(["data".to_owned()]));
        let text = serde_json::to_string(&inventory).unwrap();
        assert_eq!(serde_json::from_str::<Inventory>(&text).unwrap(), inventory);
        let records = Records {
            inventory,
            ..Records::default()
        };
        assert!(records.templates().created("data-orders-0"));
    }
}
