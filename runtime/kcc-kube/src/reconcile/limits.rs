//! Finds what the limits of a namespace would stop in the middle of an apply: pods and
//! objects beyond a quota, and containers outside a `LimitRange`. A dry run checks each
//! object alone, and a workload without its pods. Pure.
//!
//! Only what is certain is refused. Quotas with scopes are left to the cluster, and so are
//! the pods of a rollout that exceed the replicas for a while. What an apply does not
//! change is not refused either: a limit may have come later.

use std::collections::{BTreeMap, BTreeSet};

use kcc_diag::Code;
use kcc_lower::kubernetes::{KubernetesDesired, Object};
use kcc_plan::{Options, Prune, Refusal};
use serde_json::Value;

use super::is_workload;
use crate::{
    client::resource_name,
    observed::{DryRun, Limits, Observed, Ownership, Reference, SECRET},
    quantity::{amount, shown},
};

/// Tolerates the rounding of sums.
const TOLERANCE: f64 = 1e-6;

/// The resources of a container that have requests and limits, and count in quotas.
const COMPUTE: [&str; 3] = ["cpu", "memory", "ephemeral-storage"];

/// Amounts by resource, as quotas name them.
type Amounts = BTreeMap<String, f64>;

/// Returns what cannot fit.
pub(super) fn refusals(
    kube: &KubernetesDesired,
    observed: &Observed,
    options: &Options,
) -> Vec<Refusal> {
    let limits = &observed.limits;
    if limits.quotas.is_empty() && limits.ranges.is_empty() {
        return Vec::new();
    }
    let defaults = Defaults::of(limits);
    let mut refusals = Vec::new();
    for workload in changed_workloads(kube, observed) {
        check_ranges(workload, kube, limits, &defaults, &mut refusals);
    }
    let growth = Growth::of(kube, observed, options, &defaults);
    for quota in &limits.quotas {
        check_quota(quota, kube, observed, &growth, &defaults, &mut refusals);
    }
    refusals
}

/// Returns the workloads whose pods an apply creates or replaces.
fn changed_workloads<'a>(
    kube: &'a KubernetesDesired,
    observed: &'a Observed,
) -> impl Iterator<Item = &'a Object> {
    let workloads = kube
        .objects
        .iter()
        .filter(|object| is_workload(&object.kind));
    workloads.filter(move |object| {
        let key = Reference::of(object).key();
        match (observed.objects.get(&key), observed.dry_runs.get(&key)) {
            (Some(existing), Some(DryRun::Result(next))) => pod_of(&existing.live) != pod_of(next),
            (Some(_), _) => false,
            (None, _) => true,
        }
    })
}

/// Returns the specification of the pods of a workload.
fn pod_of(manifest: &Value) -> Option<&Value> {
    let direct = manifest.pointer("/spec/template/spec");
    direct.or_else(|| manifest.pointer("/spec/jobTemplate/spec/template/spec"))
}

fn text<'v>(value: &'v Value, pointer: &str) -> Option<&'v str> {
    value.pointer(pointer)?.as_str()
}

fn list<'v>(value: &'v Value, pointer: &str) -> &'v [Value] {
    let items = value.pointer(pointer).and_then(Value::as_array);
    items.map_or(&[], Vec::as_slice)
}

/// Returns the amounts in a map of quantities. Numbers are quantities too.
fn amounts(value: Option<&Value>) -> Amounts {
    let fields = value.and_then(Value::as_object).into_iter().flatten();
    fields
        .filter_map(|(name, value)| {
            let amount = match value {
                Value::String(text) => amount(text)?,
                other => other.as_f64()?,
            };
            Some((name.clone(), amount))
        })
        .collect()
}

/// The requests and limits that `LimitRange`s give to containers without any.
#[derive(Default)]
struct Defaults {
    requests: Amounts,
    limits: Amounts,
}

impl Defaults {
    fn of(limits: &Limits) -> Self {
        let mut defaults = Self::default();
        let items = limits
            .ranges
            .iter()
            .flat_map(|range| list(range, "/spec/limits"));
        for item in items.filter(|item| text(item, "/type") == Some("Container")) {
            defaults.limits.extend(amounts(item.get("default")));
            defaults
                .requests
                .extend(amounts(item.get("defaultRequest")));
        }
        defaults
    }

