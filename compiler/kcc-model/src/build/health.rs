//! Decodes `health`. The short form is one probe for readiness and liveness, with
//! a startup probe added; the long form names its probes. A probe without a port
//! uses `http`, else the only port. Without `health`, a Docker engine runs the check
//! of the image, if `kcc.lock` knows that it has one.

use std::collections::BTreeMap;

use kcc_diag::Code;
use kcc_lock::HealthFacts;
use kcc_tree::{Engine, Path, Value};

use super::ports::{self, list_names};
use super::{Cursor, TargetContext, routes};
use crate::{Check, Health, Image, Millis, Name, Port, Probe, Protocol};

const CHECKS: [&str; 4] = ["http", "tcp", "grpc", "exec"];
const NAMED: [&str; 3] = ["startup", "readiness", "liveness"];
/// Fields that belong to the short form only.
const SHORT_FORM: [&str; 5] = ["port", "period", "timeout", "failures", "startTimeout"];
/// The default time that the short form's probe may fail during startup.
const START_TIMEOUT: Millis = Millis(120_000);
/// The highest `failures` of the startup probe; a longer timeout gets a longer
/// period instead.
const MAX_FAILURES: u64 = 1_000;

/// The fields of the short form that the image's own check excludes, as that has
/// its own settings.
const NOT_WITH_IMAGE: [&str; 8] = [
    "http", "tcp", "grpc", "exec", "port", "period", "timeout", "failures",
];
/// Docker's settings of a check that the image leaves out.
const ENGINE_DEFAULT: HealthFacts = HealthFacts {
    command: Vec::new(),
    interval_ms: 30_000,
    timeout_ms: 30_000,
    start_period_ms: 0,
    retries: 3,
};

