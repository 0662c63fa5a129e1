//! [`Records`]: the record of a scope as the last apply left it.

use std::collections::{BTreeMap, BTreeSet};

use kcc_diag::Code;
use kcc_plan::{Action, Error, Intent, Operation, Scope, Snapshot, Unapplied};
use kcc_tree::Engine;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::json;

use crate::{
    observed::{ObservedObject, Reference, Templates},
    store::LegacyRecords,
};

/// The records that earlier applies left.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Records {
    /// The number of times that the lock was taken.
    pub(crate) epoch: u64,
    /// True if there are any records.
    pub(crate) recorded: bool,
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
    /// The components of the target that an instance uses instead of creating them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) shared: BTreeSet<String>,
}

impl Inventory {
    /// Returns true if there is nothing to record.
    pub(crate) fn is_empty(&self) -> bool {
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

impl From<Snapshot<Inventory>> for Records {
    fn from(snapshot: Snapshot<Inventory>) -> Self {
        let intent = snapshot.intent.as_ref().map(|intent| {
            let created = intent.created().into_iter();
            created
                .map(|(kind, name)| (kind.to_owned(), name.to_owned()))
                .collect()
        });
        Self {
            epoch: snapshot.epoch,
            recorded: snapshot.inventory.is_some() || intent.is_some(),
            inventory: snapshot.inventory.unwrap_or_default(),
            intent,
        }
    }
}

impl Records {
    /// Reads the records of an earlier version of kcc.
    pub(crate) fn of_legacy(legacy: &LegacyRecords) -> Result<Self, Error> {
        Ok(Self {
            epoch: 0,
            recorded: true,
            inventory: parse("inventory", &legacy.inventory)?,
            intent: match &legacy.intent {
                Some(text) => Some(parse("intent", text)?),
                None => None,
            },
        })
    }

    /// Returns the records of an earlier version of kcc in the form of this one.
    pub(crate) fn into_snapshot(self, scope: &Scope) -> Snapshot<Inventory> {
        let operations = |created: BTreeSet<KindAndName>| {
            let named = created.into_iter().zip(1..);
            let operation = |((kind, name), id)| Operation {
                id,
                action: Action::Update,
                engine: Engine::Kubernetes,
                kind,
                name,
                component: None,
                team: None,
                cause: String::new(),
                changes: Vec::new(),
                destroys_data: false,
                after: Vec::new(),
            };
            named.map(operation).collect()
        };
        Snapshot {
            epoch: self.epoch,
            inventory: Some(self.inventory),
            intent: self.intent.map(|created| Intent {
                scope: scope.clone(),
                since: kcc_plan::now(),
                revision: None,
                shared: BTreeSet::new(),
                operations: operations(created),
            }),
        }
    }

    /// Returns the kinds and names of the objects in the inventory, and of those that an
    /// interrupted apply set out to create.
    pub(crate) fn names(&self) -> BTreeSet<(&str, &str)> {
        let entries = self.inventory.objects.iter();
        let entries = entries.map(|entry| (entry.kind.as_str(), entry.name.as_str()));
        let created = self.intent.iter().flatten();
        let created = created.map(|(kind, name)| (kind.as_str(), name.as_str()));
        entries.chain(created).collect()
    }

    /// Returns an index of what the records list.
    pub(crate) fn known(&self) -> Known<'_> {
        let objects = self.inventory.objects.iter();
        let created = self.intent.iter().flatten();
        Known {
            uids: objects.map(|entry| entry.uid.as_str()).collect(),
            created: created
                .map(|(kind, name)| (kind.as_str(), name.as_str()))
                .collect(),
        }
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
}

/// The objects that the records list.
#[derive(Debug, Default)]
pub(crate) struct Known<'a> {
    uids: BTreeSet<&'a str>,
    /// The kinds and names that an interrupted apply set out to create.
    created: BTreeSet<(&'a str, &'a str)>,
}

impl Known<'_> {
    /// Returns true if kcc made an object that carries the scope's labels: the
    /// inventory lists it, or an interrupted apply set out to create it.
    pub(crate) fn lists(&self, kind: &str, name: &str, uid: &str) -> bool {
        self.uids.contains(uid) || self.created.contains(&(kind, name))
    }
}

fn parse<T: DeserializeOwned>(part: &str, text: &str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|error| {
        Error::new(
            Code::StateStore,
            format!("cannot parse the {part} in the target's record"),
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
        assert!(records.known().lists("Service", "web", "1"));
        assert!(!records.known().lists("Service", "web", "2"));
        records.intent = Some(BTreeSet::from([("Service".to_owned(), "web".to_owned())]));
        assert!(records.known().lists("Service", "web", "2"));
        assert!(!records.known().lists("ConfigMap", "web", "2"));
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
