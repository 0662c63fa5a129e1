//! Confirmation before a command changes a shared target.

use std::io;

use crate::{context::Context, failure::Failure};

/// Targets that belong to one developer and need no confirmation.
const UNSHARED: [&str; 2] = ["dev", "test"];

/// Returns true if `--yes` was given, the target is not shared, or the user answers
/// yes on the terminal. Without a terminal, fails and asks for `--yes`.
pub fn confirm(
    context: &Context,
    target: &str,
    yes: bool,
    question: &str,
) -> Result<bool, Failure> {
    if UNSHARED.contains(&target) {
        return Ok(true);
    }
    confirm_always(context, target, yes, question)
}

/// Does the same whoever uses the target, for changes that nobody can undo.
pub fn confirm_always(
    context: &Context,
    target: &str,
    yes: bool,
    question: &str,
) -> Result<bool, Failure> {
    if yes {
        return Ok(true);
    }
    if !context.settings.environment.is_interactive {
        return Err(Failure::usage(
            format!("refusing to change `{target}` without confirmation: not a terminal"),
            "pass `--yes`",
        ));
    }
    context.printer.question(&format!("{question} [y/N] "));
    let mut answer = String::new();
    io::stdin()
        .read_line(&mut answer)
        .map_err(|error| Failure::io("cannot read the answer", error))?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}
