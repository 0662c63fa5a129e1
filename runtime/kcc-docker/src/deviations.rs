//! Turns the comparison that a plan is made of into [`Deviation`]s: the operations that
//! would remove the differences, the findings, and what a plan would refuse. Pure.

use std::collections::BTreeSet;

use kcc_lower::docker::DockerDesired;
use kcc_plan::{
    Action, Deviation, FieldChange, FindingKind, LabelledObject, Operation, Plan, Readiness,
    Verdict,
};
use serde_json::Value;

use crate::{
    observed::{ContainerState, Guest, Observed, ObservedContainer, ObservedObject, Ownership},
    payload::Payload,
    reconcile::IMAGE_ID,
    records::Records,
};

/// The facts that the comparison does not see.
pub(crate) struct Surroundings<'a> {
    pub(crate) records: &'a Records,
    /// The foreign containers on the scope's networks.
    pub(crate) guests: &'a [Guest],
}

/// Returns the differences that a comparison found.
pub(crate) fn deviations(
    docker: &DockerDesired,
    observed: &Observed,
    plan: &Plan<Payload>,
    surroundings: &Surroundings<'_>,
) -> Vec<Deviation> {
    let mut found = Found {
        observed,
        records: surroundings.records,
        names: surroundings.records.names(),
        replaced: replaced(docker, observed),
        all: Vec::new(),
    };
    for operation in plan.operations() {
        found.operation(operation);
    }
    found.foreign_objects(docker);
    found.findings(plan);
    found.doubtful();
    for Guest { network, name, .. } in surroundings.guests {
        found.push(Deviation {
            change: Some(FieldChange {
                path: format!("networks.{network}"),
                live: Some(Value::Array(Vec::new())),
                desired: Some(Value::Null),
            }),
            cause: Some(format!("uses network `{network}`, and kcc did not make it")),
            ..Deviation::new(Verdict::Added, "container", name)
        });
    }
    found.all
}

/// Returns the desired objects whose names other objects have, by kind and name.
fn replaced<'a>(
    docker: &'a DockerDesired,
    observed: &'a Observed,
) -> BTreeSet<(&'static str, &'a str)> {
    let foreign = |object: Option<&ObservedObject>| {
        object.is_some_and(|object| object.ownership != Ownership::Owned)
    };
    let container = |name: &str| observed.containers.get(name).map(|found| &found.object);
    let containers = docker
        .containers
        .keys()
        .filter(|name| foreign(container(name)));
    let networks = docker.networks.keys();
    let networks = networks.filter(|name| foreign(observed.networks.get(*name)));
    let volumes = docker.volumes.keys();
    let volumes = volumes.filter(|name| foreign(observed.volumes.get(*name)));
    let containers = containers.map(|name| ("container", name.as_str()));
    let networks = networks.map(|name| ("network", name.as_str()));
    let volumes = volumes.map(|name| ("volume", name.as_str()));
    containers.chain(networks).chain(volumes).collect()
}

struct Found<'a> {
    observed: &'a Observed,
    records: &'a Records,
    /// The kinds and names that the records list.
    names: BTreeSet<(&'a str, &'a str)>,
    replaced: BTreeSet<(&'static str, &'a str)>,
    all: Vec<Deviation>,
}

