//! `kcc man`: writes the manual pages.

use std::{fs, path::PathBuf};

use clap::Args;
use clap_mangen::generate_to;

use super::CommandResult;
use crate::{context::Context, exit::Exit, failure::Failure};

/// Write the manual pages
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  kcc man | man -l -\n  kcc man /usr/local/share/man/man1     write kcc.1, kcc-apply.1, …"
)]
pub struct Man {
    /// Directory to write a page for each command to [default: print that of kcc]
    #[arg(value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

impl Man {
    /// Writes the pages of a command line.
    pub fn run(self, context: &Context, cli: clap::Command) -> CommandResult {
        let Some(dir) = &self.dir else {
            let mut page = Vec::new();
            // Writing to memory cannot fail.
            let _ = clap_mangen::Man::new(cli).render(&mut page);
            context.printer.data(&String::from_utf8_lossy(&page));
            return Ok(Exit::Done);
        };
        let written = fs::create_dir_all(context.settings.working_dir.join(dir))
            .and_then(|()| generate_to(cli, context.settings.working_dir.join(dir)));
        written.map_err(|error| Failure::io(format!("cannot write `{}`", dir.display()), error))?;
        Ok(Exit::Done)
    }
}
