//! The observations that an engine still holds: the states of containers and its
//! events. Pure.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use kcc_plan::{
    Scope,
    journal::Journal,
    timeline::{Gap, Link, Observation, Proof, Source, operation},
};
use serde::Deserialize;

use crate::{
    client::{EngineEvent, Life, seen_healthy, seen_running},
    observe::belongs,
    observed::label,
};

/// The longest time between a state and the event of the same change.
const SAME: SignedDuration = SignedDuration::from_secs(1);

/// Returns the observations about the containers of a scope, those that are gone too.
/// `prefix` begins the names of its containers.
pub(crate) fn observations(
    machine: &str,
    scope: &Scope,
    prefix: &str,
    lives: &[Life],
    events: &[EngineEvent],
) -> Vec<Observation> {
    let own = events
        .iter()
        .filter(|event| event.kind == "container" && belongs(scope, &event.attributes));
    let dated = own.filter_map(|event| Some((event, event.at?)));
    let events: Vec<_> = dated.collect();
    let object = |name: &str| {
        let name = name.trim_start_matches('/');
        format!("container {}", name.strip_prefix(prefix).unwrap_or(name))
    };
    let mut all = Vec::new();
    for life in lives {
        let ended = life.ended.map(|(time, code, out_of_memory)| {
            let event = if out_of_memory {
                "killed, because it used more memory than its limit".to_owned()
            } else {
                end(&code.to_string())
            };
            ("die", time, event)
        });
        let states = [
            life.created
                .map(|time| ("create", time, "created".to_owned())),
            life.started
                .map(|time| ("start", time, "started".to_owned())),
            ended,
        ];
        for (action, time, event) in states.into_iter().flatten() {
            let has_event = events.iter().any(|(event, at)| {
                let distance = at.duration_since(time).abs();
                event.id == life.id && event.action == action && distance <= SAME
            });
            if !has_event {
                let observation = Observation {
                    component: life.component.clone(),
                    ..Observation::new(machine, time, object(&life.name), event)
                };
                let mut observation = observation.recurring(&life.id, action);
                if action == "create" {
                    link_creation(&mut observation, &life.name);
                }
                all.push(observation);
            }
        }
    }
    for (event, at) in events {
        let Some(text) = describe(event) else {
            continue;
        };
        let name = event.attributes.get("name").map_or("", String::as_str);
        let observation = Observation {
            component: event.attributes.get(label::COMPONENT).cloned(),
            source: Source::Event,
            ..Observation::new(machine, at, object(name), text)
        };
        let mut observation = observation.recurring(&event.id, &event.action);
        if event.action == "create" {
            link_creation(&mut observation, name);
        }
        all.push(observation);
    }
    for life in lives {
        link_run(&mut all, life);
    }
    all
}

/// Links the creation of a container with kcc's operation on it. The successor of a
/// container has its name with a suffix.
fn link_creation(observation: &mut Observation, name: &str) {
    let name = name.trim_start_matches('/');
    let name = name.strip_suffix(".new").unwrap_or(name);
    let link = |proof| operation(proof, "container", name);
    observation.causes.push(link(Proof::Answer));
    observation.follows.push(link(Proof::Operation));
}

/// Links the start of a container's run, and its first success of the health check, with
/// whoever saw that it runs and is healthy.
fn link_run(all: &mut [Observation], life: &Life) {
    let Some(started) = life.started else {
        return;
    };
    let is = |one: &Observation, action: &str| one.identity.name == format!("{} {action}", life.id);
    let run = all
        .iter_mut()
        .find(|one| is(one, "start") && one.time.duration_since(started).abs() <= SAME);
    let Some(run) = run else {
        return;
    };
    let begun = run.time;
    run.causes
        .push(Link::new(Proof::Answer, &seen_running(&life.id, started)));
    let healthy = all
        .iter_mut()
        .filter(|one| is(one, "health_status: healthy") && one.time >= begun)
        .min_by_key(|one| one.time);
    if let Some(healthy) = healthy {
        let seen = seen_healthy(&life.id, started);
        healthy.causes.push(Link::new(Proof::Answer, &seen));
    }
}

