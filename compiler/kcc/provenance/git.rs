//! The commits that introduced lines, as reported by `git blame`.
//!
//! Without git, outside a repository or if git fails, lines have no commit: kcc does
//! not require a repository.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::{Command, Stdio},
};

use jiff::{
    Timestamp, Zoned,
    tz::{Offset, TimeZone},
};
use kcc_plan::revision::Repository;
use serde::{Serialize, Serializer};
use tempfile::TempDir;

use crate::failure::Failure;

/// The length of abbreviated hashes, as in `git blame`.
const ABBREVIATED: usize = 8;

/// A commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Commit {
    /// The full hash.
    pub hash: String,
    /// The author's name.
    pub author: String,
    /// The author's date, with the author's UTC offset.
    #[serde(serialize_with = "rfc3339")]
    pub date: Zoned,
}

impl Commit {
    /// Returns the abbreviated hash.
    pub fn short(&self) -> &str {
        self.hash.get(..ABBREVIATED).unwrap_or(&self.hash)
    }

    /// Returns the author's local date, such as `2026-11-24`.
    pub fn day(&self) -> String {
        self.date.strftime("%Y-%m-%d").to_string()
    }
}

fn git(root: &Path, args: &[&str]) -> Option<String> {
    git_with(root, args, None)
}

fn git_with(root: &Path, args: &[&str], index: Option<&Path>) -> Option<String> {
    let output = Command::new("git")
        .arg("-C")
        .arg(root)
        .args(args)
        .env("LC_ALL", "C")
        .env("GIT_OPTIONAL_LOCKS", "0")
        .envs(index.map(|index| ("GIT_INDEX_FILE", index)))
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    output.status.success().then_some(text)
}

/// Writes the files that a revision has below a directory of a repository to a temporary
/// one. The repository and its index stay as they are.
pub fn checkout(directory: &Path, revision: &str) -> Result<TempDir, Failure> {
    let failed = |help: &str| {
        let message = format!("git has no revision `{revision}` of the system");
        Failure::usage(message, help.to_owned())
    };
    if revision.starts_with('-') {
        return Err(failed(
            "name a commit, a branch or a tag, such as `main` or `HEAD~1`",
        ));
    }
    let top = git(directory, &["rev-parse", "--show-toplevel"])
        .ok_or_else(|| failed("run the command in a git repository, with git installed"))?;
    let prefix = git(directory, &["rev-parse", "--show-prefix"]).unwrap_or_default();
    let tree = format!("{revision}:{}", prefix.trim_end_matches('\n'));
    let cannot_write = |error| Failure::io("cannot write a temporary directory", error);
    let scratch = tempfile::tempdir().map_err(cannot_write)?;
    let index = scratch.path().join(".kcc-index");
    let to = format!("--prefix={}/", scratch.path().display());
    let read = ["read-tree", tree.as_str()];
    let write = ["checkout-index", "--all", "--quiet", to.as_str()];
    for args in [&read[..], &write] {
        let top = Path::new(top.trim_end_matches('\n'));
        if git_with(top, args, Some(&index)).is_none() {
            return Err(failed(
                "name a commit, a branch or a tag, such as `main` or `HEAD~1`",
            ));
        }
    }
    std::fs::remove_file(index).map_err(cannot_write)?;
    Ok(scratch)
}

/// Returns the facts about the repository of a directory below the system's root; none
/// without git, or outside a repository.
pub(super) fn repository(root: &Path, directory: &str) -> Option<Repository> {
    let at = root.join(directory);
    let status = ["status", "--porcelain=v2", "--branch", "--", "."];
    let mut repository = parse_status(&git(&at, &status)?);
    let remotes = git(&at, &["config", "--get-regexp", r"^remote\..*\.url$"]);
    repository.remote = remotes.as_deref().and_then(remote);
    directory.clone_into(&mut repository.directory);
    Some(repository)
}

