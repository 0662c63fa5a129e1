//! Fragments in documents: fenced blocks, and the files inside of them.
//!
//! A line such as `// teams/storefront/web.cue` starts a file. It is a comment, so a
//! reader can copy the whole block. It takes the place of the package clause if the
//! file has none, so that line numbers match what a reader counts.

/// The closing line of a block.
const END: &str = "```\n";

/// A file in a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockFile<'a> {
    /// The name; none for lines before the first name.
    pub name: Option<&'a str>,
    /// The text after the line with the name.
    pub text: &'a str,
}

/// Splits a text into the parts before, inside and after its first block with a
/// language, such as `cue right`. The part before includes the opening line.
pub fn block<'a>(text: &'a str, language: &str) -> Option<(&'a str, &'a str, &'a str)> {
    let fence = format!("\n```{language}\n");
    let start = text.find(&fence)? + fence.len();
    let inside = &text[start..];
    let end = if inside.starts_with(END) {
        0
    } else {
        inside.find(&format!("\n{END}"))? + 1
    };
    Some((&text[..start], &inside[..end], &inside[end + END.len()..]))
}

/// Returns the contents of all blocks with a language.
pub fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((_, inside, after)) = block(rest, language) {
        found.push(inside);
        rest = after;
    }
    found
}

/// Splits a block into files.
pub fn files(block: &str) -> Vec<BlockFile<'_>> {
    let mut files = Vec::new();
    let (mut name, mut start) = (None, 0);
    let mut at = 0;
    for line in block.split_inclusive('\n') {
        if let Some(next) = file_name(line) {
            let text = &block[start..at];
            if name.is_some() || !text.is_empty() {
                files.push(BlockFile { name, text });
            }
            (name, start) = (Some(next), at + line.len());
        }
        at += line.len();
    }
    let text = &block[start..];
    if name.is_some() || !text.is_empty() {
        files.push(BlockFile { name, text });
    }
    files
}

/// Returns the name in a line that starts a file.
fn file_name(line: &str) -> Option<&str> {
    let name = line.trim_end().strip_prefix("// ")?;
    let is_name = name
        .strip_suffix(".cue")
        .is_some_and(|stem| !stem.contains([' ', '`']));
    is_name.then_some(name)
}

impl BlockFile<'_> {
    /// Returns the text with a package clause.
    pub fn with_clause(&self) -> String {
        let has_clause = self.text.lines().any(|line| line.starts_with("package "));
        match (self.name, has_clause) {
            (Some(name), true) => format!("// {name}\n{}", self.text),
            (None, true) => self.text.to_owned(),
            (_, false) => format!("package shop\n{}", self.text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_files_of_all_blocks() {
        let text = "a\n```cue\nb\n```\nc\n```cue right\n```\n```cue\nx: 1\n// t/d.cue\ny: 2\n// e.cue\n```\n";
        assert_eq!(blocks(text, "cue right"), [""]);
        let found = blocks(text, "cue");
        assert_eq!(found, ["b\n", "x: 1\n// t/d.cue\ny: 2\n// e.cue\n"]);
        let file = |name, text| BlockFile { name, text };
        assert_eq!(
            files(found[1]),
            [
                file(None, "x: 1\n"),
                file(Some("t/d.cue"), "y: 2\n"),
                file(Some("e.cue"), "")
            ]
        );
    }

    #[test]
    fn a_name_takes_the_place_of_a_package_clause() {
        let clause = |text: &str| files(text)[0].with_clause();
        assert_eq!(clause("// a.cue\nx: 1\n"), "package shop\nx: 1\n");
        assert_eq!(
            clause("// a.cue\npackage s\nx: 1\n"),
            "// a.cue\npackage s\nx: 1\n"
        );
        assert_eq!(clause("x: 1\n"), "package shop\nx: 1\n");
    }
}
