//! Every example except the shop comes up, is unchanged by a second apply and is
//! taken down; docker-compose accepts its rendered files. The images are stand-ins
//! that report if they reach what they need.

use std::{
    fs,
    ops::Deref,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use kcc_test_engines::{System, docker::Testbed, get_within};

use crate::shop::free_port;

/// An example.
pub(crate) struct Example {
    name: &'static str,
    /// The targets on Docker; the first one is applied.
    targets: &'static [&'static str],
    /// True if docker-compose runs it too.
    composed: bool,
}

/// The examples.
pub(crate) const ALL: &[Example] = &[
    Example {
        name: "hello",
        targets: &["dev", "test"],
        composed: true,
    },
    Example {
        name: "voting",
        targets: &["dev", "test"],
        composed: true,
    },
    Example {
        name: "boutique",
        targets: &["dev"],
        composed: false,
    },
    Example {
        name: "platform",
        targets: &["dev"],
        composed: false,
    },
];

impl Example {
    pub(crate) fn case(&self) -> String {
        format!("{}_comes_up_and_is_removed", self.name)
    }

    pub(crate) fn comes_up_and_is_removed(&self, testbed: Arc<Testbed>) {
        let system = PublishedExample::of(self, testbed);
        let target = self.targets[0];
        system.stand_in();
        system.comes_up_and_is_stable(|| system.answers());
        system.run_ok(&["down", "--target", target, "--volumes"]);
        for kind in ["container", "network", "volume"] {
            assert!(
                system.testbed.objects(&system.name, kind).is_empty(),
                "{kind}"
            );
        }
        for target in self.targets {
            let out = format!("out/{target}");
            system.run_ok(&["render", "--target", target, "--output", &out]);
            system.compose(target, &["config", "--quiet"]);
        }
        if self.composed {
            system.build_probe_image();
            system.compose(target, &["up", "--detach"]);
            system.answers();
        }
    }
}

/// A copy of an example on ports of its own.
struct PublishedExample {
    system: System<Testbed>,
    ports: Vec<u16>,
}

impl PublishedExample {
    fn of(example: &Example, testbed: Arc<Testbed>) -> Self {
        let system = System::of(testbed, example.name, example.targets[0], example.name);
        let mut ports = Vec::new();
        edit_fragments(&system.path(""), &mut |text| {
            with_free_ports(text, &mut ports)
        });
        assert!(!ports.is_empty(), "{} publishes nothing", example.name);
        Self { system, ports }
    }

    /// Checks that every published port answers and reaches everything it needs.
    fn answers(&self) {
        for port in &self.ports {
            let (status, page) = get_within(&format!("127.0.0.1:{port}"), Duration::from_mins(1));
            assert!(status == 200 && page["ok"] == true, "port {port}: {page:#}");
        }
    }

    /// Builds the image that checks health in the rendered files, which would be
    /// pulled otherwise.
    fn build_probe_image(&self) {
        let context = tempfile::tempdir().unwrap();
        let bin = context.path().join("bin");
        fs::create_dir(&bin).unwrap();
        fs::copy("/bin/busybox", bin.join("busybox")).unwrap();
        for command in ["nc", "tail", "true", "wget"] {
            std::os::unix::fs::symlink("busybox", bin.join(command)).unwrap();
        }
        let dockerfile = "FROM scratch\nCOPY bin /bin\n";
        fs::write(context.path().join("Dockerfile"), dockerfile).unwrap();
        let context = context.path().to_str().unwrap();
        self.testbed
            .docker(&["build", "--quiet", "--tag", "busybox:1.37", context]);
    }

    /// Runs docker-compose on the rendered files, with secrets in its environment.
    fn compose(&self, target: &str, args: &[&str]) {
        let file = self.path(&format!("out/{target}/compose.yaml"));
        let text = fs::read_to_string(&file).unwrap();
        let secrets = text.split("${").skip(1);
        let secrets = secrets.filter_map(|rest| Some((rest.split_once(":?")?.0, "secret")));
        let output = Command::new("docker-compose")
            .arg("--file")
            .arg(&file)
            .args(["--project-name", &format!("{}-{target}", self.name)])
            .args(args)
            .envs(secrets)
            .env("DOCKER_HOST", &self.testbed.host)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(output.status.success(), "{args:?}: {output:#?}");
    }
}

impl Deref for PublishedExample {
    type Target = System<Testbed>;

    fn deref(&self) -> &System<Testbed> {
        &self.system
    }
}

impl Drop for PublishedExample {
    fn drop(&mut self) {
        let out = fs::read_dir(self.path("out"));
        for target in out.into_iter().flatten().flatten() {
            let target = target.file_name().into_string().unwrap();
            self.compose(&target, &["down", "--volumes"]);
        }
    }
}

/// Rewrites all fragments below a directory.
fn edit_fragments(directory: &Path, edit: &mut dyn FnMut(&str) -> String) {
    let mut paths: Vec<PathBuf> = fs::read_dir(directory)
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

/// Replaces the published ports of a fragment with free ones.
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
