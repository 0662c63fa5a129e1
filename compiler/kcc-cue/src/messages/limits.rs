//! Messages about evaluations that reached a limit.

use std::time::Duration;

use kcc_diag::{Code, Diagnostic};

use super::Context;
use crate::{
    evaluator::{Limits, Stopped},
    wire::Span,
};

impl Context<'_> {
    /// Returns the error for an evaluation that was stopped at some declarations, as far as these
    /// are known.
    pub(crate) fn stopped(&self, stopped: Stopped, limits: Limits, at: &[Span]) -> Diagnostic {
        let mut diagnostic = describe(stopped, limits);
        let spans = at.iter().filter_map(|span| self.indexes.span(*span).ok());
        for (index, span) in spans.enumerate() {
            diagnostic = match index {
                0 => diagnostic.primary(span, "evaluation stops here"),
                _ => diagnostic.secondary(span, "together with this"),
            };
        }
        diagnostic
    }
}

fn describe(stopped: Stopped, limits: Limits) -> Diagnostic {
    match stopped {
        Stopped::Time => Diagnostic::error(
            Code::EvalTimeout,
            format!("the evaluation was stopped after {}", time(limits.time)),
        )
        .help(
            "look for a comprehension that grows with itself, or that visits all services once per \
             service; or raise the limit with `--eval-timeout`",
        ),
        Stopped::Memory => Diagnostic::error(
            Code::EvalMemory,
            format!(
                "the evaluation needs more than {} of memory",
                size(limits.memory)
            ),
        )
        .help(
            "look for lists or comprehensions that multiply each other; or raise the limit with \
             `--eval-memory`",
        ),
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
