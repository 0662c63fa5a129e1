//! What the cases ask of the engine beside kcc.

use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::bed::Bed;

impl Bed {
    /// Gives the engine stand-ins for all images of a model; what somebody else
    /// brought under the same name stays.
    pub(crate) fn stand_in(&self, model: &Value) {
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
            .stdout(std::fs::File::create(&archive).unwrap())
            .spawn()
            .unwrap();
        let mut stdin = made.stdin.take().unwrap();
        stdin.write_all(model.to_string().as_bytes()).unwrap();
        drop(stdin);
        assert!(made.wait().unwrap().success(), "the stand-ins need Go");
        self.docker(&["load", "--quiet", "--input", archive.to_str().unwrap()]);
    }

    /// The containers, networks or volumes of a system by name.
    pub(crate) fn objects(&self, system: &str, kind: &str) -> Vec<String> {
        let filter = format!("--filter=label=dev.kcc.system={system}");
        let args: &[&str] = match kind {
            "container" => &["container", "ls", "-a", &filter, "--format={{.Names}}"],
            _ => &[kind, "ls", &filter, "--format={{.Name}}"],
        };
        let mut names: Vec<_> = self.docker(args).lines().map(str::to_owned).collect();
        names.sort();
        names
    }

    /// Removes whatever is left of a system, as far as that goes: it is called
    /// where a case has failed, too.
    pub(crate) fn remove(&self, system: &str) {
        for (kind, remove) in [
            ("container", &["rm", "-fv"][..]),
            ("volume", &["volume", "rm"]),
            ("network", &["network", "rm"]),
        ] {
            for name in self.objects(system, kind) {
                let _ = self.try_docker(&[remove, &[&name]].concat());
            }
        }
    }
}
