//! The `kcc` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    kcc::exit::report_panics();
    kcc::run(
        std::env::args_os(),
        kcc::settings::Environment::of_process(),
    )
    .into()
}