    /// Returns the requests and the limits of a container as the cluster completes them.
    fn complete(&self, container: &Value) -> (Amounts, Amounts) {
        let mut limits = amounts(container.pointer("/resources/limits"));
        let mut requests = amounts(container.pointer("/resources/requests"));
        for (name, limit) in &limits {
            // A container with a limit of its own requests as much.
            requests.entry(name.clone()).or_insert(*limit);
        }
        for (name, default) in &self.requests {
            requests.entry(name.clone()).or_insert(*default);
        }
        for (name, default) in &self.limits {
            limits.entry(name.clone()).or_insert(*default);
        }
        (requests, limits)
    }

    /// Returns what one pod counts in a quota.
    fn of_pod(&self, spec: &Value) -> Amounts {
        let count = |container: &Value| {
            let (requests, limits) = self.complete(container);
            let named = |prefix: &'static str, all: Amounts| {
                all.into_iter()
                    .map(move |(name, amount)| (format!("{prefix}.{name}"), amount))
            };
            let requests = named("requests", requests);
            requests.chain(named("limits", limits)).collect::<Amounts>()
        };
        let add = |sum: &mut Amounts, container: &Value| {
            for (name, amount) in count(container) {
                *sum.entry(name).or_default() += amount;
            }
        };
        let is_sidecar = |one: &&Value| text(one, "/restartPolicy") == Some("Always");
        let init = list(spec, "/initContainers").iter();
        let (sidecars, steps): (Vec<_>, Vec<_>) = init.partition(is_sidecar);
        let mut sum = Amounts::new();
        for sidecar in sidecars {
            add(&mut sum, sidecar);
        }
        // A step runs alone, but beside the sidecars.
        let beside = sum.clone();
        for container in list(spec, "/containers") {
            add(&mut sum, container);
        }
        for step in steps {
            for (name, amount) in count(step) {
                let amount = amount + beside.get(&name).copied().unwrap_or_default();
                let own = sum.entry(name).or_default();
                *own = own.max(amount);
            }
        }
        for name in COMPUTE {
            // A quota may name requests without their prefix.
            if let Some(amount) = sum.get(&format!("requests.{name}")).copied() {
                sum.insert(name.to_owned(), amount);
            }
        }
        sum.insert("pods".to_owned(), 1.0);
        sum.insert("count/pods".to_owned(), 1.0);
        sum
    }
}

/// The change of what the objects of a scope count in quotas.
#[derive(Default)]
struct Growth<'a> {
    /// The sum of what goes and comes.
    total: Amounts,
    /// The objects behind what comes, and how much of it.
    causes: BTreeMap<String, Vec<(&'a Object, f64)>>,
    /// The amounts that the pods of each component count now.
    present: BTreeMap<(String, String), f64>,
}

impl<'a> Growth<'a> {
    fn of(
        kube: &'a KubernetesDesired,
        observed: &'a Observed,
        options: &Options,
        defaults: &Defaults,
    ) -> Self {
        let mut growth = Self::default();
        let everything = options.request.components().is_none() && options.prune == Prune::Owned;
        let workloads = kube
            .objects
            .iter()
            .filter(|object| is_workload(&object.kind));
        let components: BTreeSet<_> = workloads
            .map(|object| object.component.as_deref())
            .collect();
        for pod in &observed.limits.pods {
            let component = text(pod, "/metadata/labels/app.kubernetes.io~1name");
            let own = components.contains(&component);
            let ended = matches!(text(pod, "/status/phase"), Some("Succeeded" | "Failed"));
            if !ended && (own || everything) {
                for (name, amount) in defaults.of_pod(&pod["spec"]) {
                    *growth.total.entry(name.clone()).or_default() -= amount;
                    let of = (component.unwrap_or_default().to_owned(), name);
                    *growth.present.entry(of).or_default() += amount;
                }
            }
        }
        for object in &kube.objects {
            growth.workload(object, observed, defaults);
            growth.created(object, kube, observed);
        }
        let secrets = kube.secrets.iter().filter(|secret| {
            let reference = Reference::core(SECRET, &kube.namespace, &secret.name);
            !observed.objects.contains_key(&reference.key())
        });
        let created = f64::from(u32::try_from(secrets.count()).unwrap_or(u32::MAX));
        for name in ["secrets", "count/secrets"] {
            *growth.total.entry(name.to_owned()).or_default() += created;
        }
        if everything {
            growth.removed(kube, observed);
        }
        growth
    }

