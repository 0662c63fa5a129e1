//! Fragments in the middle of being edited: pieces are missing, duplicated, moved or replaced.

use crate::systems::Random;

/// Pieces that someone may have typed.
const PIECES: [&str; 40] = [
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"",
    "&",
    "|",
    "...",
    "_",
    "#",
    "?",
    "!",
    "*",
    "if ",
    "for ",
    "let ",
    "null",
    "_|_",
    "services",
    "on",
    "policies",
    "require",
    "defaults",
    "secret",
    "@",
    "\\(",
    "\n",
    "0",
    "-1",
    "\"x\"",
    "image",
    ">=",
    "=~",
    "package x",
    "é",
    "'",
    "//",
    "in",
];

/// Edits some of the files.
pub(crate) fn scramble(files: &mut [(String, String)], random: &mut Random) {
    for _ in 0..=random.below(4) {
        let at = random.below(files.len());
        let text = &mut files[at].1;
        *text = edited(text, random);
    }
}

fn edited(text: &str, random: &mut Random) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    let mut lines: Vec<&str> = text.lines().collect();
    if chars.is_empty() || lines.is_empty() {
        return PIECES[random.below(PIECES.len())].to_owned();
    }
    let (char, line) = (random.below(chars.len()), random.below(lines.len()));
    match random.below(5) {
        0 => {
            let piece = PIECES[random.below(PIECES.len())];
            chars.splice(char..char, piece.chars());
        }
        1 => {
            let end = chars.len().min(char + 1 + random.below(12));
            chars.drain(char..end);
        }
        2 => {
            lines.insert(random.below(lines.len()), lines[line]);
            return lines.join("\n") + "\n";
        }
        3 => {
            lines.remove(line);
            return lines.join("\n") + "\n";
        }
        _ => {
            let mut words: Vec<&str> = text.split(' ').collect();
            let (one, two) = (random.below(words.len()), random.below(words.len()));
            words.swap(one, two);
            return words.join(" ");
        }
    }
    chars.into_iter().collect()
}
