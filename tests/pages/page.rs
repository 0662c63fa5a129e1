//! [`Page`]: the examples of a page, and the position of kcc's output in it.

use std::collections::BTreeMap;

use kcc_test_support::documents::{block, blocks, files};

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

/// The language of a block with correct files.
const RIGHT: &str = "cue right";
/// The file name for a block of a page without one.
const SYSTEM: &str = "kcc.cue";

impl<'a> Page<'a> {
    /// Parses the examples of a page; `None` if it shows no mistake in fragments.
    pub(crate) fn parse(text: &'a str) -> Result<Option<Self>, String> {
        let Some((_, wrong, rest)) = block(text, "cue wrong") else {
            return Ok(None);
        };
        let (_, output, rest) = block(rest, "text").ok_or("no ```text block")?;
        let (_, right, _) = block(rest, RIGHT).ok_or("no ```cue right block")?;
        let (first, output) = output
            .split_once('\n')
            .ok_or("the ```text block has no command")?;
        let command = first
            .strip_prefix("$ ")
            .ok_or("the ```text block does not start with a command")?;
        let wrong = named(wrong, SYSTEM);
        let mut corrected = wrong.clone();
        corrected.extend(named(right, SYSTEM));
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
    for right in blocks(text, RIGHT) {
        let mut example = named(right, "example.cue");
        if example.contains_key("example.cue") {
            // A system without teams has no ownership rules.
            let system = "package shop\n\nsystem: name: \"shop\"\n".to_owned();
            example.entry(SYSTEM.to_owned()).or_insert(system);
        }
        examples.push(example);
    }
    examples
}

/// Returns the files of a block; lines before the first name belong to `first`.
fn named(block: &str, first: &str) -> Files {
    let files = files(block).into_iter();
    files
        .map(|file| (file.name.unwrap_or(first).to_owned(), file.with_clause()))
        .collect()
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
