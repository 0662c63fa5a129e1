//! Reads the API server's audit log (`audit.k8s.io/v1`, JSON lines), and finds the request
//! that produced a live value. Pure.
//!
//! A name is claimed only if the bodies in the log show the change: one response still has
//! another value, the next one has the live value, and no request between them lacks a
//! body. Otherwise the log proves at most that somebody wrote the object.

use jiff::Timestamp;
use kcc_plan::{AUDIT_LOG, Deviation, Evidence, Grade, Verdict, find_field};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    field,
    observed::{MANAGER, Reference},
};

/// The kind of the object that the subresource `scale` returns.
const SCALE: &str = "Scale";

/// A successful request that changed an object, or may have.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Request {
    /// The identity of the request.
    pub(crate) id: String,
    pub(crate) at: Timestamp,
    pub(crate) verb: String,
    pub(crate) user: String,
    pub(crate) user_agent: Option<String>,
    pub(crate) source_ip: Option<String>,
    pub(crate) resource: String,
    pub(crate) namespace: Option<String>,
    /// None for the removal of all objects of a kind.
    pub(crate) name: Option<String>,
    /// The object as it was afterwards, if the log has bodies.
    pub(crate) after: Option<Value>,
}

/// An entry of the log, as far as it is needed.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    #[serde(default, rename = "auditID")]
    audit_id: String,
    stage: String,
    #[serde(default, rename = "requestURI")]
    request_uri: String,
    verb: String,
    #[serde(default)]
    user: User,
    #[serde(default)]
    impersonated_user: Option<User>,
    #[serde(default, rename = "sourceIPs")]
    source_ips: Vec<String>,
    #[serde(default)]
    user_agent: Option<String>,
    #[serde(default)]
    object_ref: ObjectRef,
    #[serde(default)]
    response_status: Status,
    #[serde(default)]
    request_object: Option<Value>,
    #[serde(default)]
    response_object: Option<Value>,
    request_received_timestamp: Timestamp,
}

#[derive(Default, Deserialize)]
struct User {
    #[serde(default)]
    username: String,
}

#[derive(Default, Deserialize)]
struct ObjectRef {
    #[serde(default)]
    resource: String,
    #[serde(default)]
    namespace: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    subresource: Option<String>,
}

#[derive(Default, Deserialize)]
struct Status {
    #[serde(default)]
    code: u16,
}

/// Reads the requests that changed something, in the order of time. Other lines
/// are left out: a log that is being written ends in the middle of one. Returns nothing if
/// no line is an entry: the text is not a log then.
pub(crate) fn parse(log: &str) -> Option<Vec<Request>> {
    let entries: Vec<Event> = log
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    if entries.is_empty() && !log.trim().is_empty() {
        return None;
    }
    let mut requests: Vec<_> = entries.into_iter().filter_map(request).collect();
    requests.sort_by_key(|request| request.at);
    Some(requests)
}

/// Returns true if a text is an audit log.
pub fn is_audit_log(text: &str) -> bool {
    parse(text).is_some()
}

fn request(event: Event) -> Option<Request> {
    let writing = ["create", "update", "patch", "delete", "deletecollection"];
    let subresource = event.object_ref.subresource.as_deref();
    let changed = event.stage == "ResponseComplete"
        && writing.contains(&event.verb.as_str())
        && (200..300).contains(&event.response_status.code)
        && matches!(subresource, None | Some("" | "scale"))
        && !event.request_uri.contains("dryRun=")
        && event
            .request_object
            .as_ref()
            .is_none_or(|body| body["dryRun"].is_null());
    if !changed {
        return None;
    }
    let name_in = |body: &Option<Value>| {
        let name = body.as_ref()?.pointer("/metadata/name")?.as_str();
        name.map(str::to_owned)
    };
    let name = event.object_ref.name.filter(|name| !name.is_empty());
    let name = name
        .or_else(|| name_in(&event.response_object))
        .or_else(|| name_in(&event.request_object));
    let user = event.user.username;
    Some(Request {
        id: event.audit_id,
        at: event.request_received_timestamp,
        user: match event.impersonated_user {
            Some(other) => format!("{user} as {}", other.username),
            None => user,
        },
        user_agent: event.user_agent,
        source_ip: event.source_ips.into_iter().next(),
        resource: event.object_ref.resource,
        namespace: event.object_ref.namespace,
        name: name.filter(|_| event.verb != "deletecollection"),
        after: event
            .response_object
            .filter(|body| body["kind"] != "Status"),
        verb: event.verb,
    })
}

