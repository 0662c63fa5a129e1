//! The program of the container does not exist in its image.

use kcc_plan::Cause;

use super::{Facts, facts::cannot_start};

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let (cause, message) = cannot_start(facts)?;
    let missing = ["executable file not found", "no such file or directory"];
    missing.iter().any(|text| message.contains(text)).then(|| {
        cause
            .evidence(format!("image `{}` has no such program", facts.image()))
            .help("correct `command:`, or add the program to the image")
    })
}
