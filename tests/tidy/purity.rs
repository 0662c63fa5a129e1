//! Checks that code under `compiler/` is pure: it opens no socket, reads neither the
//! clock nor the environment, starts no program and touches no file. The binary has
//! listed exceptions; tests are not restricted.

use crate::{
    assert_none,
    source::{Source, sources},
};

/// The forbidden words, in a form that matches however they are imported, with
/// their effect.
const FORBIDDEN: [(&str, &str); 13] = [
    ("net::", "opens a socket"),
    ("TcpStream", "opens a socket"),
    ("TcpListener", "opens a socket"),
    ("UdpSocket", "opens a socket"),
    ("UnixStream", "opens a socket"),
    ("Instant", "reads the clock"),
    ("SystemTime", "reads the clock"),
    ("env::var", "reads the environment"),
    ("env::args", "reads the environment"),
    ("env::current", "reads the environment"),
    ("env::home_dir", "reads the environment"),
    ("fs::", "touches files"),
    ("Command::new", "starts a program"),
];

/// The exceptions with their reasons. Directories end in `/`.
const ALLOWED: [(&str, &[&str], &str); 23] = [
    (
        "compiler/kcc-cue/build.rs",
        &["Instant", "SystemTime", "env::var", "fs::", "Command::new"],
        "builds the evaluator and only runs at build time",
    ),
    (
        "compiler/kcc-cue/builder/",
        &["env::args", "fs::"],
        "a build tool that is not part of kcc",
    ),
    (
        "compiler/kcc/copy.rs",
        &["Instant"],
        "measures the time until a failure appears",
    ),
    (
        "compiler/kcc/stub.rs",
        &["net::", "TcpStream", "TcpListener", "UdpSocket", "fs::"],
        "listens on ports in a container, and reads its own program for its image",
    ),
    (
        "compiler/kcc-lower/src/kubernetes/policies.rs",
        &["net::"],
        "parses addresses without opening a socket",
    ),
    (
        "compiler/kcc-model/src/build/backing.rs",
        &["net::"],
        "parses addresses without opening a socket",
    ),
    (
        "compiler/kcc-model/src/component.rs",
        &["net::"],
        "names the type of an address",
    ),
    (
        "compiler/kcc/build.rs",
        &["fs::"],
        "hashes the code and only runs at build time",
    ),
    (
        "compiler/kcc/cache/store.rs",
        &["fs::", "SystemTime"],
        "keeps results of earlier runs, and when each was used",
    ),
    (
        "compiler/kcc/commands/check/watch.rs",
        &["Instant"],
        "measures how long a look at the files takes, to look less often where it takes long",
    ),
    (
        "compiler/kcc/main.rs",
        &["env::args"],
        "reads the arguments",
    ),
    (
        "compiler/kcc/settings.rs",
        &["env::var", "env::current"],
        "reads the environment",
    ),
    (
        "compiler/kcc/load/",
        &["fs::"],
        "the only module that reads a user's files",
    ),
    (
        "compiler/kcc/commands/drift.rs",
        &["fs::"],
        "reads the audit log that its user names",
    ),
    (
        "compiler/kcc/commands/timeline.rs",
        &["fs::"],
        "reads the logs that its user names",
    ),
    (
        "compiler/kcc/output_file.rs",
        &["fs::"],
        "writes the files that commands make",
    ),
    (
        "compiler/kcc/plan_file.rs",
        &["fs::"],
        "reads the files of `kcc plan -o`",
    ),
    (
        "compiler/kcc/provenance/git.rs",
        &["Command::new", "fs::"],
        "runs git, which writes a revision to a temporary directory",
    ),
    (
        "compiler/kcc/program.rs",
        &["Command::new"],
        "runs the program of `kcc run`",
    ),
    (
        "compiler/kcc/runtime.rs",
        &["Instant"],
        "measures how long a task runs, to read the end of its log, and how long to wait",
    ),
    (
        "compiler/kcc/commands/man.rs",
        &["fs::"],
        "writes manual pages",
    ),
    (
        "compiler/kcc/commands/init.rs",
        &["fs::"],
        "writes the files of a new system",
    ),
    (
        "compiler/kcc/commands/render.rs",
        &["fs::"],
        "writes rendered files",
    ),
];

