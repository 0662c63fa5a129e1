//! [`RecordWriter`]: updates the records of a scope around the execution of a plan.

use std::collections::{BTreeMap, BTreeSet};

use kcc_lower::{Desired, kubernetes::KubernetesDesired};
use kcc_model::Name;
use kcc_plan::{ApplyReport, Error, Intent, Options, Record, RecordStore, Scope, revision::Change};

use crate::{
    client::Client,
    observe,
    observed::Observed,
    records::Records,
    status::{self, Reached},
    store::KubeStore,
};

/// The work that a plan does.
#[derive(Clone, Copy)]
pub(crate) enum Work {
    /// It brings the target to its desired state; `outdated` says that the revision in
    /// force has another one.
    Apply { outdated: bool },
    /// It takes the target down.
    Removal,
}

/// The records of a scope while a plan is performed.
pub(crate) struct RecordWriter<'a> {
    pub(crate) client: &'a Client,
    pub(crate) scope: &'a Scope,
    pub(crate) desired: &'a Desired,
    pub(crate) kube: &'a KubernetesDesired,
    pub(crate) record: &'a Record<KubeStore>,
    pub(crate) records: Records,
    pub(crate) work: Work,
    /// True if only some components of the target are worked on.
    pub(crate) partial: bool,
    pub(crate) options: &'a Options,
    /// True once the intent of this plan is stored.
    pub(crate) begun: bool,
    /// The addresses of each component after the plan is performed.
    pub(crate) addresses: BTreeMap<Name, Reached>,
}

impl RecordWriter<'_> {
    fn removes(&self) -> bool {
        matches!(self.work, Work::Removal)
    }
}

impl RecordStore for RecordWriter<'_> {
    type Observed = Observed;

    fn is_outdated(&self) -> bool {
        matches!(self.work, Work::Apply { outdated: true })
    }

    fn is_interrupted(&self) -> bool {
        self.records.intent.is_some()
    }

    async fn begin(&mut self, intent: &Intent) -> Result<(), Error> {
        self.begun = true;
        let change = Change::of(self.scope, self.options, self.removes());
        // Boxed, because it would be moved, and it is large.
        Box::pin(self.record.begin(intent, change)).await
    }

    fn ended(&mut self, report: &ApplyReport) -> bool {
        self.record.report(report);
        let removes = self.removes();
        let unapplied = &mut self.records.inventory.unapplied;
        let before = unapplied.clone();
        if !removes || report.is_complete() {
            unapplied.update(report, self.partial);
        }
        *unapplied != before
    }

    async fn observe(&self) -> Result<Observed, Error> {
        observe::objects(self.client, self.scope, self.kube, &self.records).await
    }

    async fn end(
        &mut self,
        observed: &Observed,
        created: &BTreeSet<(&str, &str)>,
    ) -> Result<(), Error> {
        self.addresses = status::addresses(observed);
        if self.begun && observed.objects.is_empty() {
            // The records were removed with the namespace.
            return Ok(());
        }
        let inventory = observe::inventory(observed, &self.records, created, self.desired);
        let left = (!inventory.is_empty()).then_some(&inventory);
        Box::pin(self.record.end(left)).await?;
        self.records = Records {
            recorded: true,
            inventory,
            ..Records::default()
        };
        Ok(())
    }
}
