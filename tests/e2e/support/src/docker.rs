//! The Docker engine of the end-to-end tests: the one in `DOCKER_HOST` if it
//! responds, or else, with `KCC_E2E_DOCKER=1`, one that is started for them and
//! removed with everything in it.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use kcc_lock::Digest;
use kcc_plan::Blob;
use kcc_test_support::root;
use serde_json::Value;

use crate::{Host, SHELL};

/// A running engine.
pub struct Testbed {
    /// The engine's address.
    pub host: String,
    /// The directory of an engine that was started.
    directory: Option<PathBuf>,
}

impl Testbed {
    /// Finds or starts an engine. Prints why and returns none if no engine is
    /// requested and none responds.
    pub fn find() -> Option<Self> {
        if let Ok(host) = std::env::var("DOCKER_HOST")
            && docker(&host, &["version"]).is_ok()
        {
            return Some(Self {
                host,
                directory: None,
            });
        }
        if std::env::var("KCC_E2E_DOCKER").as_deref() != Ok("1") {
            eprintln!(
                "SKIPPED: the end-to-end tests on Docker. They need KCC_E2E_DOCKER=1 (dockerd and root), \
                 or DOCKER_HOST with an engine that responds."
            );
            return None;
        }
        // Not on tmpfs: the engine's layers need a file system that supports them.
        let directory = PathBuf::from(format!("/var/tmp/kcc-e2e-{}", std::process::id()));
        Some(Self {
            host: up(&directory, true),
            directory: Some(directory),
        })
    }

    /// Starts an engine of its own in a directory, which is removed with it. It sets up no
    /// rules of the firewall, which would disturb the other engines of the machine, and
    /// so its containers may reach nothing.
    pub fn start(directory: PathBuf) -> Self {
        Self {
            host: up(&directory, false),
            directory: Some(directory),
        }
    }

    /// Ends the engine as if by a crash of the machine. Its containers stay.
    ///
    /// # Panics
    ///
    /// If it is not one that was started.
    pub fn kill(&self) {
        let file = self.directory.as_ref().unwrap().join("docker.pid");
        let process = fs::read_to_string(file).unwrap();
        crate::kill(process.trim());
    }

    /// Starts the engine again.
    ///
    /// # Panics
    ///
    /// If it is not one that was started.
    pub fn restart(&self) {
        up(self.directory.as_ref().unwrap(), false);
    }

    /// Runs the docker command and returns its output.
    pub fn docker(&self, args: &[&str]) -> String {
        let done = self.try_docker(args);
        done.unwrap_or_else(|error| panic!("docker {args:?}: {error}"))
    }

    /// Runs the docker command, which may fail.
    pub fn try_docker(&self, args: &[&str]) -> Result<String, String> {
        docker(&self.host, args)
    }

    /// Lists the containers, networks or volumes of a system by name.
    pub fn objects(&self, system: &str, kind: &str) -> Vec<String> {
        let filter = format!("--filter=label=dev.kcc.system={system}");
        let args: &[&str] = match kind {
            "container" => &["container", "ls", "-a", &filter, "--format={{.Names}}"],
            _ => &[kind, "ls", &filter, "--format={{.Name}}"],
        };
        let mut names: Vec<_> = self.docker(args).lines().map(str::to_owned).collect();
        names.sort();
        names
    }

    /// Lists the volumes that hold the record of a target, with their labels.
    pub fn record(&self, system: &str, target: &str) -> Vec<(String, BTreeMap<String, String>)> {
        let filter = format!("--filter=label=dev.kcc.record={system}/{target}");
        let names = self.docker(&["volume", "ls", &filter, "--format={{.Name}}"]);
        let labels = |name: &str| {
            let text = self.docker(&["volume", "inspect", "--format={{json .Labels}}", name]);
            (name.to_owned(), serde_json::from_str(&text).unwrap())
        };
        names.lines().map(labels).collect()
    }

