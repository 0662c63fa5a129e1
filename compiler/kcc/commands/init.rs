//! `kcc init`: creates a working system with one service.
//!
//! The service's image is public, runs without root and answers on its port, so
//! that `kcc apply --target dev` works without any edit.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use clap::Args;
use kcc_cue::Evaluator;
use kcc_diag::Diagnostics;
use kcc_model::is_label;
use kcc_tree::SYSTEM_FILE;

use super::CommandResult;
use crate::{
    context::Context,
    editor,
    exit::Exit,
    failure::Failure,
    load::{Root, is_for_cue, package_of},
};

/// Create a working system with one service
///
/// Also writes what editors and the cue tool need to know kcc's fields: `schema.cue`, and
/// kcc's schema under `cue.mod`. `--update` writes only that, in an existing system.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  kcc init shop && kcc check shop\n  kcc init --update          renew the schema for editors after an update of kcc"
)]
pub struct Init {
    /// Directory to create the system in [default: the current directory]
    #[arg(value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Name of the system [default: the name of the directory]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Only write the schema for editors and the cue tool, in an existing system
    #[arg(long, conflicts_with = "name")]
    pub update: bool,
}

impl Init {
    /// Writes the files and prints the next commands.
    pub fn run(self, context: &Context) -> CommandResult {
        let shown = context.settings.dir_named(self.dir.as_deref());
        let system_dir = context.settings.environment.current_dir.join(&shown);
        if self.update {
            return update(context, &shown);
        }
        let name = match self.name {
            Some(name) if is_system_name(&name) => name,
            Some(name) => {
                return Err(Failure::usage(
                    format!("`{name}` is not a valid system name"),
                    "use at most 40 lower-case letters, digits and `-`, starting with a letter",
                ));
            }
            None => default_name(&system_dir),
        };
        let files = files(&name);
        let exists = |file: &str| {
            Failure::usage(
                format!("`{}` already exists", shown.join(file).display()),
                "choose another directory: `kcc init DIR`",
            )
        };
        // All or nothing.
        let is_taken = |(file, _): &&(&str, _)| system_dir.join(file).symlink_metadata().is_ok();
        if let Some((file, _)) = files.iter().find(is_taken) {
            return Err(exists(file));
        }
        for (file, content) in files {
            let path = system_dir.join(file);
            let display = shown.join(file);
            write_new(&path, &content).map_err(|error| match error.kind() {
                ErrorKind::AlreadyExists => exists(file),
                _ => Failure::io(format!("cannot write `{}`", display.display()), error),
            })?;
            note_written(context, &shown, file);
        }
        write_editor_files(context, &system_dir, &shown, &package(&name))?;
        let taken = COMPOSE.iter().find(|file| system_dir.join(file).exists());
        if let Some(file) = taken {
            context.printer.note(&format!(
                "\n`{file}` stays as it is: kcc does not read it; declare its services as in `services/web.cue`"
            ));
        }
        let dir = shell_argument(&shown);
        context.printer.note(&format!(
            "\nnext: kcc check{dir}\n      kcc apply --target dev{dir}"
        ));
        Ok(Exit::Done)
    }
}

/// The names of compose files.
const COMPOSE: [&str; 4] = [
    "compose.yaml",
    "compose.yml",
    "docker-compose.yaml",
    "docker-compose.yml",
];

/// Writes the files for editors of an existing system.
fn update(context: &Context, dir: &Path) -> CommandResult {
    let here = &context.settings.environment.current_dir;
    let root = Root::find(here, dir)
        .map_err(|found| Failure::Configuration(Diagnostics::from(*found).into()))?;
    let system = root.read(SYSTEM_FILE).map_err(|why| {
        Failure::io(
            format!("cannot read `{SYSTEM_FILE}`"),
            std::io::Error::other(why),
        )
    })?;
    let Some(package) = package_of(&system) else {
        return Err(Failure::usage(
            format!("`{SYSTEM_FILE}` has no package clause"),
            "begin it with `package NAME`",
        ));
    };
    let shown = PathBuf::from(root.shown());
    write_editor_files(context, root.path(), &shown, &package)?;
    Ok(Exit::Done)
}

