//! [`Draft`]: a step of a plan before it has its number and its place.

use std::collections::BTreeSet;

use kcc_model::{Name, Until};

use crate::{Action, Wait};

/// A step before it has its number and its place.
#[derive(Debug, Clone)]
pub struct Draft<W> {
    pub(crate) action: Action,
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) cause: String,
    pub(crate) component: Option<Name>,
    pub(crate) team: Option<Name>,
    pub(crate) destroys_data: bool,
    pub(crate) starts: bool,
    pub(crate) after: BTreeSet<(String, String)>,
    pub(crate) after_removal: BTreeSet<(String, String)>,
    pub(crate) waits: BTreeSet<Wait>,
    pub(crate) work: W,
}

impl<W> Draft<W> {
    /// An operation on the object `name` of a kind, and why.
    pub fn new(
        action: Action,
        kind: impl Into<String>,
        name: impl Into<String>,
        cause: impl Into<String>,
        work: W,
    ) -> Self {
        Self {
            action,
            kind: kind.into(),
            name: name.into(),
            cause: cause.into(),
            component: None,
            team: None,
            destroys_data: false,
            starts: false,
            after: BTreeSet::new(),
            after_removal: BTreeSet::new(),
            waits: BTreeSet::new(),
            work,
        }
    }

    /// Says which component it belongs to; the team follows from it.
    #[must_use]
    pub fn component(mut self, component: impl Into<Name>) -> Self {
        self.component = Some(component.into());
        self
    }

    /// Says which team answers for it, where no desired component tells.
    #[must_use]
    pub fn team(mut self, team: impl Into<Name>) -> Self {
        self.team = Some(team.into());
        self
    }

    /// It starts the workload of its component: it waits for what that needs.
    #[must_use]
    pub fn starts(mut self) -> Self {
        self.starts = true;
        self
    }

    /// Data is gone afterwards.
    #[must_use]
    pub fn destroys_data(mut self) -> Self {
        self.destroys_data = true;
        self
    }

    /// It comes after every operation on that object, if there is one.
    #[must_use]
    pub fn after(mut self, kind: impl Into<String>, name: impl Into<String>) -> Self {
        self.after.insert((kind.into(), name.into()));
        self
    }

    /// It comes after that object is removed, if it is, and before whatever
    /// else happens to one of that name.
    #[must_use]
    pub fn after_removal(mut self, kind: impl Into<String>, name: impl Into<String>) -> Self {
        self.after_removal.insert((kind.into(), name.into()));
        self
    }

    /// It comes after an object of a component is in a state.
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
            over: false,
        });
        self
    }

    /// It comes after an object of a component has completed or failed.
    #[must_use]
    pub fn waits_for_end(mut self, component: impl Into<Name>, object: impl Into<String>) -> Self {
        self.waits.insert(Wait {
            component: component.into(),
            object: Some(object.into()),
            until: Until::Completed,
            over: true,
        });
        self
    }
}
