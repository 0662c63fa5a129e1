//! The registry has no image of that name, or no such tag.

use kcc_plan::Cause;

use super::{Facts, pull};

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let why = pull::refusal(facts)?;
    let missing = ["not found", "manifest unknown", "name unknown"];
    missing.iter().any(|text| why.ends_with(text)).then(|| {
        let registry = pull::registry(facts);
        pull::cannot_pull(facts, "manifest unknown")
            .evidence(format!("registry `{registry}` answered, and has no such image or tag"))
            .help("push the image, or correct `image:`")
    })
}
