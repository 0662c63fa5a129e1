//! The dial of determinism: the order in which the components of a copy start, and the
//! faults that are injected into it.
//!
//! Promised is the order of life-cycle events and faults, which kcc brings about one after
//! the other. Nothing is promised about threads, packets or the time between two events.

use std::collections::{BTreeMap, BTreeSet};

use kcc_lower::DesiredComponent;
use kcc_model::{Name, Until};
use kcc_plan::FaultAction;
use serde::Serialize;

use crate::Capture;

/// The number of faults of a seed.
const FAULTS: usize = 3;
/// The most faults that are taken from the events of a capsule.
const MOST_RECORDED: usize = 20;
/// The words of an event by which a machine says that it ended a container.
const ENDED: [&str; 2] = ["Killing", "killed"];
/// The words of an end that comes by itself in a copy with the same limits and checks.
const BY_ITSELF: [&str; 3] = ["memory", "probe", "health"];

/// The part of the order of events that a copy repeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Mode {
    /// Images, names, and the start order of declared needs.
    #[default]
    Pinned,
    /// Moreover one component after the other, in the recorded order.
    Ordered,
    /// Moreover the recorded faults, or those of the seed.
    Faults(Option<u64>),
}

/// A fault that is injected into a copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The component.
    pub component: Name,
    /// The kind.
    pub action: FaultAction,
}

/// Returns the components in the order in which they start: each after what it needs, and
/// of several the one first whose first event is first on its machine. The clocks of two
/// machines say nothing about each other, so between machines the name decides.
pub fn start_order(capture: &Capture, components: &BTreeMap<Name, DesiredComponent>) -> Vec<Name> {
    let mut positions: BTreeMap<&str, usize> = BTreeMap::new();
    let mut machines: BTreeMap<&str, usize> = BTreeMap::new();
    for event in &capture.events {
        let at = machines.entry(&event.machine).or_default();
        *at += 1;
        if let Some(component) = &event.component {
            let first = positions.entry(component).or_insert(*at);
            *first = (*first).min(*at);
        }
    }
    let mut order: Vec<Name> = Vec::new();
    let mut left: BTreeSet<&Name> = components.keys().collect();
    while !left.is_empty() {
        let is_free = |name: &&&Name| {
            let mut needs = components[**name].after.keys();
            needs.all(|need| !left.contains(need))
        };
        // One without an event comes last.
        let position = |name: &&Name| {
            let first = positions.get(name.as_str()).copied();
            (first.unwrap_or(usize::MAX), (*name).clone())
        };
        let next = left.iter().filter(is_free).copied().min_by_key(position);
        // Rules forbid cycles, but a record may be from another time.
        let Some(next) = next.or_else(|| left.first().copied()) else {
            break;
        };
        left.remove(next);
        order.push(next.clone());
    }
    order
}

/// Lets each component start after the one before it in an order. One that failed need
/// only have started: nothing else would start after it.
pub(crate) fn chain(
    components: &mut BTreeMap<Name, DesiredComponent>,
    order: &[Name],
    healthy: &BTreeSet<Name>,
) {
    for pair in order.windows(2) {
        let [before, after] = pair else { continue };
        let until = match components.get(before) {
            Some(component) if component.job && healthy.contains(before) => Until::Completed,
            _ => Until::Started,
        };
        if let Some(component) = components.get_mut(after) {
            component.after.entry(before.clone()).or_insert(until);
        }
    }
}

/// Returns the faults of a mode, in the order in which they are injected. Those of a seed
/// are the same wherever it is used.
pub fn faults(capture: &Capture, mode: Mode, order: &[Name]) -> Vec<Fault> {
    match mode {
        Mode::Pinned | Mode::Ordered => Vec::new(),
        Mode::Faults(None) => recorded(capture, order),
        Mode::Faults(Some(seed)) => seeded(seed, order),
    }
}

/// Returns the ends of containers that machines observed and that do not come by
/// themselves.
fn recorded(capture: &Capture, order: &[Name]) -> Vec<Fault> {
    let events = capture.events.iter().filter(|event| {
        let ended = ENDED.iter().any(|word| event.event.contains(word));
        ended && !BY_ITSELF.iter().any(|word| event.event.contains(word))
    });
    let faults = events.filter_map(|event| {
        let component = event.component.clone()?;
        let action = if event.event.contains("Killing") {
            FaultAction::Restart
        } else {
            FaultAction::Kill
        };
        order
            .contains(&component)
            .then_some(Fault { component, action })
    });
    faults.take(MOST_RECORDED).collect()
}

fn seeded(seed: u64, order: &[Name]) -> Vec<Fault> {
    let mut state = seed;
    let mut next = |below: usize| {
        // SplitMix64, so that a seed means the same in every version of kcc.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        usize::try_from(mixed % below as u64).unwrap_or_default()
    };
    if order.is_empty() {
        return Vec::new();
    }
    let fault = |_| Fault {
        component: order[next(order.len())].clone(),
        action: FaultAction::ALL[next(FaultAction::ALL.len())],
    };
    (0..FAULTS).map(fault).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_faults_each_time() {
        let order = ["cart", "db", "web"].map(str::to_owned);
        let first = seeded(7, &order);
        assert_eq!(first.len(), FAULTS);
        assert_eq!(seeded(7, &order), first);
        let others: BTreeSet<String> = (0..20)
            .map(|seed| format!("{:?}", seeded(seed, &order)))
            .collect();
        assert!(others.len() > 10, "seeds differ");
        assert!(seeded(7, &[]).is_empty());
    }

    #[test]
    fn components_start_one_after_the_other() {
        let component = |needs: &[&str]| DesiredComponent {
            team: "shop".to_owned(),
            path: String::new(),
            job: false,
            manual: false,
            after: needs
                .iter()
                .map(|need| ((*need).to_owned(), Until::Healthy))
                .collect(),
            deadline_ms: 0,
        };
        let mut components = BTreeMap::from([
            ("a".to_owned(), component(&["c"])),
            ("b".to_owned(), component(&[])),
            ("c".to_owned(), component(&[])),
        ]);
        let event = |component: &str| {
            let event = serde_json::json!({"machine": "node-1", "time": "2026-11-30T12:00:00Z",
                "component": component, "object": "", "event": "started", "count": 1});
            serde_json::from_value(event).unwrap()
        };
        let capture = serde_json::json!({"format": 1, "kcc": "", "scope": {"system": "s", "target": "t"},
            "engine": "kubernetes", "revision": 1, "at": "2026-11-30T12:00:00Z"});
        let mut capture: Capture = serde_json::from_value(capture).unwrap();
        capture.events = vec![event("a"), event("c"), event("b")];
        let order = start_order(&capture, &components);
        assert_eq!(
            order,
            ["c", "a", "b"],
            "what it needs comes first, then the record"
        );
        chain(&mut components, &order, &BTreeSet::new());
        assert_eq!(
            components["b"].after,
            BTreeMap::from([("a".to_owned(), Until::Started)])
        );
        assert_eq!(
            components["a"].after["c"],
            Until::Healthy,
            "a need stays as it is"
        );
    }
}
