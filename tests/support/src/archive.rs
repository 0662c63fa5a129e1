//! [`Archive`]: a text with named sections, in txtar format.
//!
//! The text before the first marker (`-- name --`) is the comment. Each marker
//! starts a section, which extends to the next marker and ends with a newline.

/// A comment and named sections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archive {
    /// The text before the first section.
    pub comment: String,
    /// The names and contents of the sections.
    pub sections: Vec<(String, String)>,
}

impl Archive {
    /// Parses an archive; any text is valid.
    pub fn parse(text: &str) -> Self {
        let mut archive = Self {
            comment: String::new(),
            sections: Vec::new(),
        };
        for line in text.split_inclusive('\n') {
            if let Some(name) = marker(line) {
                archive.sections.push((name.to_owned(), String::new()));
            } else if let Some((_, content)) = archive.sections.last_mut() {
                content.push_str(line);
            } else {
                archive.comment.push_str(line);
            }
        }
        archive
    }

    /// Formats the archive.
    pub fn to_text(&self) -> String {
        let mut text = self.comment.clone();
        for (name, content) in &self.sections {
            text.extend(["-- ", name, " --\n", content]);
            if !content.is_empty() && !content.ends_with('\n') {
                text.push('\n');
            }
        }
        text
    }
}

fn marker(line: &str) -> Option<&str> {
    line.trim_end()
        .strip_prefix("-- ")?
        .strip_suffix(" --")
        .map(str::trim)
}
