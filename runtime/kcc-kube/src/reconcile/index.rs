//! [`Index`]: the objects of both sides by what they have in common, so that no object is
//! compared with all others.

use std::collections::BTreeMap;

use kcc_lower::kubernetes::{KubernetesDesired, Object};
use kcc_model::Name;
use serde_json::Value;

use super::{JOB, is_workload};
use crate::{
    observed::{DEFINITION, ObservedObject},
    scale::AUTOSCALER,
};

/// The desired objects, and those that are no longer declared.
#[derive(Debug, Default)]
pub(super) struct Index<'a> {
    /// The names of definitions, by the kind that they define.
    definitions: BTreeMap<&'a str, Vec<&'a str>>,
    /// The desired workloads by component, and all other objects; shared ones have none.
    workloads: BTreeMap<Option<&'a Name>, Vec<&'a Object>>,
    others: BTreeMap<Option<&'a Name>, Vec<&'a Object>>,
    /// The undeclared autoscalers by the kind and name of their target.
    autoscalers: BTreeMap<(&'a str, &'a str), Vec<&'a str>>,
    /// The undeclared jobs, and all undeclared workloads, by component.
    jobs: BTreeMap<Option<&'a Name>, Vec<&'a str>>,
    old: BTreeMap<Option<&'a Name>, Vec<&'a ObservedObject>>,
}

impl<'a> Index<'a> {
    pub(super) fn of(kube: &'a KubernetesDesired, orphans: &[&'a ObservedObject]) -> Self {
        let mut index = Self::default();
        for object in &kube.objects {
            let component = object.component.as_ref();
            let names = object.manifest.pointer("/spec/names/kind");
            if object.kind == DEFINITION
                && let Some(kind) = names.and_then(Value::as_str)
            {
                index
                    .definitions
                    .entry(kind)
                    .or_default()
                    .push(&object.name);
            }
            let kin = if is_workload(&object.kind) {
                &mut index.workloads
            } else {
                &mut index.others
            };
            kin.entry(component).or_default().push(object);
        }
        for old in orphans.iter().copied() {
            let (kind, name) = (old.reference.kind.as_str(), old.reference.name.as_str());
            let component = old.component.as_ref();
            let target = &old.live["spec"]["scaleTargetRef"];
            if kind == AUTOSCALER
                && let (Some(of), Some(named)) = (target["kind"].as_str(), target["name"].as_str())
            {
                index.autoscalers.entry((of, named)).or_default().push(name);
            }
            if kind == JOB {
                index.jobs.entry(component).or_default().push(name);
            }
            if is_workload(kind) {
                index.old.entry(component).or_default().push(old);
            }
        }
        index
    }

    /// Returns the definitions of a kind, by name.
    pub(super) fn definitions<'s>(&'s self, kind: &'s str) -> &'s [&'a str] {
        self.definitions.get(kind).map_or(&[], Vec::as_slice)
    }

    /// Returns the objects that a workload of a component stands on: its own and shared
    /// ones.
    pub(super) fn stands_on<'s>(
        &'s self,
        component: Option<&'s Name>,
    ) -> impl Iterator<Item = &'a Object> + use<'s, 'a> {
        let shared = self.others.get(&None).into_iter().flatten();
        let own = component.and_then(|_| self.others.get(&component));
        shared.chain(own.into_iter().flatten()).copied()
    }

    /// Returns the desired workloads of a component.
    pub(super) fn workloads<'s>(&'s self, component: Option<&'s Name>) -> &'s [&'a Object] {
        self.workloads.get(&component).map_or(&[], Vec::as_slice)
    }

    /// Returns the undeclared autoscalers of a workload, by name.
    pub(super) fn autoscalers<'s>(&'s self, kind: &'s str, name: &'s str) -> &'s [&'a str] {
        self.autoscalers
            .get(&(kind, name))
            .map_or(&[], Vec::as_slice)
    }

    /// Returns the undeclared jobs of a component, by name.
    pub(super) fn jobs<'s>(&'s self, component: Option<&'s Name>) -> &'s [&'a str] {
        self.jobs.get(&component).map_or(&[], Vec::as_slice)
    }

    /// Returns the undeclared workloads that may use an undeclared object: those of its
    /// component, or all if it is shared.
    pub(super) fn old_users<'s>(
        &'s self,
        component: Option<&'s Name>,
    ) -> impl Iterator<Item = &'a ObservedObject> + use<'s, 'a> {
        let all = self.old.values().filter(move |_| component.is_none());
        let own = component.and_then(|_| self.old.get(&component));
        all.chain(own).flatten().copied()
    }
}
