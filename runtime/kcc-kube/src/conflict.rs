//! Decides how to apply an object if other field managers own some of its fields.
//! Pure.
//!
//! A value that only kcc's defaults set gives way: the field is not sent and keeps
//! the live value. A value that a fragment sets is reported as a conflict and not
//! sent either, so that the rest of the object and of the plan continues. If
//! `--take` names the field, the object is forced, which affects that field alone
//! because no other field in conflict is sent.

use kcc_lower::kubernetes::Object;
use kcc_plan::{Conflict, Finding, FindingKind, Options, Origin, Scope, format_field};
use serde_json::Value;

use crate::{
    field,
    observed::{ConflictResolution, ObservedObject, OwnedField},
};

/// Decides about each field that another manager owns.
pub(crate) fn resolve(
    object: &Object,
    existing: &ObservedObject,
    owned_fields: &[OwnedField],
    scope: &Scope,
    options: &Options,
) -> ConflictResolution {
    let mut resolution = ConflictResolution {
        manifest: object.manifest.clone(),
        force: false,
        findings: Vec::new(),
    };
    for owned in owned_fields {
        let found = field::find(&object.manifest, &owned.field);
        let origin = match (&options.origins, &found) {
            (Some(origins), Some(found)) => {
                origins.of(&object.kind.to_lowercase(), &object.name, &found.at)
            }
            // The fragments are not available, or the server derives the field.
            _ => Origin::Required,
        };
        let conflict = conflict(object, existing, owned, found.as_ref(), origin);
        if is_taken(&conflict, options) {
            resolution.force = true;
            continue;
        }
        // Find it again: an earlier removal may have shifted its index.
        if let Some(found) = field::find(&resolution.manifest, &owned.field) {
            field::remove(&mut resolution.manifest, &found.at);
        }
        resolution.findings.push(finding(object, conflict, scope));
    }
    resolution
}

fn is_taken(conflict: &Conflict, options: &Options) -> bool {
    let path = match &conflict.origin {
        Origin::Fragment { path, .. } => Some(path),
        _ => None,
    };
    options.take.contains(&conflict.field) || path.is_some_and(|path| options.take.contains(path))
}

fn conflict(
    object: &Object,
    existing: &ObservedObject,
    owned: &OwnedField,
    found: Option<&field::FieldPath>,
    origin: Origin,
) -> Conflict {
    let named = match found {
        Some(found) => found.named.clone(),
        None => vec![owned.field.trim_start_matches('.').to_owned()],
    };
    let shown = !field::may_be_secret(&named);
    let desired = found.and_then(|found| field::value(&object.manifest, &found.at));
    let live = field::find(&existing.live, &owned.field);
    let live = live.and_then(|found| field::value(&existing.live, &found.at));
    Conflict {
        field: format_field(&object.kind, &object.name, &named),
        owner: owned.manager.clone(),
        since: last_write(&existing.live, &owned.manager),
        // No secret is true or false.
        live: live.filter(|value| shown || value.is_boolean()).cloned(),
        desired: desired.filter(|value| shown || value.is_boolean()).cloned(),
        origin,
    }
}

fn finding(object: &Object, conflict: Conflict, scope: &Scope) -> Finding {
    let mut ways = ways_out(&conflict, scope).into_iter();
    Finding {
        finding: match conflict.origin {
            Origin::Default => FindingKind::Yielded,
            _ => FindingKind::Conflict,
        },
        kind: object.kind.clone(),
        name: object.name.clone(),
        component: object.component.clone(),
        team: object.team.clone(),
        cause: conflict.message(),
        help: ways.next(),
        alternatives: ways.collect(),
        conflict: Some(conflict),
    }
}

