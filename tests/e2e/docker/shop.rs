//! A copy of the shop under a name of its own, and the commands on it.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::Value;

use crate::bed::Bed;

/// Stand-ins for the images of the backings, where there are none.
pub(crate) fn make_images(bed: &Bed, root: &Path) {
    let built = Command::new(root.join("examples/shop/app/build"))
        .status()
        .unwrap();
    assert!(built.success(), "the shop's program needs Go");
    let images = bed.docker(&["images", "--format={{.Repository}}:{{.Tag}}"]);
    if ["postgres:16", "redis:7"]
        .iter()
        .any(|image| images.lines().any(|line| line == *image))
    {
        return;
    }
    let made = Command::new(root.join("tests/testbed/standin/build-images"))
        .env("DOCKER_HOST", &bed.host)
        .env("DOCKER_BUILDKIT", "0")
        .status()
        .unwrap();
    assert!(made.success());
}

/// A copy of the shop.
pub(crate) struct Shop {
    bed: &'static Bed,
    folder: tempfile::TempDir,
    pub(crate) system: String,
    /// The host port of the page that customers see.
    pub(crate) port: u16,
}

/// What a command did.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Shop {
    pub(crate) fn new(bed: &'static Bed, case: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/shop");
        copy(&source, &folder.path().join("shop"));
        let port = free_port();
        let short: String = case
            .split('_')
            .filter_map(|word| word.chars().next())
            .collect();
        let system = format!("e2e{}-{short}", std::process::id());
        let shop = Self {
            bed,
            folder,
            system,
            port,
        };
        shop.edit(
            "kcc.cue",
            "name: \"shop\"",
            &format!("name: {:?}", shop.system),
        );
        shop.edit(
            "teams/storefront/web.cue",
            "expose: 8080",
            &format!("expose: {port}"),
        );
        shop
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("shop").join(name)
    }

    /// Replaces a text that has to be there.
    pub(crate) fn edit(&self, file: &str, from: &str, to: &str) {
        let path = self.path(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "`{from}` is not in {file}:\n{text}");
        fs::write(path, text.replace(from, to)).unwrap();
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kcc"));
        command
            .args(args)
            .current_dir(self.path(""))
            .env("DOCKER_HOST", &self.bed.host)
            .env("XDG_STATE_HOME", self.folder.path().join("state"))
            .env_remove("DOCKER_CONTEXT")
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.folder
            .path()
            .join("state/kcc")
            .join(&self.system)
            .join("dev")
    }

    /// Runs kcc to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        let output = self.command(args).output().unwrap();
        Ran {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Runs kcc against another engine.
    pub(crate) fn run_at(&self, host: &str, args: &[&str]) -> Ran {
        let output = self
            .command(args)
            .env("DOCKER_HOST", host)
            .output()
            .unwrap();
        Ran {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
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

    /// Applies; everything has to be done and ready. Returns the report.
    pub(crate) fn apply(&self) -> Value {
        let ran = self.run(&["apply", "--target", "dev", "--format", "json"]);
        assert_eq!(ran.code, Some(0), "{ran:#?}");
        report(&ran)
    }

    /// The operations of the plan.
    pub(crate) fn plan(&self) -> Vec<Value> {
        let ran = self.run(&["plan", "--target", "dev", "--format", "json"]);
        assert_eq!(ran.code, Some(0), "{ran:#?}");
        let plan = object_with(&ran, "operations");
        plan["operations"].as_array().unwrap().clone()
    }

    pub(crate) fn docker(&self, args: &[&str]) -> String {
        self.bed.docker(args)
    }

    /// The containers, networks or volumes of the system by name.
    pub(crate) fn list(&self, kind: &str) -> Vec<String> {
        let filter = format!("--filter=label=dev.kcc.system={}", self.system);
        let args: &[&str] = match kind {
            "container" => &["container", "ls", "-a", &filter, "--format={{.Names}}"],
            _ => &[kind, "ls", &filter, "--format={{.Name}}"],
        };
        let mut names: Vec<_> = self.docker(args).lines().map(str::to_owned).collect();
        names.sort();
        names
    }

    /// The complete name of an object.
    pub(crate) fn name(&self, name: &str) -> String {
        format!("{}-dev-{name}", self.system)
    }

    /// The identities of all containers.
    pub(crate) fn ids(&self) -> Vec<(String, String)> {
        let names = self.list("container");
        let id = |name: String| {
            let id = self.docker(&["inspect", "--type=container", "--format={{.Id}}", &name]);
            (name, id)
        };
        names.into_iter().map(id).collect()
    }

    /// What the page answers: its status and its report.
    pub(crate) fn page(&self) -> (u16, Value) {
        get(self.port).unwrap()
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.keep();
        }
        for container in self.list("container") {
            self.docker(&["rm", "-fv", &container]);
        }
        for volume in self.list("volume") {
            self.docker(&["volume", "rm", &volume]);
        }
        for network in self.list("network") {
            self.docker(&["network", "rm", &network]);
        }
    }
}

impl Shop {
    /// Keeps what explains a failure, where `KCC_E2E_ARTIFACTS` names a folder.
    fn keep(&self) {
        let Some(folder) = std::env::var_os("KCC_E2E_ARTIFACTS") else {
            return;
        };
        let folder = PathBuf::from(folder).join(&self.system);
        let _ = fs::create_dir_all(&folder);
        for container in self.list("container") {
            let _ = fs::write(
                folder.join(format!("{container}.json")),
                self.docker(&["inspect", &container]),
            );
            let _ = fs::write(
                folder.join(format!("{container}.log")),
                self.docker(&["logs", &container]),
            );
        }
        copy(&self.path(""), &folder.join("shop"));
    }
}

/// A port that nobody listens on.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// What a published port answers: its status and its report.
pub(crate) fn get(port: u16) -> std::io::Result<(u16, Value)> {
    let address = format!("127.0.0.1:{port}");
    let mut stream = TcpStream::connect(&address)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let request = format!("GET / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let wrong = || std::io::Error::other(format!("no report: {answer}"));
    let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok());
    let body = answer.find('{').zip(answer.rfind('}'));
    let body = body.and_then(|(begin, end)| serde_json::from_str(&answer[begin..=end]).ok());
    status.zip(body).ok_or_else(wrong)
}

/// The report of an apply or a down.
pub(crate) fn report(ran: &Ran) -> Value {
    object_with(ran, "mutatingCalls")
}

/// The object on stdout that has a field.
fn object_with(ran: &Ran, field: &str) -> Value {
    ran.out
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find(|value| value.get(field).is_some())
        .unwrap_or_else(|| panic!("no `{field}` on stdout: {ran:#?}"))
}

/// Copies a folder.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