    /// Returns everything that the record of a target says, as text.
    pub fn record_text(&self, system: &str, target: &str) -> String {
        let value = |name: &str, label: &str, value: String| {
            let segment = (label == "dev.kcc.record.journal")
                .then(|| name.rsplit_once('.'))
                .flatten();
            let hex = segment.map(|(_, hex)| hex);
            let Some(hex) = hex.or(label.strip_prefix("dev.kcc.record.blob.")) else {
                return value;
            };
            let digest = Digest::try_from(format!("sha256:{hex}")).unwrap();
            let blob = Blob::unpack(&digest, &BASE64.decode(&value).unwrap()).unwrap();
            String::from_utf8(blob.bytes().to_vec()).unwrap()
        };
        let mut texts = Vec::new();
        for (name, labels) in self.record(system, target) {
            let labels = labels.into_iter();
            texts.extend(
                labels.map(|(label, text)| format!("{label}: {}", value(&name, &label, text))),
            );
            texts.push(name);
        }
        texts.join("\n")
    }

    /// Returns the names of the segments of a target's journal.
    pub fn segments(&self, system: &str, target: &str) -> Vec<String> {
        let record = self.record(system, target).into_iter();
        let names = record.map(|(name, _)| name);
        names
            .filter(|name| name.starts_with("kcc-journal."))
            .collect()
    }

    /// Returns true if the record of a target names the intent of an apply.
    pub fn has_intent(&self, system: &str, target: &str) -> bool {
        self.head(system, target).get("intent").is_some()
    }

    /// Removes the history of a target from its record.
    pub fn lose_history(&self, system: &str, target: &str) {
        let head = self.head(system, target);
        let digest = head["history"].as_str().unwrap();
        let hex = digest.strip_prefix("sha256:").unwrap();
        let volume = format!("kcc-blob.{system}.{target}.{hex}");
        self.docker(&["volume", "rm", &volume]);
    }

    /// Returns the head of a record; null if there is none.
    fn head(&self, system: &str, target: &str) -> Value {
        let record = self.record(system, target).into_iter();
        let heads = record.filter_map(|(name, mut labels)| {
            let number: u64 = name.rsplit_once('.')?.1.parse().ok()?;
            Some((number, labels.remove("dev.kcc.record.head")?))
        });
        let last = heads.max();
        last.map_or(Value::Null, |(_, head)| {
            serde_json::from_str(&head).unwrap()
        })
    }

    /// Returns the generated secrets of a target by name, from the engine's own files.
    pub fn secrets(&self, system: &str, target: &str) -> BTreeMap<String, String> {
        let volume = format!("kcc-secrets.{system}.{target}");
        let inspect = ["volume", "inspect", "--format={{.Mountpoint}}", &volume];
        let Ok(directory) = self.try_docker(&inspect) else {
            return BTreeMap::new();
        };
        let entries = fs::read_dir(directory).unwrap();
        let secret = |entry: io::Result<fs::DirEntry>| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, fs::read_to_string(path).unwrap())
        };
        entries.map(secret).collect()
    }

    /// Removes the record of a target and its generated secrets, as a prune of
    /// everything unused does.
    pub fn lose_record(&self, system: &str, target: &str) {
        let secrets = format!("kcc-secrets.{system}.{target}");
        let _ = self.try_docker(&["rm", "-f", &secrets]);
        for (name, _) in self.record(system, target) {
            self.docker(&["volume", "rm", &name]);
        }
    }

    /// Removes all remains of a system, as far as possible: it is also called
    /// after a failure.
    pub fn remove(&self, system: &str) {
        for (kind, remove) in [
            ("container", &["rm", "-fv"][..]),
            ("volume", &["volume", "rm"]),
            ("network", &["network", "rm"]),
        ] {
            // By identity: the names of networks are not unique.
            let list = match kind {
                "container" => &["container", "ls", "-aq"][..],
                _ => &[kind, "ls", "-q"],
            };
            let filter = format!("--filter=label=dev.kcc.system={system}");
            let found = self.try_docker(&[list, &[&filter]].concat());
            for id in found.unwrap_or_default().lines() {
                if let Err(error) = self.try_docker(&[remove, &[id]].concat()) {
                    eprintln!("cannot remove {kind} {id}: {error}");
                }
            }
        }
        let labels = ["volume", "ls", "--filter=label=dev.kcc.record"];
        let scopes =
            self.try_docker(&[&labels[..], &["--format={{.Label \"dev.kcc.record\"}}"]].concat());
        let scopes = scopes.unwrap_or_default();
        let own = scopes.lines().filter_map(|scope| scope.split_once('/'));
        let own: BTreeSet<_> = own.filter(|(of, _)| *of == system).collect();
        for (_, target) in own {
            self.lose_record(system, target);
        }
    }
}

