//! Refuses to plan if something is in the way that kcc must not or cannot change.
//! Everything of that kind is found before the first write.

use kcc_diag::Code;
use kcc_lower::{
    Desired,
    kubernetes::{KubernetesDesired, Object},
};
use kcc_plan::{Error, MissingSecret, Options, Refusal, Scope, shared_not_running};

use super::{limits, recreate::refuse_loss};
use crate::{
    former,
    observed::{CLAIM, DryRun, NAMESPACE, Observed, ObservedObject, Ownership, Reference, SECRET},
    recovery::lost_secrets,
};

pub(super) fn refuse(
    desired: &Desired,
    kube: &KubernetesDesired,
    observed: &Observed,
    options: &Options,
) -> Result<(), Error> {
    let scope = &Scope::of(desired);
    refuse_unshared(desired, kube, observed)?;
    refuse_unrecorded(observed, scope)?;
    refuse_unmanaged(kube, observed, scope, options)?;
    refuse_lost_secrets(kube, observed, scope)?;
    refuse_rejected(kube, observed)?;
    refuse_limited(kube, observed, options)?;
    refuse_loss(kube, observed, scope, options)
}

/// Fails if the target lacks what an instance shares.
fn refuse_unshared(
    desired: &Desired,
    kube: &KubernetesDesired,
    observed: &Observed,
) -> Result<(), Error> {
    let scope = Scope::of(desired);
    let runs = |name: &&String| {
        observed
            .sharing
            .get(*name)
            .is_some_and(|(ready, _)| *ready > 0)
    };
    let absent = desired.shared.keys().filter(|name| !runs(name));
    let absent: Vec<_> = absent
        .map(|name| shared_not_running(&scope, name))
        .collect();
    if !absent.is_empty() {
        return Err(absent.into());
    }
    let shared = kube
        .secrets
        .iter()
        .filter(|secret| secret.shared_from.is_some());
    let lost = shared.filter(|secret| !observed.shared_secrets.contains(&secret.name));
    let lost: Vec<_> = lost
        .map(|secret| MissingSecret {
            name: secret.name.clone(),
            why: format!("`{}` has no value of it", scope.target),
            help: format!(
                "apply the target first: `{}`",
                scope.of_target().command("apply")
            ),
        })
        .collect();
    if lost.is_empty() {
        return Ok(());
    }
    Err(lost.into())
}

/// Fails if kcc made objects of the scope but there are no records.
pub(super) fn refuse_unrecorded(observed: &Observed, scope: &Scope) -> Result<(), Error> {
    let mut claimed = observed.objects.values().filter(|existing| {
        let kind = existing.reference.kind.as_str();
        // Data is kept and used whoever made it.
        existing.ownership == Ownership::Unrecorded && !matches!(kind, CLAIM | SECRET | NAMESPACE)
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
        Code::StateUnrecorded,
        format!(
            "the inventory of {scope} is missing from the cluster, but {}{verb}",
            first.reference
        ),
    )
    .help(recover(scope)))
}

fn recover(scope: &Scope) -> String {
    format!("rebuild the inventory: `{}`", scope.recover_command())
}