fn ways_out(conflict: &Conflict, scope: &Scope) -> Vec<String> {
    let Conflict {
        field, owner, live, ..
    } = conflict;
    let instance = scope.instance.as_ref();
    let instance = instance.map_or_else(String::new, |instance| format!(" --instance {instance}"));
    let quoted = if field.contains('"') {
        format!("'{field}'")
    } else {
        field.clone()
    };
    let target = &scope.target;
    let take = format!("to set our value: `kcc apply --target {target}{instance} --take {quoted}`");
    match &conflict.origin {
        Origin::Default => Vec::new(),
        Origin::Required => vec![take, format!("stop `{owner}` from setting it")],
        Origin::Fragment { path, instead, .. } => {
            let keep = match (instead, live) {
                (Some(instead), Some(live)) => {
                    let cue = instead.replace(Origin::VALUE, &live.to_string());
                    format!("to keep theirs: write `{cue}`")
                }
                _ => format!("to keep theirs: write their value at `{path}`"),
            };
            let mut ways = vec![take, keep];
            // kcc has no default of its own for an image.
            if field.rsplit('.').next() != Some("image") {
                ways.push(format!("to leave it to `{owner}`: remove `{path}`"));
            }
            ways
        }
    }
}

/// Returns the live number of replicas, if the cluster records no time for the
/// write that set it.
pub(crate) fn untimed_replicas(conflict: &Conflict) -> Option<i64> {
    if conflict.since.is_some() || !conflict.field.ends_with(":spec.replicas") {
        return None;
    }
    conflict.live.as_ref()?.as_i64()
}

/// Sets the time of a conflict, which is part of its cause.
pub(crate) fn set_time(finding: &mut Finding, since: String) {
    if let Some(conflict) = &mut finding.conflict {
        conflict.since = Some(since);
        finding.cause = conflict.message();
    }
}

