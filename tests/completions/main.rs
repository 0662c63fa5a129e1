//! Completes command lines in real shells with the scripts that `kcc completions`
//! prints. A shell that is not installed is skipped.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "tests panic on failure and report what they skip"
)]

use std::{env, ffi::OsString, process::Command};

use kcc_test_support::{CommandOutput, binary, directory_with};

const SYSTEM: &str = "package shop

system: {name: \"shop\", targets: {dev: docker: {}, prod: kubernetes: {}}}
services: web: {image: \"acme/web:1.4.2\", port: 8080}
";

/// Command lines, each with some of their completions.
const LINES: [(&str, &[&str]); 4] = [
    ("kcc apply --target ", &["dev", "prod"]),
    ("kcc logs w", &["web"]),
    ("kcc restar", &["restart"]),
    // bash completes only the word after a colon.
    ("kcc explain policy::v", &["violated"]),
];

/// Runs a shell in a system with kcc in its path; none if it is not installed.
fn run(shell: &str, script: &str, line: &str) -> Option<CommandOutput> {
    let system = directory_with([("kcc.cue", SYSTEM)]);
    let found = Command::new(shell).arg("--version").output();
    if found.is_err() {
        eprintln!("SKIPPED: `{shell}` is not installed");
        return None;
    }
    let kcc = binary();
    let mut path = OsString::from(kcc.parent().unwrap());
    path.push(":");
    path.push(env::var_os("PATH").unwrap_or_default());
    let mut command = Command::new(shell);
    command
        .args(["-c", script, shell, line])
        .current_dir(system.path())
        .env("PATH", path)
        .env("HOME", system.path());
    Some(CommandOutput::of(&mut command))
}

/// Checks that a shell prints the completions of every line.
fn completes(shell: &str, script: &str) {
    for (line, expected) in LINES {
        let Some(ran) = run(shell, script, line) else {
            return;
        };
        for completion in expected {
            assert!(ran.out.contains(completion), "{shell}: {line}: {ran:#?}");
        }
    }
}

#[test]
fn bash_completes() {
    completes(
        "bash",
        r#"
        source <(kcc completions bash)
        read -ra COMP_WORDS <<<"$1"
        [[ $1 != *" " ]] || COMP_WORDS+=("")
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        _kcc
        printf '%s\n' "${COMPREPLY[@]}"
        "#,
    );
}

/// zsh completes only on a terminal, for which it has a module. It reads a line once it
/// has printed the prompt.
#[test]
fn zsh_completes() {
    completes(
        "zsh",
        r#"
        zmodload zsh/zpty
        zpty shell 'TERM=dumb zsh -f -i'
        zpty -w shell 'autoload -U compinit && compinit -u -D; source <(kcc completions zsh); PS1="<"">"'
        zpty -r -m shell read '*<>*'
        zpty -w -n shell "$1"$'\t\t'
        zpty -w -n shell $'\C-a: \C-e; print DO''NE\n'
        zpty -r -m shell read '*DONE*'
        print -r -- "$read"
        zpty -d shell
        "#,
    );
}

#[test]
fn fish_completes() {
    completes(
        "fish",
        r#"kcc completions fish | source; complete --do-complete "$argv[2]""#,
    );
}
