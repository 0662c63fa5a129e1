//! A system of many services, spread over teams.

use std::{fmt::Write as _, fs, path::Path, process::Command};

use kcc_test_support::binary;

const TEAMS: usize = 9;

/// Writes a system with one target. Each service has these lines.
pub(crate) fn generate(folder: &Path, name: &str, target: &str, services: usize, lines: &str) {
    let mut root = format!("package many\n\nsystem: {{\n\tname: {name:?}\n\tteams: {{\n");
    for team in 0..TEAMS {
        writeln!(root, "\t\tt{team}: path: \"teams/t{team}\"").unwrap();
    }
    write!(root, "\t}}\n\ttargets: {target}\n}}\n").unwrap();
    fs::write(folder.join("kcc.cue"), root).unwrap();
    for team in 0..TEAMS {
        let path = folder.join(format!("teams/t{team}"));
        fs::create_dir_all(&path).unwrap();
        let mut text = String::from("package many\n");
        for service in (team..services).step_by(TEAMS) {
            write!(text, "\nservices: s{service}: {{\n{lines}}}\n").unwrap();
        }
        fs::write(path.join("services.cue"), text).unwrap();
    }
}

/// Returns a command of kcc in a system.
pub(crate) fn kcc(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.args(args).current_dir(folder);
    command
}
