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

use kcc_test_engines::{Host as _, System, docker::Testbed, get_within};
use serde_json::Value;

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
    Example {
        name: "mastodon",
        targets: &["dev"],
        composed: false,
    },
    Example {
        name: "immich",
        targets: &["dev"],
        composed: false,
    },
    Example {
        name: "jitsi",
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
            // It checks health in the rendered files, and would be pulled otherwise.
            system.testbed.shell_image("busybox:1.37");
            system.compose(target, &["up", "--detach"]);
            system.answers();
        }
    }
}

/// A copy of an example on ports of its own.
struct PublishedExample {
    system: System<Testbed>,
    ports: Vec<String>,
}

impl PublishedExample {
    fn of(example: &Example, testbed: Arc<Testbed>) -> Self {
        let system = System::of(testbed, example.name, example.targets[0], example.name);
        edit_fragments(&system.path(""), &with_free_ports);
        let ports = published(&system.model());
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
fn edit_fragments(directory: &Path, edit: &dyn Fn(&str) -> String) {
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
fn with_free_ports(text: &str) -> String {
    let mut pieces = text.split("expose:");
    let mut edited = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let number = piece.trim_start_matches([' ', '"']);
        let number = number.strip_prefix("127.0.0.1:").unwrap_or(number);
        let rest = number.trim_start_matches(|c: char| c.is_ascii_digit());
        edited.push_str("expose:");
        if rest.len() == number.len() {
            edited.push_str(piece);
        } else {
            edited.push_str(&piece[..piece.len() - number.len()]);
            edited.push_str(&free_port().to_string());
            edited.push_str(rest);
        }
    }
    edited
}

/// Lists the published TCP ports of a model.
fn published(model: &Value) -> Vec<String> {
    let components = model["components"].as_object().unwrap().values();
    let ports = components.flat_map(|component| component["ports"].as_object().unwrap().values());
    let tcp = ports.filter(|port| port["protocol"] == "TCP");
    tcp.filter_map(|port| match &port["expose"] {
        Value::Object(expose) => Some(expose.values().next()?.to_string()),
        _ => None,
    })
    .map(|address| {
        address
            .trim_matches('"')
            .rsplit(':')
            .next()
            .unwrap()
            .to_owned()
    })
    .collect()
}
