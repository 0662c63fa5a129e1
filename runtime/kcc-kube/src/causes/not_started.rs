//! The container waits for something else, or has started and is not ready yet.

use kcc_plan::Cause;

use super::Facts;
use crate::text::one_line;

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let part = facts.container?;
    if let Some((reason, message)) = facts.waiting() {
        return Some(Cause::progress(match (reason, message) {
            _ if facts.is_being_created() => "container is being created".to_owned(),
            (reason, "") => format!("container is waiting ({reason})"),
            (reason, message) => {
                format!("container is waiting ({reason}): {}", one_line(message))
            }
        }));
    }
    let running = part.status.state.as_ref()?.running.is_some();
    (running && !part.status.ready).then(|| Cause::progress("running, not ready yet"))
}
