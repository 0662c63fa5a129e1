//! Splits the text output of kcc into diagnostics.

use kcc_diag::Code;

/// Returns the diagnostics with a code, each ending with a newline.
pub(crate) fn diagnostics_of(code: Code, text: &str) -> Vec<String> {
    let all = diagnostics(text).into_iter();
    all.filter(|(other, _)| other == code.as_str())
        .map(|(_, text)| text)
        .collect()
}

/// Returns the codes of all diagnostics.
pub(crate) fn codes(text: &str) -> Vec<String> {
    diagnostics(text)
        .into_iter()
        .map(|(code, _)| code)
        .collect()
}

/// Returns all diagnostics with their codes.
fn diagnostics(text: &str) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = Vec::new();
    let mut open = false;
    for line in text.lines() {
        if let Some(code) = code_of(line) {
            all.push((code.to_owned(), String::new()));
            open = true;
        }
        // A diagnostic continues only on indented and empty lines.
        open = open && (code_of(line).is_some() || line.is_empty() || line.starts_with(' '));
        if let (true, Some((_, text))) = (open, all.last_mut()) {
            text.push_str(line);
            text.push('\n');
        }
    }
    for (_, text) in &mut all {
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    all
}

/// Returns the code in a first line such as `error[kcc::eval::conflict] in prod`.
fn code_of(line: &str) -> Option<&str> {
    let rest = line
        .strip_prefix("error[")
        .or_else(|| line.strip_prefix("warning["))?;
    rest.split_once(']').map(|(code, _)| code)
}
