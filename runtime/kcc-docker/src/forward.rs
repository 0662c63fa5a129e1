//! Connects to ports of containers: at their address on a network of the engine, or where
//! the engine publishes them if that address is not reachable from here.

use std::time::Duration;

use kcc_diag::Code;
use kcc_plan::{Connection, Error, ExecOptions, ForwardEngine, ForwardOptions, running_container};
use tokio::net::TcpStream;

use crate::{client::Inspected, endpoint::Endpoint, exec::Containers};

/// The time that a connection may take to open. An address of a virtual machine does not
/// refuse, but never answers.
const LIMIT: Duration = Duration::from_secs(2);

/// The containers of a scope.
pub(crate) struct Ports<'a> {
    pub(crate) containers: Containers<'a>,
    pub(crate) endpoint: &'a Endpoint,
}

impl ForwardEngine for Ports<'_> {
    async fn connect(&self, options: &ForwardOptions) -> Result<Box<dyn Connection>, Error> {
        let Containers { client, scope } = self.containers;
        let wanted = ExecOptions {
            component: options.component.clone(),
            replica: options.replica,
            ..ExecOptions::default()
        };
        let container = running_container(&self.containers, scope, &wanted).await?;
        let found = client.inspect(&container.id).await?;
        let ends = found.map(|found| self.ends(&found, options.port));
        for (host, port) in ends.unwrap_or_default() {
            let open = TcpStream::connect((host.as_str(), port));
            if let Ok(Ok(stream)) = tokio::time::timeout(LIMIT, open).await {
                return Ok(Box::new(stream));
            }
        }
        let (component, port) = (&options.component, options.port);
        let message = format!("cannot connect to port {port} of `{component}`");
        Err(Error::new(Code::PlanNotRunning, message).help(format!(
            "check that the program listens there on all addresses; an engine elsewhere, or in \
             a virtual machine, has to publish the port (`expose:`): `{}`",
            scope.command("status")
        )))
    }
}

impl Ports<'_> {
    /// Returns where a port of a container may be reached, the nearest first.
    fn ends(&self, found: &Inspected, port: u16) -> Vec<(String, u16)> {
        let mut ends = Vec::new();
        if found.on_host {
            ends.push((self.endpoint.host().to_owned(), port));
        }
        if self.endpoint.is_local() {
            let addresses = found.networks.values();
            let addresses = addresses.filter_map(|attached| attached.address.clone());
            ends.extend(addresses.map(|address| (address, port)));
        }
        let published = found.published.get(&(port, "tcp".to_owned()));
        ends.extend(published.map(|published| (self.endpoint.host().to_owned(), *published)));
        ends
    }
}