    fn add(&mut self, object: &'a Object, name: String, amount: f64) {
        *self.total.entry(name.clone()).or_default() += amount;
        self.causes.entry(name).or_default().push((object, amount));
    }

    /// Adds the pods of a workload that serves.
    fn workload(&mut self, object: &'a Object, observed: &Observed, defaults: &Defaults) {
        let live = observed.objects.get(&Reference::of(object).key());
        let live = live.map(|existing| &existing.live);
        let number = |value: Option<&Value>, pointer: &str| value?.pointer(pointer)?.as_f64();
        let declared = number(Some(&object.manifest), "/spec/replicas");
        let replicas = match object.kind.as_str() {
            "Deployment" | "StatefulSet" => declared
                .or_else(|| number(live, "/spec/replicas"))
                .unwrap_or(1.0),
            "DaemonSet" => number(live, "/status/desiredNumberScheduled").unwrap_or(1.0),
            _ => return,
        };
        if let Some(pod) = pod_of(&object.manifest) {
            for (name, amount) in defaults.of_pod(pod) {
                self.add(object, name, amount * replicas);
            }
        }
    }

    /// Adds an object that does not exist yet, and the claims of its replicas.
    fn created(&mut self, object: &'a Object, kube: &KubernetesDesired, observed: &Observed) {
        if object.namespace.as_ref() != Some(&kube.namespace) {
            return;
        }
        let exists = observed.objects.contains_key(&Reference::of(object).key());
        if !exists {
            for name in counted(&object.api_version, &object.kind) {
                self.add(object, name, 1.0);
            }
            if text(&object.manifest, "/spec/type") == Some("LoadBalancer") {
                self.add(object, "services.loadbalancers".to_owned(), 1.0);
            }
            if object.kind == "PersistentVolumeClaim" {
                self.claim(object, &object.manifest, 1.0);
            }
        }
        if object.kind == "StatefulSet" && !exists {
            let replicas = object.manifest.pointer("/spec/replicas");
            let replicas = replicas.and_then(Value::as_u64).unwrap_or(1);
            for template in list(&object.manifest, "/spec/volumeClaimTemplates") {
                let name = text(template, "/metadata/name").unwrap_or_default();
                let missing = (0..replicas).filter(|replica| {
                    let name = format!("{name}-{}-{replica}", object.name);
                    let claim = Reference::core("PersistentVolumeClaim", &kube.namespace, &name);
                    !observed.objects.contains_key(&claim.key())
                });
                let missing = u32::try_from(missing.count()).unwrap_or(u32::MAX);
                self.claim(object, template, f64::from(missing));
            }
        }
    }

    fn claim(&mut self, object: &'a Object, claim: &Value, count: f64) {
        for name in counted("v1", "PersistentVolumeClaim") {
            if object.kind != "PersistentVolumeClaim" {
                self.add(object, name, count);
            }
        }
        let requests = amounts(claim.pointer("/spec/resources/requests"));
        if let Some(storage) = requests.get("storage") {
            self.add(object, "requests.storage".to_owned(), storage * count);
        }
    }

    /// Subtracts the objects that are no longer declared.
    fn removed(&mut self, kube: &KubernetesDesired, observed: &Observed) {
        let desired: BTreeSet<_> = kube
            .objects
            .iter()
            .map(|object| Reference::of(object).key())
            .collect();
        let gone = observed.objects.iter().filter(|(key, existing)| {
            existing.ownership == Ownership::Owned && !existing.data && !desired.contains(key)
        });
        for (_, existing) in gone.filter(|(key, _)| key.kind != SECRET) {
            let reference = &existing.reference;
            for name in counted(&reference.api_version, &reference.kind) {
                *self.total.entry(name).or_default() -= 1.0;
            }
        }
    }

    /// Returns the object behind most of what comes, and how much it counts in all.
    fn main_cause(&self, name: &str) -> Option<(&'a Object, f64)> {
        let more = |(object, amount): &(&Object, f64)| {
            let component = object.component.clone().unwrap_or_default();
            let present = self.present.get(&(component, name.to_owned()));
            amount - present.copied().unwrap_or_default()
        };
        let causes = self.causes.get(name)?.iter().copied();
        causes.max_by(|one, other| more(one).total_cmp(&more(other)))
    }
}