/// Returns the time of a field manager's last write.
fn last_write(live: &Value, manager: &str) -> Option<String> {
    let managers = live.pointer("/metadata/managedFields")?.as_array()?;
    let own = managers.iter().filter(|entry| entry["manager"] == manager);
    let times = own.filter_map(|entry| entry["time"].as_str());
    times.max().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use kcc_plan::Origins;
    use serde_json::json;

    use super::*;
    use crate::observed::{Ownership, Reference};

    /// Fragments that set the image and a variable; the rest is kcc's default.
    struct Fragments;

    impl Origins for Fragments {
        fn of(&self, _: &str, _: &str, field: &[String]) -> Origin {
            let stated = |path: &str, instead: Option<&str>| Origin::Fragment {
                path: path.to_owned(),
                file: Some("web.cue".to_owned()),
                line: Some(4),
                team: Some("storefront".to_owned()),
                instead: instead.map(str::to_owned),
            };
            match field.last().map(String::as_str) {
                Some("image") => stated(
                    "services.web.image",
                    Some("on: prod: services: web: image: {}"),
                ),
                Some("value") => stated("services.web.env.LOG", None),
                Some("app.kubernetes.io/name") => Origin::Required,
                _ => Origin::Default,
            }
        }
    }

    fn web() -> (Object, ObservedObject) {
        let manifest = json!({
            "metadata": {"labels": {"app.kubernetes.io/name": "web"}},
            "spec": {"replicas": 1, "template": {"spec": {"containers": [{
                "name": "web", "image": "acme/web:1",
                "env": [{"name": "LOG", "value": "info"}],
            }]}}},
        });
        let mut live = manifest.clone();
        live["spec"]["replicas"] = json!(3);
        live["spec"]["template"]["spec"]["containers"][0]["image"] = json!("acme/web:2");
        live["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"] = json!("hunter2");
        live["metadata"]["managedFields"] =
            json!([{"manager": "kubectl", "time": "2026-03-01T09:30:00Z"}]);
        let object = Object {
            api_version: "apps/v1".to_owned(),
            kind: "Deployment".to_owned(),
            namespace: Some("shop".to_owned()),
            name: "web".to_owned(),
            component: Some("web".to_owned()),
            team: Some("storefront".to_owned()),
            data: false,
            manifest,
        };
        let existing = ObservedObject::of(Reference::of(&object), Ownership::Owned, live);
        (object, existing)
    }

    fn resolved(fields: &[&str], take: &[&str]) -> ConflictResolution {
        let (object, existing) = web();
        let owned_fields: Vec<_> = fields
            .iter()
            .map(|field| OwnedField {
                field: (*field).to_owned(),
                manager: "kubectl".to_owned(),
            })
            .collect();
        let scope = Scope {
            system: "shop".to_owned(),
            target: "prod".to_owned(),
            instance: None,
        };
        let options = Options {
            take: take.iter().map(|field| (*field).to_owned()).collect(),
            origins: Some(Arc::new(Fragments)),
            ..Options::default()
        };
        resolve(&object, &existing, &owned_fields, &scope, &options)
    }

    const IMAGE: &str = ".spec.template.spec.containers[name=\"web\"].image";
    const LOG: &str = ".spec.template.spec.containers[name=\"web\"].env[name=\"LOG\"].value";

    #[test]
    fn a_default_gives_way_without_being_sent() {
        let resolution = resolved(&[".spec.replicas"], &[]);
        assert_eq!(resolution.manifest["spec"]["replicas"], Value::Null);
        assert!(!resolution.force);
        let [finding] = &resolution.findings[..] else {
            panic!("{resolution:?}")
        };
        assert_eq!(finding.finding, FindingKind::Yielded);
        assert_eq!(finding.help, None);
    }

    #[test]
    fn reports_a_fragments_value_with_three_ways_out() {
        let resolution = resolved(&[IMAGE, LOG], &[]);
        let container = &resolution.manifest["spec"]["template"]["spec"]["containers"][0];
        assert_eq!(*container, json!({"name": "web", "env": [{"name": "LOG"}]}));
        let [image, log] = &resolution.findings[..] else {
            panic!("{resolution:?}")
        };
        assert_eq!(
            image.cause,
            "`deployment/web:spec.template.spec.containers.web.image` is \"acme/web:2\", set by \
             `kubectl` at 2026-03-01T09:30:00Z; web.cue:4 (team `storefront`) declares \"acme/web:1\""
        );
        assert_eq!(
            [
                image.help.as_deref().unwrap(),
                image.alternatives[0].as_str()
            ],
            [
                "to set our value: `kcc apply --target prod --take \
                 deployment/web:spec.template.spec.containers.web.image`",
                "to keep theirs: write `on: prod: services: web: image: \"acme/web:2\"`",
            ]
        );
        assert_eq!(
            log.alternatives,
            [
                "to keep theirs: write their value at `services.web.env.LOG`",
                "to leave it to `kubectl`: remove `services.web.env.LOG`",
            ]
        );
        let debug = format!("{log:?}");
        assert!(
            !debug.contains("hunter2") && !debug.contains("info"),
            "{debug}"
        );
    }

    #[test]
    fn takes_only_named_fields() {
        let field = "deployment/web:spec.template.spec.containers.web.image";
        for take in [field, "services.web.image"] {
            let resolution = resolved(&[IMAGE, LOG, ".spec.replicas"], &[take]);
            let container = &resolution.manifest["spec"]["template"]["spec"]["containers"][0];
            assert_eq!(container["image"], "acme/web:1");
            assert_eq!(container["env"], json!([{"name": "LOG"}]));
            assert_eq!(resolution.manifest["spec"]["replicas"], Value::Null);
            assert!(resolution.force);
            assert_eq!(resolution.findings.len(), 2);
        }
    }

    #[test]
    fn required_values_never_give_way() {
        let resolution = resolved(&[".metadata.labels.app.kubernetes.io/name"], &[]);
        let [finding] = &resolution.findings[..] else {
            panic!("{resolution:?}")
        };
        assert_eq!(finding.finding, FindingKind::Conflict);
        let field = "'deployment/web:metadata.labels.\"app.kubernetes.io/name\"'";
        let help = finding.help.as_deref().unwrap();
        assert!(help.contains(field), "{help}");
    }
}
