//! The reference of the image cannot be parsed.

use kcc_plan::Cause;

use super::{Facts, cause, pull};

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let unparsable = pull::refusal(facts).is_some_and(|why| why.contains("parse image"));
    if facts.waits("InvalidImageName").is_none() && !unparsable {
        return None;
    }
    let image = facts.image();
    let upper = image.chars().any(char::is_uppercase);
    Some(
        cause(format!("image name `{image}` is not valid"))
            .evidence(upper.then(|| "repository names are lower case".to_owned()))
            .help("correct `image:`")
            .is_final(),
    )
}
