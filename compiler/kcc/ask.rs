//! Asking before something that many people feel.

use std::io;

use crate::{commands::Context, failure::Failure};

/// Targets of a developer's own: nobody is asked about them.
const OWN: [&str; 2] = ["dev", "test"];

/// Whether the user wants it: `--yes`, a target of one's own, or an answer on
/// the terminal. Without a terminal, `--yes` is needed.
pub fn confirmed(
    context: &Context,
    target: &str,
    yes: bool,
    question: &str,
) -> Result<bool, Failure> {
    if yes || OWN.contains(&target) {
        return Ok(true);
    }
    if !context.settings.environment.can_ask {
        return Err(Failure::usage(
            format!(
                "`{target}` is not changed without a confirmation, and nobody can be asked here"
            ),
            "add `--yes`",
        ));
    }
    context.printer.question(&format!("{question} [y/N] "));
    let mut answer = String::new();
    io::stdin()
        .read_line(&mut answer)
        .map_err(|error| Failure::io("cannot read the answer", error))?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}
