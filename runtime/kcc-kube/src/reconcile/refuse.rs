//! Refuses to plan where something stands in the way that kcc must not or
//! cannot change: all of it is found before the first write.

use kcc_diag::Code;
use kcc_lower::kubernetes::{KubernetesDesired, Object};
use kcc_plan::{Error, Scope};
use serde_json::Value;

use crate::{
    diff,
    observed::{CLAIM, NAMESPACE, Observed, ObservedObject, Ownership, Reference, SECRET, Trial},
    recover::lost_secrets,
};

pub(super) fn refuse(
    kube: &KubernetesDesired,
    observed: &Observed,
    scope: &Scope,
) -> Result<(), Error> {
    refuse_unrecorded(observed, scope)?;
    refuse_foreign(kube, observed, scope)?;
    refuse_lost_secrets(kube, observed, scope)?;
    refuse_wrong(kube, observed)
}

/// Objects that carry the target's labels while nothing is recorded: kcc cannot
/// tell which of them it made, so it touches none and claims nothing about them.
pub(super) fn refuse_unrecorded(observed: &Observed, scope: &Scope) -> Result<(), Error> {
    let mut claimed = observed.objects.values().filter(|there| {
        let kind = there.reference.kind.as_str();
        // Data is kept and used whoever made it.
        there.ownership == Ownership::Claimed && !matches!(kind, CLAIM | SECRET | NAMESPACE)
    });
    let first = match claimed.next() {
        Some(first) if !observed.recorded => first,
        _ => return Ok(()),
    };
    let verb = match claimed.count() {
        0 => " carries its labels".to_owned(),
        1 => " and 1 other object carry its labels".to_owned(),
        count => format!(" and {count} other objects carry its labels"),
    };
    Err(Error::new(
        Code::PlanForeignObject,
        format!(
            "the record of {scope} is missing from the cluster, and {}{verb}",
            first.reference
        ),
    )
    .help(recover(scope)))
}

fn recover(scope: &Scope) -> String {
    let copy = scope.instance.as_ref();
    let copy = copy.map_or_else(String::new, |copy| format!(" --instance {copy}"));
    let target = &scope.target;
    format!("rebuild the record: `kcc recover --target {target}{copy}`")
}

/// Names that are wanted must be free or ours. Claims and Secrets that carry the
/// labels may be used whoever made them: nobody wants to lose what they hold. A
/// namespace may be anybody's, it is used as it is.
fn refuse_foreign(
    kube: &KubernetesDesired,
    observed: &Observed,
    scope: &Scope,
) -> Result<(), Error> {
    let secrets = kube
        .secrets
        .iter()
        .map(|secret| Reference::core(SECRET, &kube.namespace, &secret.name));
    let wanted = kube.objects.iter().map(Reference::of).chain(secrets);
    let found: Vec<&ObservedObject> = wanted
        .filter_map(|reference| observed.objects.get(&reference.key()))
        .filter(|there| match there.ownership {
            Ownership::Ours => false,
            Ownership::Claimed => {
                !matches!(there.reference.kind.as_str(), CLAIM | SECRET | NAMESPACE)
            }
            Ownership::Foreign => there.reference.kind != NAMESPACE,
        })
        .collect();
    let Some(first) = found.first() else {
        return Ok(());
    };
    let others = others(found.len() - 1, "object");
    let refused = |reason: &str| {
        let message = format!("{} {reason}{others}", first.reference);
        Error::new(Code::PlanForeignObject, message)
    };
    if first.ownership == Ownership::Claimed {
        let error = refused("carries kcc's labels, but is not in its record");
        return Err(error.help(recover(scope)));
    }
    let remove: Vec<_> = found
        .iter()
        .filter(|there| there.ownership == Ownership::Foreign)
        .map(|there| {
            let reference = &there.reference;
            let place = reference.namespace.as_ref();
            let place = place.map_or_else(String::new, |namespace| format!(" -n {namespace}"));
            let kind = reference.kind.to_lowercase();
            format!("kubectl{place} delete {kind} {}", reference.name)
        })
        .collect();
    let error = refused("exists and was not created by kcc");
    Err(error.help(format!("if nobody needs it: `{}`", remove.join("; "))))
}

