//! [`record`]: the record of a target's scope, for commands that read its history.

use kcc_lower::Desired;
use kcc_plan::{Error, Fence, Options, Record, Scope};

use crate::store::DockerStore;

/// Opens the record of a target. Reading it needs no lock.
pub async fn record(desired: &Desired, options: &Options) -> Result<Record<DockerStore>, Error> {
    let store = DockerStore::connect(&Scope::of(desired), options).await?;
    Ok(Record::new(store, Fence::default()))
}