/// Returns the names under which quotas count the objects of a kind.
fn counted(api_version: &str, kind: &str) -> Vec<String> {
    let resource = resource_name(api_version, kind);
    match api_version.split_once('/') {
        Some((group, _)) => vec![format!("count/{resource}.{group}")],
        None => vec![format!("count/{resource}"), resource],
    }
}

/// Refuses what exceeds a quota, and the containers that lack what it requires.
fn check_quota(
    quota: &Value,
    kube: &KubernetesDesired,
    observed: &Observed,
    growth: &Growth<'_>,
    defaults: &Defaults,
    refusals: &mut Vec<Refusal>,
) {
    let scoped = !list(quota, "/spec/scopes").is_empty()
        || quota
            .pointer("/spec/scopeSelector")
            .is_some_and(|one| !one.is_null());
    let Some(name) = text(quota, "/metadata/name").filter(|_| !scoped) else {
        return;
    };
    let hard = amounts(quota.pointer("/status/hard"));
    let used = amounts(quota.pointer("/status/used"));
    let namespace = &kube.namespace;
    for (resource, hard) in &hard {
        let (Some(used), Some(more)) = (used.get(resource), growth.total.get(resource)) else {
            continue;
        };
        if *more <= TOLERANCE || used + more <= hard + TOLERANCE {
            continue;
        }
        let Some((object, own)) = growth.main_cause(resource) else {
            continue;
        };
        let of = object.component.as_deref().unwrap_or(&object.name);
        let shown = |amount| shown(resource, amount);
        refusals.push(Refusal {
            code: Code::PlanQuota,
            message: format!(
                "quota `{name}` of namespace `{namespace}` allows {} of `{resource}`: {} are used, \
                 and this apply needs {} more (`{of}` {} in all)",
                shown(*hard),
                shown(*used),
                shown(*more),
                shown(own),
            ),
            help: match resource.split_once('.') {
                Some(("requests" | "limits", _)) => format!(
                    "lower `resources` or `replicas` of `{of}`, or ask for more in quota `{name}`"
                ),
                _ => format!("lower `replicas` of `{of}`, or ask for more in quota `{name}`"),
            },
            component: object.component.clone(),
            object: (object.kind.to_lowercase(), object.name.clone()),
            field: field_behind(object, resource),
        });
    }
    for workload in changed_workloads(kube, observed) {
        let Some(pod) = pod_of(&workload.manifest) else {
            continue;
        };
        let containers = ["initContainers", "containers"];
        let containers = containers
            .iter()
            .flat_map(|field| list(pod, &format!("/{field}")));
        for container in containers {
            let (requests, limits) = defaults.complete(container);
            let lacking = hard.keys().find(|resource| {
                let (kind, of) = resource
                    .split_once('.')
                    .unwrap_or(("requests", resource.as_str()));
                let all = if kind == "limits" { &limits } else { &requests };
                let compute = matches!(kind, "requests" | "limits") && COMPUTE.contains(&of);
                compute && !all.contains_key(of)
            });
            let Some(resource) = lacking else { continue };
            let container = text(container, "/name").unwrap_or_default();
            refusals.push(Refusal {
                code: Code::PlanQuota,
                message: format!(
                    "quota `{name}` of namespace `{namespace}` requires `{resource}` of every \
                     container, and container `{container}` of `{}` states none",
                    workload.name
                ),
                help: format!("set `resources: {}`", in_fragment(resource)),
                component: workload.component.clone(),
                object: (workload.kind.to_lowercase(), workload.name.clone()),
                field: Vec::new(),
            });
        }
    }
}

/// Returns the path in a fragment of a resource that a quota names.
fn in_fragment(resource: &str) -> String {
    match resource.split_once('.') {
        Some((kind, of)) => format!("{kind}: {of}"),
        None => format!("requests: {resource}"),
    }
}

/// Returns the field of a workload behind most of what it counts: the amount in its first
/// container, or the number of replicas.
fn field_behind(object: &Object, resource: &str) -> Vec<String> {
    let fields = match resource.split_once('.') {
        Some((kind @ ("requests" | "limits"), of)) => vec![
            "spec",
            "template",
            "spec",
            "containers",
            "0",
            "resources",
            kind,
            of,
        ],
        _ => vec!["spec", "replicas"],
    };
    if pod_of(&object.manifest).is_none() {
        return Vec::new();
    }
    fields.into_iter().map(str::to_owned).collect()
}