/// Fails if an object that no record lists has a desired name. Claims and Secrets with the
/// scope's labels may be used whoever made them: nobody wants to lose their data. A
/// namespace is used as it is, whoever made it.
fn refuse_unmanaged(
    kube: &KubernetesDesired,
    observed: &Observed,
    scope: &Scope,
    options: &Options,
) -> Result<(), Error> {
    let secrets = kube
        .secrets
        .iter()
        .map(|secret| Reference::core(SECRET, &kube.namespace, &secret.name));
    let wanted = kube.objects.iter().map(Reference::of).chain(secrets);
    let found: Vec<&ObservedObject> = wanted
        .filter_map(|reference| observed.objects.get(&reference.key()))
        .filter(|existing| match existing.ownership {
            Ownership::Owned | Ownership::Former => false,
            Ownership::Unrecorded | Ownership::Labelled => {
                !matches!(existing.reference.kind.as_str(), CLAIM | SECRET | NAMESPACE)
            }
            Ownership::Unmanaged => existing.reference.kind != NAMESPACE,
        })
        .collect();
    let Some(first) = found.first() else {
        return Ok(());
    };
    let others = others(found.len() - 1, "object");
    let refused = |code: Code, reason: &str| {
        let message = format!("{} {reason}{others}", first.reference);
        Error::new(code, message)
    };
    if first.ownership == Ownership::Unrecorded {
        let reason = "was created by kcc but is not in its inventory";
        return Err(refused(Code::StateUnrecorded, reason).help(recover(scope)));
    }
    let remove: Vec<_> = found
        .iter()
        .filter(|existing| existing.ownership != Ownership::Unrecorded)
        .map(|existing| {
            let reference = &existing.reference;
            let namespace = reference.namespace.as_ref();
            let namespace = namespace.map_or_else(String::new, |name| format!(" -n {name}"));
            let kind = reference.kind.to_lowercase();
            format!("kubectl{namespace} delete {kind} {}", reference.name)
        })
        .collect();
    let reason = "already exists and is not managed by kcc";
    let error = refused(Code::PlanForeignObject, reason);
    let name = &first.reference.name;
    if first.reference.kind == SECRET && options.take_over.is_some() {
        // The value that kcc would need is under another key, or there is none.
        return Err(error.help(format!(
            "use it as it is: `secrets: {name:?}: kubernetes: {{name: {name:?}, key: \"…\"}}`"
        )));
    }
    if let Some(tool) = former::maker(&first.live) {
        let plan = scope.command("plan");
        return Err(error.help(format!(
            "see what it takes to take over what {tool} made: `{plan} --take-over {}`",
            tool.as_str()
        )));
    }
    Err(error.help(format!(
        "remove it if nobody needs it: `{}`",
        remove.join("; ")
    )))
}

/// Fails if a generated secret is lost: a new password would not unlock old data.
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
        format!("Secret `{first}` is gone, but the data that it unlocks still exists{others}"),
    )
    .help(format!(
        "restore the Secret from a backup, or discard the data: \
         `kcc down --target {target} --volumes`"
    )))
}

/// Fails on objects that the server rejects, with all of them.
fn refuse_rejected(kube: &KubernetesDesired, observed: &Observed) -> Result<(), Error> {
    let rejected = dry_runs(kube, observed).filter_map(|(object, dry_run)| match dry_run {
        DryRun::Rejected(reason) => Some(Refusal {
            code: Code::ApplyRefused,
            message: format!("the cluster rejects {}: {reason}", Reference::of(object)),
            help: match &object.team {
                Some(team) => format!("ask team `{team}` to fix it; nothing was changed"),
                None => "nothing was changed".to_owned(),
            },
            component: object.component.clone(),
            object: (object.kind.to_lowercase(), object.name.clone()),
            field: invalid_field(reason),
        }),
        _ => None,
    });
    let rejected: Vec<_> = rejected.collect();
    if rejected.is_empty() {
        return Ok(());
    }
    Err(rejected.into())
}

/// Fails on what the limits of the namespace would stop later.
fn refuse_limited(
    kube: &KubernetesDesired,
    observed: &Observed,
    options: &Options,
) -> Result<(), Error> {
    if !options.request.applies() {
        return Ok(());
    }
    let refusals = limits::refusals(kube, observed, options);
    if refusals.is_empty() {
        return Ok(());
    }
    Err(refusals.into())
}

/// Returns the first field that a reason names, as in `Service "web" is invalid:
/// spec.ports[0].nodePort: Invalid value: …`; empty if it names none.
fn invalid_field(reason: &str) -> Vec<String> {
    let Some((_, list)) = reason.split_once(" is invalid: ") else {
        return Vec::new();
    };
    let list = list.trim_start_matches('[');
    let field = list.split(": ").next().unwrap_or_default();
    let parts = field.split(['.', '[', ']']).filter(|part| !part.is_empty());
    parts.map(str::to_owned).collect()
}

fn dry_runs<'a>(
    kube: &'a KubernetesDesired,
    observed: &'a Observed,
) -> impl Iterator<Item = (&'a Object, &'a DryRun)> {
    kube.objects.iter().filter_map(|object| {
        let key = Reference::of(object).key();
        Some((object, observed.dry_runs.get(&key)?))
    })
}

fn others(count: usize, what: &str) -> String {
    match count {
        0 => String::new(),
        1 => format!(" (and 1 more {what})"),
        count => format!(" (and {count} more {what}s)"),
    }
}