/// Returns the time between the events of a scope that are in its journal and those that
/// the engine still holds, if nothing shows that they follow each other: the engine holds
/// the last few hundred, of all its objects, and forgets them when it starts.
pub(crate) fn gap(
    journal: &Journal,
    machine: &str,
    events: &[EngineEvent],
    own: &[Observation],
) -> Option<Gap> {
    let of_events = |one: &&Observation| one.machine == machine && one.source != Source::State;
    let last = journal
        .observations()
        .filter(of_events)
        .map(|one| one.time)
        .max()?;
    let first = events.iter().filter_map(|event| event.at).min()?;
    let continues = first <= last || own.iter().filter(of_events).any(|one| one.time <= last);
    (!continues).then(|| Gap {
        machine: machine.to_owned(),
        from: Some(last),
        to: Some(first),
        why: "the engine does not hold the events of this time any more".to_owned(),
    })
}

/// An event as `docker events --format json` prints it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Printed {
    #[serde(rename = "Type")]
    kind: String,
    action: String,
    actor: Actor,
    #[serde(rename = "timeNano")]
    nanoseconds: i64,
}

#[derive(Deserialize)]
struct Actor {
    #[serde(rename = "ID")]
    id: String,
    #[serde(default, rename = "Attributes")]
    attributes: BTreeMap<String, String>,
}

/// Reads the output of `docker events --format json`. Other lines are left out: the
/// output may end in the middle of one. Returns nothing if no line is an event.
pub(crate) fn parse_events(text: &str) -> Option<Vec<EngineEvent>> {
    let printed = text.lines().map(serde_json::from_str::<Printed>);
    let events: Vec<_> = printed
        .filter_map(Result::ok)
        .map(|event| EngineEvent {
            kind: event.kind,
            action: event.action,
            id: event.actor.id,
            attributes: event.actor.attributes,
            at: Timestamp::from_nanosecond(event.nanoseconds.into()).ok(),
        })
        .collect();
    (!events.is_empty() || text.trim().is_empty()).then_some(events)
}

/// Returns true if a text is the output of `docker events --format json`.
pub fn is_event_log(text: &str) -> bool {
    parse_events(text).is_some()
}

/// Returns the observations of imported events.
pub(crate) fn imported(machine: &str, scope: &Scope, prefix: &str, log: &str) -> Vec<Observation> {
    let events = parse_events(log).unwrap_or_default();
    let mut all = observations(machine, scope, prefix, &[], &events);
    for observation in &mut all {
        observation.source = Source::Imported;
    }
    all
}

fn end(code: &str) -> String {
    match code {
        "0" => "ended".to_owned(),
        code => format!("ended with exit code {code}"),
    }
}

