//! An admission webhook does not answer, and the cluster refuses without its answer.

use kcc_plan::{Cause, symptoms::between};

use super::{Facts, cause, refused};
use crate::text::one_line;

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let message = facts.refusal?;
    let name = between(message, "failed calling webhook \"", "\"")?;
    let (_, why) = message.split_once("\": ")?;
    Some(
        cause(format!("pods cannot be created: admission webhook `{name}` does not answer"))
            .evidence(one_line(why))
            .help("repair the webhook, or remove its configuration")
            .since(refused::since(facts)),
    )
}
