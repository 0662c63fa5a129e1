//! Fifty conflicts: fields that kcc owns, changed by the field managers that people meet.
//! Each is a finding with the manager, the line and the team, and one of its printed
//! remedies is followed to the letter.

use std::{collections::BTreeMap, fs, process::Command, sync::Arc};

use kcc_test_engines::{System, kubernetes::Testbed};
use kcc_test_support::{CommandOutput, binary};
use serde_json::{Value, json};

const SYSTEM: &str = r#"
package conflicts

system: {
	name: "NAME"
	teams: storefront: path: "team"
	targets: prod: kubernetes: namespace: "NAME"
}
"#;

/// Zero replicas, so that no rollout has to be waited for. Each field is on a line of its
/// own.
const FRAGMENT: &str = r#"package conflicts

services: web: image: "kcc-test/shell:0"
services: web: command: ["sleep", "0"]
services: web: replicas: 0
services: web: port: 8080
services: web: env: LEVEL: "level-0"
services: web: env: SIZE: {config: "settings", key: "size"}
services: web: resources: requests: memory: "32Mi"
services: web: resources: requests: cpu: "20m"
services: web: resources: limits: memory: "64Mi"
services: web: labels: tier: "tier-0"
services: web: annotations: owner: "owner-0"
services: web: rollout: gracePeriod: "20s"
services: web: workingDir: "/dir-0"
configs: settings: data: color: "color-0"
configs: settings: data: size: "1"
"#;

/// A field that kcc owns, and how others change it.
struct Field {
    /// The kind and name of its object.
    object: &'static str,
    /// The beginning of its line in the fragment.
    line: &'static str,
    /// The value of a round, as the cluster has it.
    theirs: fn(usize) -> Value,
    /// Puts a value into a patch.
    patch: fn(Value) -> Value,
}

fn of_container(field: &str, value: Value) -> Value {
    let mut container = json!({"name": "web"});
    container[field] = value;
    json!({"spec": {"template": {"spec": {"containers": [container]}}}})
}

const FIELDS: [Field; 10] = [
    Field {
        object: "deployment/web",
        line: "services: web: image:",
        theirs: |round| json!(format!("kcc-test/shell:{round}")),
        patch: |value| of_container("image", value),
    },
    Field {
        object: "deployment/web",
        line: "services: web: env: LEVEL:",
        theirs: |round| json!(format!("level-{round}")),
        patch: |value| of_container("env", json!([{"name": "LEVEL", "value": value}])),
    },
    Field {
        object: "deployment/web",
        line: "services: web: resources: requests: memory:",
        theirs: |round| json!(format!("{}Mi", 32 + round)),
        patch: |value| of_container("resources", json!({"requests": {"memory": value}})),
    },
    Field {
        object: "deployment/web",
        line: "services: web: resources: requests: cpu:",
        theirs: |round| json!(format!("{}m", 20 + round)),
        patch: |value| of_container("resources", json!({"requests": {"cpu": value}})),
    },
    Field {
        object: "deployment/web",
        line: "services: web: resources: limits: memory:",
        theirs: |round| json!(format!("{}Mi", 64 + round)),
        patch: |value| of_container("resources", json!({"limits": {"memory": value}})),
    },
    Field {
        object: "deployment/web",
        line: "services: web: labels: tier:",
        theirs: |round| json!(format!("tier-{round}")),
        patch: |value| json!({"metadata": {"labels": {"tier": value}}}),
    },
    Field {
        object: "deployment/web",
        line: "services: web: annotations: owner:",
        theirs: |round| json!(format!("owner-{round}")),
        patch: |value| json!({"metadata": {"annotations": {"owner": value}}}),
    },
    Field {
        object: "deployment/web",
        line: "services: web: rollout: gracePeriod:",
        theirs: |round| json!(20 + round),
        patch: |value| json!({"spec": {"template": {"spec": {"terminationGracePeriodSeconds": value}}}}),
    },
    Field {
        object: "deployment/web",
        line: "services: web: workingDir:",
        theirs: |round| json!(format!("/dir-{round}")),
        patch: |value| of_container("workingDir", value),
    },
    Field {
        object: "configmap/settings",
        line: "configs: settings: data: color:",
        theirs: |round| json!(format!("color-{round}")),
        patch: |value| json!({"data": {"color": value}}),
    },
];

