//! The program of the container is a file that nobody, or not this user, may execute.

use kcc_plan::Cause;

use super::{Facts, facts::cannot_start};

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let (cause, message) = cannot_start(facts)?;
    message.contains("permission denied").then(|| {
        cause
            .evidence("its file is not executable for the user of the container".to_owned())
            .help("make the file executable in the image, or correct `command:`")
    })
}
