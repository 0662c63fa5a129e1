//! [`Archive`]: a text with named sections, in the format of txtar.
//!
//! What stands before the first marker (`-- name --`) is the comment; each
//! marker begins a section that ends before the next one. Every section ends
//! with a line end.

/// A comment and named sections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Archive {
    /// What stands before the first section.
    pub(crate) comment: String,
    /// Names and contents.
    pub(crate) sections: Vec<(String, String)>,
}

impl Archive {
    /// Reads an archive; every text is one.
    pub(crate) fn parse(text: &str) -> Self {
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

    /// Writes the archive.
    pub(crate) fn to_text(&self) -> String {
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
