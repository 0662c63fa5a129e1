//! The commits that introduced lines, as reported by `git blame`.
//!
//! Without git, outside a repository or if git fails, lines have no commit: kcc does
//! not require a repository.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::{Command, Stdio},
};

use serde::{Serialize, Serializer};

/// The length of abbreviated hashes, as in `git blame`.
const ABBREVIATED: usize = 8;

/// A commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Commit {
    /// The full hash.
    pub hash: String,
    /// The author's name.
    pub author: String,
    /// The author's date.
    #[serde(serialize_with = "rfc3339")]
    pub date: Date,
}

/// A point in time with the author's UTC offset.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Date {
    /// Seconds since the Unix epoch.
    pub seconds: i64,
    /// The UTC offset in minutes.
    pub offset: i64,
}

impl Commit {
    /// Returns the abbreviated hash.
    pub fn short(&self) -> &str {
        self.hash.get(..ABBREVIATED).unwrap_or(&self.hash)
    }
}

fn git(root: &Path, args: &[&str]) -> Option<String> {
    let output = Command::new("git")
        .arg("-C")
        .arg(root)
        .args(args)
        .env("LC_ALL", "C")
        .env("GIT_OPTIONAL_LOCKS", "0")
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    output.status.success().then_some(text)
}

pub(super) fn in_repository(root: &Path) -> bool {
    git(root, &["rev-parse", "--is-inside-work-tree"]).is_some_and(|answer| answer.trim() == "true")
}

pub(super) fn blame_file(
    root: &Path,
    file: &str,
    lines: &BTreeSet<usize>,
) -> Option<BTreeMap<usize, Commit>> {
    let ranges: Vec<String> = lines
        .iter()
        .map(|line| format!("-L{line},{line}"))
        .collect();
    let mut args = vec!["blame", "--porcelain"];
    args.extend(ranges.iter().map(String::as_str));
    args.extend(["--", file]);
    Some(parse_porcelain(&git(root, &args)?))
}

/// Parses the output of `git blame --porcelain`: the commit and number of each line,
/// where the details of a commit follow its first occurrence.
fn parse_porcelain(text: &str) -> BTreeMap<usize, Commit> {
    let mut commits: BTreeMap<&str, (String, Date)> = BTreeMap::new();
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
        let (author, date) = commits.entry(hash).or_default();
        match word {
            "author" => rest.clone_into(author),
            "author-time" => date.seconds = rest.parse().unwrap_or_default(),
            "author-tz" => date.offset = parse_offset(rest),
            _ => {}
        }
    }
    numbers
        .into_iter()
        // A hash of zeros marks lines that are not committed.
        .filter(|(_, hash)| hash.contains(|c: char| c != '0'))
        .map(|(number, hash)| {
            let (author, date) = commits[hash].clone();
            let hash = hash.to_owned();
            (number, Commit { hash, author, date })
        })
        .collect()
}

/// Parses an offset such as `+0130` into minutes.
fn parse_offset(text: &str) -> i64 {
    let number: i64 = text.parse().unwrap_or_default();
    number / 100 * 60 + number % 100
}

impl Date {
    /// Formats the author's local date, such as `2026-11-24`.
    pub fn day(self) -> String {
        let (year, month, day) = self.calendar();
        format!("{year:04}-{month:02}-{day:02}")
    }

    fn local_seconds(self) -> i64 {
        self.seconds.saturating_add(self.offset * 60)
    }

    /// Computes year, month and day in the Gregorian calendar. Counts in eras of
    /// 400 years that begin in March, so that leap days are at the end of a year.
    fn calendar(self) -> (i64, i64, i64) {
        let days = self.local_seconds().div_euclid(86_400) + 719_468;
        let era = days.div_euclid(146_097);
        let of_era = days.rem_euclid(146_097);
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * march_month + 2) / 5 + 1;
        let month = if march_month < 10 {
            march_month + 3
        } else {
            march_month - 9
        };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        (year, month, day)
    }
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks for a reference"
)]
fn rfc3339<S: Serializer>(date: &Date, serializer: S) -> Result<S::Ok, S::Error> {
    let second = date.local_seconds().rem_euclid(86_400);
    let sign = if date.offset < 0 { '-' } else { '+' };
    let offset = date.offset.abs();
    serializer.serialize_str(&format!(
        "{}T{:02}:{:02}:{:02}{sign}{:02}:{:02}",
        date.day(),
        second / 3600,
        second / 60 % 60,
        second % 60,
        offset / 60,
        offset % 60
    ))
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
    fn formats_days_of_the_gregorian_calendar() {
        for (seconds, day) in [
            (0, "1970-01-01"),
            (951_782_400, "2000-02-29"),
            (1_709_164_799, "2024-02-28"),
            (4_107_542_400, "2100-03-01"),
            (-1, "1969-12-31"),
        ] {
            assert_eq!(Date { seconds, offset: 0 }.day(), day);
        }
        assert_eq!(parse_offset("-0330"), -210);
    }
}
