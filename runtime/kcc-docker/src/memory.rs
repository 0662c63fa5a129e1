//! [`Memory`]: what kcc remembers of a target in its state folder, and how that
//! is brought up to date.

use std::collections::{BTreeMap, BTreeSet};

use kcc_lower::{Desired, docker::DockerDesired};
use kcc_model::{Name, SecretProvider};
use kcc_plan::{
    ApplyReport, EngineName, Error, Intent, Inventory, InventoryObject, Outcome, Records, Scope,
    StateFolder,
};
use serde_json::Value;

use crate::{
    client::{Client, Listed},
    observe,
    observed::{ContainerState, Observed, ObservedObject, Ownership, SUCCESSOR, made_for},
};

/// What the state folder knows of earlier applies.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub(crate) intent: Option<Intent>,
    pub(crate) inventory: Option<Inventory>,
}

impl Memory {
    pub(crate) fn read(state: &StateFolder) -> Result<Self, Error> {
        Ok(Self {
            intent: state.intent()?,
            inventory: state.inventory()?,
        })
    }

    /// Whether an apply on this machine left a record.
    pub(crate) fn is_there(&self) -> bool {
        self.intent.is_some() || self.inventory.is_some()
    }

    /// Why the last apply did not bring components to their desired state.
    pub(crate) fn failures(&self) -> &BTreeMap<Name, String> {
        static NONE: BTreeMap<Name, String> = BTreeMap::new();
        let inventory = self.inventory.as_ref();
        inventory.map_or(&NONE, |inventory| &inventory.failures)
    }

    /// The settings of a container when it was made.
    pub(crate) fn settings(&self, id: &str) -> Option<&Value> {
        let mut objects = self.inventory.iter().flat_map(|all| &all.objects);
        objects.find(|object| object.id == id)?.config.as_ref()
    }

    /// Whether an object with our labels is one that kcc made: the last
    /// inventory has it, or an apply that was killed was about to make it.
    pub(crate) fn knows(&self, kind: &str, listed: &Listed) -> bool {
        let objects = self
            .inventory
            .iter()
            .flat_map(|inventory| &inventory.objects);
        objects
            .into_iter()
            .any(|object| object.kind == kind && object.id == listed.id)
            || self
                .intent
                .as_ref()
                .is_some_and(|intent| may_be(&intent.made(), kind, &listed.name))
    }
}

/// Whether a plan that makes these objects may have made one of that name.
fn may_be(all: &BTreeSet<(&str, &str)>, kind: &str, name: &str) -> bool {
    let plain = name.strip_suffix(SUCCESSOR).unwrap_or(name);
    all.contains(&(kind, plain)) || all.contains(&(kind, made_for(name)))
}

/// The memory of a target while a plan is performed.
pub(crate) struct Kept<'a> {
    pub(crate) client: &'a Client,
    pub(crate) scope: &'a Scope,
    pub(crate) desired: &'a Desired,
    pub(crate) docker: &'a DockerDesired,
    pub(crate) state: &'a StateFolder,
    pub(crate) memory: &'a Memory,
    /// Why components are not as desired; those of the last apply at first.
    pub(crate) failures: BTreeMap<Name, String>,
    /// Generated secrets whose values are found to be gone.
    pub(crate) lost_secrets: BTreeSet<Name>,
}

impl Records for Kept<'_> {
    type Observed = Observed;

    fn is_interrupted(&self) -> bool {
        self.memory.intent.is_some()
    }

    async fn begin(&mut self, intent: &Intent) -> Result<(), Error> {
        self.state.begin(intent)
    }

    fn ended(&mut self, report: &ApplyReport) {
        for (name, component) in &report.components {
            match component.outcome {
                Outcome::Failed => {
                    let why = component.why.clone().unwrap_or_default();
                    self.failures.insert(name.clone(), why);
                }
                // What was not begun is as it was.
                Outcome::Skipped => {}
                _ => _ = self.failures.remove(name),
            }
        }
    }

    async fn observe(&self) -> Result<Observed, Error> {
        observe::objects(self.client, self.scope, self.docker, self.memory).await
    }

    async fn end(
        &mut self,
        observed: &Observed,
        made: &BTreeSet<(&str, &str)>,
    ) -> Result<(), Error> {
        let objects = objects_of_ours(observed, made);
        let mut secrets = BTreeSet::new();
        for (name, provider) in &self.docker.secrets {
            let known = self.memory.inventory.as_ref();
            let lost = self.lost_secrets.contains(name)
                || known.is_some_and(|inventory| inventory.secrets.contains(name));
            if *provider == (SecretProvider::Generate {})
                && (lost || self.state.secret(name)?.is_some())
            {
                secrets.insert(name.clone());
            }
        }
        self.state.end(&Inventory {
            scope: self.scope.clone(),
            engine: EngineName::Docker,
            since: kcc_plan::now(),
            objects,
            after: self.desired.order(),
            failures: self.failures.clone(),
            secrets,
        })
    }
}

/// Everything that is ours now: what was ours before and what a plan made.
fn objects_of_ours(observed: &Observed, made: &BTreeSet<(&str, &str)>) -> Vec<InventoryObject> {
    let mut objects = Vec::new();
    let mut add = |kind: &str, name: &str, object: &ObservedObject, config: Option<&Value>| {
        let ours = match object.ownership {
            Ownership::Ours => true,
            Ownership::Claimed => may_be(made, kind, name),
            Ownership::Foreign => false,
        };
        if ours {
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
    for (name, object) in &observed.twins {
        add("network", name, object, None);
    }
    for (name, object) in &observed.volumes {
        add("volume", name, object, None);
    }
    for (name, container) in &observed.containers {
        // One that is being removed is as good as gone.
        if container.state != ContainerState::Dead {
            let made = container.recorded.as_ref().unwrap_or(&container.settings);
            add("container", name, &container.object, Some(made));
        }
    }
    objects
}