/// Adds what the log proves about a difference. `since` is the time of the last apply, and
/// `live` the object, if there is one.
pub(crate) fn prove(
    deviation: &mut Deviation,
    reference: &Reference,
    live: Option<&Value>,
    log: &[Request],
    since: Timestamp,
) {
    let own: Vec<_> = log
        .iter()
        .filter(|request| request.is_about(reference))
        .collect();
    let proof = match (deviation.verdict, live, &deviation.change) {
        (Verdict::Deleted, None, _) => removal(&own),
        (Verdict::Recreated | Verdict::Added, Some(live), _) => creation(&own, live),
        (Verdict::Edited | Verdict::Scaled | Verdict::Yielded, Some(live), Some(change)) => {
            let covered = log.first().is_some_and(|first| first.at <= since);
            let proof = edit(&own, live, &change.path, covered.then_some(since));
            if proof.is_none() {
                deviation.evidence.note = wrote(&own, since).or(deviation.evidence.note.take());
            }
            proof
        }
        _ => None,
    };
    if let Some(request) = proof {
        deviation.evidence = Evidence {
            grade: Grade::Proved,
            source: Some(AUDIT_LOG),
            action: Some(request.verb.clone()),
            user: Some(request.user.clone()),
            manager: deviation.evidence.manager.take(),
            at: Some(request.at),
            user_agent: request.user_agent.clone(),
            source_ip: request.source_ip.clone(),
            note: None,
        };
    }
}

/// Returns the request that removed an object, if it was not made again.
fn removal<'a>(own: &[&'a Request]) -> Option<&'a Request> {
    let last = own.last()?;
    last.verb.starts_with("delete").then_some(*last)
}

/// Returns the request that made an object.
fn creation<'a>(own: &[&'a Request], live: &Value) -> Option<&'a Request> {
    let uid = &live["metadata"]["uid"];
    let made = |request: &&&Request| {
        let after = request.after.as_ref();
        after.is_some_and(|after| !uid.is_null() && after["metadata"]["uid"] == *uid)
    };
    own.iter().find(made).copied()
}

/// Returns the request that gave a field its live value. `from` is the time at which the
/// field had the recorded value, if the log goes back to it.
fn edit<'a>(
    own: &[&'a Request],
    live: &Value,
    path: &str,
    from: Option<Timestamp>,
) -> Option<&'a Request> {
    let value = value_at(live, path);
    let uid = &live["metadata"]["uid"];
    // The value after each request; none without a body.
    let known = |request: &Request| -> Option<Option<Value>> {
        let after = request.after.as_ref()?;
        if after["kind"] == SCALE {
            return (path == "spec.replicas").then(|| value_at(after, path));
        }
        (after["metadata"]["uid"] == *uid).then(|| value_at(after, path))
    };
    let is_scale = |request: &Request| {
        let after = request.after.as_ref();
        after.is_some_and(|after| after["kind"] == SCALE)
    };
    // A request to scale changes no other field.
    let touching: Vec<_> = own
        .iter()
        .copied()
        .filter(|request| path == "spec.replicas" || !is_scale(request))
        .collect();
    let mut changed = None;
    // True if the value is known to differ before the next request.
    let mut was_other = false;
    let mut begun = false;
    for request in touching {
        if let Some(from) = from.filter(|_| !begun)
            && request.at >= from
        {
            begun = true;
            was_other = true;
            changed = None;
        }
        match known(request) {
            // It may have changed anything.
            None => was_other = false,
            Some(after) if after == value => {
                if was_other {
                    changed = Some(request);
                }
                was_other = false;
            }
            Some(_) => {
                was_other = true;
                changed = None;
            }
        }
    }
    // The log ends before the change if the last value in it is another one.
    changed.filter(|_| !was_other)
}

/// Returns what a log without bodies says: who wrote the object since the last apply.
fn wrote(own: &[&Request], since: Timestamp) -> Option<String> {
    let mut others = own.iter().filter(|request| {
        let agent = request.user_agent.as_deref().unwrap_or_default();
        request.at >= since && !agent.starts_with(&format!("{MANAGER}/"))
    });
    let last = others.next_back()?;
    Some(format!(
        "the audit log shows that `{}` wrote the object at {}, not which of its fields",
        last.user,
        last.at.strftime("%Y-%m-%d %H:%M:%S UTC")
    ))
}

