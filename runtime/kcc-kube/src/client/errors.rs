//! Translates kube's errors into kcc's.

use kcc_diag::Code;
use kcc_plan::Error;
use kube::{client::UpgradeConnectionError, core::Status};

/// Translates the error of a call, which is described as in "list Deployments".
pub(super) fn translate(server: &str, what: &str, error: &kube::Error) -> Error {
    match error {
        kube::Error::Api(status) => refused(what, status),
        error => unreachable(server, error),
    }
}

/// Translates the error of a call that opens a connection of its own. The cluster's
/// message is lost: only its HTTP status is known.
pub(super) fn upgrade(server: &str, what: &str, error: &kube::Error) -> Error {
    let kube::Error::UpgradeConnection(UpgradeConnectionError::ProtocolSwitch(code)) = error else {
        return translate(server, what, error);
    };
    let status = Status::failure(code.canonical_reason().unwrap_or("no reason given"), "");
    refused(what, &status.with_code(code.as_u16()))
}

/// Describes a request that the cluster refused.
pub(super) fn refused(what: &str, status: &Status) -> Error {
    let text = status_text(status);
    match status.code {
        401 => Error::new(Code::PlanKubeUnreachable, "authentication failed (401)")
            .help("log in again; `kubectl auth whoami` shows the current user")
            .cause(text),
        403 => Error::new(
            Code::ApplyRefused,
            format!("permission denied: cannot {what} (403)"),
        )
        .help("ask for the permission, or select another user's context with `--context`")
        .cause(text),
        _ => Error::new(Code::ApplyRefused, format!("the cluster refused to {what}")).cause(text),
    }
}

/// Describes a cluster that did not respond.
pub(super) fn unreachable(server: &str, error: &kube::Error) -> Error {
    Error::new(
        Code::PlanKubeUnreachable,
        format!("cannot reach the cluster at `{server}`"),
    )
    .help("start the cluster or connect to its network, or select another one with `--context` or `KUBECONFIG`")
    .cause(innermost(error))
}

/// Returns the server's message in one line.
pub(super) fn status_text(status: &Status) -> String {
    let text = if status.message.is_empty() {
        status.reason.as_str()
    } else {
        status.message.as_str()
    };
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Returns the innermost cause; those above repeat it or name parts of a library.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut last = error;
    while let Some(next) = last.source() {
        last = next;
    }
    last.to_string()
}
