//! Lowers autoscaling, disruption budgets, rollout strategies and placement.

use k8s_openapi::api::apps::v1::{
    DaemonSetUpdateStrategy, DeploymentStrategy, RollingUpdateDaemonSet, RollingUpdateDeployment,
};
use k8s_openapi::api::autoscaling::v2::{
    ContainerResourceMetricSource, CrossVersionObjectReference, HorizontalPodAutoscaler,
    HorizontalPodAutoscalerSpec, MetricSpec, MetricTarget, ResourceMetricSource,
};
use k8s_openapi::api::core::v1::{
    ExecAction, Lifecycle, LifecycleHandler, Toleration, TopologySpreadConstraint,
};
use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kcc_model::{Component, Disruption, Share, Spread, Strategy};

use crate::kubernetes::label;
use crate::kubernetes::metadata::{self, Owner};
use crate::kubernetes::objects::{Attribution, Objects};
use crate::kubernetes::stateful::is_stateful;
use crate::kubernetes::storage;
use crate::lowering::Lowering;
use crate::source::Recorder;

/// The default target CPU utilisation, in percent of the request.
const DEFAULT_CPU_UTILISATION: u32 = 80;

fn number(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// Returns `replicas` of a workload. An autoscaler owns the field if there is one,
/// since two field managers would keep overwriting each other.
pub(super) fn replicas(component: &Component) -> Option<i32> {
    component
        .scale
        .is_none()
        .then(|| number(component.replicas))
}

/// Returns `minReadySeconds` of a workload without a readiness or startup probe.
/// Otherwise a container that exits right after its start would count as available
/// and replace a working one.
pub(super) fn min_ready_seconds(component: &Component) -> Option<i32> {
    const SECONDS: i32 = 3;
    let health = &component.container.health;
    let checked = health.readiness.is_some() || health.startup.is_some();
    (!checked && component.replicas > 0).then_some(SECONDS)
}

/// Adds the autoscaler of a component.
pub(super) fn autoscaler(
    lowering: &mut Lowering<'_>,
    component: &Component,
    objects: &mut Objects<'_>,
) {
    let Some(scale) = component.scale else {
        return;
    };
    let attribution = Attribution {
        path: component.path.join("scale"),
        ..Attribution::component(component)
    };
    let sources = attribution.sources(lowering);
    sources.model("spec.scaleTargetRef", &[""]);
    let source = sources.below("spec").within(["scale"]);
    source.model("minReplicas", &["min"]);
    source.model("maxReplicas", &["max"]);
    let cpu = match (scale.cpu, scale.follows_cpu()) {
        (None, true) => Some(DEFAULT_CPU_UTILISATION),
        (cpu, _) => cpu,
    };
    let mut metrics = Vec::new();
    for (name, load) in [("cpu", cpu), ("memory", scale.memory)] {
        let Some(load) = load else { continue };
        let at = source.below("metrics").element(metrics.len());
        at.model("", &[name, ""]);
        metrics.push(metric(component, name, load));
    }
    let kind = if is_stateful(component) {
        "StatefulSet"
    } else {
        "Deployment"
    };
    let owner = Owner::Component(component);
    let autoscaler = HorizontalPodAutoscaler {
        metadata: metadata::object(lowering, &component.name, Some(objects.namespace), owner),
        spec: Some(HorizontalPodAutoscalerSpec {
            scale_target_ref: CrossVersionObjectReference {
                api_version: Some("apps/v1".to_owned()),
                kind: kind.to_owned(),
                name: component.name.clone(),
            },
            min_replicas: Some(number(scale.min)),
            max_replicas: number(scale.max),
            metrics: Some(metrics),
            behavior: None,
        }),
        status: None,
    };
    objects.add(lowering, &autoscaler, &attribution, &sources);
}

fn metric(component: &Component, name: &str, load: u32) -> MetricSpec {
    let target = MetricTarget {
        type_: "Utilization".to_owned(),
        average_utilization: Some(number(load)),
        ..MetricTarget::default()
    };
    // A pod metric is undefined if a sidecar has no request.
    if !component.sidecars.is_empty() {
        return MetricSpec {
            type_: "ContainerResource".to_owned(),
            container_resource: Some(ContainerResourceMetricSource {
                container: component.name.clone(),
                name: name.to_owned(),
                target,
            }),
            ..MetricSpec::default()
        };
    }
    MetricSpec {
        type_: "Resource".to_owned(),
        resource: Some(ResourceMetricSource {
            name: name.to_owned(),
            target,
        }),
        ..MetricSpec::default()
    }
}

/// Adds the disruption budget of a component.
pub(super) fn budget(
    lowering: &mut Lowering<'_>,
    component: &Component,
    objects: &mut Objects<'_>,
) {
    let replicated = component.is_replicated();
    let default = replicated.then_some(Disruption::MaxUnavailable(Share::Count(1)));
    let Some(disruption) = component.disruption.or(default) else {
        return;
    };
    let (min_available, max_unavailable) = match disruption {
        Disruption::MinAvailable(share) => (Some(int_or_string(share)), None),
        Disruption::MaxUnavailable(share) => (None, Some(int_or_string(share))),
    };
    let owner = Owner::Component(component);
    let budget = PodDisruptionBudget {
        metadata: metadata::object(lowering, &component.name, Some(objects.namespace), owner),
        spec: Some(PodDisruptionBudgetSpec {
            min_available,
            max_unavailable,
            selector: Some(LabelSelector {
                match_labels: Some(metadata::selector(lowering, component)),
                match_expressions: None,
            }),
            unhealthy_pod_eviction_policy: Some("AlwaysAllow".to_owned()),
        }),
        status: None,
    };
    let declared = component.disruption.is_some();
    let attribution = Attribution {
        path: component
            .path
            .join(if declared { "disruption" } else { "replicas" }),
        ..Attribution::component(component)
    };
    let sources = attribution.sources(lowering);
    sources.model("spec.minAvailable", &["disruption.minAvailable"]);
    if declared {
        sources.model("spec.maxUnavailable", &["disruption.maxUnavailable"]);
    } else {
        sources.kcc(
            "spec.maxUnavailable",
            "the default of `disruption` for two or more replicas",
        );
    }
    sources.kcc("spec.selector", label::IDENTITY);
    sources.kcc(
        "spec.unhealthyPodEvictionPolicy",
        "an unhealthy replica does not block draining its node",
    );
    objects.add(lowering, &budget, &attribution, &sources);
}

fn int_or_string(share: Share) -> IntOrString {
    match share {
        Share::Count(count) => IntOrString::Int(number(count)),
        Share::Percent(_) => IntOrString::String(share.to_string()),
    }
}

/// Returns the strategy of a Deployment. The default is a surge of one, or recreate
/// if the new pod could not start while the old one has a volume mounted.
pub(super) fn strategy(lowering: &Lowering<'_>, component: &Component) -> DeploymentStrategy {
    let rollout = &component.rollout;
    let recreate = match rollout.strategy {
        Some(strategy) => strategy == Strategy::Recreate,
        // Two of its pods cannot hold the ports of one node.
        None => component.host_network || storage::has_single_node_volume(lowering, component),
    };
    if recreate {
        return DeploymentStrategy {
            type_: Some("Recreate".to_owned()),
            rolling_update: None,
        };
    }
    let surge = rollout.surge.unwrap_or(Share::Count(1));
    let unavailable = rollout.unavailable.unwrap_or(Share::Count(0));
    DeploymentStrategy {
        type_: Some("RollingUpdate".to_owned()),
        rolling_update: Some(RollingUpdateDeployment {
            max_surge: Some(int_or_string(surge)),
            max_unavailable: Some(int_or_string(unavailable)),
        }),
    }
}

/// Returns the update strategy of a `DaemonSet`. The default replaces one node at a
/// time, stopping the old pod first. Kubernetes requires exactly one of surge and
/// unavailability.
pub(super) fn update_strategy(component: &Component) -> DaemonSetUpdateStrategy {
    let rollout = &component.rollout;
    let other = |share: Share| Share::Count(u32::from(share.is_zero()));
    let (surge, unavailable) = match (rollout.surge, rollout.unavailable) {
        _ if rollout.strategy == Some(Strategy::Recreate) => (Share::Count(0), Share::Percent(100)),
        (Some(surge), Some(unavailable)) => (surge, unavailable),
        (Some(surge), None) => (surge, other(surge)),
        (None, Some(unavailable)) => (other(unavailable), unavailable),
        (None, None) => (Share::Count(0), Share::Count(1)),
    };
    DaemonSetUpdateStrategy {
        type_: Some("RollingUpdate".to_owned()),
        rolling_update: Some(RollingUpdateDaemonSet {
            max_surge: Some(int_or_string(surge)),
            max_unavailable: Some(int_or_string(unavailable)),
        }),
    }
}

/// Returns the `preStop` hook.
pub(super) fn lifecycle(component: &Component) -> Option<Lifecycle> {
    let command = component.rollout.pre_stop.clone()?;
    Some(Lifecycle {
        pre_stop: Some(LifecycleHandler {
            exec: Some(ExecAction {
                command: Some(command),
            }),
            ..LifecycleHandler::default()
        }),
        ..Lifecycle::default()
    })
}

/// Returns the tolerations of a pod.
pub(super) fn tolerations(component: &Component, sources: &Recorder) -> Option<Vec<Toleration>> {
    for (at, key) in component.placement.tolerations.keys().enumerate() {
        let source = sources
            .element(at)
            .within(["placement", "tolerations", key]);
        source.model("", &[""]);
        source.model("value", &["value"]);
        source.model("effect", &["effect"]);
    }
    let all: Vec<_> = component
        .placement
        .tolerations
        .iter()
        .map(|(key, taint)| Toleration {
            key: Some(key.clone()),
            operator: Some(
                match taint.value {
                    Some(_) => "Equal",
                    None => "Exists",
                }
                .to_owned(),
            ),
            value: taint.value.clone(),
            effect: taint.effect.clone(),
            toleration_seconds: None,
        })
        .collect();
    (!all.is_empty()).then_some(all)
}

/// Returns the spread constraints. `ScheduleAnyway`, so that a cluster that is too
/// small still runs all replicas.
pub(super) fn spread(
    lowering: &Lowering<'_>,
    component: &Component,
    pod: &Recorder,
) -> Option<Vec<TopologySpreadConstraint>> {
    let field = "topologySpreadConstraints";
    let default = component.is_replicated().then_some(Spread::Node);
    if component.placement.spread.is_some() {
        pod.model(field, &["placement.spread"]);
    } else {
        pod.kcc(
            field,
            "the default of `placement: spread` for two or more replicas",
        );
    }
    let topology_key = match component.placement.spread.or(default)? {
        Spread::Node => "kubernetes.io/hostname",
        Spread::Zone => "topology.kubernetes.io/zone",
        Spread::None => return None,
    };
    Some(vec![TopologySpreadConstraint {
        max_skew: 1,
        topology_key: topology_key.to_owned(),
        when_unsatisfiable: "ScheduleAnyway".to_owned(),
        label_selector: Some(LabelSelector {
            match_labels: Some(metadata::selector(lowering, component)),
            match_expressions: None,
        }),
        ..TopologySpreadConstraint::default()
    }])
}