/// Refuses the containers, pods and claims of a workload outside a `LimitRange`.
fn check_ranges(
    workload: &Object,
    kube: &KubernetesDesired,
    limits: &Limits,
    defaults: &Defaults,
    refusals: &mut Vec<Refusal>,
) {
    let Some(pod) = pod_of(&workload.manifest) else {
        return;
    };
    for range in &limits.ranges {
        let name = text(range, "/metadata/name").unwrap_or_default();
        let mut refuse = |what: &str, broken: Broken, field: Vec<String>| {
            let Broken {
                resource,
                kind,
                own,
                bound,
                allowed,
            } = broken;
            refusals.push(Refusal {
                code: Code::PlanLimitRange,
                message: format!(
                    "{what} of `{}` {kind} {} {resource}, and LimitRange `{name}` of namespace \
                     `{}` allows at {bound} {}",
                    workload.name,
                    shown(&resource, own),
                    kube.namespace,
                    shown(&resource, allowed),
                ),
                help: format!(
                    "set it to at {bound} {}, or ask for another LimitRange `{name}`",
                    shown(&resource, allowed)
                ),
                component: workload.component.clone(),
                object: (workload.kind.to_lowercase(), workload.name.clone()),
                field,
            });
        };
        for item in list(range, "/spec/limits") {
            let (max, min) = (amounts(item.get("max")), amounts(item.get("min")));
            match text(item, "/type") {
                Some("Container") => {
                    for place in ["initContainers", "containers"] {
                        let containers = list(pod, &format!("/{place}")).iter().enumerate();
                        for (at, container) in containers {
                            let (requests, limits) = defaults.complete(container);
                            let Some(broken) = broken(&requests, &limits, &min, &max) else {
                                continue;
                            };
                            let name = text(container, "/name").unwrap_or_default();
                            let amounts = if broken.kind == LIMIT {
                                "limits"
                            } else {
                                "requests"
                            };
                            let at = at.to_string();
                            let field = [
                                "spec",
                                "template",
                                "spec",
                                place,
                                &at,
                                "resources",
                                amounts,
                                &broken.resource,
                            ];
                            let field = field.map(str::to_owned).to_vec();
                            refuse(&format!("container `{name}`"), broken, field);
                        }
                    }
                }
                Some("Pod") => {
                    let all = defaults.of_pod(pod);
                    let part = |prefix: &str| {
                        let all = all.iter();
                        all.filter_map(|(name, amount)| {
                            Some((name.strip_prefix(prefix)?.to_owned(), *amount))
                        })
                        .collect::<Amounts>()
                    };
                    let (requests, limits) = (part("requests."), part("limits."));
                    if let Some(broken) = broken(&requests, &limits, &min, &max) {
                        refuse("each pod", broken, Vec::new());
                    }
                }
                Some("PersistentVolumeClaim") => {
                    for template in list(&workload.manifest, "/spec/volumeClaimTemplates") {
                        let requests = amounts(template.pointer("/spec/resources/requests"));
                        let none = Amounts::new();
                        if let Some(found) = broken(&requests, &none, &min, &max) {
                            let name = text(template, "/metadata/name").unwrap_or_default();
                            refuse(&format!("volume `{name}`"), found, Vec::new());
                        }
                    }
                }
                _ => {}
            }
        }
    }
}

const LIMIT: &str = "has a limit of";
const REQUEST: &str = "requests";

/// An amount outside a range.
struct Broken {
    resource: String,
    kind: &'static str,
    own: f64,
    bound: &'static str,
    allowed: f64,
}

/// Returns the first amount outside a range.
fn broken(requests: &Amounts, limits: &Amounts, min: &Amounts, max: &Amounts) -> Option<Broken> {
    let above = max.iter().find_map(|(resource, allowed)| {
        let own = limits.get(resource).or_else(|| requests.get(resource))?;
        (*own > allowed + TOLERANCE).then(|| Broken {
            resource: resource.clone(),
            kind: if limits.contains_key(resource) {
                LIMIT
            } else {
                REQUEST
            },
            own: *own,
            bound: "most",
            allowed: *allowed,
        })
    });
    above.or_else(|| {
        min.iter().find_map(|(resource, allowed)| {
            let own = requests.get(resource)?;
            (*own < allowed - TOLERANCE).then(|| Broken {
                resource: resource.clone(),
                kind: REQUEST,
                own: *own,
                bound: "least",
                allowed: *allowed,
            })
        })
    })
}
