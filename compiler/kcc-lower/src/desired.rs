//! [`Desired`]: the objects that an engine should hold, and their start order.

use std::collections::{BTreeMap, BTreeSet};

use kcc_model::{Kind, Name, Run, Until};
use serde::{Deserialize, Serialize};

use crate::{
    docker::DockerDesired, kubernetes::KubernetesDesired, lowering::Lowering,
    sharing::SharedComponent,
};

/// The desired state of one target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Desired {
    /// `system.name`.
    pub system: Name,
    /// The target.
    pub target: Name,
    /// The instance, for an isolated run of the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<Name>,
    /// Components by name, with their order and owners.
    pub components: BTreeMap<Name, DesiredComponent>,
    /// The components of the target that an instance uses instead of creating them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub shared: BTreeMap<Name, SharedComponent>,
    /// The objects for the target's engine.
    pub engine: EngineDesired,
}

impl Desired {
    /// Returns the objects of some components, and those of no component that they
    /// use. All components stay, with their order and owners.
    #[must_use]
    pub fn part(&self, is_part: impl Fn(&Name) -> bool) -> Self {
        let engine = match &self.engine {
            EngineDesired::Docker(docker) => EngineDesired::Docker(docker.part(is_part)),
            EngineDesired::Kubernetes(kube) => EngineDesired::Kubernetes(kube.part(is_part)),
        };
        Self {
            engine,
            ..self.clone()
        }
    }

    /// Returns the generated secrets whose values are those of the target, which an
    /// instance shares components with.
    pub fn shared_secrets(&self) -> BTreeSet<&Name> {
        self.shared.values().flat_map(|one| &one.secrets).collect()
    }

    /// Returns the components that each component starts after.
    pub fn order(&self) -> BTreeMap<Name, BTreeSet<Name>> {
        let after = |component: &DesiredComponent| component.after.keys().cloned().collect();
        let components = self.components.iter();
        components
            .map(|(name, component)| (name.clone(), after(component)))
            .collect()
    }
}

/// The objects of one engine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum EngineDesired {
    /// Objects of a Docker engine.
    Docker(DockerDesired),
    /// Objects of a Kubernetes cluster.
    Kubernetes(KubernetesDesired),
}

/// A component as the planner sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DesiredComponent {
    /// The owning team.
    pub team: Name,
    /// The path in the model, such as `services.web`.
    pub path: String,
    /// Set for a job, which runs to completion.
    pub job: bool,
    /// Set if no apply starts it, but `kcc start` alone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub manual: bool,
    /// The states of other components to wait for, without optional needs.
    pub after: BTreeMap<Name, Until>,
    /// The time an apply waits for it, in milliseconds.
    pub deadline_ms: u64,
}

/// Returns the components that run in a target, as the planner sees them.
pub(crate) fn components(lowering: &Lowering<'_>) -> BTreeMap<Name, DesiredComponent> {
    let running: BTreeSet<_> = lowering.running().map(|one| &one.name).collect();
    lowering
        .running()
        .map(|component| {
            let after = component
                .needs
                .iter()
                .filter(|(other, need)| !need.optional && running.contains(other))
                .map(|(other, need)| (other.clone(), need.until))
                .collect();
            let desired = DesiredComponent {
                team: component.team.clone(),
                path: component.path.to_string(),
                job: component.is_job(),
                manual: component.manual,
                after,
                deadline_ms: match component.kind {
                    Kind::Job(Run {
                        deadline: Some(deadline),
                        ..
                    }) => deadline.0,
                    // Somebody watches a task that they started themselves.
                    Kind::Job(_) if component.manual => u64::MAX,
                    _ => component.deadline.0,
                },
            };
            (component.name.clone(), desired)
        })
        .collect()
}
