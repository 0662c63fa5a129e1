//! [`perform`] executes a plan between storing its intent and storing the
//! resulting inventory. An interrupted run therefore always leaves an intent, from
//! which the next command knows which objects may exist.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
};

use kcc_lower::Desired;
use kcc_model::Name;

use crate::{ApplyReport, Cancel, Driver, Error, Failure, Intent, Plan, Reporter, execute, now};

/// The records of a scope, and how an engine crate updates them.
pub trait RecordStore {
    /// The engine crate's observed state.
    type Observed;

    /// Returns true if an earlier apply was killed and left its intent.
    fn is_interrupted(&self) -> bool;

    /// Stores an intent.
    fn begin(&mut self, intent: &Intent) -> impl Future<Output = Result<(), Error>>;

    /// Returns true if the record has to be written although nothing changes, because the
    /// revision in force has other objects than the desired ones.
    fn is_outdated(&self) -> bool {
        false
    }

    /// Reads the engine's state.
    fn observe(&self) -> impl Future<Output = Result<Self::Observed, Error>>;

    /// Takes over the reasons of a failed apply, which status shows until an apply
    /// succeeds. Called before [`RecordStore::end`]; returns true if they changed.
    fn ended(&mut self, report: &ApplyReport) -> bool;

    /// Stores an inventory of the observed objects that kcc owns, and removes the
    /// intent. `created` holds the kind and name of each object that this apply may
    /// have created.
    fn end(
        &mut self,
        observed: &Self::Observed,
        created: &BTreeSet<(&str, &str)>,
    ) -> impl Future<Output = Result<(), Error>>;
}

/// Executes a plan that was made from `observed`. Stores the intent before the
/// first mutation and the inventory after the last.
pub async fn perform<D: Driver, R: RecordStore>(
    plan: &Plan<D::Payload>,
    observed: &R::Observed,
    driver: &D,
    records: &mut R,
    reporter: &dyn Reporter,
    cancel: &Cancel,
) -> Result<ApplyReport, Error> {
    if records.is_interrupted() {
        // Record the objects of the interrupted apply before a new intent
        // replaces the one that names them.
        records.end(observed, &BTreeSet::new()).await?;
    }
    if plan.is_empty() && !records.is_outdated() {
        let report = execute(plan, driver, reporter, cancel).await;
        if records.ended(&report) {
            records.end(observed, &BTreeSet::new()).await?;
        }
        return Ok(report);
    }
    let intent = Intent::of(plan, now());
    records.begin(&intent).await?;
    let mut report = execute(plan, driver, reporter, cancel).await;
    records.ended(&report);
    match records.observe().await {
        Ok(left) => records.end(&left, &intent.created()).await?,
        // The intent stays, so that the next apply finds the objects of this one.
        Err(error) => report.failures.push(Failure {
            code: error.code,
            component: None,
            team: None,
            message: format!("could not read back the result: {}", error.chain()),
            detail: error.detail,
            help: Some("run the command again to record the result".to_owned()),
        }),
    }
    Ok(report)
}

/// Observes a state in which no other command changes the target, and fails if one
/// is running. A command stores its intent before its first change, so a state is
/// undisturbed if the lock is free after the records are read, and the records are
/// still the same after the observation.
pub async fn observe_undisturbed<R: PartialEq, O>(
    read: impl AsyncFn() -> Result<R, Error>,
    check_unlocked: impl AsyncFn() -> Result<(), Error>,
    observe: impl AsyncFn(&R) -> Result<O, Error>,
) -> Result<O, Error> {
    loop {
        let records = read().await?;
        check_unlocked().await?;
        let observed = observe(&records).await?;
        if read().await? == records {
            return Ok(observed);
        }
    }
}

/// Returns the components that each component starts after: those of the desired
/// state and those of the last apply, whose components may no longer be declared.
pub fn start_order(
    desired: &Desired,
    last: &BTreeMap<Name, BTreeSet<Name>>,
) -> BTreeMap<Name, BTreeSet<Name>> {
    let mut order = desired.order();
    for (component, after) in last {
        let known = order.entry(component.clone()).or_default();
        known.extend(after.iter().cloned());
    }
    order
}
