//! Random systems, and one mistake in each.

use std::collections::BTreeMap;

use proptest::{
    bool::weighted,
    collection::vec,
    option,
    prelude::*,
    sample::{Index, select},
};

/// One-line mistakes in a service; `NAME` and `PORT` stand for its own.
const INSIDE: [(&str, &str); 46] = [
    ("misspelled field", "replcas: 2"),
    ("wrong type", "workingDir: 5"),
    ("struct for text", "user: {}"),
    ("text for struct", "security: \"none\""),
    ("unknown need", "needs: nosuch: {}"),
    ("need on itself", "needs: NAME: {}"),
    ("unknown state", "needs: s0: until: \"ready\""),
    ("unknown secret", "env: KEY: secret: \"nosuch\""),
    (
        "unknown config",
        "env: MODE: {config: \"nosuch\", key: \"k\"}",
    ),
    ("half a reference", "env: MODE: config: \"nosuch\""),
    (
        "unknown output",
        "env: URL: {from: \"nosuch\", output: \"url\"}",
    ),
    (
        "output that is not there",
        "env: URL: {from: \"NAME\", output: \"nosuch\"}",
    ),
    ("name of a variable", "env: \"A KEY\": \"x\""),
    ("unknown variable", "args: [\"$(NOSUCH_URL)\"]"),
    ("unknown name", "labels: a: undefinedname"),
    ("unknown reference", "labels: a: services.nosuch.image"),
    (
        "cycle of values",
        "labels: {a: labels.b, b: labels.a + \"x\"}",
    ),
    ("division", "labels: a: \"\\(div(1, 0))\""),
    ("operands", "labels: a: \"x\" + 1"),
    ("call", "labels: a: strings.Repeat(\"x\")"),
    ("index", "labels: a: [\"x\"][3]"),
    ("nothing", "user: _|_"),
    ("unused let", "let unused = 1"),
    ("size", "resources: memory: \"128mb\""),
    ("processor", "resources: requests: cpu: \"a lot\""),
    (
        "more than the limit",
        "resources: {requests: cpu: 2, limits: cpu: 1}",
    ),
    ("duration", "rollout: gracePeriod: \"30 seconds\""),
    ("strategy", "rollout: strategy: \"fast\""),
    ("two values", "image: \"acme/other:9\""),
    ("attribute", "workingDir: string @tag(dir)"),
    ("syntax", "labels: a: \"b"),
    ("bracket", "labels: {a: \"b\""),
    (
        "probe",
        "health: readiness: {http: \"/\", port: \"nosuch\"}",
    ),
    ("port of no host", "ports: extra: 70000"),
    ("port twice", "ports: extra: PORT"),
    ("name of a port", "ports: extra_port: 9999"),
    (
        "port of a route",
        "routes: r: {host: \"a.example.com\", port: \"nosuch\"}",
    ),
    (
        "text for a secret",
        "routes: r: {host: \"a.example.com\", tls: secret: 5}",
    ),
    ("scale and replicas", "scale: {min: 1, max: 2}"),
    (
        "relative mount",
        "volumes: d: {mount: \"data\", ephemeral: true}",
    ),
    (
        "two kinds of volume",
        "volumes: d: {mount: \"/d\", ephemeral: true, size: \"1Gi\"}",
    ),
    (
        "folder of the machine",
        "volumes: h: {mount: \"/h\", hostPath: \"/var/log\"}",
    ),
    ("privileged", "security: privileged: true"),
    ("capability", "security: capabilities: add: [\"NET_FLY\"]"),
    ("missing file", "files: \"/etc/a\": source: \"nosuch.toml\""),
    ("budget", "disruption: minAvailable: 50"),
];

/// The number of mistakes in more than a line of one service.
const OUTSIDE: usize = 14;

/// Lines that one service in three has one of.
const TIERS: [&str; 2] = ["labels: tier: \"web\"", "labels: tier: \"data\""];

/// A system: its files by name, each a list of lines.
#[derive(Debug, Clone)]
pub(crate) struct System {
    pub(crate) files: BTreeMap<String, Vec<String>>,
    pub(crate) services: Vec<Service>,
    teams: usize,
}

#[derive(Debug, Clone)]
pub(crate) struct Service {
    pub(crate) name: String,
    pub(crate) file: String,
    team: usize,
}

/// The choices in a service, which shrink towards a small one.
#[derive(Debug)]
struct ServiceDraft {
    team: Index,
    own_file: bool,
    standard: bool,
    replicas: usize,
    need: Option<Index>,
    /// More lines; `AT` stands for the service's number.
    lines: Vec<&'static str>,
}

fn services() -> impl Strategy<Value = ServiceDraft> {
    let line = |weight, line: &'static str| option::weighted(weight, Just(line));
    let lines = (
        line(0.5, "health: http: \"/healthz\""),
        line(0.5, "env: LEVEL: \"lAT\""),
        line(0.4, "resources: cpu: \"250m\""),
        line(0.3, "volumes: tmp: {mount: \"/tmp\", ephemeral: true}"),
        option::weighted(0.3, select(&TIERS[..])),
    );
    let choices = (
        any::<Index>(),
        weighted(0.7),
        weighted(0.4),
        1..=5_usize,
        option::weighted(0.6, any::<Index>()),
        lines,
    );
    choices.prop_map(|(team, own_file, standard, replicas, need, lines)| {
        let (one, two, three, four, five) = lines;
        ServiceDraft {
            team,
            own_file,
            standard,
            replicas,
            need,
            lines: [one, two, three, four, five]
                .into_iter()
                .flatten()
                .collect(),
        }
    })
}

