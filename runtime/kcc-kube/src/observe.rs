//! Observes the cluster: reads everything that reconcile needs, with read-only
//! calls, and determines the ownership of each object.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, TryStreamExt, stream};
use kcc_lower::{
    Desired,
    kubernetes::{KubernetesDesired, Object, kind},
};
use kcc_plan::{Error, Options, Scope, Tool};
use serde_json::Value;

use crate::{
    client::Client,
    conflict, former,
    observed::{
        CLAIM, ConflictResolution, DEFINITION, DryRun, MANAGER, NAMESPACE, Observed,
        ObservedObject, Ownership, Reference, SECRET, Templates, has_controller, is_written_by_kcc,
        label, label_of,
    },
    records::{Entry, Inventory, Known, Records},
    scale,
    store::is_record,
};

/// The number of concurrent requests.
const PARALLEL: usize = 16;

/// Returns the kinds to list even if neither the desired state nor the inventory
/// contains them: a killed apply may have created some.
pub(crate) fn default_kinds() -> impl Iterator<Item = (&'static str, &'static str)> {
    let rendered = kind::RENDERED.into_iter();
    rendered
        .filter(|kind| !kind.cluster_scoped)
        .map(|kind| (kind.api_version, kind.name))
        .chain([("v1", SECRET)])
}

