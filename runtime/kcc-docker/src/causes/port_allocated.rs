//! A host port that the container publishes is taken.

use kcc_plan::{Cause, symptoms::between};

use super::Facts;

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let error = facts.start_error()?;
    let taken = ["port is already allocated", "address already in use"];
    if !taken.iter().any(|text| error.contains(text)) {
        return None;
    }
    let port = between(error, "Bind for ", " failed")
        .or_else(|| between(error, "listen tcp4 ", ": bind"))
        .or_else(|| between(error, "listen tcp ", ": bind"))
        .and_then(|address| Some(address.rsplit_once(':')?.1));
    let why = match port {
        Some(port) => format!("host port {port} is taken"),
        None => "a host port is taken".to_owned(),
    };
    Some(
        facts
            .cannot_start(&why)
            .evidence("another container or program of the host listens there".to_owned())
            .help("end the other one, or publish another port with `expose:`"),
    )
}