/// A new password would not open what the old one did.
fn refuse_lost_secrets(
    kube: &KubernetesDesired,
    observed: &Observed,
    scope: &Scope,
) -> Result<(), Error> {
    let lost = lost_secrets(kube, observed);
    let Some(first) = lost.first() else {
        return Ok(());
    };
    let others = others(lost.len() - 1, "Secret");
    let target = &scope.target;
    Err(Error::new(
        Code::ApplySecret,
        format!(
            "Secret `{first}` is gone, and the data that its value opens is still there{others}"
        ),
    )
    .help(format!(
        "restore the Secret from a backup, or give the data up: \
         `kcc down --target {target} --volumes`"
    )))
}

/// What the server takes for wrong, and what can be changed only by losing data.
fn refuse_wrong(kube: &KubernetesDesired, observed: &Observed) -> Result<(), Error> {
    let mut found = Vec::new();
    for (object, trial) in trials(kube, observed) {
        let there = observed.objects.get(&Reference::of(object).key());
        match trial {
            Trial::Refused(said) => found.push((object, said.clone(), None)),
            Trial::Immutable(said) => {
                if let Some(risk) = there.and_then(|there| at_risk(object, there)) {
                    found.push((object, said.clone(), Some(risk)));
                }
            }
            Trial::Result(_) | Trial::Created | Trial::Conflict(_) | Trial::NotYet => {}
        }
    }
    let count = found.len();
    let Some((object, said, risk)) = found.into_iter().next() else {
        return Ok(());
    };
    let others = others(count - 1, "object");
    let reference = Reference::of(object);
    if let Some(fields) = risk {
        return Err(Error::new(
            Code::ApplyRefused,
            format!("{fields} of {reference} cannot be changed without its data{others}"),
        )
        .help(
            "take the change back; or save the data, remove it with `kcc down --volumes`, \
             and bring it into the new one",
        )
        .cause(said));
    }
    let help = match &object.team {
        Some(team) => format!("team `{team}` mends it, nothing was changed"),
        None => "nothing was changed".to_owned(),
    };
    let message = format!("the cluster refuses {reference}{others}");
    Err(Error::new(Code::ApplyRefused, message)
        .help(help)
        .cause(said))
}

/// The fields that stand for data, if replacing an object would part it from them.
fn at_risk(object: &Object, there: &ObservedObject) -> Option<String> {
    let fields = || {
        let fields = diff::missing(&there.live, &object.manifest);
        let names: Vec<_> = fields.iter().map(|field| format!("`{field}`")).collect();
        if names.is_empty() {
            "the configuration".to_owned()
        } else {
            names.join(", ")
        }
    };
    if object.data || there.data {
        return Some(fields());
    }
    // The claims outlive the set, and would not be what the new one asks for.
    let part = |value: &Value| {
        let templates = value.pointer("/spec/volumeClaimTemplates");
        templates.cloned().unwrap_or(Value::Array(Vec::new()))
    };
    let (live, wanted) = (part(&there.live), part(&object.manifest));
    let same = diff::missing(&live, &wanted).is_empty()
        && live.as_array().map(Vec::len) == wanted.as_array().map(Vec::len);
    if !same {
        return Some("`volumeClaimTemplates`".to_owned());
    }
    let retention = there
        .live
        .pointer("/spec/persistentVolumeClaimRetentionPolicy/whenDeleted");
    (retention.and_then(Value::as_str) == Some("Delete")).then(fields)
}

fn trials<'a>(
    kube: &'a KubernetesDesired,
    observed: &'a Observed,
) -> impl Iterator<Item = (&'a Object, &'a Trial)> {
    kube.objects.iter().filter_map(|object| {
        let key = Reference::of(object).key();
        Some((object, observed.trials.get(&key)?))
    })
}

fn others(count: usize, what: &str) -> String {
    match count {
        0 => String::new(),
        1 => format!(", and 1 more {what} like it"),
        count => format!(", and {count} more {what}s like it"),
    }
}
