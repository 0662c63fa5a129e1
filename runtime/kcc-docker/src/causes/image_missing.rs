//! The container does not exist, and neither does its image.

use kcc_plan::Cause;

use super::{Facts, cause};

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let missing = facts.found().is_none() && facts.look.has_image == Some(false);
    let image = &facts.container.image;
    missing.then(|| {
        cause(format!("image `{image}` is missing"))
            .evidence(format!("container `{}` does not exist either", facts.name))
            .help("run `kcc apply`, which pulls or builds it and says what keeps it from that")
    })
}
