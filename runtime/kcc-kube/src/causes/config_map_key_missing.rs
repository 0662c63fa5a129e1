//! The `ConfigMap` that the pod refers to does not have the key.

use kcc_plan::Cause;

use super::{Facts, reference};

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    reference::key_missing(facts, "ConfigMap", "configmap")
}
