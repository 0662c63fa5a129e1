//! The probes of a container, in the words of the kubelet.

use kcc_plan::Cause;

use super::{
    Facts, cause,
    facts::{ended_at, event_time, probe_message},
};
use crate::text::one_line;

const KINDS: [&str; 3] = ["Readiness", "Startup", "Liveness"];

/// Returns the answer of the probe that fails, of whatever kind.
pub(super) fn answer<'a>(facts: &Facts<'a>) -> Option<&'a str> {
    facts.failed_probe(&KINDS)
}

/// Returns true if the probe runs a command. Its output may contain anything.
pub(super) fn is_command(facts: &Facts<'_>) -> bool {
    facts.probe().is_some_and(|probe| probe.exec.is_some())
}

/// Creates the cause of a container whose probe fails.
pub(super) fn fails(facts: &Facts<'_>, how: &str) -> Cause {
    let since = facts.probe_event().and_then(event_time);
    cause(format!("health check failed: {how}"))
        .evidence(declared(facts))
        .since(since)
}

/// Describes the probe as it is declared.
fn declared(facts: &Facts<'_>) -> Option<String> {
    let probe = facts.probe()?;
    let limit = probe.timeout_seconds.unwrap_or(1);
    let what = if let Some(http) = &probe.http_get {
        let path = http.path.as_deref().unwrap_or("/");
        format!("GET {path} on port {}", port(&http.port))
    } else if let Some(tcp) = &probe.tcp_socket {
        format!("a connection to port {}", port(&tcp.port))
    } else if let Some(grpc) = &probe.grpc {
        format!("a gRPC check on port {}", grpc.port)
    } else {
        return None;
    };
    Some(format!("the check is {what}, within {limit} s"))
}

fn port(port: &k8s_openapi::apimachinery::pkg::util::intstr::IntOrString) -> String {
    use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
    match port {
        IntOrString::Int(number) => number.to_string(),
        IntOrString::String(name) => format!("`{name}`"),
    }
}

/// Returns the cause if a probe makes the kubelet end the container.
pub(super) fn kills(facts: &Facts<'_>, kind: &str, word: &str) -> Option<Cause> {
    let exit = facts.exit()?;
    let message = probe_message(facts.killing_probe(kind)?)?;
    let answer = message.strip_prefix(&format!("{kind} probe "))?;
    let answer = answer.strip_prefix("failed: ").unwrap_or(answer);
    let declared = facts.declared()?;
    let probe = match kind {
        "Liveness" => declared.liveness_probe.as_ref(),
        _ => declared.startup_probe.as_ref(),
    };
    // The output of a command may contain anything.
    let quotable = probe.is_some_and(|probe| probe.exec.is_none());
    let evidence = quotable.then(|| format!("its answer: {}", one_line(answer)));
    let how = exit.describe(&format!("killed because its {word} check fails"));
    let cause = cause(how)
        .evidence(evidence)
        .help(format!("correct the {word} check, or allow it more time"));
    let cause = ended_at(facts, &exit, cause);
    let is_own = ["statuscode: 401", "statuscode: 403", "statuscode: 404"];
    // Any other answer may mean that the service cannot work without another one.
    Some(if is_own.iter().any(|own| answer.contains(own)) {
        cause
    } else {
        cause.may_follow()
    })
}
