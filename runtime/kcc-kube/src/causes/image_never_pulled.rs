//! The image is not on the node, and the pod forbids to pull it.

use kcc_plan::Cause;

use super::{Facts, cause};

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    facts.waits("ErrImageNeverPull")?;
    let (image, node) = (facts.image(), facts.on_node());
    Some(
        cause(format!("image `{image}` is missing{node}"))
            .evidence("its pull policy is `Never`, so that the node has to have it".to_owned())
            .help("load the image onto the node, or let it be pulled")
            .is_final(),
    )
}
