//! [`Page`]: the examples of a page, and the place of what kcc says.

use std::collections::BTreeMap;

/// Texts by the names of their files.
pub(crate) type Files = BTreeMap<String, String>;

/// The examples of a page.
#[derive(Debug)]
pub(crate) struct Page<'a> {
    /// The files with the mistake.
    pub(crate) wrong: Files,
    /// The files without it.
    pub(crate) right: Files,
    /// The command that is shown, such as `kcc check`.
    pub(crate) command: String,
    /// What stands before and behind what kcc says.
    around: (&'a str, &'a str),
    /// Whether the lines themselves are shown.
    frames: bool,
}

/// The head of a block that is right.
const RIGHT: &str = "```cue right\n";
/// The file of a page's block that names none.
const SYSTEM: &str = "kcc.cue";
/// The end of a block.
const END: &str = "```\n";

impl<'a> Page<'a> {
    /// The examples of a page; none if it shows no mistake in fragments.
    pub(crate) fn parse(text: &'a str) -> Result<Option<Self>, String> {
        let Some((_, wrong, rest)) = block(text, "```cue wrong\n") else {
            return Ok(None);
        };
        let (_, said, rest) = block(rest, "```text\n").ok_or("there is no ```text block")?;
        let (_, right, _) = block(rest, RIGHT).ok_or("there is no ```cue right block")?;
        let (first, said) = said
            .split_once('\n')
            .ok_or("the ```text block has no command")?;
        let command = first
            .strip_prefix("$ ")
            .ok_or("the ```text block begins with no command")?;
        let wrong = files(wrong, SYSTEM);
        let mut mended = wrong.clone();
        mended.extend(files(right, SYSTEM));
        let start = said.as_ptr() as usize - text.as_ptr() as usize;
        let frames = said.contains("╭─");
        Ok(Some(Self {
            wrong,
            right: mended,
            command: command.to_owned(),
            around: (&text[..start], &text[start + said.len()..]),
            frames,
        }))
    }

    /// The page with what kcc says in its place.
    pub(crate) fn with_said(&self, diagnostics: &[String]) -> String {
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

/// The files of every block of a document that is right.
pub(crate) fn examples(text: &str) -> Vec<Files> {
    let mut examples = Vec::new();
    let mut rest = text;
    while let Some((_, right, after)) = block(rest, RIGHT) {
        let mut example = files(right, "example.cue");
        if example.contains_key("example.cue") {
            // Without teams nobody has to answer for a line of their own.
            let system = "package shop\n\nsystem: name: \"shop\"\n".to_owned();
            example.entry(SYSTEM.to_owned()).or_insert(system);
        }
        examples.push(example);
        rest = after;
    }
    examples
}

/// What stands before a block, in it and behind it.
fn block<'a>(text: &'a str, head: &str) -> Option<(&'a str, &'a str, &'a str)> {
    let at = text.find(&format!("\n{head}"))? + 1;
    let inside = &text[at + head.len()..];
    let end = if inside.starts_with(END) {
        0
    } else {
        inside.find(&format!("\n{END}"))? + 1
    };
    Some((&text[..at], &inside[..end], &inside[end + END.len()..]))
}

/// The files of a block; what stands before the first name is in a file of the
/// given one.
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

/// The name in a line that begins a file.
fn file_name(line: &str) -> Option<&str> {
    let name = line.trim_end().strip_prefix("// ")?;
    let is_name = name
        .strip_suffix(".cue")
        .is_some_and(|stem| !stem.contains([' ', '`']));
    is_name.then_some(name)
}

/// A file with a package clause, in the place of its name if it has none.
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

/// A diagnostic without the lines of fragments that it shows.
fn without_frames(diagnostic: &str) -> String {
    let mut inside = false;
    let mut kept = String::new();
    for line in diagnostic.split_inclusive('\n') {
        inside = inside || line.trim_start().starts_with("╭─[");
        if !inside {
            kept.push_str(line);
        }
        inside = inside && line.trim() != "╰────";
    }
    kept
}
