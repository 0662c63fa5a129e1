//! Runs one case: writes its files to a scratch directory, runs its commands there
//! and compares their output with the expectations.

use std::{
    collections::BTreeMap,
    fs,
    io::Read,
    os::unix::{
        fs::{PermissionsExt, symlink},
        net::UnixListener,
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use kcc_diag::Code;
use kcc_test_support::{Archive, CommandOutput, binary, golden, isolated, kcc, write};

/// The sections with expectations; all others are files.
const EXPECTED: [&str; 3] = ["stdout", "stderr", "exit"];

/// Commands that change nothing, so that they can be run twice.
const READING: [&str; 6] = ["blame", "check", "graph", "model", "parity", "render"];

/// The mark at the end of an output without a trailing newline.
const NO_NEWLINE: &str = "[no newline]\n";

/// Runs a case; the error shows the difference.
pub(crate) fn run(path: &Path) -> Result<(), String> {
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    let mut archive = Archive::parse(&text);
    let scratch = tempfile::tempdir().map_err(|error| error.to_string())?;
    let root = scratch.path().join("system");
    fs::create_dir(&root).map_err(|error| error.to_string())?;
    for (name, content) in &archive.sections {
        if !is_expected(name) {
            write(&root.join(name), content);
        }
    }
    let mut script = Script {
        root,
        user: None,
        env: BTreeMap::new(),
        outputs: Vec::new(),
    };
    for line in archive.comment.lines() {
        script
            .line(line)
            .map_err(|error| format!("{line}: {error}"))?;
    }
    if script.outputs.is_empty() {
        return Err("the case has no command: add a line such as `$ kcc check`".into());
    }
    archive.sections.retain(|(name, _)| !is_expected(name));
    archive.sections.extend(script.outputs);
    golden::check(path, &archive.to_text())
}

fn is_expected(name: &str) -> bool {
    let first = name.split(' ').next().unwrap_or(name);
    EXPECTED.contains(&first)
}

/// The state of a running case.
struct Script {
    root: PathBuf,
    user: Option<u32>,
    env: BTreeMap<String, String>,
    outputs: Vec<(String, String)>,
}

impl Script {
    fn line(&mut self, line: &str) -> Result<(), String> {
        if let Some(command) = line.strip_prefix("$ ") {
            return self.command(&words(command)?);
        }
        let Some(rest) = line.strip_prefix("+ ") else {
            return Ok(());
        };
        let words = words(rest)?;
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let io = |error: std::io::Error| error.to_string();
        match words[..] {
            ["link", name, "->", target] => symlink(target, self.path(name)?).map_err(io),
            ["folder", name] => fs::create_dir_all(self.root.join(name)).map_err(io),
            ["socket", name] => UnixListener::bind(self.path(name)?).map(drop).map_err(io),
            ["bytes", name, hex] => {
                write(&self.root.join(name), bytes(hex)?);
                Ok(())
            }
            ["mode", octal, name] => {
                let mode = u32::from_str_radix(octal, 8).map_err(|error| error.to_string())?;
                fs::set_permissions(self.root.join(name), fs::Permissions::from_mode(mode))
                    .map_err(io)
            }
            ["repeat", name, count, text] => {
                let count: usize = count.parse().map_err(|_| "not a number")?;
                let text = text.replace("\\n", "\n").repeat(count);
                write(&self.root.join(name), text);
                Ok(())
            }
            ["commit", date] => self.commit(date),
            // Root can read every file, so permission errors need another user.
            ["user", id] => {
                self.user = Some(id.parse().map_err(|_| "not a number")?);
                Ok(())
            }
            ["env", name, value] => {
                self.env.insert(name.to_owned(), value.to_owned());
                Ok(())
            }
            _ => Err("unknown step".into()),
        }
    }

    /// Commits all files, creating the repository if there is none.
    fn commit(&self, date: &str) -> Result<(), String> {
        let git = |args: &[&str]| {
            let output = isolated("git", &self.root)
                .args(args)
                .envs([
                    ("GIT_CONFIG_GLOBAL", "/dev/null"),
                    ("GIT_CONFIG_NOSYSTEM", "1"),
                    ("GIT_AUTHOR_NAME", "Ada"),
                    ("GIT_AUTHOR_EMAIL", "ada@example.com"),
                    ("GIT_COMMITTER_NAME", "Ada"),
                    ("GIT_COMMITTER_EMAIL", "ada@example.com"),
                    // The hash depends on both dates.
                    ("GIT_AUTHOR_DATE", date),
                    ("GIT_COMMITTER_DATE", date),
                ])
                .output()
                .map_err(|error| format!("git: {error}"))?;
            if output.status.success() {
                Ok(())
            } else {
                Err(String::from_utf8_lossy(&output.stderr).into_owned())
            }
        };
        git(&["init", "--quiet", "--object-format=sha1"])?;
        git(&["add", "--all"])?;
        git(&["commit", "--quiet", "--message", "a commit"])
    }

    fn path(&self, name: &str) -> Result<PathBuf, String> {
        let path = self.root.join(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|error| error.to_string())?;
        }
        Ok(path)
    }

    fn command(&mut self, words: &[String]) -> Result<(), String> {
        let output = match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["kcc", ..] => self.kcc(&words[1..])?,
            ["cat", name] => {
                let text = fs::read_to_string(self.root.join(name));
                CommandOutput {
                    code: Some(0),
                    out: text.map_err(|error| error.to_string())?,
                    err: String::new(),
                }
            }
            _ => return Err("a case can only run kcc and cat".into()),
        };
        let exit = output
            .code
            .map_or("a signal".to_owned(), |code| code.to_string());
        let number = self
            .outputs
            .iter()
            .filter(|(name, _)| name.starts_with("exit"))
            .count()
            + 1;
        let suffix = if number == 1 {
            String::new()
        } else {
            format!(" {number}")
        };
        for (name, text) in [("stdout", output.out), ("stderr", output.err)] {
            if !text.is_empty() {
                self.outputs
                    .push((format!("{name}{suffix}"), self.normalised(&text)));
            }
        }
        self.outputs.push((format!("exit{suffix}"), exit + "\n"));
        Ok(())
    }

    fn kcc(&self, args: &[String]) -> Result<CommandOutput, String> {
        let mut command = kcc(&self.root);
        // An ordinary user gets permission errors without a switch.
        if let Some(user) = self.user
            && is_root()
        {
            // The other user may have no access to the target directory.
            let copy = self.root.with_file_name("kcc");
            // Copy in another process. A file that this process has open for
            // writing is inherited by the programs that other cases start at
            // the same time, and a file open for writing cannot be executed.
            let copied = Command::new("cp").arg(binary()).arg(&copy).status();
            if !copied.map_err(|error| error.to_string())?.success() {
                return Err(format!("cannot copy `{}`", binary().display()));
            }
            let scratch = self.root.parent().unwrap_or(&self.root);
            fs::set_permissions(scratch, fs::Permissions::from_mode(0o755))
                .map_err(|error| error.to_string())?;
            command = isolated(&copy, &self.root);
            command.uid(user).gid(user);
        }
        // The first run finds the cache empty, unless it repeats a question of another
        // command of the case; the second one must say the same from the cache.
        let cache = self.root.with_file_name("cache");
        command.env("KCC_CACHE", cache).args(args).envs(&self.env);
        let output = CommandOutput::of(&mut command);
        let reads = |word: &String| READING.contains(&word.as_str());
        if args.iter().any(reads) && !args.iter().any(|arg| arg == "-o" || arg == "--watch") {
            let cached = CommandOutput::of(&mut command);
            let parts =
                |output: &CommandOutput| (output.code, output.out.clone(), output.err.clone());
            if parts(&cached) != parts(&output) {
                return Err(format!("the second run says something else:\n{cached:?}"));
            }
        }
        Ok(output)
    }

    /// Replaces everything in an output that depends on the machine.
    fn normalised(&self, text: &str) -> String {
        let scratch = self.root.parent().unwrap_or(&self.root);
        let mut text = text
            .replace(&self.root.display().to_string(), "[ROOT]")
            .replace(&scratch.display().to_string(), "[SCRATCH]")
            .replace(
                &format!("\"semanticVersion\": \"{}\"", env!("CARGO_PKG_VERSION")),
                "\"semanticVersion\": \"[VERSION]\"",
            )
            .replace(concat!("kcc ", env!("CARGO_PKG_VERSION")), "kcc [VERSION]")
            // Make colour visible to the reader of a case.
            .replace('\u{1b}', "[ESC]");
        text = without_schema_lines(&text);
        // `tests/pages` checks the pages themselves.
        for code in Code::ALL {
            let page = serde_json::to_string(code.page()).unwrap_or_default();
            text = text
                .replace(&page, &format!("\"[PAGE of {code}]\""))
                .replace(code.page(), &format!("[PAGE of {code}]\n"));
        }
        if !text.ends_with('\n') {
            text = format!("{text}\n{NO_NEWLINE}");
        }
        text
    }
}

