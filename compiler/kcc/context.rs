//! [`Context`]: the settings and the printer that every command works with.

use crate::{printer::Printer, settings::Settings};

/// The environment that commands run in.
#[derive(Debug)]
pub struct Context {
    /// The settings of this run.
    pub settings: Settings,
    /// The writer for stdout and stderr.
    pub printer: Printer,
}