/// Reads the objects of a scope and the objects with desired names, and dry-runs
/// each desired object. Results in `before` are reused for objects that have not
/// changed since.
pub(crate) async fn observe(
    client: &Client,
    scope: &Scope,
    kube: &KubernetesDesired,
    records: &Records,
    options: &Options,
    before: Option<&Observed>,
) -> Result<Observed, Error> {
    let mut observed = objects(client, scope, kube, records).await?;
    if let Some(tool) = options.take_over {
        former::mark(&mut observed, kube, tool);
    }
    let existing = &observed.objects;
    let upcoming = &upcoming_kinds(kube);
    let no_namespace = !existing.contains_key(&Reference::namespace(&kube.namespace).key());
    let tried = kube.objects.iter().filter(|object| {
        let found = existing.get(&Reference::of(object).key());
        let concerned = |found: &ObservedObject| {
            matches!(found.ownership, Ownership::Owned | Ownership::Former)
        };
        found.is_none_or(|found| concerned(found) && !found.terminating)
    });
    let tried: Vec<_> = stream::iter(tried)
        .map(|object| async move {
            let reference = Reference::of(object);
            let key = reference.key();
            let found = existing.get(&key);
            if let Some(before) = before
                && let Some(dry_run) = before.dry_runs.get(&key)
                && *dry_run != DryRun::NotYet
                && before.objects.get(&key).map(ObservedObject::version)
                    == found.map(ObservedObject::version)
            {
                return Ok((
                    key.clone(),
                    dry_run.clone(),
                    before.resolutions.get(&key).cloned(),
                ));
            }
            let is_upcoming = upcoming.contains(&(key.group.as_str(), key.kind.as_str()));
            if object.namespace.is_some() && no_namespace
                || is_upcoming && !client.serves(&reference).await?
            {
                return Ok((key, DryRun::NotYet, None));
            }
            let Some(found) = found else {
                let dry_run = client.dry_run_creation(&reference, &object.manifest);
                return Ok::<_, Error>((key, dry_run.await?, None));
            };
            let taken_over = options
                .take_over
                .filter(|_| found.ownership == Ownership::Former);
            let dry_run = client.dry_run(&reference, &object.manifest, false).await?;
            let DryRun::Conflict(mut owned_fields) = dry_run else {
                let dry_run = after_take_over(client, object, found, taken_over, dry_run);
                return Ok((key, dry_run.await?, None));
            };
            if let Some(tool) = taken_over {
                owned_fields.retain(|field| !former::is_manager_of(tool, &field.manager));
                if owned_fields.is_empty() {
                    let dry_run = client.dry_run(&reference, &object.manifest, true).await?;
                    let dry_run = after_take_over(client, object, found, taken_over, dry_run);
                    return Ok((key, dry_run.await?, None));
                }
            }
            let owned_fields = &owned_fields;
            let autoscalers = if scale::is_scaled(owned_fields) {
                client
                    .list(&scale::autoscalers(&kube.namespace), "")
                    .await?
            } else {
                Vec::new()
            };
            let taken_back =
                scale::is_taken_back(kube, existing, object, owned_fields, &autoscalers);
            let mut resolution = if taken_back {
                ConflictResolution::forced(object)
            } else {
                conflict::resolve(object, found, owned_fields, scope, options)
            };
            for finding in &mut resolution.findings {
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
            // The fields of a tool whose objects are taken over will be kcc's by then.
            let force = resolution.force || taken_over.is_some();
            let dry_run = client
                .dry_run(&reference, &resolution.manifest, force)
                .await?;
            let dry_run = after_take_over(client, object, found, taken_over, dry_run).await?;
            Ok((key, dry_run, Some(resolution)))
        })
        .buffered(PARALLEL)
        .try_collect()
        .await?;
    for (key, dry_run, resolution) in tried {
        if let Some(resolution) = resolution {
            observed.resolutions.insert(key.clone(), resolution);
        }
        observed.dry_runs.insert(key, dry_run);
    }
    Ok(observed)
}

/// Completes the dry run of an object that is taken over: the fields that only the tool
/// has set will be gone, or have their default.
async fn after_take_over(
    client: &Client,
    object: &Object,
    found: &ObservedObject,
    tool: Option<Tool>,
    dry_run: DryRun,
) -> Result<DryRun, Error> {
    let (Some(tool), DryRun::Result(next)) = (tool, &dry_run) else {
        return Ok(dry_run);
    };
    // An object of a free name has the cluster's defaults and nothing else.
    let free = format!("{}-{MANAGER}", object.name);
    let mut manifest = object.manifest.clone();
    manifest["metadata"]["name"] = Value::String(free.clone());
    let reference = Reference {
        name: free,
        ..Reference::of(object)
    };
    let fresh = client.dry_run(&reference, &manifest, true).await?;
    let fresh = match &fresh {
        DryRun::Result(fresh) => Some(fresh),
        _ => None,
    };
    let next = former::without_former(&found.live, next, fresh, tool);
    Ok(DryRun::Result(next))
}

/// Returns group and kind of the definitions among the desired objects.
fn upcoming_kinds(kube: &KubernetesDesired) -> BTreeSet<(&str, &str)> {
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

/// Reads the objects without dry runs.
pub(crate) async fn objects(
    client: &Client,
    scope: &Scope,
    kube: &KubernetesDesired,
    records: &Records,
) -> Result<Observed, Error> {
    let mut observed = Observed {
        recorded: records.recorded,
        unapplied: records.inventory.unapplied.clone(),
        interrupted: records.intent.is_some(),
        ..Observed::default()
    };
    let reference = Reference::namespace(&kube.namespace);
    let Some(live) = client.namespace(&kube.namespace).await? else {
        return Ok(observed);
    };
    let ownership = namespace_ownership(scope, records, &live);
    let namespace = ObservedObject::of(reference, ownership, live);
    observed
        .objects
        .insert(namespace.reference.key(), namespace);

    let mut templates = records.templates();
    for found in labelled_objects(client, scope, kube, records).await? {
        if found.ownership == Ownership::Owned {
            templates.learn(&found.live);
        }
        observed.objects.insert(found.reference.key(), found);
    }
    for found in named_objects(client, scope, kube, records, &observed).await? {
        observed.objects.insert(found.reference.key(), found);
    }
    for found in claims(client, scope, kube, records, &templates).await? {
        let known = observed.objects.entry(found.reference.key());
        known.or_insert(found);
    }
    Ok(observed)
}

/// Reads everything in the namespace that carries the scope's labels.
async fn labelled_objects(
    client: &Client,
    scope: &Scope,
    kube: &KubernetesDesired,
    records: &Records,
) -> Result<Vec<ObservedObject>, Error> {
    let mut kinds: BTreeSet<(&str, &str)> = default_kinds().collect();
    kinds.extend(
        kube.objects
            .iter()
            .filter(|object| object.namespace.is_some())
            .map(|object| (object.api_version.as_str(), object.kind.as_str())),
    );
    kinds.extend(
        records
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
    let known = &records.known();
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
                let ownership = ownership_of(scope, known, &reference, &live);
                ObservedObject::of(reference, ownership, live)
            });
            Ok::<_, Error>(found)
        })
        .buffered(PARALLEL)
        .try_collect()
        .await?;
    Ok(found.into_iter().flatten().collect())
}

