//! Runs the hook of `.pre-commit-hooks.yaml` with the real `pre-commit` in a scratch
//! repository: it accepts a good fragment and rejects a bad one.

use std::{fs, path::Path, process::Command};

use kcc_test_support::{binary, root, write};

/// Runs `pre-commit try-repo` over a good and a bad fragment. Passes with a visible
/// note if `pre-commit` or `git` is not installed.
pub(crate) fn the_hook_rejects_only_bad_fragments() -> Result<(), String> {
    let Some(tool) = tool() else {
        skipped("`pre-commit` is not installed: pip install pre-commit");
        return Ok(());
    };
    if Command::new("git").arg("--version").output().is_err() {
        skipped("`git` is not installed");
        return Ok(());
    }
    let scratch = tempfile::tempdir().map_err(|error| error.to_string())?;
    let hooks = scratch.path().join("hooks");
    let repository = scratch.path().join("repository");
    let file = ".pre-commit-hooks.yaml";
    let ours = fs::read(root().join(file)).map_err(|error| error.to_string())?;
    write(&hooks.join(file), ours);
    // Two systems, neither at the root of the repository, and a file of none.
    for name in ["shop", "mail"] {
        write(
            &repository.join(format!("systems/{name}/kcc.cue")),
            format!("package {name}\n\nsystem: name: \"{name}\"\n"),
        );
        write(
            &repository.join(format!("systems/{name}/teams/web/api.cue")),
            format!("package {name}\n\nservices: api: image: \"acme/api:1\"\n"),
        );
    }
    write(
        &repository.join("other/data.cue"),
        "package other\n\nx: y\n",
    );
    let fragment = repository.join("systems/shop/web.cue");
    write(
        &fragment,
        "package shop\n\nservices: web: {image: \"acme/web:1\", port: 8080}\n",
    );
    let runner = Runner {
        tool,
        scratch: scratch.path(),
    };
    for repository in [&hooks, &repository] {
        runner.git(repository, &["init", "--quiet"])?;
        runner.git(repository, &["add", "--all"])?;
    }
    runner.git(&hooks, &["commit", "--quiet", "--message=hooks"])?;
    let system = repository;

    let (passed, output) = runner.hook(&system, &hooks)?;
    if !passed || !output.contains("Passed") {
        return Err(format!("a good fragment is rejected:\n{output}"));
    }
    write(
        &fragment,
        "package shop\n\nservices: web: {imge: \"acme/web:1\", port: 8080}\n",
    );
    runner.git(&system, &["add", "--all"])?;
    let (passed, output) = runner.hook(&system, &hooks)?;
    if passed || !output.contains("kcc::eval::unknown-field") || !output.contains("web.cue:3:") {
        return Err(format!(
            "a bad fragment is accepted or not shown:\n{output}"
        ));
    }
    let times = output.matches("checked 1 component").count();
    if times != 1 {
        return Err(format!(
            "the other system is checked {times} times:\n{output}"
        ));
    }
    write(&system.join("notes.txt"), "not a fragment\n");
    runner.git(&system, &["reset", "--quiet", "--", "."])?;
    runner.git(&system, &["add", "notes.txt"])?;
    let (passed, output) = runner.hook(&system, &hooks)?;
    if !passed || !output.contains("Skipped") {
        return Err(format!(
            "the hook runs although no fragment changed:\n{output}"
        ));
    }
    Ok(())
}

#[allow(clippy::print_stderr, reason = "skipped tests must be visible")]
fn skipped(why: &str) {
    eprintln!("\n!!! SKIPPED: the pre-commit hook was not tested: {why} !!!\n");
}

/// Returns the command for `pre-commit`, if it is installed.
fn tool() -> Option<Vec<&'static str>> {
    [vec!["pre-commit"], vec!["python3", "-m", "pre_commit"]]
        .into_iter()
        .find(|tool| {
            let output = Command::new(tool[0])
                .args(&tool[1..])
                .arg("--version")
                .output();
            output.is_ok_and(|output| output.status.success())
        })
}

struct Runner<'a> {
    tool: Vec<&'static str>,
    scratch: &'a Path,
}

impl Runner<'_> {
    fn git(&self, folder: &Path, args: &[&str]) -> Result<(), String> {
        let (ok, output) = self.run(folder, &["git"], args)?;
        if ok {
            Ok(())
        } else {
            Err(format!("git {}: {output}", args.join(" ")))
        }
    }

    fn hook(&self, system: &Path, hooks: &Path) -> Result<(bool, String), String> {
        let hooks = hooks.display().to_string();
        self.run(
            system,
            &self.tool,
            &["try-repo", &hooks, "kcc-check", "--color=never"],
        )
    }

    /// Runs a command; returns its success and its output.
    fn run(&self, folder: &Path, tool: &[&str], args: &[&str]) -> Result<(bool, String), String> {
        // The hook calls the first `kcc` on the path.
        let kcc = binary();
        let bin = kcc.parent().unwrap_or(Path::new("."));
        let path = std::env::var("PATH").unwrap_or_default();
        let output = Command::new(tool[0])
            .args(&tool[1..])
            .args(args)
            .current_dir(folder)
            .env("PATH", format!("{}:{path}", bin.display()))
            .env("PRE_COMMIT_HOME", self.scratch.join("cache"))
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_AUTHOR_NAME", "test")
            .env("GIT_AUTHOR_EMAIL", "test@example.com")
            .env("GIT_COMMITTER_NAME", "test")
            .env("GIT_COMMITTER_EMAIL", "test@example.com")
            .output()
            .map_err(|error| format!("{}: {error}", tool[0]))?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        Ok((output.status.success(), text))
    }
}
