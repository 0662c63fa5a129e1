//! The explanation of a status report: the way from each component that only waits, along
//! declared needs, to the component where the cause is. Pure.
//!
//! A need counts only if a component has no cause of its own, or one that may follow from
//! it: nothing else explains a program that ends because another one does not answer.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use kcc_lower::Desired;
use kcc_model::{Name, Until};

use crate::{
    Cause, ComponentStatus, LabelledObject, NeedLink, Scope, State, StatusReport, Unapplied,
    cause::state_name,
};

/// Adds to each component that only waits the needs that lead to the cause, and says so
/// in its reason.
fn explain(components: &mut BTreeMap<Name, ComponentStatus>, desired: &Desired) {
    let chains: Vec<_> = components
        .iter()
        .filter_map(|(name, status)| {
            let chain = chain(name, components, desired);
            let root = components.get(&chain.last()?.component)?;
            let why = sentence(&chain, root);
            let own = status
                .why
                .as_ref()
                .filter(|_| status.state != State::Absent);
            let own = own.map(|own| format!(" ({own})")).unwrap_or_default();
            Some((name.clone(), chain, format!("{why}{own}")))
        })
        .collect();
    for (name, chain, why) in chains {
        if let Some(status) = components.get_mut(&name) {
            status.needs = chain;
            status.why = Some(why);
            status.cause = None;
        }
    }
}

/// Returns the needs that lead from a component to the one where the cause is; none if
/// it is ready or has a cause of its own.
fn chain(
    name: &str,
    components: &BTreeMap<Name, ComponentStatus>,
    desired: &Desired,
) -> Vec<NeedLink> {
    let mut chain = Vec::new();
    let mut seen = BTreeSet::from([name.to_owned()]);
    let mut next = name.to_owned();
    while let Some(link) = unmet(&next, components, desired) {
        // Rules forbid cycles, but a record may be from another time.
        if !seen.insert(link.component.clone()) {
            break;
        }
        next.clone_from(&link.component);
        chain.push(link);
    }
    chain
}

/// Returns a need of a component that is not met and explains its state. Of several the
/// one with a failure of its own, which is closest to the cause.
fn unmet(
    name: &str,
    components: &BTreeMap<Name, ComponentStatus>,
    desired: &Desired,
) -> Option<NeedLink> {
    let status = components.get(name)?;
    let own_cause = status.cause.as_ref().is_some_and(|cause| !cause.may_follow);
    if status.is_ready() || own_cause {
        return None;
    }
    let after = &desired.components.get(name)?.after;
    let unmet = after.iter().filter(|(other, until)| {
        let other = components.get(*other);
        other.is_some_and(|other| !is_met(other, **until))
    });
    let (component, until) = unmet.min_by_key(|(other, _)| {
        let cause = components[*other].cause.as_ref();
        cause.is_none_or(|cause| cause.may_follow)
    })?;
    Some(NeedLink {
        component: component.clone(),
        until: *until,
    })
}

fn is_met(status: &ComponentStatus, until: Until) -> bool {
    match until {
        Until::Started => !matches!(status.state, State::Absent | State::Stopped | State::Failed),
        Until::Healthy | Until::Completed => status.is_ready(),
    }
}

/// Describes the way to a cause and the cause itself.
fn sentence(chain: &[NeedLink], root: &ComponentStatus) -> String {
    let links = chain.iter().enumerate().map(|(index, link)| {
        let (name, until) = (&link.component, state_name(link.until));
        match index {
            0 => format!("`{name}`, which it needs until {until},"),
            _ => format!(" needs `{name}` until {until}, which"),
        }
    });
    let text: String = links.collect();
    format!("{text} {}", root.shortfall())
}

impl StatusReport {
    /// Adds the records to what was observed.
    pub fn new(
        desired: &Desired,
        scope: Scope,
        mut components: BTreeMap<Name, ComponentStatus>,
        unapplied: &Unapplied,
        unfinished: bool,
        mut labelled: Vec<LabelledObject>,
    ) -> Self {
        labelled.retain(LabelledObject::is_recoverable);
        for (name, component) in &mut components {
            component.unapplied = unapplied.components.get(name).cloned();
            let declared = desired.components.get(name);
            component.is_job = declared.is_some_and(|declared| declared.job);
            component.manual = declared.is_some_and(|declared| declared.manual);
            if component.manual && component.state == State::Absent {
                let start = scope.command(&format!("start {name}"));
                component.why = Some(format!("started by hand: `{start}`"));
                component.cause = None;
            }
        }
        explain(&mut components, desired);
        Self {
            scope,
            components,
            unapplied: unapplied.target.clone(),
            unfinished,
            unrecorded: labelled,
        }
    }

    /// Returns the components that are not ready and do not only wait for others, those
    /// first that others wait for.
    pub fn roots(&self) -> Vec<(&Name, &ComponentStatus)> {
        let mut all: Vec<_> = self
            .components
            .iter()
            .filter(|(_, status)| status.is_root())
            .collect();
        let mut waiting: BTreeMap<&Name, usize> = BTreeMap::new();
        for link in self.components.values().filter_map(|one| one.needs.last()) {
            *waiting.entry(&link.component).or_default() += 1;
        }
        all.sort_by_key(|(name, _)| std::cmp::Reverse(waiting.get(name).copied()));
        all
    }

    /// Explains why components are not ready: each cause in at most three lines, and
    /// after the causes each component that waits for one of them in one line.
    pub fn explanation(&self) -> String {
        let mut out = String::new();
        for (name, status) in self.roots() {
            let _ = writeln!(out, "`{name}` {}", status.shortfall());
            if let Some(cause) = &status.cause {
                for line in cause.details() {
                    let _ = writeln!(out, "    {line}");
                }
            }
        }
        for (name, status) in &self.components {
            if let (false, Some(why)) = (status.needs.is_empty(), &status.why) {
                let _ = writeln!(out, "`{name}` is not ready because {why}");
            }
        }
        out
    }
}

impl ComponentStatus {
    /// Returns true if it has a cause of its own why it is not ready.
    fn is_root(&self) -> bool {
        let unready = !self.is_ready() && (self.ready < self.replicas || self.why.is_some());
        unready && self.needs.is_empty()
    }

    /// Returns the number of replicas that are not ready, since when and why, as what
    /// follows the component's name.
    pub fn shortfall(&self) -> String {
        let mut text = match self.state {
            State::Absent => "does not exist".to_owned(),
            _ if self.is_job => "has not completed".to_owned(),
            _ => {
                let noun = if self.replicas == 1 {
                    "replica"
                } else {
                    "replicas"
                };
                format!("has {} of {} {noun} ready", self.ready, self.replicas)
            }
        };
        if let Some(since) = self.since {
            text = format!("{text} since {}", since.strftime("%Y-%m-%dT%H:%M:%SZ"));
        }
        let absent = |cause: &Cause| cause.kind == "absent";
        match &self.why {
            // It has been said.
            _ if self.cause.as_ref().is_some_and(absent) => text,
            Some(why) => format!("{text}: {why}"),
            None => text,
        }
    }
}
