//! The causes why a container is not ready: one file for each, which recognises the words
//! of the engine or the program and joins them with the fact that they are about. Pure.
//!
//! A cause asks [`Facts`] and answers with a [`Cause`] or not at all. They are asked in
//! the order of the list below, the most specific first; the first answer is the cause.
//! Its kind is the name of its file. `recorded` has what a real engine said about a
//! failure of each kind; `KCC_UPDATE=1` with the test `causes_are_recorded` and an engine
//! in `DOCKER_HOST` records it again.

mod facts;
#[cfg(test)]
mod recordings;

use kcc_lower::docker::Container;
use kcc_plan::{Cause, first_cause};

pub(crate) use self::facts::{Exit, Facts};
use crate::readiness::Look;

type Find = fn(&Facts<'_>) -> Option<Cause>;

macro_rules! causes {
    ($($name:ident)*) => {
        $(mod $name;)*
        const CAUSES: &[(&str, Find)] = &[$((stringify!($name), $name::find)),*];
    };
}

causes! {
    image_missing
    absent
    paused
    port_allocated
    network_missing
    device_missing
    user_missing
    program_platform
    program_missing
    program_not_executable
    start_refused
    created
    out_of_memory
    image_platform
    command_not_found
    command_not_executable
    crashed
    killed
    read_only_file_system
    disk_full
    port_in_use
    name_not_resolved
    permission_denied
    connection_refused
    exit_success
    exit_code
    image_check_missing
    network_lost
    check_status
    check_port_closed
    check_timeout
    check_protocol
    check_command_missing
    check_failed
}

/// Returns the cause why a container is not ready. `exit` is the end of its last run, if
/// the container is not ready because of it.
pub(crate) fn of(name: &str, container: &Container, look: &Look, exit: Option<Exit>) -> Cause {
    let facts = Facts {
        name,
        container,
        look,
        exit,
    };
    let found = first_cause(CAUSES, &facts);
    let cause = found.unwrap_or_else(|| Cause::progress("not ready yet"));
    let since = cause.since.or_else(|| facts.since());
    cause.about(format!("container `{name}`")).since(since)
}

/// Creates a cause of the kind that its file is named after.
fn cause(message: impl Into<String>) -> Cause {
    Cause::new("", message)
}

#[cfg(test)]
mod tests;
