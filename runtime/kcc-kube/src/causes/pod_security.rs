//! The namespace enforces a Pod Security profile that the pods violate.

use kcc_plan::{Cause, symptoms::between};

use super::{Facts, cause, refused};
use crate::text::one_line;

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let message = facts.refusal?;
    let (_, rest) = message.split_once("violates PodSecurity ")?;
    let profile = between(rest, "\"", "\"")?;
    let (_, what) = rest.split_once("\": ")?;
    Some(
        cause(format!("pods cannot be created: they violate Pod Security profile `{profile}`"))
            .evidence(one_line(what))
            .help("set `security:` as the profile requires")
            .since(refused::since(facts))
            .is_final(),
    )
}