fn value_at(object: &Value, path: &str) -> Option<Value> {
    let at = find_field(object, path)?;
    field::value(object, &at).cloned()
}

impl Request {
    fn is_about(&self, reference: &Reference) -> bool {
        self.resource == plural(&reference.kind)
            && self.namespace.as_deref().unwrap_or_default()
                == reference.namespace.as_deref().unwrap_or_default()
            && match &self.name {
                Some(name) => *name == reference.name,
                None => self.removes(&reference.name),
            }
    }

    /// Returns true if the removal of several objects answered with this one among them.
    fn removes(&self, name: &str) -> bool {
        let items = self
            .after
            .as_ref()
            .and_then(|after| after["items"].as_array());
        let mut items = items.into_iter().flatten();
        items.any(|item| item["metadata"]["name"] == name)
    }
}

/// Returns the name of a kind in requests.
pub(crate) fn plural(kind: &str) -> String {
    let kind = kind.to_lowercase();
    match kind.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None if kind.ends_with('s') => format!("{kind}es"),
        None => format!("{kind}s"),
    }
}

#[cfg(test)]
mod tests {
    use kcc_plan::FieldChange;
    use serde_json::json;

    use super::*;

    fn time(minute: u32) -> Timestamp {
        format!("2026-03-01T09:{minute:02}:00Z").parse().unwrap()
    }

    fn line(minute: u32, user: &str, verb: &str, after: Option<Value>) -> String {
        let mut event = json!({
            "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "RequestResponse",
            "auditID": "1", "stage": "ResponseComplete",
            "requestURI": "/apis/apps/v1/namespaces/shop/deployments/web", "verb": verb,
            "user": {"username": user, "groups": ["dev"]}, "sourceIPs": ["10.0.0.7"],
            "userAgent": "kubectl/v1.34.4",
            "objectRef": {"resource": "deployments", "namespace": "shop", "name": "web",
                          "apiGroup": "apps", "apiVersion": "v1"},
            "responseStatus": {"code": 200},
            "requestReceivedTimestamp": time(minute).to_string(),
        });
        if let Some(after) = after {
            event["responseObject"] = after;
        }
        event.to_string()
    }

    fn web(replicas: i64, image: &str) -> Value {
        json!({"kind": "Deployment", "metadata": {"name": "web", "uid": "u1"}, "spec": {
            "replicas": replicas,
            "template": {"spec": {"containers": [{"name": "web", "image": image}]}},
        }})
    }

    const IMAGE: &str = "spec.template.spec.containers.web.image";

    /// Returns the user who is proved to have made a change, and the note.
    fn proved(log: &[String], path: &str, live: Option<&Value>, verdict: Verdict) -> Evidence {
        let reference = Reference {
            api_version: "apps/v1".to_owned(),
            kind: "Deployment".to_owned(),
            namespace: Some("shop".to_owned()),
            name: "web".to_owned(),
        };
        let mut deviation = Deviation {
            change: Some(FieldChange {
                path: path.to_owned(),
                live: None,
                desired: None,
            }),
            ..Deviation::new(verdict, "Deployment", "web")
        };
        let log = parse(&log.join("\n")).unwrap();
        prove(&mut deviation, &reference, live, &log, time(10));
        deviation.evidence
    }

    fn user(log: &[String], path: &str) -> Option<String> {
        proved(log, path, Some(&web(5, "b")), Verdict::Edited).user
    }

    #[test]
    fn names_the_request_whose_response_first_has_the_value() {
        let log = [
            line(10, "ci", "patch", Some(web(2, "a"))),
            line(11, "alice", "patch", Some(web(5, "a"))),
            line(12, "bob", "update", Some(web(5, "b"))),
            line(13, "carol", "patch", Some(web(5, "b"))),
        ];
        assert_eq!(user(&log, "spec.replicas").as_deref(), Some("alice"));
        assert_eq!(user(&log, IMAGE).as_deref(), Some("bob"));
        let evidence = proved(&log, IMAGE, Some(&web(5, "b")), Verdict::Edited);
        assert_eq!(evidence.grade, Grade::Proved);
        assert_eq!(evidence.at, Some(time(12)));
        assert_eq!(evidence.action.as_deref(), Some("update"));
        assert_eq!(evidence.user_agent.as_deref(), Some("kubectl/v1.34.4"));
        assert_eq!(evidence.source_ip.as_deref(), Some("10.0.0.7"));
    }

