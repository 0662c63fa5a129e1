//! `kcc init`: a working system with one service.
//!
//! Its image is public, runs without root and answers on its port, so that
//! `kcc apply --target dev` works as it is.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use clap::Args;

use super::{Context, Ended};
use crate::{exit::Exit, failure::Failure};

/// Make a working system with one service
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  kcc init shop && kcc check shop")]
pub struct Init {
    /// The folder, which is made if it is not there [default: the current folder]
    #[arg(value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// The system's name [default: the folder's]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
}

impl Init {
    /// Writes the files and says what to do next.
    pub fn run(self, context: &Context) -> Ended {
        let shown = context.settings.folder_named(self.dir.as_deref());
        let folder = context.settings.environment.folder.join(&shown);
        let name = match self.name {
            Some(name) if is_dns_label(&name) => name,
            Some(name) => {
                return Err(Failure::usage(
                    format!("`{name}` cannot be a system's name"),
                    "use at most 40 small letters, digits and dashes, beginning with a letter",
                ));
            }
            None => name_of(&folder),
        };
        let files = files(&name);
        let there = |file: &str| {
            Failure::usage(
                format!("`{}` is there already", shown.join(file).display()),
                "name another folder: `kcc init DIR`",
            )
        };
        // All or nothing.
        let taken = |(file, _): &&(&str, _)| folder.join(file).symlink_metadata().is_ok();
        if let Some((file, _)) = files.iter().find(taken) {
            return Err(there(file));
        }
        for (file, content) in files {
            let path = folder.join(file);
            let display = shown.join(file);
            write_new(&path, &content).map_err(|error| match error.kind() {
                ErrorKind::AlreadyExists => there(file),
                _ => Failure::io(format!("cannot write `{}`", display.display()), error),
            })?;
            context
                .printer
                .note(&format!("wrote {}", display.display()));
        }
        let dir = argument(&shown);
        context.printer.note(&format!(
            "\nnext: kcc check{dir}\n      kcc apply --target dev{dir}"
        ));
        Ok(Exit::Done)
    }
}

/// A folder as the argument of a command that can be copied into a shell; empty
/// for the current one.
fn argument(folder: &Path) -> String {
    let name = folder.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-+@%".contains(c);
    match name.as_str() {
        "" | "." => String::new(),
        _ if name.chars().all(plain) => format!(" {name}"),
        _ => format!(" '{}'", name.replace('\'', "'\\''")),
    }
}

/// Words of CUE that cannot name a package.
const KEYWORDS: [&str; 7] = ["false", "for", "if", "in", "let", "null", "true"];

/// The files of a new system.
fn files(name: &str) -> [(&'static str, String); 2] {
    let mut package = name.replace('-', "_");
    if KEYWORDS.contains(&name) {
        package.push('_');
    }
    let system = format!(
        "package {package}

system: name: \"{name}\"

// Lets the plain cue tool and editors accept fragments that use target.
target: \"dev\" | \"test\" | \"stage\" | \"prod\"
"
    );
    let service = format!(
        "package {package}

services: web: {{
	image: \"nginxinc/nginx-unprivileged:1.29-alpine\"
	port:  8080
	health: http: \"/\"
}}

// What is different in one target: on your machine it answers on port 8080.
on: dev: services: web: ports: http: expose: 8080
"
    );
    [("kcc.cue", system), ("services/web.cue", service)]
}

fn write_new(path: &Path, content: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut file = fs::File::create_new(path)?;
    std::io::Write::write_all(&mut file, content.as_bytes())
}

/// A system's name from that of a folder.
fn name_of(folder: &Path) -> String {
    let real = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let name = real
        .file_name()
        .map(|name| name.to_string_lossy().to_lowercase())
        .unwrap_or_default();
    let mut label = String::new();
    for c in name.chars() {
        if c.is_ascii_alphanumeric() {
            label.push(c);
        } else if !label.is_empty() && !label.ends_with('-') {
            label.push('-');
        }
    }
    label.truncate(40);
    let label = label.trim_end_matches('-');
    if is_dns_label(label) {
        label.to_owned()
    } else {
        "app".to_owned()
    }
}

fn is_dns_label(name: &str) -> bool {
    (1..=40).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && !name.ends_with('-')
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_can_be_copied_into_a_shell() {
        for (folder, shown) in [
            ("", ""),
            ("shop", " shop"),
            ("My Shop", " 'My Shop'"),
            ("it's", " 'it'\\''s'"),
        ] {
            assert_eq!(argument(Path::new(folder)), shown);
        }
    }

    #[test]
    fn a_name_is_made_from_any_folder_s() {
        for (folder, name) in [
            ("/x/shop", "shop"),
            ("/x/My Shop_2", "my-shop-2"),
            ("/x/2fast", "app"),
            ("/x/---", "app"),
            ("/", "app"),
            ("/x/a.", "a"),
        ] {
            assert_eq!(name_of(Path::new(folder)), name, "{folder}");
        }
    }
}
