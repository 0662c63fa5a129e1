//! The words of programs and of the kernel about a failure, whichever engine runs them.

/// The words for a port that another program listens on, in lower case.
pub const PORT_IN_USE: [&str; 3] = ["address already in use", "address in use", "eaddrinuse"];

/// The words for something that the kernel denies.
pub const PERMISSION_DENIED: [&str; 3] = ["permission denied", "operation not permitted", "eacces"];

/// The words for a host name without an address.
pub const NAME_NOT_RESOLVED: [&str; 6] = [
    "no such host",
    "name or service not known",
    "bad address",
    "temporary failure in name resolution",
    "getaddrinfo enotfound",
    "could not resolve host",
];

/// Returns the signal of a fault in the program itself, by the exit code.
pub fn fault(code: i64) -> Option<&'static str> {
    Some(match code {
        132 => "SIGILL",
        134 => "SIGABRT",
        135 => "SIGBUS",
        136 => "SIGFPE",
        139 => "SIGSEGV",
        _ => return None,
    })
}

/// Returns the last line of a log that has a text.
pub fn last_line(log: &[String]) -> Option<&str> {
    let lines = log.iter().map(|line| line.trim());
    lines.rev().find(|line| !line.is_empty())
}

/// Describes a number of restarts, if there were any.
pub fn restarts(count: i64) -> Option<String> {
    match count {
        0 => None,
        1 => Some("1 restart".to_owned()),
        count => Some(format!("{count} restarts")),
    }
}

/// Returns the text between two others.
pub fn between<'t>(text: &'t str, before: &str, after: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(before)?;
    Some(rest.split_once(after)?.0)
}
