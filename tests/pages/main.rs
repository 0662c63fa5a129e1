//! Checks the pages of `kcc explain` and the documents against the real binary.
//!
//! A page that shows a mistake has a block ` ```cue wrong `, a block ` ```text `
//! with a command and its output, and a block ` ```cue right `, whose files replace
//! those with the same name. The wrong files must produce exactly that output, the
//! right ones none. `KCC_UPDATE=1 cargo test --test pages` writes the output into
//! the pages and is idempotent.
//!
//! `timeline.html`, which a test of the command writes, is opened in a real browser.
//!
//! Every ` ```cue right ` block in the README and in `docs/` must pass `kcc check`,
//! too, and `docs/reference.md` must match the schema's comments.
//!
//! `kcc_test_support::documents` describes the files in a block. Lines before the
//! first name belong to `kcc.cue`; if a page shows none, the system is a shop of three
//! teams.

mod browser;
mod output;
mod page;
mod reference;

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use kcc_diag::Code;
use kcc_test_support::{CommandOutput, directory_with, golden, kcc, root, write};
use libtest_mimic::{Arguments, Trial};

use page::{Files, Page};

/// Codes that fragments alone cannot cause, with the reason and the test that covers
/// them.
const ELSEWHERE: [(&str, &str); 8] = [
    (
        "kcc::eval::unaccounted",
        "no known fragment causes it: guest/eval/lost_fields_test.go",
    ),
    (
        "kcc::load::",
        "the files themselves are wrong: tests/ui/load",
    ),
    (
        "kcc::own::codeowners",
        "it involves a file that is not a fragment: tests/ui/own",
    ),
    (
        "kcc::check::image-",
        "it involves `kcc.lock`: tests/ui/check",
    ),
    ("kcc::plan::", "it needs an engine: tests/e2e"),
    ("kcc::apply::", "it needs an engine: tests/e2e"),
    ("kcc::drift::", "it needs an engine: tests/e2e"),
    (
        "kcc::state::",
        "it needs an engine: runtime/kcc-plan, tests/e2e",
    ),
];

/// The documents whose examples are checked.
const DOCS: [&str; 3] = ["README.md", "docs/language.md", reference::DOCUMENT];

/// The system of a page without a `kcc.cue`.
const SHOP: &str = "package shop

system: {
	name: \"shop\"
	teams: {
		storefront: path: \"teams/storefront\"
		payments: path: \"teams/payments\"
		platform: {path: \"teams/platform\", governs: [\"services\", \"jobs\", \"backing\"]}
	}
}
";

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let pages = Code::ALL.iter().map(|code| {
        let name = code.as_str().trim_start_matches("kcc::").replace("::", "/");
        Trial::test(name, || check_page(*code).map_err(Into::into))
    });
    let docs = DOCS.iter().map(|name| {
        let path = root().join(name);
        Trial::test(*name, move || check_examples(&path).map_err(Into::into))
    });
    let browser = || browser::reads_the_page().map_err(Into::into);
    let browser = [Trial::test("timeline.html", browser)];
    let trials = pages.chain(docs).chain(reference::trials()).chain(browser);
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

/// Checks that the examples of a document have no diagnostics.
fn check_examples(path: &Path) -> Result<(), String> {
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    let examples = page::examples(&text);
    if examples.is_empty() {
        return Err("no ```cue right block".to_owned());
    }
    let wrong: Vec<String> = examples
        .iter()
        .enumerate()
        .filter_map(|(number, files)| match run("kcc check", files) {
            Ok(result) if result.exit == Some(0) && output::codes(&result.text).is_empty() => None,
            Ok(result) => Some(format!("example {}:\n{}", number + 1, result.text)),
            Err(error) => Some(error),
        })
        .collect();
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(wrong.join("\n"))
    }
}

/// Checks one page.
fn check_page(code: Code) -> Result<(), String> {
    let path = path(code);
    let text = fs::read_to_string(&path).map_err(|error| error.to_string())?;
    let Some(page) = Page::parse(&text)? else {
        let elsewhere = ELSEWHERE
            .iter()
            .any(|(head, _)| code.as_str().starts_with(head));
        return if elsewhere {
            Ok(())
        } else {
            Err("no ```cue wrong block followed by a ```text block".to_owned())
        };
    };
    let wrong = run(&page.command, &page.wrong)?;
    let diagnostics = output::diagnostics_of(code, &wrong.text);
    if diagnostics.is_empty() {
        return Err(format!(
            "the wrong example does not cause it:\n{}",
            wrong.text
        ));
    }
    if let Some(other) = output::codes(&wrong.text)
        .iter()
        .find(|other| **other != code.as_str())
    {
        return Err(format!(
            "the wrong example also causes {other}:\n{}",
            wrong.text
        ));
    }
    let is_error = diagnostics[0].starts_with("error[");
    if is_error == (wrong.exit == Some(0)) {
        return Err(format!(
            "unexpected exit code {:?} for:\n{}",
            wrong.exit, wrong.text
        ));
    }
    let right = run(&page.command, &page.right)?;
    if right.exit != Some(0) || !output::diagnostics_of(code, &right.text).is_empty() {
        return Err(format!(
            "the right example has diagnostics:\n{}",
            right.text
        ));
    }
    golden::check(&path, &page.with_output(&diagnostics))
}

/// Returns the path of a code's page.
fn path(code: Code) -> PathBuf {
    let name = code.as_str().trim_start_matches("kcc::").replace("::", "/");
    root()
        .join("compiler/kcc-diag/pages")
        .join(name)
        .with_extension("md")
}

/// The result of a run of kcc.
struct RunResult {
    text: String,
    exit: Option<i32>,
}

/// Runs a command on the files of a system.
fn run(command: &str, files: &Files) -> Result<RunResult, String> {
    // Examples may build images from the root.
    let scratch = directory_with([("kcc.cue", SHOP), ("Dockerfile", "FROM scratch\n")]);
    for team in ["storefront", "payments", "platform"] {
        let directory = scratch.path().join("teams").join(team);
        fs::create_dir_all(directory).map_err(|error| error.to_string())?;
    }
    for (name, text) in files {
        write(&scratch.path().join(name), text);
    }
    let mut words = command.split_whitespace();
    if words.next() != Some("kcc") {
        return Err(format!("expected a command of kcc, found `{command}`"));
    }
    let output = CommandOutput::of(kcc(scratch.path()).args(words));
    Ok(RunResult {
        text: output.err + &output.out,
        exit: output.code,
    })
}
