//! Lowers probes. Kubernetes counts in whole seconds, so times are rounded up.

use k8s_openapi::api::core::v1::{
    ExecAction, GRPCAction, HTTPGetAction, Probe as KubeProbe, TCPSocketAction,
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kcc_model::{Check, Millis, Probe};

pub(super) fn lower(probe: &Probe) -> KubeProbe {
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
    }
    lowered
}

/// Returns whole seconds, rounded up.
pub(super) fn seconds(time: Millis) -> i32 {
    i32::try_from(time.0.div_ceil(1000)).unwrap_or(i32::MAX)
}
