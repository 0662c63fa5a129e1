//! Makes the calls of a step one after the other, and those that undo them if one
//! fails. No error is lost: those of the undo are added to the message of the first.

use crate::{Context, Driver, Error, Step};

/// Performs a step through a driver.
pub async fn make_calls<D: Driver>(
    driver: &D,
    step: &Step<D::Payload>,
    context: &Context<'_>,
) -> Result<(), Error> {
    for part in D::calls(step) {
        for call in &part.calls {
            let Err(mut error) = driver.perform(call, context).await else {
                continue;
            };
            let mut outcomes = Vec::new();
            for undo in &part.undo {
                if let Err(error) = driver.perform(undo, context).await {
                    outcomes.push(format!("undoing it failed: {}", error.chain()));
                }
            }
            if outcomes.is_empty() {
                outcomes.extend(part.outcome.map(str::to_owned));
            }
            for outcome in outcomes {
                error.message = format!("{}; {outcome}", error.message);
            }
            return Err(error);
        }
    }
    Ok(())
}
