//! [`Desired`]: what an engine should hold, and in which order it comes up.

use std::collections::{BTreeMap, BTreeSet};

use kcc_model::{Component, Kind, Name, Run, TargetModel, Until};
use serde::Serialize;

use crate::{docker::DockerDesired, kubernetes::KubernetesDesired};

/// The desired state of one target.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Desired {
    /// `system.name`.
    pub system: Name,
    /// The target.
    pub target: Name,
    /// Components by name: their order, and who answers for them.
    pub components: BTreeMap<Name, DesiredComponent>,
    /// The objects, for the engine that the target is bound to.
    pub engine: EngineDesired,
}

impl Desired {
    /// The components that each component starts after.
    pub fn order(&self) -> BTreeMap<Name, BTreeSet<Name>> {
        let after = |component: &DesiredComponent| component.after.keys().cloned().collect();
        let components = self.components.iter();
        components
            .map(|(name, component)| (name.clone(), after(component)))
            .collect()
    }
}

/// The objects of one engine.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum EngineDesired {
    /// For a Docker engine.
    Docker(DockerDesired),
    /// For a Kubernetes cluster.
    Kubernetes(KubernetesDesired),
}

/// A component as the planner sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DesiredComponent {
    /// The team that owns it.
    pub team: Name,
    /// Its path in the model, such as `services.web`.
    pub path: String,
    /// Runs to completion.
    pub job: bool,
    /// What has to be true of others before it starts; optional needs are left out.
    pub after: BTreeMap<Name, Until>,
    /// How long an apply waits for it, in milliseconds.
    pub deadline_ms: u64,
}

/// The components that run in a target, in the planner's terms.
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
                after,
                deadline_ms: match component.kind {
                    Kind::Job(Run {
                        deadline: Some(deadline),
                        ..
                    }) => deadline.0,
                    _ => component.deadline.0,
                },
            };
            (component.name.clone(), desired)
        })
        .collect()
}