/// Field managers as the tools name themselves, and true for those that apply on the
/// server.
const MANAGERS: [(&str, bool); 14] = [
    ("kubectl-edit", false),
    ("kubectl-set", false),
    ("kubectl-patch", false),
    ("kubectl-annotate", false),
    ("kubectl", true),
    ("helm", false),
    ("argocd-controller", true),
    ("kustomize-controller", true),
    ("flux-client-side-apply", false),
    ("Terraform", true),
    ("vpa-updater", false),
    ("horizontal-pod-autoscaler", false),
    ("cert-manager-certificates-trigger", true),
    ("istio-sidecar-injector", false),
];

const ROUNDS: usize = 5;

struct Trial(System<Testbed>);

impl Trial {
    fn fragment(&self) -> String {
        fs::read_to_string(self.0.path("team/web.cue")).unwrap()
    }

    fn write(&self, text: &str) {
        fs::write(self.0.path("team/web.cue"), text).unwrap();
    }

    /// Changes a field as a manager does.
    fn set(&self, field: &Field, round: usize, (manager, applies): (&str, bool)) {
        let (kind, name) = field.object.split_once('/').unwrap();
        let mut patch = (field.patch)((field.theirs)(round));
        let by = format!("--field-manager={manager}");
        let namespace = ["-n", &self.0.name];
        let testbed = &self.0.testbed;
        if !applies {
            let patch = patch.to_string();
            let change = ["patch", kind, name, "--type=strategic", "-p", &patch, &by];
            testbed.kubectl(&[&namespace[..], &change].concat());
            return;
        }
        let (version, kind) = match kind {
            "deployment" => ("apps/v1", "Deployment"),
            _ => ("v1", "ConfigMap"),
        };
        patch["apiVersion"] = json!(version);
        patch["kind"] = json!(kind);
        patch["metadata"]["name"] = json!(name);
        let file = self.0.path("theirs.json");
        fs::write(&file, patch.to_string()).unwrap();
        let file = file.display().to_string();
        let apply = [
            "apply",
            "--server-side",
            "--force-conflicts",
            &by,
            "-f",
            &file,
        ];
        testbed.kubectl(&[&namespace[..], &apply].concat());
        fs::remove_file(self.0.path("theirs.json")).unwrap();
    }

    /// Returns the findings about conflicts by the model path of the field.
    fn conflicts(&self) -> BTreeMap<String, Value> {
        let out = self
            .0
            .run_ok(&["plan", "--target", "prod", "--format", "json"]);
        let plan: Value = out
            .lines()
            .find_map(|line| serde_json::from_str(line).ok())
            .unwrap();
        let findings = plan["findings"].as_array().unwrap().iter();
        let conflicts = findings.filter(|finding| finding["finding"] == "conflict");
        conflicts
            .map(|finding| {
                let path = finding["conflict"]["origin"]["path"].as_str();
                let path = path.unwrap_or_else(|| panic!("{finding:#}")).to_owned();
                (path, finding.clone())
            })
            .collect()
    }

    /// Follows a remedy to the letter, except that nobody is asked for confirmation.
    fn run_in_shell(&self, command: &str) -> CommandOutput {
        let mut shell = Command::new("sh");
        let path = std::env::var("PATH").unwrap();
        let own = binary().parent().unwrap().display().to_string();
        let kcc = self.0.command(&[]);
        let variables = kcc
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?)));
        shell
            .args(["-c", &format!("{command} --yes")])
            .envs(variables)
            .env("PATH", format!("{own}:{path}"))
            .current_dir(self.0.path(""));
        CommandOutput::of(&mut shell)
    }
}

/// Returns the text in the first pair of backticks.
fn quoted(text: &str) -> &str {
    text.split('`').nth(1).unwrap_or_else(|| panic!("{text}"))
}

/// Returns a line with another value.
fn with_value(field: &Field, round: usize) -> String {
    let theirs = (field.theirs)(round);
    let value = if field.line.ends_with("gracePeriod:") {
        format!("\"{theirs}s\"")
    } else {
        theirs.to_string()
    };
    format!("{} {value}", field.line)
}

