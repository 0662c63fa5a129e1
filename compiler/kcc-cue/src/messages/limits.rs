//! Messages about evaluations that reached a limit.

use std::time::Duration;

use kcc_diag::{Code, Diagnostic};

use super::Context;
use crate::{evaluator::Stopped, exchange::Stop};

impl Context<'_> {
    /// Returns the error for an evaluation that was stopped, at a declaration if it is known.
    pub(crate) fn stopped(&self, stop: &Stop) -> Diagnostic {
        let span = stop.at.and_then(|at| self.indexes.span(at).ok());
        let diagnostic = describe(stop);
        match span {
            Some(span) => diagnostic.primary(span, "evaluation stops here"),
            None => diagnostic,
        }
    }
}

fn describe(stop: &Stop) -> Diagnostic {
    let alone = stop.alone.as_ref();
    match stop.cause {
        Stopped::Time => {
            let time = time(stop.budget.time);
            let message = match alone {
                Some(name) => format!("`{name}` alone takes more than {time} to evaluate"),
                None => format!("the evaluation was stopped after {time}"),
            };
            Diagnostic::error(Code::EvalTimeout, message).help(
                "look for a comprehension that grows with itself, or that visits all services \
                 once per service; or raise the limit with `--eval-timeout`",
            )
        }
        Stopped::Memory => {
            let size = size(stop.budget.memory);
            let message = match alone {
                Some(name) => format!("`{name}` alone needs more than {size} of memory"),
                None => format!("the evaluation needs more than {size} of memory"),
            };
            Diagnostic::error(Code::EvalMemory, message).help(
                "look for text, lists or comprehensions that multiply each other, or a value that \
                 contains itself; or raise the limit with `--eval-memory`",
            )
        }
        Stopped::Depth => Diagnostic::error(
            Code::EvalBadExpression,
            "an expression is nested too deeply or refers to itself without end",
        )
        .help("split it into several fields, or remove the reference to itself"),
        Stopped::Panic => Diagnostic::error(
            Code::EvalBadExpression,
            "the CUE evaluator crashed on a declaration",
        )
        .help("rewrite the declaration, and report it with the lines shown"),
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
    fn formats_limits_in_round_units() {
        assert_eq!(time(Duration::from_secs(30)), "30 s");
        assert_eq!(time(Duration::from_millis(100)), "100 ms");
        assert_eq!(size(4 << 30), "4 GiB");
        assert_eq!(size(64 << 20), "64 MiB");
    }
}
