//! [`Kept`]: the memory of a target while a plan is performed.

use std::collections::{BTreeMap, BTreeSet};

use kcc_lower::{Desired, kubernetes::KubernetesDesired};
use kcc_model::Name;
use kcc_plan::{Error, Intent, Records, Scope};

use crate::{
    client::Client,
    memory::{self, Memory},
    observe,
    observed::Observed,
    status,
};

/// The memory of a target while a plan is performed.
pub(crate) struct Kept<'a> {
    pub(crate) client: &'a Client,
    pub(crate) scope: &'a Scope,
    pub(crate) desired: &'a Desired,
    pub(crate) kube: &'a KubernetesDesired,
    pub(crate) memory: Memory,
    /// The intent of this plan is stored.
    pub(crate) begun: bool,
    /// Where each component can be reached once the plan is performed.
    pub(crate) addresses: BTreeMap<Name, Vec<String>>,
}

impl Records for Kept<'_> {
    type Observed = Observed;

    fn is_interrupted(&self) -> bool {
        self.memory.intent.is_some()
    }

    async fn begin(&mut self, intent: &Intent) -> Result<(), Error> {
        self.begun = true;
        self.memory
            .begin(self.client, &self.kube.namespace, intent)
            .await
    }

    async fn observe(&self) -> Result<Observed, Error> {
        observe::objects(self.client, self.scope, self.kube, &self.memory).await
    }

    async fn end(
        &mut self,
        observed: &Observed,
        made: &BTreeSet<(&str, &str)>,
    ) -> Result<(), Error> {
        self.addresses = status::addresses(observed);
        if self.begun && observed.objects.is_empty() {
            // The namespace took what was remembered with it.
            return Ok(());
        }
        let inventory = observe::inventory(observed, &self.memory, made, self.desired.order());
        memory::end(self.client, &self.kube.namespace, self.scope, &inventory).await?;
        self.memory = Memory {
            recorded: true,
            inventory,
            intent: None,
        };
        Ok(())
    }
}
