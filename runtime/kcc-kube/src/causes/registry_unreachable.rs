//! The registry does not answer on its port.

use kcc_plan::Cause;

use super::{Facts, pull};
use crate::text::one_line;

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let why = pull::refusal(facts)?;
    let silent = [
        "connection refused",
        "i/o timeout",
        "no route to host",
        "network is unreachable",
        "TLS handshake timeout",
        "x509:",
    ];
    silent.iter().any(|text| why.contains(text)).then(|| {
        let registry = pull::registry(facts);
        pull::cannot_pull(facts, &format!("registry `{registry}` cannot be reached"))
            .evidence(one_line(why))
            .help("check that the registry is up and that nodes may connect to it")
    })
}
