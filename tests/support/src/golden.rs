//! Compares results with files of expectations, which `KCC_UPDATE=1` rewrites.

use std::{env, fmt::Write as _, fs, path::Path};

use crate::{FilesOfFolder, files_below, write};

/// Returns true if this run rewrites the expectations.
pub fn is_update() -> bool {
    env::var_os("KCC_UPDATE").is_some()
}

/// Compares a text with a file. The error shows the lines that differ.
pub fn check(path: &Path, actual: &str) -> Result<(), String> {
    let expected = fs::read_to_string(path).unwrap_or_default();
    if expected == actual && path.exists() {
        return Ok(());
    }
    if is_update() {
        write(path, actual);
        return Ok(());
    }
    Err(format!(
        "{} differs {}KCC_UPDATE=1 rewrites it\n",
        path.display(),
        difference(&expected, actual)
    ))
}

/// Compares files with those below a directory, which must contain no others. The
/// error has a line for each file that differs.
pub fn check_folder(folder: &Path, actual: &FilesOfFolder) -> Result<(), String> {
    let differing = differences(&files_below(folder), actual);
    if differing.is_empty() {
        return Ok(());
    }
    if is_update() {
        let _ = fs::remove_dir_all(folder);
        for (name, content) in actual {
            write(&folder.join(name), content);
        }
        return Ok(());
    }
    Err(format!(
        "{} differs:\n{}\nKCC_UPDATE=1 rewrites it\n",
        folder.display(),
        differing.join("\n")
    ))
}

/// Formats the lines from the first to the last that differ.
fn difference(expected: &str, actual: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), actual.lines().collect());
    let same = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let rest = old.len().min(new.len()) - same;
    let same_end = old
        .iter()
        .rev()
        .zip(new.iter().rev())
        .take(rest)
        .take_while(|(a, b)| a == b)
        .count();
    let mut text = format!("from line {}:\n", same + 1);
    for line in &old[same..old.len() - same_end] {
        let _ = writeln!(text, "- {line}");
    }
    for line in &new[same..new.len() - same_end] {
        let _ = writeln!(text, "+ {line}");
    }
    text
}

/// Describes the differences between two directories, one line per file.
fn differences(expected: &FilesOfFolder, actual: &FilesOfFolder) -> Vec<String> {
    let mut differences = Vec::new();
    for (name, content) in actual {
        match expected.get(name) {
            None => differences.push(format!("{name} is new")),
            Some(old) if old != content => {
                let (old, new) = (
                    String::from_utf8_lossy(old),
                    String::from_utf8_lossy(content),
                );
                let same = |(a, b): &(&str, &str)| a == b;
                let at = old.lines().zip(new.lines()).take_while(same).count();
                let line = |text: &str| text.lines().nth(at).unwrap_or("end of file").to_owned();
                differences.push(format!(
                    "{name}:{}: expected `{}`, found `{}`",
                    at + 1,
                    line(&old),
                    line(&new)
                ));
            }
            Some(_) => {}
        }
    }
    let missing = expected.keys().filter(|name| !actual.contains_key(*name));
    differences.extend(missing.map(|name| format!("{name} is missing")));
    differences
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_the_lines_that_differ() {
        assert_eq!(
            difference("a\nb\nc\nd\n", "a\nx\ny\nd\n"),
            "from line 2:\n- b\n- c\n+ x\n+ y\n"
        );
        assert_eq!(difference("a\n", "a\na\n"), "from line 2:\n+ a\n");
    }

    #[test]
    fn describes_a_difference_with_its_line() {
        let folder = |files: &[(&str, &str)]| -> FilesOfFolder {
            let owned =
                |(name, text): &(&str, &str)| ((*name).to_owned(), text.as_bytes().to_vec());
            files.iter().map(owned).collect()
        };
        let expected = folder(&[("a", "1\n2\n"), ("b", ""), ("same", "x")]);
        let actual = folder(&[("a", "1\n3\n"), ("c", ""), ("same", "x")]);
        assert_eq!(
            differences(&expected, &actual),
            ["a:2: expected `2`, found `3`", "c is new", "b is missing"]
        );
    }

    #[test]
    fn a_missing_file_differs_from_an_empty_text() {
        let folder = tempfile::tempdir().unwrap();
        if !is_update() {
            assert!(check(&folder.path().join("none"), "").is_err());
        }
    }
}
