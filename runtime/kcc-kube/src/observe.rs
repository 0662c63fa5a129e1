//! What is there: reads everything that reconciling needs, with calls that
//! change nothing, and says of each object whose it is.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, TryStreamExt, stream};
use kcc_lower::kubernetes::KubernetesDesired;
use kcc_plan::{Error, Options, Scope};
use serde_json::Value;

use crate::{
    client::{Client, MANAGER},
    conflict::{self, Sent},
    memory::{Entry, Inventory, Memory},
    observed::{
        CLAIM, DEFINITION, NAMESPACE, Observed, ObservedObject, Ownership, Reference, SECRET,
        Templates, Trial, label, label_of,
    },
    scale,
};

/// Questions that are asked side by side.
const PARALLEL: usize = 16;

/// Kinds that are looked for even if neither the desired state nor the
/// inventory has one: an apply that was killed may have made some.
const USUAL: [(&str, &str); 16] = [
    ("v1", "ServiceAccount"),
    ("v1", "ConfigMap"),
    ("v1", SECRET),
    ("v1", CLAIM),
    ("v1", "Service"),
    ("apps/v1", "Deployment"),
    ("apps/v1", "StatefulSet"),
    ("apps/v1", "DaemonSet"),
    ("batch/v1", "Job"),
    ("batch/v1", "CronJob"),
    ("networking.k8s.io/v1", "Ingress"),
    ("networking.k8s.io/v1", "NetworkPolicy"),
    ("rbac.authorization.k8s.io/v1", "Role"),
    ("rbac.authorization.k8s.io/v1", "RoleBinding"),
    ("autoscaling/v2", "HorizontalPodAutoscaler"),
    ("policy/v1", "PodDisruptionBudget"),
];

/// Reads what a cluster holds of a target and of the names that it wants, and
/// what it would make of each object that is desired. What was tried `before`
/// holds for every object that is still the same.
pub(crate) async fn observe(
    client: &Client,
    scope: &Scope,
    kube: &KubernetesDesired,
    memory: &Memory,
    options: &Options,
    before: Option<&Observed>,
) -> Result<Observed, Error> {
    let mut observed = objects(client, scope, kube, memory).await?;
    let there = &observed.objects;
    let coming = &coming(kube);
    let no_namespace = !there.contains_key(&Reference::namespace(&kube.namespace).key());
    let tried = kube.objects.iter().filter(|object| {
        let found = there.get(&Reference::of(object).key());
        found.is_none_or(|found| found.ownership == Ownership::Ours && !found.terminating)
    });
    let tried: Vec<_> = stream::iter(tried)
        .map(|object| async move {
            let reference = Reference::of(object);
            let key = reference.key();
            let found = there.get(&key);
            if let Some(before) = before
                && let Some(trial) = before.trials.get(&key)
                && *trial != Trial::NotYet
                && before.objects.get(&key).map(ObservedObject::version)
                    == found.map(ObservedObject::version)
            {
                return Ok((key.clone(), trial.clone(), before.sent.get(&key).cloned()));
            }
            let is_coming = coming.contains(&(key.group.as_str(), key.kind.as_str()));
            if object.namespace.is_some() && no_namespace
                || is_coming && !client.serves(&reference).await?
            {
                return Ok((key, Trial::NotYet, None));
            }
            let Some(found) = found else {
                let trial = client.dry_run_creation(&reference, &object.manifest);
                return Ok::<_, Error>((key, trial.await?, None));
            };
            let trial = client.dry_run(&reference, &object.manifest, false).await?;
            let Trial::Conflict(claims) = &trial else {
                return Ok((key, trial, None));
            };
            let mut sent = if scale::taken_back(kube, there, object, claims) {
                Sent::forced(object)
            } else {
                conflict::settle(object, found, claims, scope, options)
            };
            for finding in &mut sent.findings {
                let replicas = finding
                    .conflict
                    .as_ref()
                    .and_then(conflict::untimed_replicas);
                if let Some(replicas) = replicas
                    && let Some(since) = client.scaled_at(&reference, replicas).await
                {
                    conflict::set_time(finding, since);
                }
            }
            let trial = client
                .dry_run(&reference, &sent.manifest, sent.force)
                .await?;
            Ok((key, trial, Some(sent)))
        })
        .buffered(PARALLEL)
        .try_collect()
        .await?;
    for (key, trial, sent) in tried {
        if let Some(sent) = sent {
            observed.sent.insert(key.clone(), sent);
        }
        observed.trials.insert(key, trial);
    }
    Ok(observed)
}