impl Found<'_> {
    fn push(&mut self, deviation: Deviation) {
        self.all.push(deviation);
    }

    /// Returns true if the last apply brought about what an object belongs to.
    fn is_finished(&self, component: Option<&String>) -> bool {
        match component {
            Some(name) => self.observed.is_completed(name),
            None => !self.observed.interrupted && self.observed.unapplied.target.is_none(),
        }
    }

    fn operation(&mut self, operation: &Operation) {
        let Operation { kind, name, .. } = operation;
        if self.replaced.contains(&(kind_of(kind), name.as_str())) {
            return;
        }
        let whole = |verdict: Verdict| Deviation {
            component: operation.component.clone(),
            team: operation.team.clone(),
            cause: Some(operation.cause.clone()),
            ..Deviation::new(verdict, kind, name)
        };
        let existing = self.observed.containers.get(name);
        if operation.action == Action::Delete {
            match existing {
                // It goes once its job has ended.
                Some(_) if operation.cause == "once its job has ended" => {}
                _ if operation.cause.starts_with("left behind") => {
                    self.push(whole(Verdict::Unfinished));
                }
                _ => self.push(whole(Verdict::Added)),
            }
            return;
        }
        if !self.is_finished(operation.component.as_ref()) {
            let mut changes = operation.changes.iter().peekable();
            if changes.peek().is_none() {
                self.push(whole(Verdict::Unfinished));
            }
            for change in changes {
                self.push(Deviation {
                    change: Some(change.clone()),
                    cause: None,
                    ..whole(Verdict::Unfinished)
                });
            }
            return;
        }
        match (operation.action, kind.as_str()) {
            (_, "image") => self.push(Deviation {
                change: Some(FieldChange {
                    path: "image".to_owned(),
                    live: Some(Value::Null),
                    desired: Some(name.as_str().into()),
                }),
                ..whole(Verdict::Decayed)
            }),
            (Action::Create, _) => match self.renamed(kind, name) {
                Some(now) => {
                    let now = now.to_owned();
                    self.push(Deviation {
                        change: Some(FieldChange {
                            path: "name".to_owned(),
                            live: Some(now.into()),
                            desired: Some(name.as_str().into()),
                        }),
                        cause: None,
                        ..whole(Verdict::Edited)
                    });
                }
                None => self.push(whole(Verdict::Deleted)),
            },
            _ if operation.changes.is_empty() => self.push(whole(match existing {
                Some(existing) if existing.state == ContainerState::Created => Verdict::Unfinished,
                // Its network ended with its main container.
                _ => Verdict::Decayed,
            })),
            _ => {
                for change in &operation.changes {
                    let (verdict, change) = judge(change, existing);
                    self.push(Deviation {
                        change: Some(change),
                        cause: None,
                        ..whole(verdict)
                    });
                }
            }
        }
    }

    /// Returns the present name of a container that the record has under another one.
    fn renamed(&self, kind: &str, name: &str) -> Option<&str> {
        let inventory = self.records.inventory.as_ref()?;
        let mut objects = inventory.objects.iter();
        let recorded = objects.find(|object| object.kind == kind && object.name == name)?;
        let mut containers = self.observed.containers.iter();
        let found = containers.find(|(_, container)| container.object.id == recorded.id);
        found.map(|(name, _)| name.as_str())
    }

    /// Adds the objects that have the names of desired ones.
    fn foreign_objects(&mut self, docker: &DockerDesired) {
        for (kind, name) in self.replaced.clone() {
            let component = match kind {
                "container" => docker.containers.get(name).map(|one| one.component.clone()),
                "network" => docker
                    .networks
                    .get(name)
                    .and_then(|one| one.component.clone()),
                _ => docker
                    .volumes
                    .get(name)
                    .and_then(|one| one.component.clone()),
            };
            let (verdict, cause) = if self.names.contains(&(kind, name)) {
                let cause = "another object has its name: the one that kcc made is gone";
                (Verdict::Recreated, cause)
            } else {
                (
                    Verdict::Added,
                    "kcc did not make it, and its name is needed",
                )
            };
            self.push(Deviation {
                component,
                cause: Some(cause.to_owned()),
                ..Deviation::new(verdict, kind, name)
            });
        }
    }

    fn findings(&mut self, plan: &Plan<Payload>) {
        for finding in &plan.findings {
            let verdict = match finding.finding {
                FindingKind::Unrecorded => Verdict::Added,
                FindingKind::Moved => Verdict::ImageMoved,
                FindingKind::Unknown => Verdict::Unknown,
                // A container that may still become ready is a matter of `kcc status`.
                FindingKind::NotReady => match self.observed.readiness.get(&finding.name) {
                    Some(Readiness::Failed(_)) => {
                        if self.is_finished(finding.component.as_ref()) {
                            Verdict::Decayed
                        } else {
                            Verdict::Unfinished
                        }
                    }
                    _ => continue,
                },
                FindingKind::Conflict | FindingKind::Yielded | FindingKind::Remains => continue,
            };
            let named = (kind_of(&finding.kind), finding.name.as_str());
            if verdict == Verdict::Added && self.replaced.contains(&named) {
                continue;
            }
            self.push(Deviation {
                component: finding.component.clone(),
                team: finding.team.clone(),
                cause: Some(finding.cause.clone()),
                ..Deviation::new(verdict, &finding.kind, &finding.name)
            });
        }
    }

    /// Adds the objects that carry the labels of the scope although kcc cannot have made
    /// them.
    fn doubtful(&mut self) {
        for object in &self.observed.doubtful {
            let LabelledObject {
                kind,
                name,
                component,
                team,
                doubt,
                ..
            } = object;
            if self.replaced.contains(&(kind_of(kind), name.as_str())) {
                continue;
            }
            self.all.push(Deviation {
                component: component.clone(),
                team: team.clone(),
                cause: doubt.clone(),
                ..Deviation::new(Verdict::Added, kind, name)
            });
        }
    }
}

/// Returns the verdict on a field of a container, and the field as drift shows it.
fn judge(change: &FieldChange, existing: Option<&ObservedContainer>) -> (Verdict, FieldChange) {
    match change.path.as_str() {
        // The container runs what was applied; its reference leads elsewhere.
        IMAGE_ID => (
            Verdict::ImageMoved,
            FieldChange {
                path: "image".to_owned(),
                live: change.desired.clone(),
                desired: change.live.clone(),
            },
        ),
        "state" => match existing.map(|existing| existing.state) {
            Some(ContainerState::Paused) => (Verdict::Edited, change.clone()),
            _ => (Verdict::Decayed, change.clone()),
        },
        _ => (Verdict::Edited, change.clone()),
    }
}

fn kind_of(kind: &str) -> &'static str {
    match kind {
        "container" => "container",
        "network" => "network",
        "volume" => "volume",
        _ => "image",
    }
}