/// Describes an event; none for those that say nothing about the container's life, such
/// as the commands of health checks.
fn describe(event: &EngineEvent) -> Option<String> {
    let attribute = |name: &str| event.attributes.get(name).map_or("", String::as_str);
    let (action, detail) = match event.action.split_once(": ") {
        Some((action, detail)) => (action, detail),
        None => (event.action.as_str(), ""),
    };
    Some(match action {
        "create" => "created".to_owned(),
        "start" => "started".to_owned(),
        "die" => end(attribute("exitCode")),
        "oom" => "out of memory".to_owned(),
        "kill" => format!("received signal {}", attribute("signal")),
        "pause" => "paused".to_owned(),
        "unpause" => "continued".to_owned(),
        "restart" => "restarted".to_owned(),
        "update" => "changed by `docker update`".to_owned(),
        "rename" => format!(
            "renamed from {}",
            attribute("oldName").trim_start_matches('/')
        ),
        "destroy" => "removed".to_owned(),
        "health_status" => detail.to_owned(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope() -> Scope {
        Scope {
            system: "shop".to_owned(),
            target: "dev".to_owned(),
            instance: None,
        }
    }

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn event(time: i64, action: &str, attributes: &[(&str, &str)]) -> EngineEvent {
        let own = [
            ("name", "shop-dev-web"),
            (label::SYSTEM, "shop"),
            (label::TARGET, "dev"),
            (label::COMPONENT, "web"),
        ];
        let attributes: BTreeMap<_, _> = own
            .iter()
            .chain(attributes)
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        EngineEvent {
            kind: "container".to_owned(),
            id: "1".to_owned(),
            at: Some(second(time)),
            action: action.to_owned(),
            attributes,
        }
    }

    fn life(ended: Option<(i64, i64, bool)>) -> Life {
        Life {
            id: "1".to_owned(),
            name: "/shop-dev-web".to_owned(),
            component: Some("web".to_owned()),
            created: Some(second(10)),
            started: Some(second(11)),
            ended: ended.map(|(time, code, memory)| (second(time), code, memory)),
            healthy: true,
        }
    }

    fn described(lives: &[Life], events: &[EngineEvent]) -> Vec<String> {
        observations("laptop", &scope(), "shop-dev-", lives, events)
            .iter()
            .map(|one| {
                let second = one.time.as_second();
                format!("{second} {} {}", one.object, one.event)
            })
            .collect()
    }

    #[test]
    fn states_stand_in_for_events_that_are_gone() {
        let events = [
            event(10, "create", &[]),
            event(12, "health_status: healthy", &[]),
            event(13, "exec_start: cat /run/secrets/key", &[]),
            event(20, "die", &[("exitCode", "137")]),
        ];
        assert_eq!(
            described(&[life(Some((20, 137, false)))], &events),
            [
                "11 container web started",
                "10 container web created",
                "12 container web healthy",
                "20 container web ended with exit code 137",
            ]
        );
        assert_eq!(
            described(&[life(Some((20, 137, true)))], &[])[2],
            "20 container web killed, because it used more memory than its limit"
        );
    }

    #[test]
    fn printed_events_are_imported() {
        let printed = serde_json::json!({
            "status": "die", "id": "1", "from": "acme/web", "Type": "container", "Action": "die",
            "Actor": {"ID": "1", "Attributes": {"name": "shop-dev-web", "exitCode": "3",
                label::SYSTEM: "shop", label::TARGET: "dev", label::COMPONENT: "web"}},
            "scope": "local", "time": 20, "timeNano": 20_500_000_000_u64,
        });
        let text = format!("{printed}\n{{\"status\":\"sta");
        let all = imported("laptop", &scope(), "shop-dev-", &text);
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].event, "ended with exit code 3");
        assert_eq!(
            (all[0].source, all[0].time.as_millisecond()),
            (Source::Imported, 20_500)
        );
        assert!(is_event_log(""));
        assert!(!is_event_log("12:00:01 container die 1\n"));
    }

    #[test]
    fn gaps_are_where_nothing_shows_that_events_follow_each_other() {
        let own =
            |events: &[EngineEvent]| observations("laptop", &scope(), "shop-dev-", &[], events);
        let journal = Journal::of(own(&[event(10, "create", &[])]));
        let other = EngineEvent {
            kind: "network".to_owned(),
            ..event(20, "create", &[])
        };
        let found = |events: &[EngineEvent]| gap(&journal, "laptop", events, &own(events));
        assert_eq!(found(&[]), None);
        assert_eq!(
            found(&[event(10, "create", &[]), event(30, "start", &[])]),
            None
        );
        assert_eq!(
            found(&[event(5, "create", &[]), event(30, "start", &[])]),
            None
        );
        let lost = found(&[other, event(30, "start", &[])]).unwrap();
        assert_eq!((lost.from, lost.to), (Some(second(10)), Some(second(20))));
        let empty = Journal::default();
        assert_eq!(gap(&empty, "laptop", &[event(30, "start", &[])], &[]), None);
    }

    #[test]
    fn containers_that_are_gone_have_their_events() {
        let mut other = event(30, "destroy", &[]);
        other
            .attributes
            .insert(label::TARGET.to_owned(), "test".to_owned());
        let events = [event(30, "destroy", &[]), other];
        let all = observations("laptop", &scope(), "shop-dev-", &[], &events);
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].component.as_deref(), Some("web"));
        assert_eq!(all[0].event, "removed");
    }
}
