//! The health check of the image decides, and the image has none.

use kcc_plan::Cause;

use super::{Facts, cause};

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let missing = facts.container.has_image_health && facts.look.answer.is_none();
    let image = &facts.container.image;
    missing.then(|| {
        cause(format!("image `{image}` has no health check"))
            .help("add `HEALTHCHECK` to the image, or declare `health:`")
    })
}
