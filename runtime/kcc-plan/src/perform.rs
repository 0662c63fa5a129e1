//! [`perform`]: executes a plan between its intent and the inventory, which an
//! engine crate keeps in its [`Records`].

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
};

use kcc_lower::Desired;
use kcc_model::Name;

use crate::{ApplyReport, Cancel, Engine, Error, Event, Intent, Plan, Reporter, execute, now};

/// What is remembered of a target, and how that is brought up to date.
pub trait Records {
    /// What is there, as the engine crate sees it.
    type Observed;

    /// Whether an apply that was killed left its intent.
    fn is_interrupted(&self) -> bool;

    /// Stores an intent.
    fn begin(&mut self, intent: &Intent) -> impl Future<Output = Result<(), Error>>;

    /// Looks at what is there.
    fn observe(&self) -> impl Future<Output = Result<Self::Observed, Error>>;

    /// Hears why components are not as the apply that just ended should have
    /// left them, and which ones it brought there, before [`Records::end`]: a
    /// status shows the reason until an apply succeeds.
    fn ended(&mut self, _report: &ApplyReport) {}

    /// Stores what is ours of what is there and forgets the intent. `made` is
    /// the kind and name of everything that was just made.
    fn end(
        &mut self,
        observed: &Self::Observed,
        made: &BTreeSet<(&str, &str)>,
    ) -> impl Future<Output = Result<(), Error>>;
}

/// Executes a plan that was made from `observed`, and remembers: the intent
/// before the first mutation, what is there after the last.
pub async fn perform<E: Engine, R: Records>(
    plan: &Plan<E::Work>,
    observed: &R::Observed,
    engine: &E,
    records: &mut R,
    reporter: &dyn Reporter,
    cancel: &Cancel,
) -> Result<ApplyReport, Error> {
    if records.is_interrupted() {
        // What a killed apply made becomes known for good before a new intent
        // takes the place of the old one.
        records.end(observed, &BTreeSet::new()).await?;
    }
    if plan.is_empty() {
        return Ok(execute(plan, engine, reporter, cancel).await);
    }
    let intent = Intent::of(plan, now());
    records.begin(&intent).await?;
    let report = execute(plan, engine, reporter, cancel).await;
    records.ended(&report);
    match records.observe().await {
        Ok(left) => records.end(&left, &intent.made()).await?,
        // The intent stays, so the next apply finds what this one made.
        Err(error) => reporter.event(&Event::Note {
            text: &format!("could not read back the result: {}", error.chain()),
        }),
    }
    Ok(report)
}

/// The components that each component starts after: those of now, and those of
/// the last apply, some of which may be gone from the fragments.
pub fn order_since(
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
