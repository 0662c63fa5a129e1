//! [`Page`]: the examples of a page, and the position of kcc's output in it.

use std::collections::BTreeMap;

/// The texts of files by name.
pub(crate) type Files = BTreeMap<String, String>;

/// The examples of a page.
#[derive(Debug)]
pub(crate) struct Page<'a> {
    /// The files with the mistake.
    pub(crate) wrong: Files,
    /// The files without it.
    pub(crate) right: Files,
    /// The command of the example, such as `kcc check`.
    pub(crate) command: String,
    /// The text of the page before and after the output.
    around: (&'a str, &'a str),
    /// True if the output contains source excerpts.
    frames: bool,
}

/// The opening line of a block with correct files.
const RIGHT: &str = "```cue right\n";
/// The file name for a block of a page without one.
const SYSTEM: &str = "kcc.cue";
/// The closing line of a block.
const END: &str = "```\n";

impl<'a> Page<'a> {
    /// Parses the examples of a page; `None` if it shows no mistake in fragments.
    pub(crate) fn parse(text: &'a str) -> Result<Option<Self>, String> {
        let Some((_, wrong, rest)) = block(text, "```cue wrong\n") else {
            return Ok(None);
        };
        let (_, output, rest) = block(rest, "```text\n").ok_or("no ```text block")?;
        let (_, right, _) = block(rest, RIGHT).ok_or("no ```cue right block")?;
        let (first, output) = output
            .split_once('\n')
            .ok_or("the ```text block has no command")?;
        let command = first
            .strip_prefix("$ ")
            .ok_or("the ```text block does not start with a command")?;
        let wrong = files(wrong, SYSTEM);
        let mut corrected = wrong.clone();
        corrected.extend(files(right, SYSTEM));
        let start = output.as_ptr() as usize - text.as_ptr() as usize;
        let frames = output.contains("╭─");
        Ok(Some(Self {
            wrong,
            right: corrected,
            command: command.to_owned(),
            around: (&text[..start], &text[start + output.len()..]),
            frames,
        }))
    }

    /// Returns the page with these diagnostics as its output.
    pub(crate) fn with_output(&self, diagnostics: &[String]) -> String {
        let shown: Vec<String> = diagnostics
            .iter()
            .map(|text| {
                if self.frames {
                    text.clone()
                } else {
                    without_frames(text)
                }
            })
            .collect();
        format!("{}{}{}", self.around.0, shown.join("\n"), self.around.1)
    }
}

/// Returns the files of every block with correct files in a document.
pub(crate) fn examples(text: &str) -> Vec<Files> {
    let mut examples = Vec::new();
    let mut rest = text;
    while let Some((_, right, after)) = block(rest, RIGHT) {
        let mut example = files(right, "example.cue");
        if example.contains_key("example.cue") {
            // A system without teams has no ownership rules.
            let system = "package shop\n\nsystem: name: \"shop\"\n".to_owned();
            example.entry(SYSTEM.to_owned()).or_insert(system);
        }
        examples.push(example);
        rest = after;
    }
    examples
}

/// Splits a text into the parts before, inside and after a block.
fn block<'a>(text: &'a str, fence: &str) -> Option<(&'a str, &'a str, &'a str)> {
    let at = text.find(&format!("\n{fence}"))? + 1;
    let inside = &text[at + fence.len()..];
    let end = if inside.starts_with(END) {
        0
    } else {
        inside.find(&format!("\n{END}"))? + 1
    };
    Some((&text[..at], &inside[..end], &inside[end + END.len()..]))
}

/// Splits a block into files; lines before the first file name belong to `first`.
fn files(block: &str, first: &'static str) -> Files {
    let mut files: Vec<(&str, String)> = Vec::new();
    for line in block.split_inclusive('\n') {
        if let Some(name) = file_name(line) {
            files.push((name, line.to_owned()));
        } else if let Some((_, text)) = files.last_mut() {
            text.push_str(line);
        } else {
            files.push((first, line.to_owned()));
        }
    }
    files
        .into_iter()
        .map(|(name, text)| (name.to_owned(), with_clause(&text)))
        .collect()
}

/// Returns the name in a line that starts a file.
fn file_name(line: &str) -> Option<&str> {
    let name = line.trim_end().strip_prefix("// ")?;
    let is_name = name
        .strip_suffix(".cue")
        .is_some_and(|stem| !stem.contains([' ', '`']));
    is_name.then_some(name)
}

/// Adds a package clause to a file without one, in the place of its name.
fn with_clause(text: &str) -> String {
    if text.lines().any(|line| line.starts_with("package ")) {
        return text.to_owned();
    }
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    if file_name(first).is_some() {
        format!("package shop\n{rest}")
    } else {
        format!("package shop\n{text}")
    }
}

/// Removes the source excerpts from a diagnostic.
fn without_frames(diagnostic: &str) -> String {
    let mut inside = false;
    let mut rest = String::new();
    for line in diagnostic.split_inclusive('\n') {
        inside = inside || line.trim_start().starts_with("╭─[");
        if !inside {
            rest.push_str(line);
        }
        inside = inside && line.trim() != "╰────";
    }
    rest
}
