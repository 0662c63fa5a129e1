//! Texts of the cluster in messages.

/// Returns a text of the cluster as one line of limited length.
pub(crate) fn one_line(text: &str) -> String {
    const WIDTH: usize = 300;
    let words: Vec<_> = text.split_whitespace().collect();
    let text = words.join(" ");
    match text.char_indices().nth(WIDTH) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