    #[test]
    fn claims_no_field_that_the_log_does_not_show() {
        // The first body has the value already, and the log begins after the apply.
        let late = [line(11, "bob", "patch", Some(web(5, "b")))];
        assert_eq!(user(&late, "spec.replicas"), None);
        // A request without a body may have made the change.
        let gap = [
            line(10, "ci", "patch", Some(web(2, "a"))),
            line(11, "alice", "patch", None),
            line(12, "bob", "patch", Some(web(5, "b"))),
        ];
        assert_eq!(user(&gap, "spec.replicas"), None);
        // The value was changed again after the log.
        let old = [
            line(10, "ci", "patch", Some(web(2, "a"))),
            line(11, "alice", "patch", Some(web(3, "a"))),
        ];
        assert_eq!(user(&old, "spec.replicas"), None);
        let bare = [
            line(10, "ci", "patch", None),
            line(11, "alice", "patch", None),
        ];
        let evidence = proved(&bare, IMAGE, Some(&web(5, "b")), Verdict::Edited);
        assert_eq!((evidence.grade, evidence.user), (Grade::Unknown, None));
        let note = "the audit log shows that `alice` wrote the object at 2026-03-01 09:11:00 UTC, \
                    not which of its fields";
        assert_eq!(evidence.note.as_deref(), Some(note));
    }

    #[test]
    fn starts_from_the_recorded_value_if_the_log_goes_back_to_the_apply() {
        let other = line(9, "ci", "patch", None).replace("\"name\":\"web\"", "\"name\":\"cart\"");
        let log = [other, line(11, "bob", "patch", Some(web(5, "b")))];
        assert_eq!(user(&log, "spec.replicas").as_deref(), Some("bob"));
    }

    #[test]
    fn knows_scaling_removal_and_creation() {
        let scale = json!({"kind": "Scale", "metadata": {"name": "web", "uid": "u1"},
                           "spec": {"replicas": 5}});
        let log = [
            line(9, "ci", "patch", Some(web(2, "b"))),
            line(11, "alice", "patch", Some(scale)),
        ];
        assert_eq!(user(&log, "spec.replicas").as_deref(), Some("alice"));
        assert_eq!(user(&log, IMAGE), None);
        let removed = [line(11, "mallory", "delete", None)];
        let who =
            |log: &[String], live: Option<&Value>, verdict| proved(log, "", live, verdict).user;
        let removal = who(&removed, None, Verdict::Deleted);
        assert_eq!(removal.as_deref(), Some("mallory"));
        let again = [
            line(11, "mallory", "delete", None),
            line(12, "bob", "create", Some(web(5, "b"))),
        ];
        let live = web(5, "b");
        let made = who(&again, Some(&live), Verdict::Recreated);
        assert_eq!(made.as_deref(), Some("bob"));
    }

    #[test]
    fn leaves_out_what_changed_nothing() {
        let refused = line(11, "eve", "patch", Some(web(5, "b"))).replace("200", "403");
        let dry = line(11, "eve", "patch", Some(web(5, "b")))
            .replace("deployments/web\"", "deployments/web?dryRun=All\"");
        let read = line(11, "eve", "get", Some(web(5, "b")));
        let log = [refused, dry, read, "{\"kind\":".to_owned()].join("\n");
        assert_eq!(parse(&log).unwrap(), []);
    }

    #[test]
    fn recognises_a_text_that_is_not_a_log() {
        assert_eq!(parse("kind: Event\nverb: patch\n"), None);
        assert_eq!(parse("{\"kind\": \"Deployment\"}"), None);
        // Nothing has happened yet.
        assert_eq!(parse("\n"), Some(Vec::new()));
    }

    #[test]
    fn makes_plurals() {
        for (kind, resource) in [
            ("Deployment", "deployments"),
            ("Ingress", "ingresses"),
            ("NetworkPolicy", "networkpolicies"),
        ] {
            assert_eq!(plural(kind), resource);
        }
    }
}