/// Writes the module, unless there is one, the schema, and the file that applies it.
fn write_editor_files(
    context: &Context,
    dir: &Path,
    shown: &Path,
    package: &str,
) -> Result<(), Failure> {
    let cannot = |name: &str| {
        let name = shown.join(name).display().to_string();
        move |error| Failure::io(format!("cannot write `{name}`"), error)
    };
    let applied = dir.join(editor::APPLY);
    if fs::read_to_string(&applied).is_ok_and(|text| !is_for_cue(&text)) {
        return Err(Failure::usage(
            format!("`{}` is a fragment", shown.join(editor::APPLY).display()),
            "rename it: `kcc init` writes a file of that name for editors",
        ));
    }
    let module = dir.join(editor::MODULE);
    if module.symlink_metadata().is_err() {
        let text = editor::module(&package.replace('_', "-"));
        write_new(&module, &text).map_err(cannot(editor::MODULE))?;
        note_written(context, shown, editor::MODULE);
    }
    let schema = dir.join(editor::SCHEMA);
    fs::create_dir_all(&schema).map_err(cannot(editor::SCHEMA))?;
    let files = editor::schema(&Evaluator::default())?;
    // Files of another version may declare the same fields.
    for entry in fs::read_dir(&schema).map_err(cannot(editor::SCHEMA))? {
        let path = entry.map_err(cannot(editor::SCHEMA))?.path();
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        let declared = files.iter().any(|(file, _)| Some(file) == name.as_ref());
        if !declared && path.extension().is_some_and(|end| end == "cue") {
            fs::remove_file(&path).map_err(cannot(editor::SCHEMA))?;
        }
    }
    for (name, text) in &files {
        fs::write(schema.join(name), text).map_err(cannot(editor::SCHEMA))?;
    }
    note_written(context, shown, editor::SCHEMA);
    fs::write(&applied, editor::apply(package)).map_err(cannot(editor::APPLY))?;
    note_written(context, shown, editor::APPLY);
    Ok(())
}

fn note_written(context: &Context, shown: &Path, name: &str) {
    let path = shown.join(name);
    context.printer.note(&format!("wrote {}", path.display()));
}

/// Formats a directory as a quoted shell argument with a leading space; empty for
/// the current directory.
fn shell_argument(dir: &Path) -> String {
    let name = dir.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-+@%".contains(c);
    match name.as_str() {
        "" | "." => String::new(),
        _ if name.chars().all(plain) => format!(" {name}"),
        _ => format!(" '{}'", name.replace('\'', "'\\''")),
    }
}

/// Keywords of CUE, which cannot name a package.
const KEYWORDS: [&str; 7] = ["false", "for", "if", "in", "let", "null", "true"];

/// Returns the package of a system.
fn package(name: &str) -> String {
    let mut package = name.replace('-', "_");
    if KEYWORDS.contains(&name) {
        package.push('_');
    }
    package
}

/// Returns the files of a new system.
fn files(name: &str) -> [(&'static str, String); 2] {
    let package = package(name);
    let system = format!(
        "package {package}

system: name: \"{name}\"

// Declares target, so that the plain cue tool and editors accept its use.
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

// Overrides for one target: publish port 8080 on your machine.
on: dev: services: web: ports: http: expose: 8080
"
    );
    [("kcc.cue", system), ("services/web.cue", service)]
}

fn write_new(path: &Path, content: &str) -> std::io::Result<()> {
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir)?;
    }
    let mut file = fs::File::create_new(path)?;
    std::io::Write::write_all(&mut file, content.as_bytes())
}

/// Derives a valid system name from the name of a directory.
fn default_name(dir: &Path) -> String {
    let real = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
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
    if is_system_name(label) {
        label.to_owned()
    } else {
        "app".to_owned()
    }
}

/// Returns true for a system name that is a valid CUE package and leaves room for a
/// target in object names.
fn is_system_name(name: &str) -> bool {
    is_label(name) && name.len() <= 40 && name.starts_with(|c: char| c.is_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_a_directory_for_the_shell() {
        for (dir, shown) in [
            ("", ""),
            ("shop", " shop"),
            ("My Shop", " 'My Shop'"),
            ("it's", " 'it'\\''s'"),
        ] {
            assert_eq!(shell_argument(Path::new(dir)), shown);
        }
    }

    #[test]
    fn derives_a_valid_name_from_any_directory() {
        for (dir, name) in [
            ("/x/shop", "shop"),
            ("/x/My Shop_2", "my-shop-2"),
            ("/x/2fast", "app"),
            ("/x/---", "app"),
            ("/", "app"),
            ("/x/a.", "a"),
        ] {
            assert_eq!(default_name(Path::new(dir)), name, "{dir}");
        }
    }
}
