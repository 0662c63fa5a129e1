//! [`Draft`]: a step before [`PlanBuilder`](crate::PlanBuilder) numbers and orders it.

use std::collections::BTreeSet;

use kcc_model::{Name, Until};

use crate::{Action, FieldChange, Wait};

/// A step that has no number and no position yet.
#[derive(Debug, Clone)]
pub struct Draft<P> {
    pub(crate) action: Action,
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) cause: String,
    pub(crate) changes: Vec<FieldChange>,
    pub(crate) component: Option<Name>,
    pub(crate) team: Option<Name>,
    pub(crate) destroys_data: bool,
    pub(crate) starts: bool,
    pub(crate) after: BTreeSet<(String, String)>,
    pub(crate) after_removal: BTreeSet<(String, String)>,
    pub(crate) waits: BTreeSet<Wait>,
    pub(crate) payload: P,
}

impl<P> Draft<P> {
    /// Creates a draft of an operation on the object `name` of a kind.
    pub fn new(
        action: Action,
        kind: impl Into<String>,
        name: impl Into<String>,
        cause: impl Into<String>,
        payload: P,
    ) -> Self {
        Self {
            action,
            kind: kind.into(),
            name: name.into(),
            cause: cause.into(),
            changes: Vec::new(),
            component: None,
            team: None,
            destroys_data: false,
            starts: false,
            after: BTreeSet::new(),
            after_removal: BTreeSet::new(),
            waits: BTreeSet::new(),
            payload,
        }
    }

    /// Sets the component it belongs to, which also determines the team.
    #[must_use]
    pub fn component(mut self, component: impl Into<Name>) -> Self {
        self.component = Some(component.into());
        self
    }

    /// Sets the team that answers for it, for objects of no desired component.
    #[must_use]
    pub fn team(mut self, team: impl Into<Name>) -> Self {
        self.team = Some(team.into());
        self
    }

    /// Sets the fields that it changes.
    #[must_use]
    pub fn changes(mut self, changes: Vec<FieldChange>) -> Self {
        self.changes = changes;
        self
    }

    /// Marks it as starting its component's workload: it waits for the component's needs.
    #[must_use]
    pub fn starts(mut self) -> Self {
        self.starts = true;
        self
    }

    /// Marks it as destroying data.
    #[must_use]
    pub fn destroys_data(mut self) -> Self {
        self.destroys_data = true;
        self
    }

    /// Orders it after every operation on that object, if there are any.
    #[must_use]
    pub fn after(mut self, kind: impl Into<String>, name: impl Into<String>) -> Self {
        self.after.insert((kind.into(), name.into()));
        self
    }

    /// Orders it after the removal of that object, if it is removed, and before
    /// any other operation on an object of that name.
    #[must_use]
    pub fn after_removal(mut self, kind: impl Into<String>, name: impl Into<String>) -> Self {
        self.after_removal.insert((kind.into(), name.into()));
        self
    }

    /// Orders it after an object of a component reaches a state.
    #[must_use]
    pub fn waits_for(
        mut self,
        component: impl Into<Name>,
        object: impl Into<String>,
        until: Until,
    ) -> Self {
        self.waits.insert(Wait {
            component: component.into(),
            object: Some(object.into()),
            until,
            or_failed: false,
        });
        self
    }

    /// Orders it after an object of a component completes or fails.
    #[must_use]
    pub fn waits_for_end(mut self, component: impl Into<Name>, object: impl Into<String>) -> Self {
        self.waits.insert(Wait {
            component: component.into(),
            object: Some(object.into()),
            until: Until::Completed,
            or_failed: true,
        });
        self
    }
}