/// Decodes the probes of a container.
pub(crate) fn health(
    cx: &TargetContext<'_>,
    node: &Cursor<'_>,
    ports: &BTreeMap<Name, Port>,
    image: Option<&Image>,
) -> Health {
    let Some(node) = node.child("health") else {
        let facts = image.and_then(|image| cx.facts(image)?.health.as_ref());
        return match facts.filter(|_| cx.engine.is(Engine::Docker)) {
            Some(facts) => checked_by_engine(facts, false),
            None => Health::default(),
        };
    };
    if let Some(field) = node.child("image") {
        let excluded = NOT_WITH_IMAGE.iter().filter_map(|name| node.child(name));
        for other in excluded.chain(NAMED.iter().filter_map(|name| node.child(name))) {
            let message = format!("`{}` has no effect together with `image`", other.path);
            let error = other.error(Code::EvalConflict, message, "no effect");
            let error =
                node.reporter
                    .add_label(error, &field.path, "the image's own check and settings");
            node.report(error.help("remove it, or `image`"));
        }
        return health_of_image(cx, &node, &field, image).unwrap_or_default();
    }
    if let Some(first) = NAMED.iter().find(|name| node.child(name).is_some()) {
        for field in SHORT_FORM.iter().filter_map(|name| node.child(name)) {
            let name = field.path.0.last().map_or("", String::as_str);
            let message = format!(
                "`{}` applies to a single probe, but `{}` names several",
                field.path, node.path
            );
            let error = field.error(Code::EvalConflict, message, "which probe?");
            field.report(error.help(if name == "startTimeout" {
                "write `startup` with a `period` and `failures`".to_owned()
            } else {
                format!("move it into `{first}`")
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
        startup: probe.clone().map(|probe| startup_probe(probe, start)),
        readiness: probe.clone(),
        liveness: probe,
    }
}

/// Decodes `image: true`: on Docker the engine runs the check, on Kubernetes it
/// becomes a command, which only `kcc.lock` can tell.
fn health_of_image(
    cx: &TargetContext<'_>,
    node: &Cursor<'_>,
    field: &Cursor<'_>,
    image: Option<&Image>,
) -> Option<Health> {
    // A missing image is reported already.
    let image = image?;
    let facts = cx.facts(image);
    let report = |message: String, help: &str| {
        let error = field.error(Code::CheckImageHealth, message, "the image's own check");
        field.report(error.help(help));
    };
    if let (Image::Reference(reference), Some(None)) = (image, facts.map(|facts| &facts.health)) {
        report(
            format!("image `{reference}` has no health check"),
            "write a check, such as `http: \"/healthz\"`",
        );
        return None;
    }
    let facts = facts.and_then(|facts| facts.health.as_ref());
    if cx.engine.is(Engine::Docker) {
        return Some(checked_by_engine(facts.unwrap_or(&ENGINE_DEFAULT), true));
    }
    let Some(facts) = facts else {
        match image {
            Image::Reference(reference) => report(
                format!(
                    "the health check of image `{reference}` is unknown: it is not in `kcc.lock`"
                ),
                "run `kcc lock`",
            ),
            Image::Build(_) => report(
                "Kubernetes does not run the health check of an image, and kcc cannot read it \
                 from an image that it builds"
                    .to_owned(),
                "write its command as `exec: [\"…\"]`",
            ),
        }
        return None;
    };
    let probe = probe_of_image(facts, Check::Exec(facts.command.clone()));
    let start = node
        .child("startTimeout")
        .and_then(|field| field.quantity(Millis::parse));
    let start = start.unwrap_or(START_TIMEOUT.max(Millis(facts.start_period_ms)));
    Some(Health {
        startup: Some(startup_probe(probe.clone(), start)),
        readiness: Some(probe.clone()),
        liveness: Some(probe),
    })
}

/// Returns the probes of a container whose check the engine runs by itself.
fn checked_by_engine(facts: &HealthFacts, declared: bool) -> Health {
    Health {
        readiness: Some(probe_of_image(facts, Check::Image { declared })),
        ..Health::default()
    }
}

fn probe_of_image(facts: &HealthFacts, check: Check) -> Probe {
    Probe {
        check,
        delay: Millis(0),
        period: Millis(facts.interval_ms),
        timeout: Millis(facts.timeout_ms),
        failures: facts.retries,
    }
}

/// Derives the startup probe of the short form. Without it, Kubernetes would
/// restart a container that starts slowly over and over.
fn startup_probe(probe: Probe, start: Millis) -> Probe {
    let seconds = start.0.div_ceil(1000).max(1);
    let period = seconds.div_ceil(MAX_FAILURES);
    Probe {
        delay: Millis(0),
        period: Millis(period * 1000),
        failures: u32::try_from(seconds.div_ceil(period)).unwrap_or(u32::MAX),
        ..probe
    }
}

fn probe(node: &Cursor<'_>, ports: &BTreeMap<Name, Port>) -> Option<Probe> {
    let check = check(node, ports);
    let time = |field, default| {
        let declared = node
            .child(field)
            .and_then(|field| field.quantity(Millis::parse));
        declared.unwrap_or(Millis(default))
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
    let declared: Vec<_> = CHECKS
        .iter()
        .filter_map(|name| Some((*name, node.child(name)?)))
        .collect();
    let [(kind, field)] = &declared[..] else {
        match &declared[..] {
            [(first, one), (second, other), ..] => {
                let message = format!("`{}` has both `{first}` and `{second}`", node.path);
                let error = one.error(Code::EvalConflict, message, "one check");
                let error = node.reporter.add_label(error, &other.path, "another check");
                node.report(error.help(format!("remove `{first}` or `{second}`")));
            }
            _ => node.report_missing("its check",
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
                let error = field.error(Code::ModelBadPath, message, "not a URL path");
                field.report(error.help(format!("write `{}`", routes::suggest_path(&path))));
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
            let command = field.text_list()?;
            if command.is_empty() {
                field.report_missing("a command", "write `exec: [\"command\"]`");
                return None;
            }
            Some(Check::Exec(command))
        }
    }
}

/// Returns the number of the declared port, or of the default port.
fn port_number(
    probe: &Cursor<'_>,
    declared: Option<Cursor<'_>>,
    ports: &BTreeMap<Name, Port>,
) -> Option<u16> {
    let Some(declared) = declared else {
        let port = default_port(ports);
        if let Some((name, port)) = port {
            return tcp_number(probe, name, port, ports);
        }
        // A port of the wrong type is reported already.
        let declared = probe.reporter.is_declared(&probe.path.join("port"));
        if !declared && !ports::may_be_incomplete(&container_path(probe), ports, probe.reporter) {
            let (message, help) = if ports.is_empty() {
                (
                    format!("`{}` checks a port, but the component has none", probe.path),
                    "add a `port` to the component, or check with `exec`".to_owned(),
                )
            } else {
                (
                    format!("`{}` does not name the port to check", probe.path),
                    format!("write `port: \"…\"` with one of {}", list_names(ports)),
                )
            };
            let error = probe.error(Code::CheckUnknownProbePort, message, "which port?");
            probe.report(error.missing_here().help(help));
        }
        return None;
    };
    if let Value::Number(_) = declared.node.value {
        return declared.number();
    }
    let name = declared.text()?;
    if let Some(port) = ports.get(&name) {
        return tcp_number(&declared, &name, port, ports);
    }
    if !ports::may_be_incomplete(&container_path(probe), ports, declared.reporter) {
        let message = format!(
            "`{}` checks port `{name}`, which the component does not have",
            probe.path
        );
        let error = declared.error(Code::CheckUnknownProbePort, message, "no such port");
        let help = if ports.is_empty() {
            format!("add `ports: {name}: …`")
        } else {
            format!("write one of the ports {}", list_names(ports))
        };
        declared.report(error.missing_here().help(help));
    }
    None
}

/// Returns the number of a port that accepts connections; reports a UDP port.
fn tcp_number(
    user: &Cursor<'_>,
    name: &str,
    port: &Port,
    ports: &BTreeMap<Name, Port>,
) -> Option<u16> {
    if port.protocol == Protocol::Udp {
        ports::report_udp(user, name, ports, "check with a command: `exec: [\"…\"]`");
        return None;
    }
    Some(port.number)
}

fn default_port(ports: &BTreeMap<Name, Port>) -> Option<(&Name, &Port)> {
    let only = || ports.iter().next().filter(|_| ports.len() == 1);
    ports.get_key_value("http").or_else(only)
}

/// Returns the path of the container that a probe belongs to.
fn container_path(probe: &Cursor<'_>) -> Path {
    let health = probe
        .path
        .0
        .iter()
        .rposition(|name| name == "health")
        .unwrap_or(0);
    Path(probe.path.0[..health].to_vec())
}