/// Parses the output of `git status --porcelain=v2 --branch`.
fn parse_status(text: &str) -> Repository {
    let mut repository = Repository::default();
    for line in text.lines() {
        if let Some(commit) = line.strip_prefix("# branch.oid ") {
            repository.commit = (commit != "(initial)").then(|| commit.to_owned());
        } else if let Some(branch) = line.strip_prefix("# branch.head ") {
            repository.branch = (branch != "(detached)").then(|| branch.to_owned());
        } else if !line.starts_with('#') {
            repository.dirty = true;
        }
    }
    repository
}

/// Returns the URL of `origin`, or else of the first remote, without credentials.
fn remote(config: &str) -> Option<String> {
    let urls = config.lines().filter_map(|line| line.split_once(' '));
    let mut sorted: Vec<_> = urls.collect();
    sorted.sort_by_key(|(name, _)| *name != "remote.origin.url");
    let (_, url) = sorted.first()?;
    Some(without_credentials(url))
}

/// Removes a user and a password from a URL. The user of SSH says nothing secret.
fn without_credentials(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let Some((user, host)) = authority.rsplit_once('@') else {
        return url.to_owned();
    };
    match user.split_once(':') {
        None if scheme == "ssh" => url.to_owned(),
        Some((user, _)) if scheme == "ssh" => format!("{scheme}://{user}@{host}{path}"),
        _ => format!("{scheme}://{host}{path}"),
    }
}

pub(super) fn in_repository(root: &Path) -> bool {
    git(root, &["rev-parse", "--is-inside-work-tree"]).is_some_and(|answer| answer.trim() == "true")
}

/// Returns the text of a file at a commit.
pub(super) fn text(root: &Path, commit: &str, file: &str) -> Option<String> {
    git(root, &["show", &format!("{commit}:./{file}")])
}

/// Returns the commits of some lines of a file, as it is or as it was at a commit.
pub(super) fn blame_file(
    root: &Path,
    commit: Option<&str>,
    file: &str,
    lines: &BTreeSet<usize>,
) -> Option<BTreeMap<usize, Commit>> {
    let ranges: Vec<String> = lines
        .iter()
        .map(|line| format!("-L{line},{line}"))
        .collect();
    let mut args = vec!["blame", "--porcelain"];
    args.extend(ranges.iter().map(String::as_str));
    args.extend(commit);
    args.extend(["--", file]);
    Some(parse_porcelain(&git(root, &args)?))
}

/// Parses the output of `git blame --porcelain`: the commit and number of each line,
/// where the details of a commit follow its first occurrence.
fn parse_porcelain(text: &str) -> BTreeMap<usize, Commit> {
    // The author with seconds and UTC offset of the date.
    let mut commits: BTreeMap<&str, (String, i64, i32)> = BTreeMap::new();
    let mut numbers: Vec<(usize, &str)> = Vec::new();
    let mut hash = "";
    for line in text.lines() {
        if line.starts_with('\t') {
            hash = "";
            continue;
        }
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        if hash.is_empty() {
            hash = word;
            let number = rest
                .split(' ')
                .nth(1)
                .and_then(|number| number.parse().ok());
            numbers.extend(number.map(|number| (number, hash)));
            commits.entry(hash).or_default();
            continue;
        }
        let (author, seconds, offset) = commits.entry(hash).or_default();
        match word {
            "author" => rest.clone_into(author),
            "author-time" => *seconds = rest.parse().unwrap_or_default(),
            "author-tz" => *offset = parse_offset(rest),
            _ => {}
        }
    }
    numbers
        .into_iter()
        // A hash of zeros marks lines that are not committed.
        .filter(|(_, hash)| hash.contains(|c: char| c != '0'))
        .map(|(number, hash)| {
            let (author, seconds, offset) = commits[hash].clone();
            let commit = Commit {
                hash: hash.to_owned(),
                author,
                date: date(seconds, offset),
            };
            (number, commit)
        })
        .collect()
}