/// Returns the code of a file without comments and test code.
fn code(text: &str) -> String {
    let untested = text.split("#[cfg(test)]").next().unwrap_or_default();
    untested
        .lines()
        .map(|line| line.split_once("//").map_or(line, |(code, _)| code))
        .collect::<Vec<_>>()
        .join("\n")
}

fn is_test(name: &str) -> bool {
    name.contains("/tests/") || name.ends_with("/tests.rs")
}

/// Returns true if code contains a word, and not only as part of a longer one.
fn contains(code: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).any(|(at, _)| {
        let before = code[..at].chars().next_back().is_some_and(part);
        let open = word.ends_with(|c: char| !part(c)) || word.starts_with("env::");
        let after = !open && code[at + word.len()..].chars().next().is_some_and(part);
        !before && !after
    })
}

fn impure(sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut used = Vec::new();
    for source in sources {
        if source.extension() != "rs" || is_test(&source.name) {
            continue;
        }
        let code = code(&source.text);
        for (word, does) in FORBIDDEN {
            if !contains(&code, word) {
                continue;
            }
            let allowed = ALLOWED.iter().position(|(path, words, _)| {
                words.contains(&word)
                    && (source.name == *path
                        || path.ends_with('/') && source.name.starts_with(path))
            });
            match allowed {
                Some(at) => used.push((at, word)),
                None => complaints.push(format!("{}: `{word}` {does}", source.name)),
            }
        }
    }
    for (at, (path, words, _)) in ALLOWED.iter().enumerate() {
        for word in words.iter().filter(|word| !used.contains(&(at, **word))) {
            complaints.push(format!("{path} no longer needs the exception for `{word}`"));
        }
    }
    complaints
}

#[test]
fn the_compiler_is_pure_except_where_listed() {
    assert_none(&impure(&sources(&["compiler"])));
}

#[test]
fn finds_impure_code() {
    let source = |name: &str, text: &str| Source {
        name: name.to_owned(),
        text: text.to_owned(),
    };
    let complaints = impure(&[
        source(
            "compiler/kcc-model/src/a.rs",
            "use std::{net::ToSocketAddrs};",
        ),
        source(
            "compiler/kcc-model/src/b.rs",
            "let now = Instant::now(); // SystemTime\n",
        ),
        source(
            "compiler/kcc-model/src/c.rs",
            "std::env::var(\"HOME\"); std::env::var_os(\"X\")",
        ),
        source(
            "compiler/kcc-model/src/d.rs",
            "#[cfg(test)]\nmod tests { std::fs::read(); }",
        ),
        source(
            "compiler/kcc-model/src/e.rs",
            "env!(\"X\"); offs::x; Instantly",
        ),
        source("compiler/kcc-model/tests/f.rs", "std::fs::read();"),
        source("compiler/kcc/load/read.rs", "fs::read(path)"),
        source("compiler/kcc/load/clock.rs", "SystemTime"),
    ]);
    let found: Vec<_> = complaints
        .iter()
        .filter(|one| !one.contains("no longer"))
        .map(String::as_str)
        .collect();
    assert_eq!(
        found,
        [
            "compiler/kcc-model/src/a.rs: `net::` opens a socket",
            "compiler/kcc-model/src/b.rs: `Instant` reads the clock",
            "compiler/kcc-model/src/c.rs: `env::var` reads the environment",
            "compiler/kcc/load/clock.rs: `SystemTime` reads the clock",
        ]
    );
    let unused = "compiler/kcc/settings.rs no longer needs the exception for `env::var`";
    assert!(complaints.iter().any(|one| one == unused), "{complaints:?}");
}
