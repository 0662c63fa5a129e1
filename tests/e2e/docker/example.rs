//! Every example but the shop: it comes up, a second apply does nothing, and it
//! goes; what is rendered of it is what docker-compose takes. Its images are
//! stand-ins, which tell whether they reach what they need.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    bed::Bed,
    shop::{Ran, copy, free_port, get, report},
};

/// An example.
pub(crate) struct Example {
    folder: &'static str,
    /// Targets on Docker; the first is applied.
    targets: &'static [&'static str],
    /// docker-compose runs it as well.
    composed: bool,
}

/// The examples.
pub(crate) const ALL: &[Example] = &[
    Example {
        folder: "hello",
        targets: &["dev", "test"],
        composed: true,
    },
    Example {
        folder: "voting",
        targets: &["dev", "test"],
        composed: true,
    },
    Example {
        folder: "boutique",
        targets: &["dev"],
        composed: false,
    },
    Example {
        folder: "platform",
        targets: &["dev"],
        composed: false,
    },
];

impl Example {
    pub(crate) fn case(&self) -> String {
        format!("{}_comes_up_stays_and_goes", self.folder)
    }

    pub(crate) fn comes_up_stays_and_goes(&self, bed: &'static Bed) {
        let copy = Copy::of(self.folder, bed);
        let target = self.targets[0];
        let model = copy.kcc(&["model", "--target", target]);
        copy.stand_in(&model);

        let first = copy.apply(target);
        let components = first["components"].as_object().unwrap();
        assert!(!components.is_empty());
        for (component, done) in components {
            assert_eq!(done["outcome"], "created", "{component}: {first:#}");
        }
        copy.answers();
        let second = copy.apply(target);
        assert_eq!(second["mutatingCalls"], 0, "{second:#}");
        assert_eq!(second["planned"], 0, "{second:#}");
        copy.kcc(&["down", "--target", target, "--volumes"]);
        assert_eq!(copy.objects(), Vec::<String>::new());

        for target in self.targets {
            let folder = format!("out/{target}");
            copy.kcc(&["render", "--target", target, "--output", &folder]);
            copy.compose(target, &["config", "--quiet"]);
        }
        if self.composed {
            copy.compose(target, &["up", "--detach"]);
            copy.answers();
        }
    }
}

/// An example in a scratch folder, under a name and on ports of its own.
struct Copy {
    bed: &'static Bed,
    folder: tempfile::TempDir,
    system: String,
    ports: Vec<u16>,
}

impl Copy {
    fn of(example: &str, bed: &'static Bed) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        copy(&root.join("examples").join(example), folder.path());
        let mut ports = Vec::new();
        edit_fragments(folder.path(), &mut |text| with_free_ports(text, &mut ports));
        assert!(!ports.is_empty(), "{example} publishes nothing");
        let mut copy = Self {
            bed,
            folder,
            system: format!("e2e{}-{example}", std::process::id()),
            ports,
        };
        copy.rename();
        copy
    }

    /// Gives the system its name, so that nothing of it meets anything else.
    fn rename(&mut self) {
        let path = self.folder.path().join("kcc.cue");
        let text = fs::read_to_string(&path).unwrap();
        let model: Value = serde_json::from_str(&self.kcc(&["model", "--target", "dev"])).unwrap();
        let old = format!("name: {}", model["system"]);
        assert_eq!(text.matches(&old).count(), 1, "{text}");
        fs::write(
            path,
            text.replace(&old, &format!("name: {:?}", self.system)),
        )
        .unwrap();
    }

    /// Runs kcc, which has to go well; gives its stdout.
    fn kcc(&self, args: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kcc"));
        command
            .args(args)
            .env("XDG_STATE_HOME", self.folder.path().join(".state"))
            .env_remove("DOCKER_CONTEXT");
        self.run(&mut command)
    }

