//! The program ended because a host name does not resolve.

use kcc_plan::Cause;

use super::{Facts, facts::logged};

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let texts = [
        "no such host",
        "name or service not known",
        "bad address",
        "temporary failure in name resolution",
        "getaddrinfo enotfound",
        "could not resolve host",
    ];
    let cause = logged(facts, "a host name does not resolve", &texts)?;
    // The name of a component may be missing because the component is.
    let help = "declare the component under `needs:`, or correct its name";
    Some(cause.help(help).may_follow())
}