pub(crate) fn fifty_conflicts_have_remedies_that_work(testbed: Arc<Testbed>) {
    let system = System::of(testbed, "hello", "prod", "conflicts");
    fs::create_dir(system.path("team")).unwrap();
    fs::write(system.path("kcc.cue"), SYSTEM.replace("NAME", &system.name)).unwrap();
    let trial = Trial(system);
    trial.write(FRAGMENT);
    let apply = ["apply", "--target", "prod", "--yes"];
    trial.0.run_ok(&apply);
    assert!(trial.conflicts().is_empty());
    let mut count = 0;
    for round in 1..=ROUNDS {
        let managers: Vec<_> = (0..FIELDS.len())
            .map(|at| MANAGERS[(at * 3 + round * 5) % MANAGERS.len()])
            .collect();
        for (field, manager) in FIELDS.iter().zip(&managers) {
            trial.set(field, round, *manager);
        }
        let found = trial.conflicts();
        assert_eq!(found.len(), FIELDS.len(), "round {round}: {found:#?}");
        let mut by_line: BTreeMap<usize, &Value> = BTreeMap::new();
        for finding in found.values() {
            let line = finding["conflict"]["origin"]["line"].as_u64().unwrap();
            by_line.insert(usize::try_from(line).unwrap(), finding);
        }
        let mut taken = Vec::new();
        for (at, (field, (manager, _))) in FIELDS.iter().zip(&managers).enumerate() {
            count += 1;
            let mut lines = FRAGMENT.lines();
            let line = 1 + lines.position(|line| line.starts_with(field.line)).unwrap();
            let row = format!("round {round}, {manager} at {}", field.line);
            let finding = by_line
                .get(&line)
                .unwrap_or_else(|| panic!("{row}: {found:#?}"));
            let conflict = &finding["conflict"];
            assert_eq!(conflict["owner"], *manager, "{row}");
            assert_eq!(conflict["origin"]["file"], "team/web.cue", "{row}");
            assert_eq!(finding["team"], "storefront", "{row}");
            let cause = finding["cause"].as_str().unwrap();
            let named = format!("team/web.cue:{line} (team `storefront`)");
            assert!(
                cause.contains(&named) && cause.contains(manager),
                "{row}: {cause}"
            );
            let help = finding["help"].as_str().unwrap();
            let ways = finding["alternatives"].as_array().unwrap().iter();
            let ways: Vec<_> = ways.map(|way| way.as_str().unwrap()).collect();
            taken.push(quoted(help).to_owned());
            let remedy = (at + round) % 3;
            let leave = ways.iter().find(|way| way.starts_with("to leave it to"));
            match (remedy, leave) {
                (1, _) => {
                    // Theirs is written where the message says.
                    let keep = ways.iter().find(|way| way.starts_with("to keep theirs:"));
                    let cue = quoted(keep.unwrap_or_else(|| panic!("{row}: {ways:?}")));
                    let own = FRAGMENT.lines().nth(line - 1).unwrap();
                    let text = trial.fragment();
                    if cue.contains(": ") {
                        trial.write(&format!("{text}{cue}\n"));
                    } else {
                        trial.write(&text.replace(own, &with_value(field, round)));
                    }
                }
                (2, Some(_)) => {
                    let own = FRAGMENT.lines().nth(line - 1).unwrap();
                    trial.write(&trial.fragment().replace(own, ""));
                }
                _ => {
                    let ran = trial.run_in_shell(quoted(help));
                    // The other conflicts are still there.
                    assert!(matches!(ran.code, Some(0 | 4)), "{row}: {ran:#?}");
                    let left = trial.conflicts();
                    let path = conflict["origin"]["path"].as_str().unwrap();
                    assert!(!left.contains_key(path), "{row}: {left:#?}");
                }
            }
        }
        let left = trial.conflicts();
        assert!(left.is_empty(), "round {round}: {left:#?}");
        let applied = trial.0.run(&apply);
        assert_eq!(applied.code, Some(0), "round {round}: {applied:#?}");
        // Back to the beginning, also by what was printed.
        trial.write(FRAGMENT);
        for command in taken {
            let ran = trial.run_in_shell(&command);
            assert!(matches!(ran.code, Some(0 | 4)), "{command}: {ran:#?}");
        }
        let left = trial.conflicts();
        assert!(left.is_empty(), "after round {round}: {left:#?}");
    }
    assert_eq!(count, 50);
    trial
        .0
        .run_ok(&["down", "--target", "prod", "--volumes", "--yes"]);
}