    /// Runs a command in the folder, on the engine.
    fn run(&self, command: &mut Command) -> String {
        let output = command
            .current_dir(self.folder.path())
            .env("DOCKER_HOST", &self.bed.host)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{command:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    fn apply(&self, target: &str) -> Value {
        let out = self.kcc(&["apply", "--target", target, "--format", "json"]);
        report(&Ran {
            code: Some(0),
            out,
            err: String::new(),
        })
    }

    /// Gives the engine stand-ins for all images of a model.
    fn stand_in(&self, model: &str) {
        let path = self.folder.path().join("model.json");
        fs::write(&path, model).unwrap();
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let archive = self.folder.path().join("images.tar");
        let made = Command::new(root.join("tests/testbed/standin/images"))
            .stdin(fs::File::open(path).unwrap())
            .stdout(fs::File::create(&archive).unwrap())
            .status()
            .unwrap();
        assert!(made.success(), "the stand-ins need Go");
        self.bed
            .docker(&["load", "--quiet", "--input", &archive.display().to_string()]);
    }

    /// Every published port answers, and what answers reaches all that it needs.
    fn answers(&self) {
        for port in &self.ports {
            let end = Instant::now() + Duration::from_mins(1);
            loop {
                match get(*port) {
                    Ok((200, page)) if page["ok"] == true => break,
                    answer if Instant::now() > end => panic!("port {port}: {answer:?}"),
                    _ => std::thread::sleep(Duration::from_millis(300)),
                }
            }
        }
    }

    fn project(&self, target: &str) -> String {
        format!("{}-{target}", self.system)
    }

    /// docker-compose on what was rendered. Secrets come from its environment.
    fn compose(&self, target: &str, args: &[&str]) {
        let file = self
            .folder
            .path()
            .join(format!("out/{target}/compose.yaml"));
        let text = fs::read_to_string(&file).unwrap();
        let secrets: BTreeMap<&str, &str> = text
            .split("${")
            .skip(1)
            .filter_map(|rest| Some((rest.split_once(":?")?.0, "secret")))
            .collect();
        let mut command = Command::new("docker-compose");
        command.arg("--file").arg(&file);
        command.args(["--project-name", &self.project(target)]);
        self.run(command.args(args).envs(secrets));
    }

    /// What the engine holds of the system.
    fn objects(&self) -> Vec<String> {
        let mut found = Vec::new();
        for kind in ["container", "network", "volume"] {
            let all: &[&str] = if kind == "container" { &["--all"] } else { &[] };
            let filter = format!("--filter=label=dev.kcc.system={}", self.system);
            let list = [&[kind, "ls", "--quiet", &filter], all].concat();
            found.extend(
                self.bed
                    .docker(&list)
                    .lines()
                    .map(|id| format!("{kind} {id}")),
            );
        }
        found
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        for object in self.objects() {
            let (kind, id) = object.split_once(' ').unwrap();
            let args: &[&str] = match kind {
                "container" => &["rm", "--force", "--volumes", id],
                _ => &[kind, "rm", id],
            };
            self.bed.docker(args);
        }
        let out = self.folder.path().join("out");
        for target in fs::read_dir(out).into_iter().flatten().flatten() {
            let target = target.file_name().into_string().unwrap();
            self.compose(&target, &["down", "--volumes"]);
        }
    }
}

/// Rewrites all fragments below a folder.
fn edit_fragments(folder: &Path, edit: &mut dyn FnMut(&str) -> String) {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            edit_fragments(&path, edit);
        } else if path.extension().is_some_and(|extension| extension == "cue") {
            let text = fs::read_to_string(&path).unwrap();
            fs::write(&path, edit(&text)).unwrap();
        }
    }
}

/// A fragment with free ports in place of those that it publishes.
fn with_free_ports(text: &str, ports: &mut Vec<u16>) -> String {
    let mut pieces = text.split("expose: ");
    let mut edited = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let rest = piece.trim_start_matches(|c: char| c.is_ascii_digit());
        edited.push_str("expose: ");
        if rest.len() == piece.len() {
            edited.push_str(piece);
        } else {
            let port = free_port();
            ports.push(port);
            edited.push_str(&port.to_string());
            edited.push_str(rest);
        }
    }
    edited
}
