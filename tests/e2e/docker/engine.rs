//! What the cases ask of the engine beside kcc.

use std::{
    ffi::OsString,
    fs,
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::{bed::Bed, support::Host};

impl Host for Bed {
    fn variable(&self) -> (&'static str, OsString) {
        ("DOCKER_HOST", self.host.clone().into())
    }

    /// What somebody else brought under the name of an image stays.
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
        let mut made = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join(script))
            .args(theirs)
            .stdin(Stdio::piped())
            .stdout(fs::File::create(&archive).unwrap())
            .spawn()
            .unwrap();
        let mut stdin = made.stdin.take().unwrap();
        stdin.write_all(model.to_string().as_bytes()).unwrap();
        drop(stdin);
        assert!(made.wait().unwrap().success(), "the stand-ins need Go");
        self.docker(&["load", "--quiet", "--input", archive.to_str().unwrap()]);
    }
    fn keep(&self, system: &str, folder: &Path) {
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