/// Generates systems of two to four teams, and of a fifth that governs services.
pub(crate) fn systems() -> impl Strategy<Value = System> {
    let choices = (2..5_usize, any::<bool>(), vec(services(), 3..9));
    choices.prop_map(|(teams, probes, services)| System::of(teams, probes, &services))
}

/// The choice of a mistake, for [`System::break_once`].
#[derive(Debug, Clone)]
pub(crate) struct FaultDraft {
    kind: usize,
    service: Index,
    pair: Index,
}

/// Generates mistakes.
pub(crate) fn faults() -> impl Strategy<Value = FaultDraft> {
    let choices = (0..INSIDE.len() + OUTSIDE, any::<Index>(), any::<Index>());
    choices.prop_map(|(kind, service, pair)| FaultDraft {
        kind,
        service,
        pair,
    })
}

/// A mistake, and the teams to be named.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub(crate) kind: &'static str,
    pub(crate) file: String,
    /// The line, counted from 1.
    pub(crate) line: usize,
    /// The teams of a conflict; empty if only one team is wrong.
    pub(crate) teams: Vec<String>,
}

impl System {
    fn of(teams: usize, probes: bool, services: &[ServiceDraft]) -> Self {
        let mut system = Self {
            files: BTreeMap::new(),
            services: Vec::new(),
            teams,
        };
        let mut root = vec![
            "package shop".to_owned(),
            "system: {".into(),
            "name: \"shop\"".into(),
        ];
        for team in 0..teams {
            root.push(format!("teams: t{team}: path: \"teams/t{team}\""));
        }
        root.push("teams: rules: {path: \"teams/rules\", governs: [\"services\"]}".into());
        root.extend([
            "targets: dev: docker: {}".into(),
            "targets: prod: kubernetes: {}".into(),
            "}".into(),
        ]);
        if probes {
            root.push("_std: {health: http: \"/healthz\", ...}".into());
        } else {
            root.push("_std: {...}".into());
        }
        system.files.insert("kcc.cue".into(), root);
        for service in services {
            system.add_service(service);
        }
        let rules = vec![
            "package shop".to_owned(),
            "services: [string]: replicas?: <=10".into(),
            "policies: few: {message: \"no more than nine\", require: services: [string]: replicas: <=9}".into(),
            "defaults: services: [string]: resources: memory: \"64Mi\"".into(),
        ];
        system.files.insert("teams/rules/rules.cue".into(), rules);
        system
    }

    fn add_service(&mut self, draft: &ServiceDraft) {
        let at = self.services.len();
        let team = draft.team.index(self.teams);
        let file = if draft.own_file {
            format!("teams/t{team}/s{at}.cue")
        } else {
            format!("teams/t{team}/all.cue")
        };
        let name = format!("s{at}");
        let base = if draft.standard { "_std & " } else { "" };
        let mut lines = vec![
            format!("services: {name}: {base}{{"),
            format!("image: \"acme/{name}:1.{at}\""),
            format!("port: {}", 8000 + at),
            format!("replicas: {}", draft.replicas),
        ];
        if at > 0
            && let Some(need) = &draft.need
        {
            lines.push(format!("needs: s{}: {{}}", need.index(at)));
        }
        let number = at.to_string();
        lines.extend(draft.lines.iter().map(|line| line.replace("AT", &number)));
        lines.push("}".into());
        self.files
            .entry(file.clone())
            .or_insert_with(|| vec!["package shop".into()])
            .extend(lines);
        self.services.push(Service { name, file, team });
    }

