//! Runs the real `kcc` over the cases in this directory.
//!
//! A case is a text file (`<stage>/<name>.txtar`) with a description, command
//! lines, fragments, and the expected stdout, stderr and exit code.
//! `KCC_UPDATE=1 cargo test --test ui` updates the expectations and is idempotent.
//! `README.md` in this directory describes the format.

mod case;
mod kinds;
mod panic;
mod precommit;
mod watch;

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use kcc_diag::{Code, Stage};
use kcc_test_support::{Archive, root};
use libtest_mimic::{Arguments, Trial};

fn main() -> ExitCode {
    panic::in_child();
    let arguments = Arguments::from_args();
    let folder = root().join("tests/ui");
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
    trials.extend(kinds::all().into_iter().map(|kind| {
        Trial::test(format!("kinds/{kind}"), move || {
            kinds::check(&kind).map_err(Into::into)
        })
    }));
    trials.push(Trial::test("every-code", move || {
        every_code_has_a_case(&folder).map_err(Into::into)
    }));
    trials.push(Trial::test("exit/panic", || {
        panic::a_panic_exits_with_70().map_err(Into::into)
    }));
    trials.push(Trial::test("exit/closed-stdout", || {
        case::a_closed_stdout_is_not_an_error().map_err(Into::into)
    }));
    trials.push(Trial::test("pre-commit", || {
        precommit::the_hook_rejects_only_bad_fragments().map_err(Into::into)
    }));
    trials.push(Trial::test("watch", || {
        watch::changes_are_reported_as_files_are_saved().map_err(Into::into)
    }));
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Checks that a case shows every code that fragments alone can cause: those of the
/// stages up to lowering.
fn every_code_has_a_case(folder: &Path) -> Result<(), String> {
    let mut output = String::new();
    for path in cases(folder) {
        let text = fs::read_to_string(&path).map_err(|error| error.to_string())?;
        let archive = Archive::parse(&text);
        let outputs = archive
            .sections
            .into_iter()
            .filter(|(name, _)| name.starts_with("std"));
        output.extend(outputs.map(|(_, content)| content));
    }
    let missing: Vec<&str> = Code::ALL
        .iter()
        .filter(|code| code.stage() <= Stage::Lower)
        // No known fragment causes it.
        .filter(|code| **code != Code::EvalUnaccounted)
        .map(|code| code.as_str())
        .filter(|code| !output.contains(&format!("[{code}]")))
        .collect();
    if missing.is_empty() {
        Ok(())
    } else {
        Err(format!("no case shows {}", missing.join(", ")))
    }
}

/// Returns all cases below a directory, sorted by name.
fn cases(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder)
        .expect("the directory of cases is readable")
        .map(|entry| entry.expect("its entries are readable").path())
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
