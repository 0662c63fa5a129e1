//! Evaluations that ran into a limit.

use std::time::Duration;

use kcc_diag::{Code, Diagnostic};

use crate::engine::{Limits, Stopped};

/// What an evaluation that was stopped means for whoever wrote the fragments.
pub(crate) fn stopped(stopped: Stopped, limits: Limits) -> Diagnostic {
    match stopped {
        Stopped::Time => Diagnostic::error(
            Code::EvalTimeout,
            format!("the evaluation was stopped after {}", time(limits.time)),
        )
        .help(
            "look for a comprehension that grows with itself, or that goes through all services \
             inside each service; or allow more with `--eval-timeout`",
        ),
        Stopped::Memory => Diagnostic::error(
            Code::EvalMemory,
            format!(
                "the evaluation needs more than {} of memory",
                size(limits.memory)
            ),
        )
        .help(
            "look for lists or comprehensions that multiply each other; or allow more with \
             `--eval-memory`",
        ),
        Stopped::Depth => {
            Diagnostic::error(Code::EvalBadExpression, "an expression is nested too deep")
                .help("split the deepest expression into several fields")
        }
    }
}

fn time(time: Duration) -> String {
    let millis = time.as_millis();
    if millis.is_multiple_of(1000) {
        format!("{} s", millis / 1000)
    } else {
        format!("{millis} ms")
    }
}

fn size(bytes: usize) -> String {
    const MIB: usize = 1 << 20;
    let mib = bytes / MIB;
    if mib > 0 && mib.is_multiple_of(1024) {
        format!("{} GiB", mib / 1024)
    } else {
        format!("{mib} MiB")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_said_in_round_units() {
        assert_eq!(time(Duration::from_secs(30)), "30 s");
        assert_eq!(time(Duration::from_millis(100)), "100 ms");
        assert_eq!(size(4 << 30), "4 GiB");
        assert_eq!(size(64 << 20), "64 MiB");
    }
}