    /// Inserts one mistake.
    pub(crate) fn break_once(&mut self, draft: &FaultDraft) -> Fault {
        let service = draft.service.get(&self.services).clone();
        let owner = format!("t{}", service.team);
        if let Some((kind, text)) = INSIDE.get(draft.kind) {
            let port = self.port_of(&service);
            let text = text.replace("NAME", &service.name).replace("PORT", &port);
            return self.insert(&service, kind, &text);
        }
        match draft.kind - INSIDE.len() {
            0 => self.append(
                "teams/rules/rules.cue",
                "governor's value",
                format!("services: {}: replicas: 7", service.name),
                [owner, "rules".into()],
            ),
            1 => {
                let fault = self.insert(&service, "governor's bound", "replicas: 50");
                Fault {
                    teams: vec![owner, "rules".into()],
                    ..fault
                }
            }
            2 => {
                let other = (service.team + 1) % self.teams;
                let file = format!("teams/t{other}/foreign.cue");
                self.files.insert(file.clone(), vec!["package shop".into()]);
                self.append(
                    &file,
                    "foreign value",
                    format!("services: {}: labels: foreign: \"x\"", service.name),
                    [owner, format!("t{other}")],
                )
            }
            3 => {
                let other = (service.team + 1) % self.teams;
                let file = format!("teams/t{other}/foreign.cue");
                self.files.insert(file.clone(), vec!["package shop".into()]);
                self.append(
                    &file,
                    "foreign constraint",
                    format!("services: {}: image: =~\"^acme/\"", service.name),
                    [owner, format!("t{other}")],
                )
            }
            4 => {
                let file = self
                    .files
                    .get_mut(&service.file)
                    .expect("a service has a file");
                file.insert(1, "import \"example.com/nosuch\"".into());
                Fault {
                    kind: "import",
                    file: service.file,
                    line: 2,
                    teams: Vec::new(),
                }
            }
            5 => {
                let fault = self.insert(&service, "policy", "replicas: 10");
                Fault {
                    teams: vec![owner, "rules".into()],
                    ..fault
                }
            }
            6 => self.append(
                "teams/rules/rules.cue",
                "bound that rules out",
                format!("services: {}: replicas: >=8", service.name),
                [owner, "rules".into()],
            ),
            7 => self.append(
                "teams/rules/rules.cue",
                "overlay of another",
                format!("on: prod: services: {}: replicas: 8", service.name),
                [owner, "rules".into()],
            ),
            8 => {
                self.insert(&service, "two defaults", "user: *\"1\" | string");
                self.append(
                    "teams/rules/rules.cue",
                    "two defaults",
                    format!("services: {}: user: *\"2\" | string", service.name),
                    [owner, "rules".into()],
                )
            }
            9 => {
                let other = (service.team + 1) % self.teams;
                let file = format!("teams/t{other}/second.cue");
                self.files.insert(file.clone(), vec!["package shop".into()]);
                self.append(
                    &file,
                    "second owner",
                    format!("services: {}: image: \"acme/second:1\"", service.name),
                    [owner, format!("t{other}")],
                )
            }
            10 => {
                let other = (service.team + 1) % self.teams;
                let file = format!("teams/t{other}/mine.cue");
                let lines = vec!["package shop".into(), "_mine: \"x\"".into()];
                self.files.insert(file, lines);
                let fault = self.insert(&service, "private name", "labels: a: _mine");
                Fault {
                    teams: vec![owner, format!("t{other}")],
                    ..fault
                }
            }
            11 => {
                let at = draft.pair.index(self.services.len() - 1);
                let [one, two] = [at, at + 1].map(|at| self.services[at].clone());
                let need = |other: &Service| format!("needs: {}: {{}}", other.name);
                self.insert(&one, "cycle of needs", &need(&two));
                let fault = self.insert(&two, "cycle of needs", &need(&one));
                Fault {
                    teams: [one.team, two.team].map(|team| format!("t{team}")).into(),
                    ..fault
                }
            }
            12 => {
                let text = format!("on: qa: services: {}: replicas: 2", service.name);
                let file = service.file.clone();
                let fault = self.append(&file, "unknown target", text, [owner.clone(), owner]);
                Fault {
                    teams: Vec::new(),
                    ..fault
                }
            }
            _ => {
                let file = self
                    .files
                    .get_mut(&service.file)
                    .expect("a service has a file");
                "package other".clone_into(&mut file[0]);
                Fault {
                    kind: "package clause",
                    file: service.file,
                    line: 1,
                    teams: Vec::new(),
                }
            }
        }
    }

    /// Returns the number of a service's port.
    fn port_of(&self, service: &Service) -> String {
        let lines = &self.files[&service.file];
        let head = format!("services: {}: ", service.name);
        let after = lines.iter().skip_while(|line| !line.starts_with(&head));
        let mut ports = after.filter_map(|line| line.strip_prefix("port: "));
        ports.next().expect("every service has one").to_owned()
    }

    /// Adds a line to a service, before its closing brace.
    fn insert(&mut self, service: &Service, kind: &'static str, text: &str) -> Fault {
        let lines = self
            .files
            .get_mut(&service.file)
            .expect("a service has a file");
        let head = format!("services: {}: ", service.name);
        let start = lines
            .iter()
            .position(|line| line.starts_with(&head))
            .expect("the service exists");
        let end = start
            + lines[start..]
                .iter()
                .position(|line| line == "}")
                .expect("the service has a closing brace");
        let replaced = text.starts_with("replicas: ");
        let line = if replaced {
            let at = start
                + lines[start..]
                    .iter()
                    .position(|line| line.starts_with("replicas:"))
                    .expect("the service has replicas");
            text.clone_into(&mut lines[at]);
            at
        } else {
            lines.insert(end, text.to_owned());
            end
        };
        Fault {
            kind,
            file: service.file.clone(),
            line: line + 1,
            teams: Vec::new(),
        }
    }

    fn append(
        &mut self,
        file: &str,
        kind: &'static str,
        text: String,
        teams: [String; 2],
    ) -> Fault {
        let lines = self.files.get_mut(file).expect("the file exists");
        lines.push(text);
        Fault {
            kind,
            file: file.to_owned(),
            line: lines.len(),
            teams: teams.into(),
        }
    }
}
