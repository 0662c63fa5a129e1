//! [`Sighting`]: the judgement about a symptom of a capsule in its copy.

use std::collections::BTreeSet;

use kcc_model::Name;
use kcc_plan::StatusReport;
use serde::Serialize;

use crate::{
    Capture, Symptom,
    symptom::{DOWN, exit_code, family, is_generic, is_of_cluster, is_of_network},
};

/// A symptom, and what the copy shows of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sighting {
    /// The component.
    pub component: Name,
    /// The symptom in production, in one sentence.
    pub production: String,
    /// The state of the copy.
    pub copy: String,
    /// The judgement.
    pub verdict: Sighted,
}

/// The judgement about a symptom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Sighted {
    /// It appeared.
    Present,
    /// It has not appeared.
    Gone,
    /// Nothing of the component ran, and so kcc does not run it in the copy either.
    Held,
    /// A Docker engine cannot show it.
    Impossible,
    /// The copy does not run the component.
    LeftOut,
}

/// Compares the symptoms of a capsule with the status of its copy. `absent` are the
/// components that the copy does not run, because nothing of them ran.
pub fn sightings(
    capture: &Capture,
    status: &StatusReport,
    copied: &BTreeSet<Name>,
    absent: &BTreeSet<Name>,
) -> Vec<Sighting> {
    let now = Symptom::all_of(status).0;
    let symptoms = capture.symptoms.iter();
    let symptoms = symptoms.filter_map(|symptom| Some((symptom, symptom.component.clone()?)));
    let mut found: Vec<_> = symptoms
        .map(|(symptom, component)| {
            let (verdict, copy) = if !copied.contains(&component) {
                (Sighted::LeftOut, "not in the copy".to_owned())
            } else if absent.contains(&component) {
                (Sighted::Held, "not running, as in production".to_owned())
            } else if symptom.kind.as_deref().is_some_and(is_of_cluster) {
                (
                    Sighted::Impossible,
                    "only a cluster fails in this way".to_owned(),
                )
            } else {
                let seen = now
                    .iter()
                    .find(|one| one.component.as_ref() == Some(&component));
                let copy =
                    seen.map_or_else(|| shown(status, &component), |seen| seen.message.clone());
                let refused = status.components.get(&component);
                let refused = refused.and_then(|found| found.unapplied.as_deref());
                let refused = refused.filter(|why| is_refused_alike(symptom, why));
                let same = refused.is_some() || seen.is_some_and(|seen| is_same(symptom, seen));
                let copy = refused.map_or(copy, str::to_owned);
                (
                    if same {
                        Sighted::Present
                    } else {
                        Sighted::Gone
                    },
                    copy,
                )
            };
            Sighting {
                component,
                production: symptom.message.clone(),
                copy,
                verdict,
            }
        })
        .collect();
    // That a component is down which kcc does not run proves nothing: those that failed
    // because of it have to fail again.
    for waiting in &capture.waiting {
        let Some(cause) = waiting.needs.last() else {
            continue;
        };
        if absent.contains(cause) && copied.contains(&waiting.component) {
            let ready = is_ready(status, &waiting.component);
            found.push(Sighting {
                component: waiting.component.clone(),
                production: format!("not ready because of `{cause}`"),
                copy: shown(status, &waiting.component),
                verdict: if ready {
                    Sighted::Gone
                } else {
                    Sighted::Present
                },
            });
        }
    }
    found
}

/// Returns the components that failed, and, where nothing of one ran at all, those that
/// waited for it: only they show what came of that.
pub(crate) fn failing(capture: &Capture, absent: &BTreeSet<Name>) -> BTreeSet<Name> {
    let symptoms = capture.symptoms.iter();
    let mut failing: BTreeSet<Name> = symptoms.filter_map(|one| one.component.clone()).collect();
    for waiting in &capture.waiting {
        if waiting
            .needs
            .last()
            .is_some_and(|cause| absent.contains(cause))
        {
            failing.insert(waiting.component.clone());
        }
    }
    failing
}

/// Returns the judgement about a copy as a whole: every symptom that it can show has
/// appeared. None if it can show none.
pub fn appeared(sightings: &[Sighting]) -> Option<bool> {
    let judged = |one: &&Sighting| matches!(one.verdict, Sighted::Present | Sighted::Gone);
    let mut judged = sightings.iter().filter(judged).peekable();
    judged.peek()?;
    Some(judged.all(|one| one.verdict == Sighted::Present))
}

/// The words of a Docker engine that does not start a container, by the kind of the cause
/// that a cluster names. It keeps no container that tells.
const REFUSALS: [(&str, &[&str]); 4] = [
    (
        "program-missing",
        &["executable file not found", "no such file or directory"],
    ),
    ("program-not-executable", &["permission denied"]),
    ("program-platform", &["exec format error"]),
    ("user-missing", &["unable to find user"]),
];

/// Returns true if an apply of the copy failed as production did.
fn is_refused_alike(symptom: &Symptom, why: &str) -> bool {
    if symptom.exit_code.is_some() && exit_code(why) == symptom.exit_code {
        return true;
    }
    let mut refusals = REFUSALS.iter();
    let words = refusals.find(|(kind, _)| symptom.kind.as_deref() == Some(kind));
    words.is_some_and(|(_, words)| words.iter().any(|word| why.contains(word)))
}

/// Returns true if a failure of the copy is that of production.
fn is_same(production: &Symptom, copy: &Symptom) -> bool {
    let codes = (production.exit_code, copy.exit_code);
    let (Some(then), Some(now)) = (&production.kind, &copy.kind) else {
        // Of an old revision only the message of its apply is known.
        return match codes {
            (Some(then), Some(now)) => then == now,
            _ => production.kind.is_none(),
        };
    };
    let same_code = match codes {
        (Some(then), Some(now)) => then == now,
        _ => true,
    };
    let both_ended = codes.0.is_some() && codes.1.is_some();
    let (then, now) = (family(then), family(now));
    let same_kind = then == now
        // One engine knows causes of an exit that the other one does not tell apart.
        || both_ended
            && (is_generic(then) && is_of_network(now) || is_of_network(then) && is_generic(now))
        || then == "health" && now.starts_with("health");
    same_kind && same_code
}

fn is_ready(status: &StatusReport, component: &str) -> bool {
    let found = status.components.get(component);
    found.is_some_and(kcc_plan::ComponentStatus::is_ready)
}

fn shown(status: &StatusReport, component: &str) -> String {
    match status.components.get(component) {
        Some(found) if found.is_ready() => "ready".to_owned(),
        Some(found) => found.why.clone().unwrap_or_else(|| found.shortfall()),
        None => DOWN.to_owned(),
    }
}
