//! Values from where whoever applies has them: the environment, a file, the
//! output of a command.

use std::{io::ErrorKind, path::Path, process::Stdio};

use kcc_model::SecretProvider;

use crate::{MissingSecret, Options};

pub(super) const ANOTHER: &str = "name another provider under `on`";

/// The value of a secret, or why it cannot be had.
pub(super) async fn fetch(
    name: &str,
    provider: &SecretProvider,
    options: &Options,
) -> Result<String, MissingSecret> {
    match provider {
        SecretProvider::Command(command) => run(name, command, options).await,
        provider => read(name, provider, options),
    }
}

/// The same without running anything.
pub(super) fn read(
    name: &str,
    provider: &SecretProvider,
    options: &Options,
) -> Result<String, MissingSecret> {
    match provider {
        SecretProvider::Env(variable) => options.env.get(variable).cloned().ok_or_else(|| {
            let why = format!("the variable `{variable}` is not set");
            let help = format!("set `{variable}` where kcc runs, or {ANOTHER}");
            missing(name, why, help)
        }),
        SecretProvider::File(file) => {
            let read = std::fs::read_to_string(options.root.join(Path::new(file)));
            read.map(one_line).map_err(|error| {
                let why = format!("`{file}` cannot be read: {error}");
                let help = format!("put the value into `{file}`, or {ANOTHER}");
                missing(name, why, help)
            })
        }
        _ => Err(missing(name, "nobody but the cluster has it", ANOTHER)),
    }
}

async fn run(name: &str, command: &[String], options: &Options) -> Result<String, MissingSecret> {
    let (program, args) = command
        .split_first()
        .ok_or_else(|| missing(name, "its command is empty", ANOTHER))?;
    let output = tokio::process::Command::new(program)
        .args(args)
        .current_dir(&options.root)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .await
        .map_err(|error| {
            let why = match error.kind() {
                ErrorKind::NotFound => format!("there is no `{program}` on this machine"),
                _ => format!("`{program}` cannot be run: {error}"),
            };
            missing(name, why, format!("install `{program}`, or {ANOTHER}"))
        })?;
    if !output.status.success() {
        // What it says may hold the secret: only how it ended is told.
        let how = match output.status.code() {
            Some(code) => format!("exit code {code}"),
            None => output.status.to_string(),
        };
        let help = "run its command in the system's folder to see why";
        return Err(missing(name, format!("`{program}` ended with {how}"), help));
    }
    String::from_utf8(output.stdout).map(one_line).map_err(|_| {
        let why = format!("what `{program}` wrote is not text");
        missing(name, why, format!("let `{program}` write UTF-8"))
    })
}

/// Files and commands end a line that is not part of the secret.
fn one_line(mut text: String) -> String {
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    text
}

pub(super) fn missing(
    name: &str,
    why: impl Into<String>,
    help: impl Into<String>,
) -> MissingSecret {
    MissingSecret {
        name: name.to_owned(),
        why: why.into(),
        help: help.into(),
    }
}
