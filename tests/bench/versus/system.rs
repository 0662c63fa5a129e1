//! A system of many services, spread over teams.

use std::{fmt::Write as _, fs, path::PathBuf};

use tempfile::TempDir;

/// A generated system in a directory of its own.
pub(crate) struct System {
    scratch: TempDir,
}

impl System {
    /// Writes a system in which each service needs the previous one.
    pub(crate) fn new(services: usize, teams: usize, targets: &[&str]) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let system = Self { scratch };
        let mut root = String::from("package many\n\nsystem: {\n\tname: \"many\"\n\tteams: {\n");
        root.push_str(
            "\t\tplatform: {\n\t\t\tpath: \"teams/platform\"\n\t\t\tgoverns: [\"services.*.image\", \"services.*.replicas\", \"services.*.resources.memory\"]\n\t\t}\n",
        );
        for team in 0..teams {
            writeln!(root, "\t\tt{team}: path: \"teams/t{team}\"").unwrap();
        }
        root.push_str("\t}\n\ttargets: {\n");
        for target in targets {
            let engine = match *target {
                "prod" => "kubernetes: context: \"many\"",
                _ => "docker: {}",
            };
            writeln!(root, "\t\t{target}: {engine}").unwrap();
        }
        root.push_str(
            "\t}\n}\n\n_app: {\n\tport: 8080\n\thealth: http: \"/healthz\"\n\tresources: memory: \"64Mi\"\n\t...\n}\n",
        );
        system.write("kcc.cue", &root);
        system.write(
            "teams/platform/rules.cue",
            "package many\n
services: [string]: {
\timage: =~\"^acme/\"
\treplicas?: <=20
}
policies: memory: {
\tmessage: \"every service states its memory\"
\trequire: services: [string]: resources!: memory!: string
}
",
        );
        for team in 0..teams {
            let mut text = String::from("package many\n");
            for service in (team..services).step_by(teams) {
                text.push_str(&Self::service(service));
            }
            system.write(&format!("teams/t{team}/services.cue"), &text);
        }
        system
    }

    fn service(number: usize) -> String {
        let mut text = format!(
            "\nservices: s{number}: _app & {{\n\timage: \"acme/s{number}:1.4.0\"\n\tenv: {{GREETING: \"welcome\", LOG: \"info\", PLACE: \"here\"}}\n\treplicas: 2\n"
        );
        if let Some(before) = number.checked_sub(1) {
            writeln!(text, "\tneeds: s{before}: {{}}").unwrap();
        }
        text.push_str("}\n");
        text
    }

    /// Writes a file.
    pub(crate) fn write(&self, name: &str, text: &str) {
        kcc_test_support::write(&self.path().join(name), text);
    }

    /// Changes one line of one service.
    pub(crate) fn edit(&self, revision: usize) {
        let path = self.path().join("teams/t0/services.cue");
        let text = fs::read_to_string(&path).unwrap();
        let at = text.find("acme/s0:").unwrap();
        let end = at + text[at..].find('"').unwrap();
        let edited = format!("{}acme/s0:2.0.{revision}{}", &text[..at], &text[end..]);
        fs::write(path, edited).unwrap();
    }

    /// Returns the root.
    pub(crate) fn path(&self) -> PathBuf {
        self.scratch.path().join("system")
    }

    /// Returns a directory for kcc's cache.
    pub(crate) fn cache(&self) -> PathBuf {
        self.scratch.path().join("cache")
    }

    /// Returns the fragments as arguments for the `cue` tool.
    pub(crate) fn fragments(&self) -> Vec<String> {
        let teams = fs::read_dir(self.path().join("teams")).unwrap();
        let mut found = vec!["kcc.cue".to_owned()];
        for team in teams {
            let team = team.unwrap().file_name().into_string().unwrap();
            let files = fs::read_dir(self.path().join("teams").join(&team)).unwrap();
            found.extend(files.map(|file| {
                let file = file.unwrap().file_name().into_string().unwrap();
                format!("teams/{team}/{file}")
            }));
        }
        found.sort();
        found
    }
}
