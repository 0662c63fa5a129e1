//! Runs `kcc check --watch` while files change.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::Stdio,
    sync::mpsc,
    thread,
    time::Duration,
};

use kcc_test_support::{directory_with, kcc};

/// The longest time until a change is reported.
const PATIENCE: Duration = Duration::from_mins(1);

/// Breaks a system and mends it, and expects each to be reported.
pub(crate) fn changes_are_reported_as_files_are_saved() -> Result<(), String> {
    let error = |error: std::io::Error| error.to_string();
    let scratch = directory_with([
        ("kcc.cue", "package shop\n\nsystem: name: \"shop\"\n"),
        (
            "web.cue",
            "package shop\n\nservices: web: {image: \"acme/web:1\", port: 80}\n",
        ),
    ]);
    let root = scratch.path();
    let mut child = kcc(root)
        .args(["check", "--watch"])
        .env("KCC_CACHE", root.join(".cache"))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(error)?;
    let stderr = child.stderr.take().ok_or("no stderr")?;
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    // Returns the lines up to one that contains a text.
    let until = |text: &str| -> Result<String, String> {
        let mut seen = String::new();
        loop {
            let line = lines
                .recv_timeout(PATIENCE)
                .map_err(|_| format!("no `{text}` in\n{seen}"))?;
            seen += &line;
            seen.push('\n');
            if line.contains(text) {
                return Ok(seen);
            }
        }
    };
    let run = || -> Result<(), String> {
        until("no errors")?;
        fs::write(
            root.join("api.cue"),
            "package shop\n\nservices: api: {image: \"acme/api:1\", prot: 80}\n",
        )
        .map_err(error)?;
        let broken = until("1 error")?;
        if !broken.contains("has no field `prot`") {
            return Err(broken);
        }
        // A comment moves every line of another fragment, and changes nothing.
        fs::write(
            root.join("web.cue"),
            "package shop\n\n// The shop.\nservices: web: {image: \"acme/web:1\", port: 80}\n",
        )
        .map_err(error)?;
        let same = until("1 error")?;
        if same.lines().count() > 1 {
            return Err(same);
        }
        fs::write(
            root.join("api.cue"),
            "package shop\n\nservices: api: {image: \"acme/api:1\", port: 80}\n",
        )
        .map_err(error)?;
        let fixed = until("no errors")?;
        if fixed.lines().next() != Some("fixed error: service `api` has no field `prot`") {
            return Err(fixed);
        }
        Ok(())
    };
    let result = run();
    child.kill().map_err(error)?;
    child.wait().map_err(error)?;
    result
}