/// Parses an offset such as `+0130` into seconds.
fn parse_offset(text: &str) -> i32 {
    let number: i32 = text.parse().unwrap_or_default();
    (number / 100 * 60 + number % 100) * 60
}

/// Returns a point in time with a UTC offset. Git stores any number for either;
/// one that is out of range counts as zero.
fn date(seconds: i64, offset: i32) -> Zoned {
    let time = Timestamp::from_second(seconds).unwrap_or_default();
    let offset = Offset::from_seconds(offset).unwrap_or(Offset::UTC);
    time.to_zoned(TimeZone::fixed(offset))
}

fn rfc3339<S: Serializer>(date: &Zoned, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&date.strftime("%Y-%m-%dT%H:%M:%S%:z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_porcelain_with_uncommitted_lines() {
        let hash = "a".repeat(40);
        let zeros = "0".repeat(40);
        let text = format!(
            "{hash} 3 4 1\nauthor Ada L\nauthor-mail <a@b>\nauthor-time 1764025213\n\
             author-tz +0130\nsummary author of 0\nfilename web.cue\n\tauthor: 1\n\
             {hash} 5 6\n\tx\n{zeros} 7 7 1\nauthor Not Committed Yet\nauthor-time 1\n\ty\n"
        );
        let commits = parse_porcelain(&text);
        assert_eq!(commits.keys().copied().collect::<Vec<_>>(), [4, 6]);
        let commit = &commits[&6];
        assert_eq!(
            (commit.author.as_str(), commit.short()),
            ("Ada L", "aaaaaaaa")
        );
        let json = serde_json::to_value(commit).unwrap();
        assert_eq!(json["date"], "2025-11-25T00:30:13+01:30");
    }

    #[test]
    fn reads_the_state_of_a_repository() {
        let text = "# branch.oid 1234\n# branch.head main\n# branch.ab +0 -0\n";
        let clean = parse_status(text);
        assert_eq!(clean.commit.as_deref(), Some("1234"));
        assert_eq!(clean.branch.as_deref(), Some("main"));
        assert!(!clean.dirty);
        assert!(parse_status(&format!("{text}? teams/new.cue\n")).dirty);
        let new = parse_status("# branch.oid (initial)\n# branch.head (detached)\n");
        assert_eq!((new.commit, new.branch), (None, None));
    }

    #[test]
    fn a_remote_shows_no_credentials() {
        for (url, shown) in [
            (
                "https://u:secret@git.acme/shop.git",
                "https://git.acme/shop.git",
            ),
            (
                "https://token@git.acme/shop.git",
                "https://git.acme/shop.git",
            ),
            (
                "https://git.acme/a@b/shop.git",
                "https://git.acme/a@b/shop.git",
            ),
            ("ssh://git:secret@git.acme/shop", "ssh://git@git.acme/shop"),
            ("git@git.acme:shop.git", "git@git.acme:shop.git"),
            ("/srv/shop.git", "/srv/shop.git"),
        ] {
            assert_eq!(without_credentials(url), shown);
        }
        let config =
            "remote.fork.url https://git.acme/fork\nremote.origin.url https://git.acme/shop\n";
        assert_eq!(remote(config).as_deref(), Some("https://git.acme/shop"));
    }

    #[test]
    fn tolerates_any_date_that_git_stores() {
        assert_eq!(parse_offset("-0330"), -210 * 60);
        let text = |seconds, offset| date(seconds, offset).strftime("%F %:z").to_string();
        for (seconds, day) in [
            (0, "1970-01-01"),
            (951_782_400, "2000-02-29"),
            (1_709_164_799, "2024-02-28"),
            (4_107_542_400, "2100-03-01"),
            (-1, "1969-12-31"),
        ] {
            assert_eq!(text(seconds, 0), format!("{day} +00:00"));
        }
        assert_eq!(text(0, -210 * 60), "1969-12-31 -03:30");
        assert_eq!(text(i64::MAX, i32::MAX), "1970-01-01 +00:00");
    }
}
