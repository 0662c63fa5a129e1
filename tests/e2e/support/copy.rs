//! A copy of an example in a scratch folder, and kcc run in it.

use std::{
    ffi::OsString,
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use serde_json::Value;

/// A copy of an example, in the folder `system`; what kcc remembers of it on this
/// machine is in `state` beside it.
pub(crate) struct Copy {
    folder: tempfile::TempDir,
    target: &'static str,
    /// How kcc finds the engine.
    engine: (&'static str, OsString),
}

/// What a command did.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Copy {
    /// A copy to work on in one target. `engine` is the variable of the
    /// environment that leads to the engine.
    pub(crate) fn of(
        example: &str,
        target: &'static str,
        engine: (&'static str, OsString),
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
        copy_folder(&source.join(example), &folder.path().join("system"));
        Self {
            folder,
            target,
            engine,
        }
    }

    /// The target that it is worked on in.
    pub(crate) fn target(&self) -> &'static str {
        self.target
    }

    /// A path in the copy.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("system").join(name)
    }

    /// Replaces a text that has to stand in a file once.
    pub(crate) fn edit(&self, file: &str, from: &str, to: &str) {
        let path = self.path(file);
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.matches(from).count(), 1, "`{from}` in {file}:\n{text}");
        fs::write(path, text.replace(from, to)).unwrap();
    }

    /// Gives the system another name, so that nothing of it meets anything else.
    pub(crate) fn rename(&self, name: &str) {
        let old = self.model()["system"].as_str().unwrap().to_owned();
        self.edit(
            "kcc.cue",
            &format!("name: {old:?}"),
            &format!("name: {name:?}"),
        );
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kcc"));
        command
            .args(args)
            .current_dir(self.path(""))
            .env_remove("DOCKER_CONTEXT")
            .env(self.engine.0, &self.engine.1)
            .env("XDG_STATE_HOME", self.folder.path().join("state"))
            .stdin(Stdio::null());
        command
    }

    /// Runs kcc to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        Ran::of(&mut self.command(args))
    }

    /// Runs kcc against another engine.
    pub(crate) fn run_at(&self, engine: &str, args: &[&str]) -> Ran {
        Ran::of(self.command(args).env(self.engine.0, engine))
    }

    /// Runs kcc, which has to go well; gives its stdout.
    pub(crate) fn done(&self, args: &[&str]) -> String {
        let ran = self.run(args);
        assert_eq!(ran.code, Some(0), "{args:?}: {ran:#?}");
        ran.out
    }

    /// Starts kcc and waits for a line on stderr that holds a text.
    pub(crate) fn start_until(&self, args: &[&str], text: &str) -> Child {
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
        // A pipe that nobody reads must not stop it.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        child
    }

    /// The model of the target.
    pub(crate) fn model(&self) -> Value {
        serde_json::from_str(&self.done(&["model", "--target", self.target])).unwrap()
    }

    /// The operations of the plan.
    pub(crate) fn plan(&self) -> Vec<Value> {
        let out = self.done(&["plan", "--target", self.target, "--format", "json"]);
        let plan = object_with(&out, "operations");
        plan["operations"].as_array().unwrap().clone()
    }

    /// Applies; everything has to be done and ready. Gives the report.
    pub(crate) fn apply(&self) -> Value {
        let args = [
            "apply",
            "--target",
            self.target,
            "--yes",
            "--format",
            "json",
        ];
        report(&self.done(&args))
    }

    /// Applies a system that is not there yet, and then once more, which does
    /// nothing. `between` looks at what came up.
    pub(crate) fn comes_up_and_stays(&self, between: impl FnOnce()) {
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
    }

    /// Where a failing case keeps what explains it, if `KCC_E2E_ARTIFACTS` names
    /// a folder. The copy is there already.
    pub(crate) fn keep(&self, name: &str) -> Option<PathBuf> {
        let folder = PathBuf::from(std::env::var_os("KCC_E2E_ARTIFACTS")?).join(name);
        copy_folder(&self.path(""), &folder.join("system"));
        Some(folder)
    }
}

impl Ran {
    fn of(command: &mut Command) -> Self {
        let output = command.output().unwrap();
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Whether a text is said on stderr, however that is broken into lines.
    pub(crate) fn says(&self, text: &str) {
        let words = self.err.split_whitespace().filter(|word| *word != "│");
        let said = words.collect::<Vec<_>>().join(" ");
        assert!(said.contains(text), "`{text}`: {}", self.err);
    }
}

/// The report of an apply or a down, from its stdout.
pub(crate) fn report(out: &str) -> Value {
    object_with(out, "mutatingCalls")
}

/// What a report says of a component.
pub(crate) fn outcome<'a>(report: &'a Value, component: &str) -> &'a str {
    let outcome = report["components"][component]["outcome"].as_str();
    outcome.unwrap_or("absent")
}

/// The object on stdout that has a field.
fn object_with(out: &str, field: &str) -> Value {
    out.lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find(|value| value.get(field).is_some())
        .unwrap_or_else(|| panic!("no `{field}` on stdout: {out}"))
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
