//! A copy of an example in a temporary directory, and the kcc commands run in it.

use std::{
    collections::BTreeSet,
    env,
    ffi::OsString,
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use kcc_test_support::{CommandOutput, binary, root};
use serde_json::Value;

/// A copy of an example in the directory `system`.
pub struct ExampleCopy {
    scratch: tempfile::TempDir,
    target: &'static str,
    /// The environment variable by which kcc finds the engine, and its value.
    engine: (&'static str, OsString),
}

impl ExampleCopy {
    /// Copies an example to work on in one target. `engine` is the environment
    /// variable that leads to the engine.
    pub fn of(example: &str, target: &'static str, engine: (&'static str, OsString)) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let source = root().join("examples").join(example);
        copy_directory(&source, &scratch.path().join("system"));
        Self {
            scratch,
            target,
            engine,
        }
    }

    /// Returns the target to work on.
    pub fn target(&self) -> &'static str {
        self.target
    }

    /// Returns a path in the copy.
    pub fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join("system").join(name)
    }

    /// Adds text to the end of a file.
    pub fn append(&self, file: &str, text: &str) {
        let path = self.path(file);
        let old = fs::read_to_string(&path).unwrap();
        fs::write(path, old + text).unwrap();
    }

    /// Replaces a text that must occur exactly once in a file.
    pub fn edit(&self, file: &str, from: &str, to: &str) {
        let path = self.path(file);
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.matches(from).count(), 1, "`{from}` in {file}:\n{text}");
        fs::write(path, text.replace(from, to)).unwrap();
    }

    /// Renames the system, so that it collides with nothing on the engine.
    pub fn rename(&self, name: &str) {
        let old = self.model()["system"].as_str().unwrap().to_owned();
        let path = self.path("kcc.cue");
        let text = fs::read_to_string(&path).unwrap();
        let (from, to) = (format!("name: {old:?}"), format!("name: {name:?}"));
        assert!(text.contains(&from), "`{from}` in {text}");
        // The first one is the system's.
        fs::write(path, text.replacen(&from, &to, 1)).unwrap();
    }

    /// Builds a command of kcc in the copy. It inherits the environment, which leads
    /// to the programs of the machine.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command
            .args(args)
            .current_dir(self.path(""))
            .env_remove("DOCKER_CONTEXT")
            .env(self.engine.0, &self.engine.1)
            .stdin(Stdio::null());
        command
    }

    /// Runs kcc to completion.
    pub fn run(&self, args: &[&str]) -> CommandOutput {
        CommandOutput::of(&mut self.command(args))
    }

    /// Runs kcc against another engine.
    pub fn run_at(&self, engine: &str, args: &[&str]) -> CommandOutput {
        CommandOutput::of(self.command(args).env(self.engine.0, engine))
    }

    /// Runs kcc, which must succeed, and returns its stdout.
    pub fn run_ok(&self, args: &[&str]) -> String {
        let ran = self.run(args);
        assert_eq!(ran.code, Some(0), "{args:?}: {ran:#?}");
        ran.out
    }

    /// Starts kcc and waits for a line on stderr that contains a text.
    pub fn start_until(&self, args: &[&str], text: &str) -> Child {
        let mut child = self
            .command(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut seen = Vec::new();
        loop {
            let Some(Ok(line)) = lines.next() else {
                panic!("it ended before `{text}`: {seen:#?}")
            };
            seen.push(line.clone());
            if line.contains(text) {
                break;
            }
        }
        // Drain the pipe: a full one would block kcc.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        child
    }

    /// Returns the model of the target.
    pub fn model(&self) -> Value {
        serde_json::from_str(&self.run_ok(&["model", "--target", self.target])).unwrap()
    }

    /// Returns the images in the rendered files that are built, which are named after the
    /// system.
    pub fn images_of(&self, system: &str) -> BTreeSet<String> {
        let rendered = self.run_ok(&["render", "--target", self.target]);
        let prefix = format!("{system}/");
        let images = rendered
            .lines()
            .filter_map(|line| line.trim_start_matches(['-', ' ']).strip_prefix("image: "))
            .map(|image| image.trim_matches('"').to_owned());
        let own: BTreeSet<_> = images.filter(|image| image.starts_with(&prefix)).collect();
        assert!(!own.is_empty(), "{rendered}");
        own
    }

    /// Returns the operations of the plan.
    pub fn plan(&self) -> Vec<Value> {
        let out = self.run_ok(&["plan", "--target", self.target, "--format", "json"]);
        let plan = object_with(&out, "operations");
        plan["operations"].as_array().unwrap().clone()
    }

    /// Applies and returns the report; everything must be done and ready.
    pub fn apply(&self) -> Value {
        let args = [
            "apply",
            "--target",
            self.target,
            "--yes",
            "--format",
            "json",
        ];
        report(&self.run_ok(&args))
    }

    /// Applies a system for the first time and then once more, which must change
    /// nothing. `between` checks the running system.
    pub fn comes_up_and_is_stable(&self, between: impl FnOnce()) {
        let model = self.model();
        let first = self.apply();
        for component in model["components"].as_object().unwrap().keys() {
            assert_eq!(
                outcome(&first, component),
                "created",
                "{component}: {first:#}"
            );
        }
        between();
        let second = self.apply();
        assert_eq!(second["mutatingCalls"], 0, "{second:#}");
        assert_eq!(second["planned"], 0, "{second:#}");
        let drift = ["drift", "--target", self.target, "--settle", "0s"];
        let drift = self.run(&[&drift[..], &["--exit-code"]].concat());
        assert_eq!(drift.code, Some(0), "{drift:#?}");
    }

    /// Saves the copy of a failed case below the directory in `KCC_E2E_ARTIFACTS`,
    /// if that is set, and returns where.
    pub fn save_artifacts(&self, name: &str) -> Option<PathBuf> {
        let artifacts = PathBuf::from(env::var_os("KCC_E2E_ARTIFACTS")?).join(name);
        copy_directory(&self.path(""), &artifacts.join("system"));
        Some(artifacts)
    }
}

/// Parses the report of an apply or a down from its stdout.
pub fn report(out: &str) -> Value {
    object_with(out, "mutatingCalls")
}

/// Returns a component's outcome in a report.
pub fn outcome<'a>(report: &'a Value, component: &str) -> &'a str {
    let outcome = report["components"][component]["outcome"].as_str();
    outcome.unwrap_or("absent")
}

/// Parses the object on stdout that has a field.
fn object_with(out: &str, field: &str) -> Value {
    out.lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find(|value| value.get(field).is_some())
        .unwrap_or_else(|| panic!("no `{field}` on stdout: {out}"))
}

fn copy_directory(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_directory(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