/// The kinds that definitions among the desired objects bring, as group and kind.
fn coming(kube: &KubernetesDesired) -> BTreeSet<(&str, &str)> {
    let definitions = kube
        .objects
        .iter()
        .filter(|object| object.kind == DEFINITION);
    definitions
        .filter_map(|object| {
            let text = |pointer| object.manifest.pointer(pointer)?.as_str();
            Some((text("/spec/group")?, text("/spec/names/kind")?))
        })
        .collect()
}

/// The objects alone.
pub(crate) async fn objects(
    client: &Client,
    scope: &Scope,
    kube: &KubernetesDesired,
    memory: &Memory,
) -> Result<Observed, Error> {
    let mut observed = Observed {
        recorded: memory.recorded,
        ..Observed::default()
    };
    let reference = Reference::namespace(&kube.namespace);
    let Some(live) = client.namespace(&kube.namespace).await? else {
        return Ok(observed);
    };
    let ownership = whose_namespace(scope, memory, &live);
    let namespace = ObservedObject::of(reference, ownership, live);
    observed
        .objects
        .insert(namespace.reference.key(), namespace);

    let mut templates = memory.templates();
    for found in listed(client, scope, kube, memory).await? {
        if found.ownership == Ownership::Ours {
            templates.learn(&found.live);
        }
        observed.objects.insert(found.reference.key(), found);
    }
    for found in named(client, scope, kube, memory, &observed).await? {
        observed.objects.insert(found.reference.key(), found);
    }
    for found in claims(client, scope, kube, memory, &templates).await? {
        let known = observed.objects.entry(found.reference.key());
        known.or_insert(found);
    }
    Ok(observed)
}

/// Everything in the namespace that carries the target's labels.
async fn listed(
    client: &Client,
    scope: &Scope,
    kube: &KubernetesDesired,
    memory: &Memory,
) -> Result<Vec<ObservedObject>, Error> {
    let mut kinds: BTreeSet<(&str, &str)> = USUAL.into_iter().collect();
    kinds.extend(
        kube.objects
            .iter()
            .filter(|object| object.namespace.is_some())
            .map(|object| (object.api_version.as_str(), object.kind.as_str())),
    );
    kinds.extend(
        memory
            .inventory
            .objects
            .iter()
            .filter(|entry| entry.namespace.is_some())
            .map(|entry| (entry.api_version.as_str(), entry.kind.as_str())),
    );
    let labels = format!("{},{}={MANAGER}", labels(scope), label::MANAGED_BY);
    let instance = match &scope.instance {
        Some(instance) => format!("{}={instance}", label::INSTANCE),
        None => format!("!{}", label::INSTANCE),
    };
    let labels = &format!("{labels},{instance}");
    let found: Vec<_> = stream::iter(kinds)
        .map(|(api_version, kind)| async move {
            let all = Reference {
                api_version: api_version.to_owned(),
                kind: kind.to_owned(),
                namespace: Some(kube.namespace.clone()),
                name: String::new(),
            };
            let list = client.list(&all, labels).await?;
            let found = list.into_iter().map(move |live| {
                let reference = Reference {
                    name: name_of(&live),
                    ..all.clone()
                };
                let ownership = whose(scope, memory, &reference, &live);
                ObservedObject::of(reference, ownership, live)
            });
            Ok::<_, Error>(found)
        })
        .buffered(PARALLEL)
        .try_collect()
        .await?;
    Ok(found.into_iter().flatten().collect())
}

