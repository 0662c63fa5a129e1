//! Lowers probes. Kubernetes counts in whole seconds, so times are rounded up.

use k8s_openapi::api::core::v1::{
    ExecAction, GRPCAction, HTTPGetAction, Probe as KubeProbe, TCPSocketAction,
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kcc_model::{Check, Millis, Probe};

use crate::source::Recorder;

/// Lowers the probe for a purpose: `startup`, `readiness` or `liveness`.
pub(super) fn lower(probe: &Probe, purpose: &str, sources: &Recorder) -> KubeProbe {
    record(purpose, sources);
    let mut lowered = KubeProbe {
        initial_delay_seconds: (probe.delay.0 > 0).then(|| seconds(probe.delay)),
        period_seconds: Some(seconds(probe.period).max(1)),
        timeout_seconds: Some(seconds(probe.timeout).max(1)),
        failure_threshold: Some(i32::try_from(probe.failures).unwrap_or(i32::MAX).max(1)),
        ..KubeProbe::default()
    };
    match &probe.check {
        Check::Http { path, port } => {
            lowered.http_get = Some(HTTPGetAction {
                path: Some(path.clone()),
                port: IntOrString::Int((*port).into()),
                ..HTTPGetAction::default()
            });
        }
        Check::Tcp { port } => {
            lowered.tcp_socket = Some(TCPSocketAction {
                host: None,
                port: IntOrString::Int((*port).into()),
            });
        }
        Check::Grpc { port } => {
            lowered.grpc = Some(GRPCAction {
                port: (*port).into(),
                service: None,
            });
        }
        Check::Exec(command) => {
            lowered.exec = Some(ExecAction {
                command: Some(command.clone()),
            });
        }
        // The model has it as a command, since Kubernetes does not run it.
        Check::Image { .. } => {}
    }
    lowered
}

fn record(purpose: &str, sources: &Recorder) {
    let declared = sources.within(["health", purpose]);
    declared.model("httpGet.path", &["http"]);
    let component = sources.component();
    let ports = ["ports.http.number", "ports"];
    declared.model_or("httpGet.port", &["port"], &component, &ports);
    declared.model("tcpSocket.port", &["tcp"]);
    declared.model("grpc.port", &["grpc"]);
    declared.model("exec.command", &["exec", "image"]);
    declared.model("initialDelaySeconds", &["delay"]);
    declared.model("periodSeconds", &["period"]);
    declared.model("timeoutSeconds", &["timeout"]);
    declared.model("failureThreshold", &["failures"]);
}

/// Returns whole seconds, rounded up.
pub(super) fn seconds(time: Millis) -> i32 {
    i32::try_from(time.0.div_ceil(1000)).unwrap_or(i32::MAX)
}