/// Returns the objects to look for by name: those with desired names, those outside the
/// namespace that the record lists, and cluster-scoped ones that an interrupted apply may
/// have created.
pub(crate) fn wanted(kube: &KubernetesDesired, records: &Records) -> BTreeSet<Reference> {
    let mut wanted: BTreeSet<Reference> = kube.objects.iter().map(Reference::of).collect();
    wanted.extend(
        kube.secrets
            .iter()
            .map(|secret| Reference::core(SECRET, &kube.namespace, &secret.name)),
    );
    let known = records.inventory.objects.iter();
    wanted.extend(
        known
            .filter(|entry| entry.namespace.as_ref() != Some(&kube.namespace))
            .map(Entry::reference),
    );
    let kinds = kind::RENDERED.into_iter();
    let kinds: BTreeMap<_, _> = kinds
        .filter(|kind| kind.cluster_scoped)
        .map(|kind| (kind.name, kind.api_version))
        .collect();
    wanted.extend(records.intent.iter().flatten().filter_map(|(kind, name)| {
        Some(Reference {
            api_version: (*kinds.get(kind.as_str())?).to_owned(),
            kind: kind.clone(),
            namespace: None,
            name: name.clone(),
        })
    }));
    wanted
}

/// Reads the objects that are looked for by name.
async fn named_objects(
    client: &Client,
    scope: &Scope,
    kube: &KubernetesDesired,
    records: &Records,
    observed: &Observed,
) -> Result<Vec<ObservedObject>, Error> {
    let mut wanted = wanted(kube, records);
    wanted.retain(|reference| !observed.objects.contains_key(&reference.key()));
    let wanted = find_existing(client, kube, wanted).await?;
    let known = &records.known();
    let found: Vec<_> = stream::iter(wanted)
        .map(|reference| async move {
            let live = client.get(&reference).await?;
            Ok::<_, Error>(live.map(|live| {
                let ownership = match reference.kind.as_str() {
                    NAMESPACE => namespace_ownership(scope, records, &live),
                    _ => ownership_of(scope, known, &reference, &live),
                };
                ObservedObject::of(reference, ownership, live)
            }))
        })
        .buffered(PARALLEL)
        .try_collect()
        .await?;
    Ok(found.into_iter().flatten().collect())
}

