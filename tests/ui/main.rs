//! Runs the real `kcc` over the cases in this folder.
//!
//! A case is a text file (`<stage>/<name>.txtar`): what it shows, the command
//! lines, the fragments, and what is expected on stdout and stderr and as exit
//! code. `KCC_UPDATE=1 cargo test --test ui` writes the expectations anew;
//! doing so twice leaves no difference. The format is described in
//! `README.md` beside this file.

mod archive;
mod case;
mod panic;
mod precommit;

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use libtest_mimic::{Arguments, Trial};

fn main() -> ExitCode {
    panic::in_child();
    let arguments = Arguments::from_args();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ui");
    let mut trials: Vec<Trial> = cases(&folder)
        .into_iter()
        .map(|path| {
            let name = path
                .strip_prefix(&folder)
                .unwrap_or(&path)
                .with_extension("");
            let name = name.display().to_string().replace('\\', "/");
            Trial::test(name, move || case::run(&path).map_err(Into::into))
        })
        .collect();
    trials.push(Trial::test("exit/panic", || {
        panic::a_panic_is_exit_70().map_err(Into::into)
    }));
    trials.push(Trial::test("exit/closed-stdout", || {
        case::closed_stdout_is_no_failure().map_err(Into::into)
    }));
    trials.push(Trial::test("pre-commit", || {
        precommit::the_hook_works().map_err(Into::into)
    }));
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Every case below a folder, in the order of their names.
fn cases(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder)
        .expect("the folder of cases can be read")
        .map(|entry| entry.expect("its entries too").path())
        .collect();
    entries.sort();
    entries
        .into_iter()
        .flat_map(|path| {
            if path.is_dir() {
                cases(&path)
            } else if path
                .extension()
                .is_some_and(|extension| extension == "txtar")
            {
                vec![path]
            } else {
                Vec::new()
            }
        })
        .collect()
}
