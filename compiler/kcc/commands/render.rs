//! `kcc render`: prints the desired state as Kubernetes manifests, or as
//! `compose.yaml` for a Docker target.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use clap::Args;

use super::CommandResult;
use crate::{
    args::System, compiled::Compiled, context::Context, exit::Exit, failure::Failure, output_file,
    pipeline,
};

/// Render Kubernetes manifests, or compose.yaml for a Docker target
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  kcc render --target prod | kubectl diff --server-side -f -\n  kcc render --target dev -o rendered"
)]
pub struct Render {
    /// Target, such as `dev` or `prod`
    #[arg(short, long, value_name = "TARGET", add = crate::completion::targets())]
    pub target: String,
    /// Directory to write files to, or `-` for one stream on stdout
    #[arg(short, long, value_name = "DIR", default_value = "-")]
    pub output: PathBuf,
    /// The system to work on.
    #[command(flatten)]
    pub system: System,
}

impl Render {
    /// Writes the files, or the stream to stdout.
    pub fn run(self, context: &Context) -> CommandResult {
        let compiled = pipeline::compile(context, self.system.dir.as_deref(), &self.target)?;
        for note in kcc_lower::emit::limitations(compiled.desired()) {
            context.printer.note(&note);
        }
        if self.output == Path::new("-") {
            let text = kcc_lower::emit::stream(compiled.desired())
                .map_err(|error| cannot_render(&error))?;
            context.printer.data(&text);
        } else {
            self.files(context, &compiled)?;
        }
        Ok(Exit::Done)
    }

    fn files(&self, context: &Context, compiled: &Compiled) -> Result<(), Failure> {
        let output_dir = context.settings.working_dir.join(&self.output);
        let cannot = |name: &Path| {
            let below = self.output.join(name);
            let name = if name.as_os_str().is_empty() {
                self.output.clone()
            } else {
                below
            };
            move |error| Failure::io(format!("cannot write `{}`", name.display()), error)
        };
        if output_dir.exists() && !output_dir.is_dir() {
            return Err(Failure::usage(
                format!("`{}` is not a directory", self.output.display()),
                "pass a directory, or omit `--output` and redirect stdout",
            ));
        }
        fs::create_dir_all(&output_dir).map_err(cannot(Path::new("")))?;
        let real = output_dir.canonicalize().map_err(cannot(Path::new("")))?;
        let root = relative(&real, compiled.root.path());
        let files = kcc_lower::emit::files(compiled.desired(), &root)
            .map_err(|error| cannot_render(&error))?;
        for file in &files {
            let path = output_dir.join(&file.name);
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent).map_err(cannot(Path::new(&file.name)))?;
            }
            output_file::replace(&path, file.content.as_ref())
                .map_err(cannot(Path::new(&file.name)))?;
            if file.executable {
                make_executable(&path).map_err(cannot(Path::new(&file.name)))?;
            }
            context
                .printer
                .note(&format!("wrote {}", self.output.join(&file.name).display()));
        }
        Ok(())
    }
}

/// Makes a file executable, as its mode in the container requires.
#[cfg(unix)]
fn make_executable(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
fn make_executable(_path: &Path) -> io::Result<()> {
    Ok(())
}

fn cannot_render(error: &kcc_lower::emit::EmitError) -> Failure {
    Failure::io("cannot render", io::Error::other(error.to_string()))
}

/// Returns the relative path from one directory to another, both absolute and
/// without symbolic links.
fn relative(from: &Path, to: &Path) -> String {
    let shared = from
        .iter()
        .zip(to.iter())
        .take_while(|(a, b)| a == b)
        .count();
    let up = from.iter().skip(shared).map(|_| "..".to_owned());
    let down = to
        .iter()
        .skip(shared)
        .map(|name| name.to_string_lossy().into_owned());
    let path: Vec<String> = up.chain(down).collect();
    if path.is_empty() {
        ".".into()
    } else {
        path.join("/")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_relative_path_between_two_directories() {
        for (from, to, way) in [
            ("/a/b", "/a/b", "."),
            ("/a/b/out", "/a/b", ".."),
            ("/a/out", "/a/b/c", "../b/c"),
            ("/x", "/a", "../a"),
        ] {
            assert_eq!(
                relative(Path::new(from), Path::new(to)),
                way,
                "{from} to {to}"
            );
        }
    }
}
