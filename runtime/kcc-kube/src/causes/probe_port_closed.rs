//! Nothing listens on the port of the health check.

use kcc_plan::Cause;

use super::{Facts, probe};

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let answer = probe::answer(facts)?;
    answer.contains("connection refused").then(|| {
        let address = answer.split_once("dial tcp ").map_or("", |(_, rest)| rest);
        let address = address.split(": connect").next().unwrap_or_default();
        let port = address.rsplit_once(':').map_or("", |(_, port)| port);
        probe::fails(facts, &format!("nothing is listening on port {port}"))
            .help("let the program listen on that port on all addresses, or correct `port:`")
            .may_follow()
    })
}