/// Returns the wanted names that exist. For kinds with many wanted names it lists
/// all names at once, because most are free before the first apply.
async fn find_existing(
    client: &Client,
    kube: &KubernetesDesired,
    wanted: BTreeSet<Reference>,
) -> Result<BTreeSet<Reference>, Error> {
    const FEW: usize = 4;
    let mut kinds: BTreeMap<(String, String), BTreeSet<Reference>> = BTreeMap::new();
    let mut all = BTreeSet::new();
    for reference in wanted {
        let kind = (reference.api_version.clone(), reference.kind.clone());
        // A user who may read an object elsewhere may not be able to list them.
        if reference.namespace.as_ref() == Some(&kube.namespace) {
            kinds.entry(kind).or_default().insert(reference);
        } else {
            all.insert(reference);
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

/// Reads the claims that owned `StatefulSets` created from their templates. The
/// cluster created them, so they only carry the labels of the template.
async fn claims(
    client: &Client,
    scope: &Scope,
    kube: &KubernetesDesired,
    records: &Records,
    templates: &Templates,
) -> Result<Vec<ObservedObject>, Error> {
    let all = Reference::core(CLAIM, &kube.namespace, "");
    let list = client.list(&all, &labels(scope)).await?;
    let known = records.known();
    let found = list.into_iter().filter_map(|live| {
        let reference = Reference {
            name: name_of(&live),
            ..all.clone()
        };
        let uid = live.pointer("/metadata/uid").and_then(Value::as_str);
        let known = known.lists(CLAIM, &reference.name, uid.unwrap_or_default());
        let owned = known || templates.created(&reference.name);
        owned.then(|| ObservedObject::of(reference, Ownership::Owned, live))
    });
    Ok(found.collect())
}

/// Returns the selector for the labels of every object and pod of a scope.
pub(crate) fn labels(scope: &Scope) -> String {
    format!(
        "{}={},{}={}",
        label::SYSTEM,
        scope.system,
        label::TARGET,
        scope.target
    )
}

pub(crate) fn ownership_of(
    scope: &Scope,
    known: &Known<'_>,
    reference: &Reference,
    live: &Value,
) -> Ownership {
    let uid = live.pointer("/metadata/uid").and_then(Value::as_str);
    match () {
        () if !belongs(scope, live) => Ownership::Unmanaged,
        () if known.lists(&reference.kind, &reference.name, uid.unwrap_or_default()) => {
            Ownership::Owned
        }
        () if is_written_by_kcc(live) => Ownership::Unrecorded,
        () if has_controller(live) => Ownership::Unmanaged,
        () => Ownership::Labelled,
    }
}

/// Determines the ownership of a namespace. It is created before there is an
/// inventory in it, so the cluster's managed fields count as well.
pub(crate) fn namespace_ownership(scope: &Scope, records: &Records, live: &Value) -> Ownership {
    let reference = Reference::namespace(&name_of(live));
    let managers = live
        .pointer("/metadata/managedFields")
        .and_then(Value::as_array);
    let applied = managers.into_iter().flatten().any(|entry| {
        let is = |field: &str, text: &str| entry.get(field).and_then(Value::as_str) == Some(text);
        is("manager", MANAGER) && is("operation", "Apply")
    });
    match ownership_of(scope, &records.known(), &reference, live) {
        Ownership::Unrecorded if applied => Ownership::Owned,
        ownership => ownership,
    }
}

pub(crate) fn belongs(scope: &Scope, live: &Value) -> bool {
    label_of(live, label::MANAGED_BY) == Some(MANAGER)
        && label_of(live, label::SYSTEM) == Some(&scope.system)
        && label_of(live, label::TARGET) == Some(&scope.target)
        && label_of(live, label::INSTANCE) == scope.instance.as_deref()
}

pub(crate) fn name_of(live: &Value) -> String {
    let name = live.pointer("/metadata/name").and_then(Value::as_str);
    name.unwrap_or_default().to_owned()
}

/// Builds the inventory of owned objects: those owned before and those of the plan.
pub(crate) fn inventory(
    observed: &Observed,
    records: &Records,
    created: &BTreeSet<(&str, &str)>,
    desired: &Desired,
) -> Inventory {
    let mut inventory = Inventory {
        objects: Vec::new(),
        after: desired.order(),
        shared: desired.shared.keys().cloned().collect(),
        templates: records.inventory.templates.clone(),
        unapplied: records.inventory.unapplied.clone(),
    };
    let mut claims = false;
    for (key, object) in &observed.objects {
        let owned = match object.ownership {
            Ownership::Owned => true,
            Ownership::Unrecorded | Ownership::Labelled => {
                created.contains(&(key.kind.as_str(), key.name.as_str()))
            }
            Ownership::Former | Ownership::Unmanaged => false,
        };
        if !owned {
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

/// Returns the reasons not to remove the namespace: unmanaged objects in it, or
/// kinds that cannot be listed.
pub(crate) async fn namespace_blockers(
    client: &Client,
    scope: &Scope,
    kube: &KubernetesDesired,
    observed: &Observed,
) -> Result<Vec<String>, Error> {
    let owned: BTreeSet<&str> = observed
        .objects
        .values()
        .filter(|object| object.ownership == Ownership::Owned)
        .map(|object| object.uid.as_str())
        .collect();
    let (all, hidden) = client.namespace_objects(&kube.namespace).await?;
    let mut found: Vec<_> = hidden
        .iter()
        .map(|kind| format!("it may contain objects of kind `{kind}`, which cannot be listed"))
        .collect();
    for (kind, live) in all {
        let uid = live.pointer("/metadata/uid").and_then(Value::as_str);
        let name = name_of(&live);
        if !is_record(scope, &kind, &name) && !uid.is_some_and(|uid| owned.contains(uid)) {
            found.push(format!(
                "it contains {kind} `{name}`, which kcc does not manage"
            ));
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}
