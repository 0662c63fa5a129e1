//! `kcc port-forward`: makes a port of a component reachable on this machine.

use clap::Args;
use kcc_diag::{Format, nearest, plain};
use kcc_model::{Component, Name, Protocol};
use kcc_plan::ForwardOptions;
use serde::Serialize;

use super::{CommandResult, json, known};
use crate::{args::ScopeArgs, context::Context, exit::Exit, failure::Failure, pipeline, runtime};

/// Make a port of a component reachable on this machine
///
/// Listens on 127.0.0.1 until Ctrl-C and passes each connection on to a replica that is
/// ready: on Kubernetes through the cluster's API, on Docker at the container's address or
/// its published port.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  kcc port-forward web --target prod\n  kcc port-forward db:5432 --target stage --local 15432\n  kcc port-forward web:metrics --target prod --replica 2"
)]
pub struct PortForward {
    /// Component, and a port of it by name or number [default: `http`, or the only port]
    #[arg(value_name = "COMPONENT[:PORT]", add = crate::completion::components())]
    pub component: String,
    /// The target.
    #[command(flatten)]
    pub scope: ScopeArgs,
    /// Port of this machine [default: the same, or another one if that is taken]
    #[arg(short, long, value_name = "PORT")]
    pub local: Option<u16>,
    /// Number of the replica, from 1 [default: one that is ready]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    pub replica: Option<u32>,
}

/// The forwarded port.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Forwarded<'a> {
    component: &'a str,
    port: u16,
    address: &'a str,
}

impl PortForward {
    /// Forwards connections until a signal ends it.
    pub fn run(self, context: &Context) -> CommandResult {
        let compiled = pipeline::compile_scope(context, None, &self.scope)?;
        let (name, port) = match self.component.split_once(':') {
            Some((name, port)) => (name.to_owned(), Some(port)),
            None => (self.component.clone(), None),
        };
        known(&compiled, vec![name.clone()])?;
        let port = number(&compiled.target_model().components[&name], port)?;
        let wanted = ForwardOptions {
            component: name,
            port,
            local: self.local,
            replica: self.replica,
        };
        let options = runtime::options(context, &compiled);
        let mut started = |address: &str| {
            context.printer.data(&match context.settings.format {
                Format::Json => json(Forwarded {
                    component: &wanted.component,
                    port,
                    address,
                }),
                _ => format!("{address} leads to `{}`, port {port}\n", wanted.component),
            });
        };
        let mut failed = |error: kcc_plan::Error| context.printer.note(&plain(&error.chain()));
        runtime::port_forward(&compiled, &options, &wanted, &mut started, &mut failed)?;
        Ok(Exit::Done)
    }
}

/// Returns the number of a port that is named, or of the one that is usual.
fn number(component: &Component, port: Option<&str>) -> Result<u16, Failure> {
    let tcp = component
        .ports
        .iter()
        .filter(|(_, port)| port.protocol == Protocol::Tcp);
    let ports: Vec<(&Name, u16)> = tcp.map(|(name, port)| (name, port.number)).collect();
    let named = |wanted: &str| ports.iter().find(|(name, _)| *name == wanted);
    let (component, listed) = (&component.name, listed(&ports));
    match port {
        Some(port) => {
            // A program may also listen on a port that nobody declared.
            let number = port.parse().ok().filter(|number| *number > 0);
            let number = named(port).map(|(_, number)| *number).or(number);
            number.ok_or_else(|| {
                let near = nearest(port, ports.iter().map(|(name, _)| name.as_str()));
                let help = near.map_or(listed, |near| format!("did you mean `{near}`?"));
                Failure::usage(format!("`{component}` has no TCP port `{port}`"), help)
            })
        }
        None => match (named("http"), ports.as_slice()) {
            (Some((_, number)), _) | (None, [(_, number)]) => Ok(*number),
            (None, []) => Err(Failure::usage(
                format!("`{component}` declares no TCP port"),
                format!("name one by its number: `{component}:8080`"),
            )),
            (None, _) => Err(Failure::usage(
                format!("`{component}` has several ports, and none is called `http`"),
                listed,
            )),
        },
    }
}

/// Describes the ports that a component declares.
fn listed(ports: &[(&Name, u16)]) -> String {
    let all = ports
        .iter()
        .map(|(name, number)| format!("`{name}` ({number})"));
    match all.collect::<Vec<_>>().join(", ") {
        none if none.is_empty() => "it declares none; name one by its number".to_owned(),
        all => format!("name one of {all}"),
    }
}
