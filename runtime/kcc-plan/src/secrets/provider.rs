//! Fetches values from the providers on the user's machine: the environment, a
//! file, the output of a command.

use std::{io::ErrorKind, path::Path, process::Stdio};

use kcc_model::SecretProvider;

use crate::{MissingSecret, Options};

pub(super) const OTHER_PROVIDER: &str = "name another provider under `on`";

/// Fetches the value of a secret.
pub(super) async fn fetch(
    name: &str,
    provider: &SecretProvider,
    options: &Options,
) -> Result<String, MissingSecret> {
    let value = match provider {
        SecretProvider::Command(command) => run(name, command, options).await,
        provider => read(name, provider, options),
    }?;
    if value.contains('\0') {
        // An engine would quote the value in its error.
        let why = "its value contains a NUL character, which no variable can have";
        let help = "remove it; encode bytes that are not text, for instance as base64";
        return Err(missing(name, why, help));
    }
    Ok(value)
}

/// Fetches the value of a secret without running anything.
pub(super) fn read(
    name: &str,
    provider: &SecretProvider,
    options: &Options,
) -> Result<String, MissingSecret> {
    match provider {
        SecretProvider::Env(variable) => options.env.get(variable).cloned().ok_or_else(|| {
            let why = format!("variable `{variable}` is not set");
            let help = format!("set `{variable}` where kcc runs, or {OTHER_PROVIDER}");
            missing(name, why, help)
        }),
        SecretProvider::File(file) => {
            let read = std::fs::read_to_string(options.root.join(Path::new(file)));
            read.map(trim_line_break).map_err(|error| {
                let why = format!("cannot read `{file}`: {error}");
                let help = format!("put the value into `{file}`, or {OTHER_PROVIDER}");
                missing(name, why, help)
            })
        }
        _ => Err(missing(
            name,
            "it exists only in the cluster",
            OTHER_PROVIDER,
        )),
    }
}

async fn run(name: &str, command: &[String], options: &Options) -> Result<String, MissingSecret> {
    let (program, args) = command
        .split_first()
        .ok_or_else(|| missing(name, "its command is empty", OTHER_PROVIDER))?;
    let output = tokio::process::Command::new(program)
        .args(args)
        .current_dir(&options.root)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .await
        .map_err(|error| {
            let why = match error.kind() {
                ErrorKind::NotFound => format!("`{program}` is not installed"),
                _ => format!("cannot run `{program}`: {error}"),
            };
            missing(
                name,
                why,
                format!("install `{program}`, or {OTHER_PROVIDER}"),
            )
        })?;
    if !output.status.success() {
        // The output may contain the secret: report the exit status only.
        let how = match output.status.code() {
            Some(code) => format!("exit code {code}"),
            None => output.status.to_string(),
        };
        let help = "run its command in the system's directory to see why";
        return Err(missing(
            name,
            format!("`{program}` failed with {how}"),
            help,
        ));
    }
    String::from_utf8(output.stdout)
        .map(trim_line_break)
        .map_err(|_| {
            let why = format!("the output of `{program}` is not UTF-8");
            missing(name, why, format!("make `{program}` print UTF-8"))
        })
}

/// Removes the final line break, which files and commands add to a value.
fn trim_line_break(mut text: String) -> String {
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
