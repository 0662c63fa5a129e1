//! Holds the pages of `kcc explain` to what `kcc` does.
//!
//! A page that shows a mistake in fragments has a block ` ```cue wrong `, a
//! ` ```text ` block with a command and what kcc says about it, and a block
//! ` ```cue right `, whose files replace those of the same name. This test runs
//! the real binary on both: the wrong one has to be told exactly that, the
//! right one passes. `KCC_UPDATE=1 cargo test --test pages` writes what kcc
//! says into the pages; doing so twice leaves no difference.
//!
//! Every ` ```cue right ` block in the README and in `docs/` is a system that passes, too, and
//! `docs/reference.md` is what the schema's comments say.
//!
//! In a block a line such as `// teams/storefront/web.cue` begins a file. It
//! stands for the package clause where the block shows none, so that lines are
//! counted as a reader counts them. What comes before such a line is `kcc.cue`;
//! a page that shows none is about a shop of three teams.

mod page;
mod reference;
mod said;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
};

use kcc_diag::Code;
use libtest_mimic::{Arguments, Trial};

use page::{Files, Page};

/// The codes that fragments alone do not show, and what shows them.
const ELSEWHERE: [(&str, &str); 7] = [
    (
        "kcc::eval::unaccounted",
        "no fragment is known to bring it about: guest/eval/lost_fields_test.go",
    ),
    (
        "kcc::load::",
        "the files themselves are what is wrong: tests/ui/load",
    ),
    (
        "kcc::own::codeowners",
        "a file that is no fragment takes part: tests/ui/own",
    ),
    ("kcc::plan::", "an engine is needed: tests/e2e"),
    ("kcc::apply::", "an engine is needed: tests/e2e"),
    ("kcc::drift::", "an engine is needed: tests/e2e"),
    (
        "kcc::state::",
        "the state folder is what is wrong: runtime/kcc-plan",
    ),
];

/// Documents whose examples are systems.
const DOCS: [&str; 3] = ["README.md", "docs/language.md", reference::DOCUMENT];

/// The system of a page that shows no `kcc.cue`.
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
        Trial::test(name, || hold(*code).map_err(Into::into))
    });
    let docs = DOCS.iter().map(|name| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
        Trial::test(*name, move || hold_examples(&path).map_err(Into::into))
    });
    let trials = pages.chain(docs).chain(reference::trials());
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

/// Holds the examples of a document to being right.
fn hold_examples(path: &Path) -> Result<(), String> {
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    let examples = page::examples(&text);
    if examples.is_empty() {
        return Err("there is no ```cue right block".to_owned());
    }
    let wrong: Vec<String> = examples
        .iter()
        .enumerate()
        .filter_map(|(number, files)| match run("kcc check", files) {
            Ok(ended) if ended.exit == Some(0) && said::codes(&ended.text).is_empty() => None,
            Ok(ended) => Some(format!("example {}:\n{}", number + 1, ended.text)),
            Err(error) => Some(error),
        })
        .collect();
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(wrong.join("\n"))
    }
}

/// Holds one page to what kcc does.
fn hold(code: Code) -> Result<(), String> {
    let path = path(code);
    let text = fs::read_to_string(&path).map_err(|error| error.to_string())?;
    let Some(page) = Page::parse(&text)? else {
        let elsewhere = ELSEWHERE
            .iter()
            .any(|(head, _)| code.as_str().starts_with(head));
        return if elsewhere {
            Ok(())
        } else {
            Err("the page has no ```cue wrong block with a ```text block behind it".to_owned())
        };
    };
    let wrong = run(&page.command, &page.wrong)?;
    let said = said::about(code, &wrong.text);
    if said.is_empty() {
        return Err(format!(
            "the wrong example does not lead to it:\n{}",
            wrong.text
        ));
    }
    if let Some(other) = said::codes(&wrong.text)
        .iter()
        .find(|other| **other != code.as_str())
    {
        return Err(format!(
            "the wrong example leads to {other} as well:\n{}",
            wrong.text
        ));
    }
    let is_error = said[0].starts_with("error[");
    if is_error == (wrong.exit == Some(0)) {
        return Err(format!("an exit of {:?} for:\n{}", wrong.exit, wrong.text));
    }
    let right = run(&page.command, &page.right)?;
    if right.exit != Some(0) || !said::about(code, &right.text).is_empty() {
        return Err(format!("the mended example is not right:\n{}", right.text));
    }
    let shown = page.with_said(&said);
    if shown == text {
        return Ok(());
    }
    if std::env::var_os("KCC_UPDATE").is_some() {
        return fs::write(&path, shown).map_err(|error| error.to_string());
    }
    Err(format!(
        "kcc says it in other words:\n{}\n\nKCC_UPDATE=1 cargo test --test pages writes them into the page",
        said.join("\n")
    ))
}

/// Where the page of a code is.
fn path(code: Code) -> PathBuf {
    let name = code.as_str().trim_start_matches("kcc::").replace("::", "/");
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("compiler/kcc-diag/pages")
        .join(name)
        .with_extension("md")
}

/// How a run of kcc went.
struct Ended {
    text: String,
    exit: Option<i32>,
}

/// Runs a command over the files of a system.
fn run(command: &str, files: &Files) -> Result<Ended, String> {
    let scratch = tempfile::tempdir().map_err(|error| error.to_string())?;
    let root = scratch.path();
    for team in ["storefront", "payments", "platform"] {
        fs::create_dir_all(root.join("teams").join(team)).map_err(|error| error.to_string())?;
    }
    fs::write(root.join("kcc.cue"), SHOP).map_err(|error| error.to_string())?;
    // What fragments of the root are built with.
    fs::write(root.join("Dockerfile"), "FROM scratch\n").map_err(|error| error.to_string())?;
    for (name, text) in files {
        let path = root.join(name);
        let folder = path.parent().unwrap_or(root);
        fs::create_dir_all(folder)
            .and_then(|()| fs::write(&path, text))
            .map_err(|error| format!("{name}: {error}"))?;
    }
    let mut words = command.split_whitespace();
    if words.next() != Some("kcc") {
        return Err(format!("a page shows a command of kcc, not `{command}`"));
    }
    let output = Command::new(env!("CARGO_BIN_EXE_kcc"))
        .args(words)
        .current_dir(root)
        .env_clear()
        .env("HOME", root)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned()
        + &String::from_utf8_lossy(&output.stdout);
    Ok(Ended {
        text,
        exit: output.status.code(),
    })
}
