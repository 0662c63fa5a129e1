//! The image is for another platform than the declared one, and its program ended.

use kcc_plan::Cause;

use super::Facts;

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    facts.exit?;
    let image = facts.look.image.as_ref()?;
    let declared = facts.container.platform.as_deref();
    if image.is_for(declared) {
        return None;
    }
    let reference = &facts.container.image;
    Some(
        facts
            .ended("its image is for another platform")?
            .evidence(format!(
                "image `{reference}` is for {}, declared is {}",
                image.platform,
                declared.unwrap_or_default()
            ))
            .help("remove the image, so that `kcc apply` pulls the right one"),
    )
}
