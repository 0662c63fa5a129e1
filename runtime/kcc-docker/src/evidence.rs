//! The evidence that an engine's events give for a difference: they prove that something
//! happened to an object, and when, never who did it. Pure.

use jiff::Timestamp;
use kcc_plan::{Deviation, ENGINE_EVENT, Evidence, Grade, Verdict};
use serde_json::Value;

use crate::{
    client::EngineEvent,
    observed::{Guest, Observed},
};

/// The limits of an event that is one of several.
const ONE_OF: &str = "the last of several such events";

/// Adds the evidence for a difference: the last event that can have caused it.
pub(crate) fn add(
    deviation: &mut Deviation,
    observed: &Observed,
    guests: &[Guest],
    events: &[EngineEvent],
    since: Timestamp,
) {
    let subject = Subject::of(deviation, observed, guests);
    let recent = |event: &&EngineEvent| event.at.is_some_and(|at| at >= since);
    let matching = events.iter().filter(recent);
    let matching = matching.filter(|event| subject.matches(event));
    let matching: Vec<_> = matching.collect();
    let Some(last) = matching.last() else {
        return;
    };
    deviation.evidence = Evidence {
        grade: Grade::Proved,
        source: Some(ENGINE_EVENT),
        action: Some(format!("{} {}", last.kind, last.action)),
        at: last.at,
        note: (matching.len() > 1).then(|| ONE_OF.to_owned()),
        ..Evidence::default()
    };
}

/// The events that can have caused a difference.
struct Subject<'a> {
    kind: &'static str,
    actions: &'static [&'static str],
    /// The identity of the object; none if it is gone, and only its name is known.
    id: Option<&'a str>,
    name: &'a str,
    /// An attribute that the event must have.
    attribute: Option<(&'static str, &'a str)>,
}

impl<'a> Subject<'a> {
    fn of(deviation: &'a Deviation, observed: &'a Observed, guests: &'a [Guest]) -> Self {
        let name = deviation.name.as_str();
        let path = deviation.change.as_ref().map(|change| change.path.as_str());
        let existing = observed.containers.get(name);
        let id = existing.map(|existing| existing.object.id.as_str());
        let mut guests = guests.iter().filter(|guest| guest.name == name);
        let id = id.or_else(|| Some(guests.next()?.id.as_str()));
        let container = |actions| Self {
            kind: "container",
            actions,
            id,
            name,
            attribute: None,
        };
        let object = |kind, actions| Self {
            kind,
            actions,
            id: None,
            name,
            attribute: None,
        };
        match (deviation.verdict, deviation.kind.as_str(), path) {
            (Verdict::ImageMoved, _, _) => {
                let actions = &["tag", "pull", "load"];
                let reference = existing.map_or(name, |existing| existing.image.as_str());
                Self {
                    name: reference,
                    ..object("image", actions)
                }
            }
            (_, "image", _) => object("image", &["untag", "delete"]),
            (Verdict::Deleted, "container", _) => container(&["destroy"]),
            (Verdict::Deleted, "network", _) => object("network", &["destroy"]),
            (Verdict::Deleted, _, _) => object("volume", &["destroy"]),
            (Verdict::Recreated | Verdict::Added, "network", _) => object("network", &["create"]),
            (Verdict::Recreated | Verdict::Added, "volume", _) => object("volume", &["create"]),
            (_, _, Some(path)) if path.starts_with("networks.") => {
                let network = &path["networks.".len()..];
                let change = deviation.change.as_ref();
                let is_gone = change.is_some_and(|change| change.live == Some(Value::Null));
                Self {
                    kind: "network",
                    actions: if is_gone {
                        &["disconnect"]
                    } else {
                        &["connect"]
                    },
                    id: None,
                    name: network,
                    attribute: id.map(|id| ("container", id)),
                }
            }
            (Verdict::Recreated | Verdict::Added, _, _) => container(&["create"]),
            (_, _, Some("name")) => {
                let live = deviation
                    .change
                    .as_ref()
                    .and_then(|change| change.live.as_ref());
                Self {
                    name: live.and_then(|live| live.as_str()).unwrap_or(name),
                    ..container(&["rename"])
                }
            }
            (Verdict::Edited, _, Some("state")) => container(&["pause"]),
            (Verdict::Decayed, _, _) => container(&["die"]),
            (Verdict::Edited, _, _) => container(&["update"]),
            _ => container(&[]),
        }
    }

    fn matches(&self, event: &EngineEvent) -> bool {
        let attribute = |name: &str| event.attributes.get(name).map(String::as_str);
        let is_it = match (self.kind, self.id) {
            ("container", Some(id)) => event.id == id,
            // Volumes and images are known by their names.
            ("volume", _) => event.id == self.name,
            ("image", _) => event.id == self.name || attribute("name") == Some(self.name),
            _ => attribute("name") == Some(self.name),
        };
        let has = |(name, value)| attribute(name) == Some(value);
        event.kind == self.kind
            && self.actions.contains(&event.action.as_str())
            && is_it
            && self.attribute.is_none_or(has)
    }
}
