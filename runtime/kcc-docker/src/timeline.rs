//! The observations that an engine still holds: the states of containers and its
//! events. Pure.

use jiff::SignedDuration;
use kcc_plan::{
    Scope,
    timeline::{Observation, Source},
};

use crate::{
    client::{EngineEvent, Life},
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
                all.push(Observation {
                    component: life.component.clone(),
                    ..Observation::new(machine, time, object(&life.name), event)
                });
            }
        }
    }
    for (event, at) in events {
        let Some(text) = describe(event) else {
            continue;
        };
        let name = event.attributes.get("name").map_or("", String::as_str);
        all.push(Observation {
            component: event.attributes.get(label::COMPONENT).cloned(),
            source: Source::Event,
            ..Observation::new(machine, at, object(name), text)
        });
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
    use std::collections::BTreeMap;

    use jiff::Timestamp;

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
