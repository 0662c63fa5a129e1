//! An admission webhook or policy refuses the pods.

use kcc_plan::{Cause, symptoms::between};

use super::{Facts, cause, refused};
use crate::text::one_line;

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let message = facts.refusal?;
    let (who, why) = if let Some(name) = between(message, "admission webhook \"", "\" denied") {
        let (_, why) = message.split_once("denied the request: ")?;
        (format!("admission webhook `{name}`"), why)
    } else {
        let name = between(message, "ValidatingAdmissionPolicy '", "'")?;
        let (_, why) = message.split_once("denied request: ")?;
        (format!("admission policy `{name}`"), why)
    };
    Some(
        cause(format!("pods cannot be created: {who} refuses them"))
            .evidence(one_line(why))
            .help("change what it refuses, or ask its owner")
            .since(refused::since(facts)),
    )
}
