//! [`SimulatedEngine`]: an engine in memory, as the simulation of each engine's crate
//! provides it. Planning is the crate's own; the engine's side of a call is imitated.

use std::{collections::BTreeSet, fmt::Debug};

use kcc_lower::Desired;
use kcc_model::Until;
use kcc_plan::{Calls, Error, Operation, Options, Plan, Readiness, Snapshot, Step};
use serde::{Serialize, de::DeserializeOwned};

use super::chance::Chance;

/// An engine in memory.
pub trait SimulatedEngine: Debug + Send + Sized {
    /// The payload of a step.
    type Payload: Clone + Serialize + Send + Sync;
    /// A call.
    type Call: Clone + Debug + Send + Sync;
    /// The observed state.
    type Observed: Send + Sync;
    /// The inventory in the record.
    type Inventory: Clone + Debug + PartialEq + Send + Serialize + DeserializeOwned;
    /// The memory of a driver while it performs a plan.
    type Memory: Debug + Default + Send;

    /// Creates an engine with objects of others on it.
    fn new(chance: &mut Chance) -> Self;

    /// Returns a random small system.
    fn desired(&self, chance: &mut Chance) -> Desired;

    /// Changes a system at random, or the values of its secrets.
    fn change(&mut self, desired: &Desired, chance: &mut Chance) -> Desired;

    /// Lets a component of a system fail for good.
    fn doom(desired: &Desired, chance: &mut Chance) -> Desired;

    /// Observes.
    fn observe(&self, desired: &Desired, records: &Snapshot<Self::Inventory>) -> Self::Observed;

    /// Plans an apply.
    fn plan(
        desired: &Desired,
        observed: &Self::Observed,
        options: &Options,
    ) -> Result<Plan<Self::Payload>, Error>;

    /// Plans a `down`.
    fn removal(
        desired: &Desired,
        observed: &Self::Observed,
        options: &Options,
    ) -> Result<Plan<Self::Payload>, Error>;

    /// Returns the inventory of what is observed; none if there is nothing.
    fn inventory(
        desired: &Desired,
        observed: &Self::Observed,
        records: &Snapshot<Self::Inventory>,
        created: &BTreeSet<(&str, &str)>,
    ) -> Option<Self::Inventory>;

    /// Returns the calls of a step.
    fn calls(step: &Step<Self::Payload>) -> Vec<Calls<Self::Call>>;

    /// Returns true for a call with which operations end, and that a mistake leaves out.
    fn is_last(call: &Self::Call) -> bool;

    /// Makes a call.
    fn make(
        &mut self,
        call: &Self::Call,
        operation: &Operation,
        memory: &mut Self::Memory,
    ) -> Result<(), Error>;

    /// Returns the readiness of a component, or of one object.
    fn readiness(
        &self,
        desired: &Desired,
        component: &str,
        object: Option<&str>,
        until: Until,
    ) -> Readiness;

    /// Lets somebody else change the engine.
    fn interfere(&mut self, desired: &Desired, chance: &mut Chance);

    /// Removes the objects of others that are in the way, as kcc's messages ask for.
    fn clear(&mut self, desired: &Desired);

    /// Fails if kcc has touched an object of others, or has destroyed data; `volumes`
    /// says that it may.
    fn check_calls(&mut self, volumes: bool) -> Result<(), String>;

    /// Fails if an object of kcc's is neither in the inventory nor named by the intent.
    fn check_tracked(&mut self, records: &Snapshot<Self::Inventory>) -> Result<(), String>;

    /// Fails unless everything is as desired.
    fn check_desired(&mut self, desired: &Desired) -> Result<(), String>;

    /// Fails unless everything of kcc's is removed but data, or data too.
    fn check_removed(&self, volumes: bool) -> Result<(), String>;
}
