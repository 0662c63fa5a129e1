//! `kcc __complete`: answers the shell functions that `kcc completions` prints.

use std::ffi::OsString;

use clap::{Args, ValueEnum};
use clap_complete::engine::complete;

use super::CommandResult;
use crate::{
    completion::{Line, within},
    context::Context,
    exit::Exit,
};

/// Complete a word of a command line
#[derive(Debug, Args)]
#[command(
    hide = true,
    after_help = "Example:\n  kcc __complete bash 2 -- kcc render --ta"
)]
pub struct Complete {
    /// Shell that asks
    pub shell: Dialect,
    /// Position of the word, from 0
    pub index: usize,
    /// Words of the command line
    #[arg(last = true, allow_hyphen_values = true)]
    pub words: Vec<String>,
}

/// The shells whose functions ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Dialect {
    /// Values only; words are broken at `:`.
    Bash,
    /// Values with descriptions behind a `:`.
    Zsh,
    /// Values with descriptions behind a tab.
    Fish,
}

impl Complete {
    /// Prints a line for each way to complete the word; nothing if there is none.
    pub fn run(self, context: &Context, cli: &mut clap::Command) -> CommandResult {
        let here = context.settings.environment.current_dir.clone();
        let (mut words, mut index) = (self.words, self.index);
        if self.shell == Dialect::Bash {
            (words, index) = joined(&words, index);
        }
        words.resize(words.len().max(index + 1), String::new());
        // bash completes only the part of a word after its last `:`.
        let cut = match self.shell {
            Dialect::Bash => words[index].rfind(':').map_or(0, |at| at + 1),
            Dialect::Zsh | Dialect::Fish => 0,
        };
        let line = Line::of(&words, here.clone());
        let words: Vec<OsString> = words.into_iter().map(OsString::from).collect();
        let found = within(line, || complete(cli, words, index, Some(&here)));
        for candidate in found.unwrap_or_default() {
            let value = candidate.get_value().to_string_lossy();
            let value = value.get(cut..).unwrap_or_default();
            let help = candidate.get_help().map(ToString::to_string);
            let help = help.as_deref().and_then(|help| help.lines().next());
            context.printer.data(&match (self.shell, help) {
                (Dialect::Zsh, None) => format!("{}\n", value.replace(':', "\\:")),
                (Dialect::Zsh, Some(help)) => format!("{}:{help}\n", value.replace(':', "\\:")),
                (Dialect::Fish, Some(help)) => format!("{value}\t{help}\n"),
                _ => format!("{value}\n"),
            });
        }
        Ok(Exit::Done)
    }
}

/// Joins the words that bash has broken at each `:`, and returns the position of the
/// word that contains the one at `index`.
fn joined(words: &[String], index: usize) -> (Vec<String>, usize) {
    let mut all: Vec<String> = Vec::new();
    let mut at = index;
    let colons = |word: &str| !word.is_empty() && word.chars().all(|c| c == ':');
    for (position, word) in words.iter().enumerate() {
        let before = position.checked_sub(1).map(|before| words[before].as_str());
        let continues = position > 1 && (colons(word) || before.is_some_and(colons));
        match all.last_mut() {
            Some(last) if continues => last.push_str(word),
            _ => all.push(word.clone()),
        }
        if position == index {
            at = all.len() - 1;
        }
    }
    (all, at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joins_what_bash_breaks() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(
            joined(&words("kcc explain eval :: con"), 4),
            (words("kcc explain eval::con"), 2)
        );
        assert_eq!(
            joined(&words("kcc explain eval :: "), 4),
            (words("kcc explain eval::"), 2)
        );
        assert_eq!(joined(&words("kcc logs w"), 2), (words("kcc logs w"), 2));
    }
}
