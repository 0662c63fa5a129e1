//! [`Memory`]: what kcc remembers of a target in its state folder, and how that
//! is brought up to date.

use std::collections::BTreeSet;

use kcc_lower::{Desired, docker::DockerDesired};
use kcc_plan::{
    EngineName, Error, Intent, Inventory, InventoryObject, Records, Scope, StateFolder,
};

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
}

impl Records for Kept<'_> {
    type Observed = Observed;

    fn is_interrupted(&self) -> bool {
        self.memory.intent.is_some()
    }

    async fn begin(&mut self, intent: &Intent) -> Result<(), Error> {
        self.state.begin(intent)
    }

    async fn observe(&self) -> Result<Observed, Error> {
        observe::objects(self.client, self.scope, self.docker, self.memory).await
    }

    async fn end(
        &mut self,
        observed: &Observed,
        made: &BTreeSet<(&str, &str)>,
    ) -> Result<(), Error> {
        self.state.end(&Inventory {
            scope: self.scope.clone(),
            engine: EngineName::Docker,
            since: kcc_plan::now(),
            objects: objects_of_ours(observed, made),
            after: self.desired.order(),
        })
    }
}

/// Everything that is ours now: what was ours before and what a plan made.
fn objects_of_ours(observed: &Observed, made: &BTreeSet<(&str, &str)>) -> Vec<InventoryObject> {
    let mut objects = Vec::new();
    let mut add = |kind: &str, name: &str, object: &ObservedObject| {
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
            });
        }
    };
    for (name, object) in &observed.networks {
        add("network", name, object);
    }
    for (name, object) in &observed.twins {
        add("network", name, object);
    }
    for (name, object) in &observed.volumes {
        add("volume", name, object);
    }
    for (name, container) in &observed.containers {
        // One that is being removed is as good as gone.
        if container.state != ContainerState::Dead {
            add("container", name, &container.object);
        }
    }
    objects
}
