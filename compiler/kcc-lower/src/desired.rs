//! [`Desired`]: the objects that an engine should hold, and their start order.

use std::collections::{BTreeMap, BTreeSet};

use kcc_model::{Component, Kind, Name, Run, TargetModel, Until};
use serde::{Deserialize, Serialize};

use crate::{docker::DockerDesired, kubernetes::KubernetesDesired};

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
pub(crate) fn components(target: &TargetModel) -> BTreeMap<Name, DesiredComponent> {
    let runs = |name: &Name| target.components.get(name).is_some_and(Component::runs);
    target
        .components
        .values()
        .filter(|component| component.runs())
        .map(|component| {
            let after = component
                .needs
                .iter()
                .filter(|(other, need)| !need.optional && runs(other))
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
