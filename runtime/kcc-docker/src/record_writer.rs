//! [`RecordWriter`]: updates the records of a scope around the execution of a plan.

use std::collections::BTreeSet;

use kcc_lower::{Desired, docker::DockerDesired};
use kcc_model::{Name, SecretProvider};
use kcc_plan::{
    ApplyReport, Error, GeneratedSecrets, Intent, Inventory, InventoryObject, Options, Record,
    RecordStore, Scope, Unapplied, revision::Change,
};
use kcc_tree::Engine;
use serde_json::Value;

use crate::{
    client::Client,
    observe,
    observed::{ContainerState, Observed, ObservedObject, Ownership},
    records::{Records, may_have_created},
    store::DockerStore,
};

/// The records of a scope while a plan is performed.
pub(crate) struct RecordWriter<'a> {
    pub(crate) client: &'a Client,
    pub(crate) scope: &'a Scope,
    pub(crate) desired: &'a Desired,
    pub(crate) docker: &'a DockerDesired,
    pub(crate) record: &'a Record<DockerStore>,
    pub(crate) records: &'a Records,
    /// The reasons why the last apply failed.
    pub(crate) unapplied: Unapplied,
    /// True if the target is taken down, which brings nothing to its desired state.
    pub(crate) removes: bool,
    /// True if only some components of the target are worked on.
    pub(crate) partial: bool,
    /// True if the revision in force has other objects than the desired ones.
    pub(crate) outdated: bool,
    pub(crate) options: &'a Options,
    /// The generated secrets that have a value, and those whose values are lost.
    pub(crate) generated: &'a GeneratedSecrets,
    pub(crate) lost_secrets: BTreeSet<Name>,
}

impl RecordStore for RecordWriter<'_> {
    type Observed = Observed;

    fn is_outdated(&self) -> bool {
        self.outdated
    }

    fn is_interrupted(&self) -> bool {
        self.records.intent.is_some()
    }

    async fn begin(&mut self, intent: &Intent) -> Result<(), Error> {
        let change = Change::of(self.scope, self.options, self.removes);
        // Boxed, because it would be moved, and it is large.
        Box::pin(self.record.begin(intent, change)).await
    }

    fn ended(&mut self, report: &ApplyReport) -> bool {
        self.record.report(report);
        let before = self.unapplied.clone();
        if !self.removes || report.is_complete() {
            self.unapplied.update(report, self.partial);
        }
        self.unapplied != before
    }

    async fn observe(&self) -> Result<Observed, Error> {
        observe::objects(self.client, self.scope, self.docker, self.records).await
    }

    async fn end(
        &mut self,
        observed: &Observed,
        created: &BTreeSet<(&str, &str)>,
    ) -> Result<(), Error> {
        let objects = owned_objects(observed, created);
        let shared = self.desired.shared_secrets();
        let secrets = self.docker.secrets.iter().filter(|(name, provider)| {
            let generated = self.generated.values.contains_key(*name)
                || self.generated.recorded.contains(*name)
                || self.lost_secrets.contains(*name);
            **provider == (SecretProvider::Generate {}) && generated && !shared.contains(name)
        });
        let inventory = Inventory {
            scope: self.scope.clone(),
            engine: Engine::Docker,
            since: kcc_plan::now(),
            objects,
            after: self.desired.order(),
            unapplied: self.unapplied.clone(),
            secrets: secrets.map(|(name, _)| name.clone()).collect(),
            shared: self.desired.shared.keys().cloned().collect(),
        };
        self.record.images(observed.images());
        let empty = inventory.objects.is_empty() && inventory.unapplied.is_empty();
        Box::pin(self.record.end((!empty).then_some(&inventory))).await
    }
}

/// Lists the objects that kcc owns now: those it owned before and those of the plan.
pub(crate) fn owned_objects(
    observed: &Observed,
    created: &BTreeSet<(&str, &str)>,
) -> Vec<InventoryObject> {
    let mut objects = Vec::new();
    let mut add = |kind: &str, name: &str, object: &ObservedObject, config: Option<&Value>| {
        let owned = match object.ownership {
            Ownership::Owned => true,
            Ownership::Unrecorded => may_have_created(created, kind, name),
            Ownership::Unmanaged => false,
        };
        if owned {
            objects.push(InventoryObject {
                kind: kind.to_owned(),
                name: name.to_owned(),
                id: object.id.clone(),
                component: object.component.clone(),
                team: object.team.clone(),
                config: config.cloned(),
            });
        }
    };
    for (name, object) in &observed.networks {
        add("network", name, object, None);
    }
    for (name, object) in &observed.duplicates {
        add("network", name, object, None);
    }
    for (name, object) in &observed.volumes {
        add("volume", name, object, None);
    }
    for (name, container) in &observed.containers {
        // A container that is being removed counts as gone.
        if container.state != ContainerState::Dead {
            let settings = container.recorded.as_ref().unwrap_or(&container.settings);
            add("container", name, &container.object, Some(settings));
        }
    }
    objects
}
