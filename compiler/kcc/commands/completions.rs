//! `kcc completions`: prints a shell script that completes commands, flags and values.

use clap::Args;
use clap_complete::Shell;

use super::CommandResult;
use crate::{context::Context, exit::Exit};

/// Print a shell completion script
///
/// In bash, zsh and fish it also completes the targets, components and paths of the
/// system in the current directory, and codes.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  kcc completions bash > ~/.local/share/bash-completion/completions/kcc\n  kcc completions zsh > ~/.zfunc/_kcc          with ~/.zfunc in $fpath\n  kcc completions fish > ~/.config/fish/completions/kcc.fish"
)]
pub struct Completions {
    /// Shell to print the script for
    pub shell: Shell,
}

const BASH: &str = r#"_kcc() {
    local IFS=$'\n'
    COMPREPLY=($(kcc __complete bash "$COMP_CWORD" -- "${COMP_WORDS[@]}" 2>/dev/null))
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == */ ]]; then
        compopt -o nospace
    fi
}
complete -o bashdefault -o default -F _kcc kcc
"#;

const ZSH: &str = r#"#compdef kcc
_kcc() {
    local -a found
    found=("${(@f)$(kcc __complete zsh "$((CURRENT - 1))" -- "${words[@]}" 2>/dev/null)}")
    if [[ -n "${found[*]}" ]]; then
        _describe 'kcc' found
    else
        _files
    fi
}
if [[ "${funcstack[1]}" = _kcc ]]; then
    _kcc "$@"
else
    compdef _kcc kcc
fi
"#;

const FISH: &str = r"function __kcc_complete
    set -l words (commandline --current-process --tokenize --cut-at-cursor)
    set -l word (commandline --current-token)
    kcc __complete fish (count $words) -- $words $word 2>/dev/null
end
complete --command kcc --no-files --arguments '(__kcc_complete)'
";

impl Completions {
    /// Prints the script for a command line to stdout.
    pub fn run(self, context: &Context, cli: &mut clap::Command) -> CommandResult {
        let script = match self.shell {
            Shell::Bash => BASH.to_owned(),
            Shell::Zsh => ZSH.to_owned(),
            Shell::Fish => FISH.to_owned(),
            // Their functions know commands and flags.
            shell => {
                let mut script = Vec::new();
                clap_complete::generate(shell, cli, "kcc", &mut script);
                String::from_utf8_lossy(&script).into_owned()
            }
        };
        context.printer.data(&script);
        Ok(Exit::Done)
    }
}