/// Replaces the digits of locations in kcc's schema by `#`: its lines move with
/// every field that is added to it.
fn without_schema_lines(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("schema/") {
        let (before, tail) = rest.split_at(at);
        out += before;
        let name_end = tail
            .find(".cue")
            .map(|end| end + ".cue".len())
            .filter(|end| !tail[..*end].contains(|c: char| c.is_whitespace() || c == '"'));
        let Some((name, after)) = name_end.map(|end| tail.split_at(end)) else {
            out += "schema/";
            rest = &tail["schema/".len()..];
            continue;
        };
        out += name;
        let length = match after.find("\"team\":") {
            Some(length) if after.starts_with("\",\"line\":") => length,
            _ => after
                .find(|c: char| !c.is_ascii_digit() && c != ':')
                .unwrap_or(after.len()),
        };
        out += &after[..length].replace(|c: char| c.is_ascii_digit(), "#");
        rest = &after[length..];
    }
    out + rest
}

/// Checks that a closed pipe is not an error, as in `kcc render | head`.
pub(crate) fn a_closed_stdout_is_not_an_error() -> Result<(), String> {
    let mut child = kcc(Path::new("/"))
        .args(["completions", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    // Close the pipe before reading anything.
    drop(child.stdout.take());
    let mut stderr = String::new();
    if let Some(mut pipe) = child.stderr.take() {
        pipe.read_to_string(&mut stderr)
            .map_err(|error| error.to_string())?;
    }
    let status = child.wait().map_err(|error| error.to_string())?;
    if status.code() != Some(0) || !stderr.is_empty() {
        return Err(format!("{status}: {stderr}"));
    }
    Ok(())
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
}

fn bytes(hex: &str) -> Result<Vec<u8>, String> {
    hex.as_bytes()
        .chunks(2)
        .map(|pair| {
            let pair = std::str::from_utf8(pair).map_err(|error| error.to_string())?;
            u8::from_str_radix(pair, 16).map_err(|error| error.to_string())
        })
        .collect()
}

/// Splits a line into words; double quotes enclose words with spaces.
fn words(line: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            ' ' if !quoted => words.extend(word.take()),
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    if quoted {
        Err("a quote is not closed".into())
    } else {
        Ok(words)
    }
}
