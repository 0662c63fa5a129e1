//! [`Draft`]: a component as it was decoded, before its needs are connected.

use std::collections::BTreeMap;

use super::env::RawEnv;
use super::needs::RawNeed;
use super::output_refs::{OutputArg, OutputRef};
use crate::{Component, Name};

/// A component whose needs and environment are not yet connected.
pub(crate) struct Draft {
    pub(crate) component: Component,
    /// The pending parts of each container, in order.
    pub(crate) pending: Vec<PendingContainer>,
    /// Files whose content is an output of another component, by path.
    pub(crate) output_files: BTreeMap<String, OutputRef>,
    pub(crate) needs: BTreeMap<Name, RawNeed>,
}

/// The parts of a container that may depend on other components.
pub(crate) struct PendingContainer {
    pub(crate) env: BTreeMap<String, RawEnv>,
    pub(crate) output_args: Vec<OutputArg>,
}
