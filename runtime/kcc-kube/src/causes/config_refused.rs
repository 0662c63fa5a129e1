//! The kubelet cannot create the container from its declaration, for a reason that has
//! no cause of its own.

use kcc_plan::Cause;

use super::{Facts, cause};
use crate::text::one_line;

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let message = facts
        .waits("CreateContainerConfigError")
        .or_else(|| facts.waits("CreateContainerError"))?;
    Some(cause(format!("container cannot be created: {}", one_line(message))))
}
