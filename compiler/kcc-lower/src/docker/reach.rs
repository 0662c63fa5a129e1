//! How a container is reached: its ports on the host, and its health check.

use std::collections::BTreeSet;

use kcc_model::{Check, Component, Expose, Health, Protocol};

use crate::docker::{HealthCheck, Publish};

/// Ports on the host: those that are exposed, and those that a route leads to.
pub(super) fn ports(component: &Component) -> Vec<Publish> {
    let routed: BTreeSet<_> = component.routes.values().map(|route| &route.port).collect();
    component
        .ports
        .iter()
        .filter_map(|(name, port)| {
            let host = match port.expose {
                Expose::Port(number) => Some(number),
                Expose::Free => None,
                Expose::No if routed.contains(name) => None,
                Expose::No => return None,
            };
            Some(Publish {
                container: port.number,
                protocol: protocol(port.protocol),
                host,
            })
        })
        .collect()
}

fn protocol(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
    }
}

/// Docker knows one check: the one that says when the component is ready.
pub(super) fn health(health: &Health) -> Option<HealthCheck> {
    let probe = health
        .readiness
        .as_ref()
        .or(health.startup.as_ref())
        .or(health.liveness.as_ref())?;
    if matches!(probe.check, Check::Grpc { .. }) {
        return None;
    }
    let start = health.startup.as_ref().map_or(probe.delay.0, |startup| {
        startup.delay.0 + startup.period.0 * u64::from(startup.failures)
    });
    Some(HealthCheck {
        check: probe.check.clone(),
        start_period_ms: start,
        interval_ms: probe.period.0,
        timeout_ms: probe.timeout.0,
        retries: probe.failures,
    })
}