/// What has a name that is wanted, or is cluster-scoped and known.
async fn named(
    client: &Client,
    scope: &Scope,
    kube: &KubernetesDesired,
    memory: &Memory,
    observed: &Observed,
) -> Result<Vec<ObservedObject>, Error> {
    let mut wanted: BTreeSet<Reference> = kube.objects.iter().map(Reference::of).collect();
    wanted.extend(
        kube.secrets
            .iter()
            .map(|secret| Reference::core(SECRET, &kube.namespace, &secret.name)),
    );
    let known = memory.inventory.objects.iter();
    wanted.extend(
        known
            .filter(|entry| entry.namespace.is_none())
            .map(Entry::reference),
    );
    wanted.retain(|reference| !observed.objects.contains_key(&reference.key()));
    let wanted = taken(client, kube, wanted).await?;
    let found: Vec<_> = stream::iter(wanted)
        .map(|reference| async move {
            let live = client.get(&reference).await?;
            Ok::<_, Error>(live.map(|live| {
                let ownership = match reference.kind.as_str() {
                    NAMESPACE => whose_namespace(scope, memory, &live),
                    _ => whose(scope, memory, &reference, &live),
                };
                ObservedObject::of(reference, ownership, live)
            }))
        })
        .buffered(PARALLEL)
        .try_collect()
        .await?;
    Ok(found.into_iter().flatten().collect())
}

/// Those of some names that somebody has. One list of names for each kind of
/// which many are asked for, because most are free before the first apply.
async fn taken(
    client: &Client,
    kube: &KubernetesDesired,
    wanted: BTreeSet<Reference>,
) -> Result<BTreeSet<Reference>, Error> {
    const FEW: usize = 4;
    let mut kinds: BTreeMap<(String, String), BTreeSet<Reference>> = BTreeMap::new();
    let mut all = BTreeSet::new();
    for reference in wanted {
        let kind = (reference.api_version.clone(), reference.kind.clone());
        // Who may read an object of the whole cluster may not list all of them.
        match reference.namespace {
            Some(_) => _ = kinds.entry(kind).or_default().insert(reference),
            None => _ = all.insert(reference),
        }
    }
    for ((api_version, kind), mut wanted) in kinds {
        if wanted.len() > FEW {
            let any = Reference {
                api_version,
                kind,
                namespace: Some(kube.namespace.clone()),
                name: String::new(),
            };
            let names = client.names(&any).await?;
            wanted.retain(|reference| names.contains(&reference.name));
        }
        all.extend(wanted);
    }
    Ok(all)
}

/// The claims that `StatefulSets` of ours made from their templates. The cluster
/// made them, so they carry the labels of the template alone.
async fn claims(
    client: &Client,
    scope: &Scope,
    kube: &KubernetesDesired,
    memory: &Memory,
    templates: &Templates,
) -> Result<Vec<ObservedObject>, Error> {
    let all = Reference::core(CLAIM, &kube.namespace, "");
    let list = client.list(&all, &labels(scope)).await?;
    let found = list.into_iter().filter_map(|live| {
        let reference = Reference {
            name: name_of(&live),
            ..all.clone()
        };
        let uid = live.pointer("/metadata/uid").and_then(Value::as_str);
        let known = memory.knows(CLAIM, &reference.name, uid.unwrap_or_default());
        let ours = known || templates.made(&reference.name);
        ours.then(|| ObservedObject::of(reference, Ownership::Ours, live))
    });
    Ok(found.collect())
}

/// The labels that every object and pod of a target carries.
pub(crate) fn labels(scope: &Scope) -> String {
    format!(
        "{}={},{}={}",
        label::SYSTEM,
        scope.system,
        label::TARGET,
        scope.target
    )
}

