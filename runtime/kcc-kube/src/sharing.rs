//! Observes the components that an instance shares with its target: those that the target
//! runs in its namespace, and from the other side the instances that use them. An instance
//! reaches a shared component through a policy in the namespace of the target.

use std::collections::{BTreeMap, BTreeSet};

use kcc_lower::{Desired, kubernetes::KubernetesDesired};
use kcc_model::Name;
use kcc_plan::{ComponentStatus, Error, Scope, Sharer};
use serde_json::Value;

use crate::{
    client::Client,
    observe::{belongs, labels, name_of},
    observed::{Reference, label, label_of},
};

/// The kinds of workloads that serve.
pub(crate) const WORKLOADS: [&str; 3] = ["Deployment", "StatefulSet", "DaemonSet"];

/// Returns the number of ready and of desired replicas of each shared component that the
/// target has.
pub(crate) async fn observe(
    client: &Client,
    desired: &Desired,
) -> Result<BTreeMap<Name, (u32, u32)>, Error> {
    let target = Scope::of(desired).of_target();
    let mut found = BTreeMap::new();
    for (name, shared) in &desired.shared {
        for kind in WORKLOADS {
            let reference = Reference {
                api_version: "apps/v1".to_owned(),
                kind: kind.to_owned(),
                namespace: shared.namespace.clone(),
                name: name.clone(),
            };
            let live = client.get(&reference).await?;
            if let Some(live) = live.filter(|live| belongs(&target, live)) {
                found.insert(name.clone(), replicas(&live));
            }
        }
    }
    Ok(found)
}

fn replicas(live: &Value) -> (u32, u32) {
    let count = |pointers: [&str; 2]| {
        let count = pointers.iter().find_map(|at| live.pointer(at)?.as_u64());
        u32::try_from(count.unwrap_or_default()).unwrap_or(u32::MAX)
    };
    (
        count(["/status/readyReplicas", "/status/numberReady"]),
        count(["/spec/replicas", "/status/desiredNumberScheduled"]),
    )
}

/// Returns the status of each shared component.
pub(crate) fn statuses(
    desired: &Desired,
    found: &BTreeMap<Name, (u32, u32)>,
) -> BTreeMap<Name, ComponentStatus> {
    let scope = Scope::of(desired);
    let shared = desired.shared.iter().map(|(name, shared)| {
        let replicas = found.get(name).copied().unwrap_or_default();
        let status = ComponentStatus::shared(&scope, &shared.team, replicas);
        (name.clone(), status)
    });
    shared.collect()
}

/// Finds the instances that use components of a target, by their policies in its namespace.
pub(crate) async fn sharers(
    client: &Client,
    scope: &Scope,
    kube: &KubernetesDesired,
) -> Result<BTreeSet<Sharer>, Error> {
    if scope.instance.is_some() {
        return Ok(BTreeSet::new());
    }
    let policies = Reference {
        api_version: "networking.k8s.io/v1".to_owned(),
        kind: "NetworkPolicy".to_owned(),
        namespace: Some(kube.namespace.clone()),
        name: String::new(),
    };
    let of_instances = format!("{},{}", labels(scope), label::INSTANCE);
    let found = client.list(&policies, &of_instances).await?;
    let sharers = found.iter().filter_map(|live| {
        let instance = label_of(live, label::INSTANCE)?;
        let of_instance = Scope {
            instance: Some(instance.to_owned()),
            ..scope.clone()
        };
        let name = name_of(live);
        let component = name.strip_suffix(instance)?.strip_suffix('.')?;
        belongs(&of_instance, live).then(|| Sharer {
            component: component.to_owned(),
            instance: instance.to_owned(),
        })
    });
    Ok(sharers.collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn counts_replicas_of_every_workload() {
        let deployment = json!({"spec": {"replicas": 2}, "status": {"readyReplicas": 1}});
        let daemons =
            json!({"spec": {}, "status": {"numberReady": 3, "desiredNumberScheduled": 4}});
        assert_eq!(replicas(&deployment), (1, 2));
        assert_eq!(replicas(&daemons), (3, 4));
        assert_eq!(replicas(&json!({"spec": {"replicas": 1}})), (0, 1));
    }
}
