//! `kcc __stub`: the stand-in for a component in a copy that `kcc reproduce` makes.

use clap::Args;

use super::CommandResult;
use crate::{failure::Failure, stub};

/// Listen on ports, and say nothing
#[derive(Debug, Args)]
#[command(hide = true, after_help = "Example:\n  kcc __stub 5432 53/udp")]
pub struct Stub {
    /// Ports, each a number or a number and `/udp`
    #[arg(value_name = "PORT")]
    pub ports: Vec<String>,
}

impl Stub {
    /// Listens until it is ended.
    pub fn run(self) -> CommandResult {
        let failed = stub::listen(&self.ports);
        failed.map_err(|error| Failure::io("cannot listen", error))?;
        Ok(crate::exit::Exit::Done)
    }
}
