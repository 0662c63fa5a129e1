//! Waits until a component, or one object of it, reaches a state.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use kcc_diag::Code;
use kcc_model::Until;

use super::end::{NodeEnd, STOPPED};
use crate::{Cancel, Cause, Driver, Error, Event, PlannedComponent, Readiness, Reporter, Wait};

/// The first interval between two polls, and the longest.
const POLL_INTERVALS: (Duration, Duration) =
    (Duration::from_millis(50), Duration::from_millis(500));
/// The number of consecutive errors after which polling gives up.
const MAX_ERRORS: u32 = 5;

/// Polls until a component is ready, has failed for good, or its deadline has
/// passed. The error's message is the last reason.
pub(super) async fn until_ready<D: Driver>(
    driver: &D,
    reporter: &dyn Reporter,
    cancel: &Cancel,
    wait: &Wait,
    planned: Option<&PlannedComponent>,
) -> Result<NodeEnd, Error> {
    let (component, until) = (wait.component.as_str(), wait.until);
    let deadline_ms = planned.map(|component| component.deadline_ms);
    // A run that has failed is over, whatever is repaired meanwhile.
    let keep_waiting =
        planned.is_some_and(|component| component.keep_waiting) && until != Until::Completed;
    let begun = Instant::now();
    let mut pause = POLL_INTERVALS.0;
    // A reason that comes and goes, as in a crash loop, is reported once.
    let mut announced = BTreeSet::new();
    let mut errors = 0;
    let mut cause = None;
    let mut is_late = false;
    let why = loop {
        let answer = tokio::select! {
            answer = query(driver, wait) => answer,
            () = cancel.cancelled() => return Ok(NodeEnd::Skipped(STOPPED.to_owned())),
        };
        let why = match answer {
            Ok(Readiness::Ready) => {
                if wait.object.is_none() {
                    let seen = &driver.seen(component).await;
                    reporter.event(&Event::Ready {
                        component,
                        until,
                        seen,
                    });
                }
                return Ok(NodeEnd::Done);
            }
            Ok(Readiness::Failed(_)) if wait.or_failed => return Ok(NodeEnd::Done),
            Ok(Readiness::Failed(found)) if !keep_waiting => {
                let why = found.text();
                cause = Some(found);
                break why;
            }
            Ok(Readiness::Failed(found) | Readiness::Waiting(found)) => {
                errors = 0;
                let why = found.text();
                cause = Some(found);
                why
            }
            Err(error) => {
                errors += 1;
                error.chain()
            }
        };
        if deadline_ms.is_some_and(|limit| begun.elapsed() >= Duration::from_millis(limit)) {
            is_late = true;
            break why;
        }
        if errors >= MAX_ERRORS {
            break why;
        }
        if !announced.contains(&why) {
            reporter.event(&Event::Waiting {
                component,
                until,
                why: &why,
            });
            announced.insert(why);
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = cancel.cancelled() => return Ok(NodeEnd::Skipped(STOPPED.to_owned())),
        }
        pause = (pause * 2).min(POLL_INTERVALS.1);
    };
    // Only now does the engine read all that explains the cause.
    let explained = match &wait.object {
        Some(_) => None,
        None => driver.explain(component, until).await,
    };
    let why = explained.as_ref().map_or(why, Cause::text);
    let why = match deadline_ms {
        Some(limit) if is_late => with_deadline(&why, limit),
        _ => why,
    };
    reporter.event(&Event::NotReady {
        component,
        until,
        why: &why,
    });
    let details = match &wait.object {
        Some(object) => driver.object_details(object).await,
        None => driver.details(component).await,
    };
    let cause = explained.or(cause);
    let refusal = driver.refusal(component).await;
    let mut error = refusal.unwrap_or_else(|| {
        let evidence = cause.as_ref().and_then(|cause| cause.evidence.as_ref());
        let message = evidence.map_or(why.clone(), |evidence| format!("{why}; {evidence}"));
        Error::new(Code::ApplyIncomplete, message)
    });
    if error.help.is_none() {
        let advice = driver.advice(component).await;
        error.help = advice.or_else(|| cause.as_ref()?.help.clone());
    }
    Err(error.detail(details))
}

async fn query<D: Driver>(driver: &D, wait: &Wait) -> Result<Readiness, Error> {
    match &wait.object {
        Some(object) => driver.object_ready(object, wait.until).await,
        None => driver.ready(&wait.component, wait.until).await,
    }
}

fn with_deadline(why: &str, limit: u64) -> String {
    if limit.is_multiple_of(1000) {
        format!("{why} (after {} s)", limit / 1000)
    } else {
        format!("{why} (after {limit} ms)")
    }
}
