//! The cases' own access to the engine.

use std::{
    ffi::OsString,
    fs,
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::{support::Host, testbed::Testbed};

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
        let folder = tempfile::tempdir().unwrap();
        let archive = folder.path().join("images.tar");
        let script = "tests/testbed/standin/images";
        let mut standins = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join(script))
            .args(theirs)
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
    fn save_artifacts(&self, system: &str, folder: &Path) {
        for container in self.objects(system, "container") {
            for (command, extension) in [("inspect", "json"), ("logs", "log")] {
                let text = self.try_docker(&[command, &container]);
                let path = folder.join(format!("{container}.{extension}"));
                let _ = fs::write(path, text.unwrap_or_else(|error| error));
            }
        }
    }

    fn remove(&self, system: &str) {
        self.remove(system);
    }
}
