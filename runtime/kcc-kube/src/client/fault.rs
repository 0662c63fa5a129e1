//! What kube reports, in kcc's words.

use kcc_diag::Code;
use kcc_plan::Error;
use kube::core::Status;

/// An error of a call that was to do something, as in "list Deployments".
pub(super) fn fault(server: &str, what: &str, error: &kube::Error) -> Error {
    match error {
        kube::Error::Api(status) => refused(what, status),
        error => unreachable(server, error),
    }
}

/// The cluster answered, and said no.
pub(super) fn refused(what: &str, status: &Status) -> Error {
    let said = said(status);
    match status.code {
        401 => Error::new(
            Code::PlanKubeUnreachable,
            "the cluster does not know who asks",
        )
        .help("log in again: see what `kubectl auth whoami` says")
        .cause(said),
        403 => Error::new(
            Code::ApplyRefused,
            format!("the cluster does not let us {what}"),
        )
        .help("ask for that right, or name another user's context with `--context`")
        .cause(said),
        _ => Error::new(Code::ApplyRefused, format!("the cluster refuses to {what}")).cause(said),
    }
}

/// Nobody answered.
pub(super) fn unreachable(server: &str, error: &kube::Error) -> Error {
    Error::new(
        Code::PlanKubeUnreachable,
        format!("the cluster at `{server}` does not answer"),
    )
    .help("start it or connect to its network, or name another one: `--context`, `KUBECONFIG`")
    .cause(innermost(error))
}

/// The server's own words, in one line.
pub(super) fn said(status: &Status) -> String {
    let text = if status.message.is_empty() {
        status.reason.as_str()
    } else {
        status.message.as_str()
    };
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The first cause of all: those above it repeat it or name a library's parts.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut last = error;
    while let Some(next) = last.source() {
        last = next;
    }
    last.to_string()
}
