//! Waiting until a component, or one object of it, is in a state.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use kcc_diag::Code;

use super::{End, STOPPED};
use crate::{Cancel, Engine, Error, Event, Readiness, Reporter, Wait};

/// The first pause between two questions for readiness, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(500));
/// Errors in a row after which an engine that cannot tell is given up.
const PATIENCE: u32 = 5;

/// Asks until a component is ready, never will be, or its deadline passed. The
/// error's message is the last reason.
pub(super) async fn until_ready<E: Engine>(
    engine: &E,
    reporter: &dyn Reporter,
    cancel: &Cancel,
    wait: &Wait,
    deadline_ms: Option<u64>,
) -> Result<End, Error> {
    let (component, until) = (wait.component.as_str(), wait.until);
    let begin = Instant::now();
    let mut pause = PAUSES.0;
    // A state that comes and goes, as in a crash loop, is told once.
    let mut told = BTreeSet::new();
    let mut errors = 0;
    let why = loop {
        let answer = tokio::select! {
            answer = asked(engine, wait) => answer,
            () = cancel.cancelled() => return Ok(End::Skipped(STOPPED.to_owned())),
        };
        let why = match answer {
            Ok(Readiness::Ready) => {
                if wait.object.is_none() {
                    reporter.event(&Event::Ready { component, until });
                }
                return Ok(End::Done);
            }
            Ok(Readiness::Failed { .. }) if wait.over => return Ok(End::Done),
            Ok(Readiness::Failed { why }) => break why,
            Ok(Readiness::Waiting { why }) => {
                errors = 0;
                why
            }
            Err(error) => {
                errors += 1;
                error.chain()
            }
        };
        if deadline_ms.is_some_and(|limit| begin.elapsed() >= Duration::from_millis(limit)) {
            break overdue(&why, deadline_ms);
        }
        if errors >= PATIENCE {
            break why;
        }
        if !told.contains(&why) {
            reporter.event(&Event::Waiting {
                component,
                until,
                why: &why,
            });
            told.insert(why);
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = cancel.cancelled() => return Ok(End::Skipped(STOPPED.to_owned())),
        }
        pause = (pause * 2).min(PAUSES.1);
    };
    reporter.event(&Event::NotReady {
        component,
        until,
        why: &why,
    });
    let details = match &wait.object {
        Some(object) => engine.object_details(object).await,
        None => engine.details(component).await,
    };
    let refusal = engine.refusal(component).await;
    let error = refusal.unwrap_or_else(|| Error::new(Code::ApplyIncomplete, why));
    Err(error.detail(details))
}

async fn asked<E: Engine>(engine: &E, wait: &Wait) -> Result<Readiness, Error> {
    match &wait.object {
        Some(object) => engine.object_ready(object, wait.until).await,
        None => engine.ready(&wait.component, wait.until).await,
    }
}

fn overdue(why: &str, deadline_ms: Option<u64>) -> String {
    let limit = deadline_ms.unwrap_or_default();
    if limit.is_multiple_of(1000) {
        format!("{why} (after {} s)", limit / 1000)
    } else {
        format!("{why} (after {limit} ms)")
    }
}