fn whose(scope: &Scope, memory: &Memory, reference: &Reference, live: &Value) -> Ownership {
    let uid = live.pointer("/metadata/uid").and_then(Value::as_str);
    match belongs(scope, live) {
        true if memory.knows(&reference.kind, &reference.name, uid.unwrap_or_default()) => {
            Ownership::Ours
        }
        true => Ownership::Claimed,
        false => Ownership::Foreign,
    }
}

/// A namespace is made before there is an inventory in it, so the cluster's own
/// account of who wrote it counts as well.
fn whose_namespace(scope: &Scope, memory: &Memory, live: &Value) -> Ownership {
    let reference = Reference::namespace(&name_of(live));
    let managers = live
        .pointer("/metadata/managedFields")
        .and_then(Value::as_array);
    let applied = managers.into_iter().flatten().any(|entry| {
        let is = |field: &str, text: &str| entry.get(field).and_then(Value::as_str) == Some(text);
        is("manager", MANAGER) && is("operation", "Apply")
    });
    match whose(scope, memory, &reference, live) {
        Ownership::Claimed if applied => Ownership::Ours,
        ownership => ownership,
    }
}

fn belongs(scope: &Scope, live: &Value) -> bool {
    label_of(live, label::MANAGED_BY) == Some(MANAGER)
        && label_of(live, label::SYSTEM) == Some(&scope.system)
        && label_of(live, label::TARGET) == Some(&scope.target)
        && label_of(live, label::INSTANCE) == scope.instance.as_deref()
}

fn name_of(live: &Value) -> String {
    let name = live.pointer("/metadata/name").and_then(Value::as_str);
    name.unwrap_or_default().to_owned()
}

/// Everything that is ours now: what was ours before and what a plan made.
pub(crate) fn inventory(
    observed: &Observed,
    memory: &Memory,
    made: &BTreeSet<(&str, &str)>,
    after: BTreeMap<String, BTreeSet<String>>,
) -> Inventory {
    let mut inventory = Inventory {
        objects: Vec::new(),
        after,
        templates: memory.inventory.templates.clone(),
    };
    let mut claims = false;
    for (key, object) in &observed.objects {
        let ours = match object.ownership {
            Ownership::Ours => true,
            Ownership::Claimed => made.contains(&(key.kind.as_str(), key.name.as_str())),
            Ownership::Foreign => false,
        };
        if !ours {
            continue;
        }
        let templates = object
            .live
            .pointer("/spec/volumeClaimTemplates")
            .and_then(Value::as_array);
        let templates: BTreeSet<_> = templates.into_iter().flatten().map(name_of).collect();
        if !templates.is_empty() {
            let known = inventory.templates.entry(key.name.clone());
            known.or_default().extend(templates);
        }
        claims |= key.kind == CLAIM || key.kind == "StatefulSet";
        inventory.objects.push(Entry::of(object));
    }
    if !claims {
        inventory.templates.clear();
    }
    inventory
}

/// What others have in the namespace: kcc removes it only where nothing is.
pub(crate) async fn strangers(
    client: &Client,
    scope: &Scope,
    kube: &KubernetesDesired,
    observed: &Observed,
) -> Result<Vec<String>, Error> {
    let own = crate::memory::name(scope);
    let ours: BTreeSet<&str> = observed
        .objects
        .values()
        .filter(|object| object.ownership == Ownership::Ours)
        .map(|object| object.uid.as_str())
        .collect();
    let (all, hidden) = client.inhabitants(&kube.namespace).await?;
    let mut found: Vec<_> = hidden
        .iter()
        .map(|kind| format!("something of `{kind}`, which cannot be listed, may be in it"))
        .collect();
    for (kind, live) in all {
        let uid = live.pointer("/metadata/uid").and_then(Value::as_str);
        let name = name_of(&live);
        let kept = matches!(kind.as_str(), "ConfigMap" | "Lease") && name == own;
        if !kept && !uid.is_some_and(|uid| ours.contains(uid)) {
            found.push(format!("{kind} `{name}` is in it, which kcc did not make"));
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}
