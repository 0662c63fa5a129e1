//! The container runs as a user that its image does not have.

use kcc_plan::{Cause, symptoms::between};

use super::Facts;

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let error = facts.start_error()?;
    let user = between(error, "unable to find user ", ":")?;
    let image = &facts.container.image;
    Some(
        facts
            .cannot_start(&format!("user `{user}` is not in the image"))
            .evidence(format!("`/etc/passwd` of image `{image}` does not list it"))
            .help("correct `user:`, or give it as a number"),
    )
}
