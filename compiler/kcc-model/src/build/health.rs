//! `health`: one probe means readiness and liveness, named probes stand for
//! themselves; a probe without a port asks `http`, else the only port.

use std::collections::BTreeMap;

use kcc_diag::Code;
use kcc_tree::{Path, Value};

use super::ports::{self, listed};
use super::{Cursor, component, routes};
use crate::{Check, Health, Millis, Name, Port, Probe};

const CHECKS: [&str; 4] = ["http", "tcp", "grpc", "exec"];
const NAMED: [&str; 3] = ["startup", "readiness", "liveness"];
const TIMINGS: [&str; 4] = ["delay", "period", "timeout", "failures"];
/// What says more of one probe.
const ONE: [&str; 5] = ["port", "period", "timeout", "failures", "startTimeout"];
/// How long one probe may fail while its container starts.
const START_TIMEOUT: Millis = Millis(120_000);
/// Failures in a row that a probe may wait for.
const MOST_FAILURES: u64 = 1_000;

/// Decodes the probes of a component.
pub(crate) fn health(node: &Cursor<'_>, ports: &BTreeMap<Name, Port>) -> Health {
    let Some(node) = node.child("health") else {
        return Health::default();
    };
    if let Some(first) = NAMED.iter().find(|name| node.child(name).is_some()) {
        node.only(&[&NAMED[..], &ONE].concat());
        for field in ONE.iter().filter_map(|name| node.child(name)) {
            let name = field.path.0.last().map_or("", String::as_str);
            let message = format!(
                "`{}` is for one probe, but `{}` names several",
                field.path, node.path
            );
            let error = field.error(Code::EvalConflict, message, "of which?");
            field.report(error.help(if name == "startTimeout" {
                "write `startup`, with a `period` and `failures`".to_owned()
            } else {
                format!("write it into `{first}`")
            }));
        }
        let named = |name| node.child(name).and_then(|node| probe(&node, ports));
        return Health {
            startup: named("startup"),
            readiness: named("readiness"),
            liveness: named("liveness"),
        };
    }
    let start = node
        .child("startTimeout")
        .and_then(|field| field.quantity(Millis::parse))
        .unwrap_or(START_TIMEOUT);
    let probe = probe(&node, ports);
    Health {
        startup: probe.clone().map(|probe| starting(probe, start)),
        readiness: probe.clone(),
        liveness: probe,
    }
}

/// The probe that holds one probe back while the container starts: without it,
/// the cluster would restart what is slow to start again and again.
fn starting(probe: Probe, start: Millis) -> Probe {
    let seconds = start.0.div_ceil(1000).max(1);
    let period = seconds.div_ceil(MOST_FAILURES);
    Probe {
        delay: Millis(0),
        period: Millis(period * 1000),
        failures: u32::try_from(seconds.div_ceil(period)).unwrap_or(u32::MAX),
        ..probe
    }
}

fn probe(node: &Cursor<'_>, ports: &BTreeMap<Name, Port>) -> Option<Probe> {
    node.only(&[&CHECKS[..], &TIMINGS, &["port", "startTimeout"]].concat());
    let check = check(node, ports);
    let time = |field, default| {
        let written = node
            .child(field)
            .and_then(|field| field.quantity(Millis::parse));
        written.unwrap_or(Millis(default))
    };
    let (delay, period, timeout) = (
        time("delay", 0),
        time("period", 5_000),
        time("timeout", 1_000),
    );
    let failures = node
        .child("failures")
        .and_then(|count| count.number())
        .unwrap_or(3);
    Some(Probe {
        check: check?,
        delay,
        period,
        timeout,
        failures,
    })
}

fn check(node: &Cursor<'_>, ports: &BTreeMap<Name, Port>) -> Option<Check> {
    let written: Vec<_> = CHECKS
        .iter()
        .filter_map(|name| Some((*name, node.child(name)?)))
        .collect();
    let [(kind, field)] = &written[..] else {
        match &written[..] {
            [(first, one), (second, other), ..] => {
                let message = format!("`{}` asks by `{first}` and by `{second}`", node.path);
                let error = one.error(Code::EvalConflict, message, "one way to ask");
                let error = node.lines.also(error, &other.path, "another way to ask");
                node.report(error.help(format!("remove `{first}` or `{second}`")));
            }
            _ => component::missing(
                node,
                "what is asked",
                "write `http: \"/path\"`, `tcp: \"port\"`, `grpc: \"port\"` or `exec: [\"command\"]`",
            ),
        }
        return None;
    };
    match *kind {
        "http" => {
            let path = field.text()?;
            if !path.starts_with('/') {
                let message = format!(
                    "`{}`: expected a path that starts with `/`, found `{path}`",
                    field.path
                );
                let error = field.error(Code::ModelBadPath, message, "no path of a URL");
                field.report(error.help(format!("write `{}`", routes::path_of(&path))));
                return None;
            }
            Some(Check::Http {
                path,
                port: port_number(node, node.child("port"), ports)?,
            })
        }
        "tcp" => Some(Check::Tcp {
            port: port_number(node, Some(field.clone()), ports)?,
        }),
        "grpc" => Some(Check::Grpc {
            port: port_number(node, Some(field.clone()), ports)?,
        }),
        _ => {
            let command = field.texts()?;
            if command.is_empty() {
                component::missing(field, "a command", "write `exec: [\"command\"]`");
                return None;
            }
            Some(Check::Exec(command))
        }
    }
}

/// The number of the port that is written, or of the one that is meant.
fn port_number(
    probe: &Cursor<'_>,
    written: Option<Cursor<'_>>,
    ports: &BTreeMap<Name, Port>,
) -> Option<u16> {
    let Some(written) = written else {
        let meant = meant(ports);
        if meant.is_none() && !ports::unsure(&component_of(probe), ports, probe.lines) {
            let (message, help) = if ports.is_empty() {
                (
                    format!("`{}` asks a port, but the component has none", probe.path),
                    "give the component a `port`, or ask with `exec`".to_owned(),
                )
            } else {
                (
                    format!("`{}` does not say which port it asks", probe.path),
                    format!("write `port: \"…\"` with one of {}", listed(ports)),
                )
            };
            let error = probe.error(Code::CheckUnknownProbePort, message, "which port?");
            probe.report(error.help(help));
        }
        return meant;
    };
    if let Value::Number(_) = written.node.value {
        return written.number();
    }
    let name = written.text()?;
    let known = ports.get(&name).map(|port| port.number);
    if known.is_none() && !ports::unsure(&component_of(probe), ports, written.lines) {
        let message = format!(
            "`{}` asks port `{name}`, which the component does not have",
            probe.path
        );
        let error = written.error(Code::CheckUnknownProbePort, message, "no such port");
        let help = if ports.is_empty() {
            format!("add `ports: {name}: …`")
        } else {
            format!("the ports are {}", listed(ports))
        };
        written.report(error.help(help));
    }
    known
}

fn meant(ports: &BTreeMap<Name, Port>) -> Option<u16> {
    let only = || ports.values().next().filter(|_| ports.len() == 1);
    ports.get("http").or_else(only).map(|port| port.number)
}

/// The node that `health` stands in.
fn component_of(probe: &Cursor<'_>) -> Path {
    let health = probe
        .path
        .0
        .iter()
        .rposition(|name| name == "health")
        .unwrap_or(0);
    Path(probe.path.0[..health].to_vec())
}
