//! The program ended because a host name does not resolve.

use kcc_plan::Cause;

use super::Facts;

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let texts = [
        "no such host",
        "name or service not known",
        "bad address",
        "temporary failure in name resolution",
        "getaddrinfo enotfound",
        "could not resolve host",
    ];
    let cause = facts.logged("a host name does not resolve", &texts)?;
    // A component that does not run has no name.
    let help = "declare the component under `needs:`, or correct its name";
    Some(cause.help(help).may_follow())
}
