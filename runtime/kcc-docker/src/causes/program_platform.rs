//! The program of the container is for another processor, or not a program at all.

use kcc_plan::Cause;

use super::Facts;

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let refused = |text: &str| text.to_lowercase().contains("exec format error");
    let by_engine = facts.start_error().is_some_and(refused);
    let by_log = facts.exit.is_some() && facts.log().is_some_and(refused);
    if !by_engine && !by_log {
        return None;
    }
    let why = "the program is for another processor";
    let cause = if by_engine {
        facts.cannot_start(why)
    } else {
        facts.ended(why)?
    };
    let platform = facts.look.image.as_ref().map(|image| &image.platform);
    Some(
        cause
            .evidence(platform.map(|platform| {
                format!("image `{}` is for {platform}", facts.container.image)
            }))
            .help("build the program for the processor of the engine"),
    )
}