impl Host for Testbed {
    fn variable(&self) -> (&'static str, OsString) {
        ("DOCKER_HOST", self.host.clone().into())
    }

    /// Images that another user loaded under the same name stay.
    fn stand_in(&self, model: &Value) {
        let images = |more: &[&str]| {
            let list = ["images", "--format={{.Repository}}:{{.Tag}}"];
            self.docker(&[&list, more].concat())
        };
        let ours = images(&["--filter=label=kcc-standin"]);
        let all = images(&[]);
        let theirs = all
            .lines()
            .filter(|all| !ours.lines().any(|our| our == *all));
        let scratch = tempfile::tempdir().unwrap();
        let archive = scratch.path().join("images.tar");
        let script = "tests/testbed/standin/images";
        let mut standins = Command::new(root().join(script))
            .args(theirs)
            .arg(SHELL)
            .stdin(Stdio::piped())
            .stdout(fs::File::create(&archive).unwrap())
            .spawn()
            .unwrap();
        let mut stdin = standins.stdin.take().unwrap();
        stdin.write_all(model.to_string().as_bytes()).unwrap();
        drop(stdin);
        assert!(standins.wait().unwrap().success(), "the stand-ins need Go");
        self.docker(&["load", "--quiet", "--input", archive.to_str().unwrap()]);
    }

    fn load(&self, images: &mut Command) {
        let mut images = images.stdout(Stdio::piped()).spawn().unwrap();
        let loaded = Command::new("docker")
            .args(["load", "--quiet"])
            .env("DOCKER_HOST", &self.host)
            .stdin(images.stdout.take().unwrap())
            .output()
            .unwrap();
        assert!(images.wait().unwrap().success(), "{images:?}");
        assert!(loaded.status.success(), "{loaded:?}");
    }

    fn save_artifacts(&self, system: &str, artifacts: &Path) {
        for container in self.objects(system, "container") {
            for (command, extension) in [("inspect", "json"), ("logs", "log")] {
                let text = self.try_docker(&[command, &container]);
                let path = artifacts.join(format!("{container}.{extension}"));
                let _ = fs::write(path, text.unwrap_or_else(|error| error));
            }
        }
    }

    fn remove(&self, system: &str) {
        self.remove(system);
    }
}

/// Removes an engine that was started, however the tests end.
impl Drop for Testbed {
    fn drop(&mut self) {
        if let Some(directory) = &self.directory {
            let down = root().join("tests/testbed/docker-down");
            let ended = Command::new(down).arg(directory).status();
            if !ended.is_ok_and(|status| status.success()) {
                eprintln!("the engine in {} was not removed", directory.display());
            }
        }
    }
}

/// Starts an engine in a directory unless it runs, and returns its address.
fn up(directory: &Path, firewall: bool) -> String {
    let mut script = Command::new(root().join("tests/testbed/docker-up"));
    script.env("KCC_TEST_IPTABLES", firewall.to_string());
    let text = crate::kubernetes::run(script.arg(directory));
    let address = text.trim().strip_prefix("export DOCKER_HOST=");
    address.unwrap().to_owned()
}

fn docker(host: &str, args: &[&str]) -> Result<String, String> {
    let output = Command::new("docker")
        .args(args)
        .env("DOCKER_HOST", host)
        .env("DOCKER_BUILDKIT", "0")
        .output()
        .map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
