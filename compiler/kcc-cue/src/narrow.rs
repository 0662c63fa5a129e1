//! [`narrow`]: the declarations that an evaluation stops at.
//!
//! The evaluator says nothing about a limit that it reached or a panic of its own,
//! so the fragments are evaluated again with less and less in them, until only
//! what makes it stop is left. Lines and indentation separate the
//! declarations: an unformatted fragment is narrowed down less far.

use std::ops::Range;

/// The most evaluations to spend.
const ATTEMPTS: usize = 80;

/// A declaration: the index of its file, and its bytes there.
pub(crate) type Declaration = (usize, Range<usize>);

/// Finds the innermost declarations without which `stops` no longer holds, in
/// their order. Empty where it does not hold to begin with, or without any.
pub(crate) fn narrow(texts: &[&str], stops: &mut dyn FnMut(&[String]) -> bool) -> Vec<Declaration> {
    let mut attempts = ATTEMPTS;
    let mut texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
    let mut stops = |texts: &[String]| {
        attempts = attempts.saturating_sub(1);
        attempts > 0 && stops(texts)
    };
    if !stops(&texts) {
        return Vec::new();
    }
    let outermost = (0..texts.len())
        .flat_map(|file| declarations(file, &texts[file], 0..texts[file].len()))
        .collect();
    let mut needed = Vec::new();
    let mut open = remove(&mut texts, outermost, &mut stops);
    while let Some((file, at)) = open.pop() {
        let inner = declarations(file, &texts[file], body(&texts[file], &at));
        let left = remove(&mut texts, inner, &mut stops);
        if left.is_empty() {
            needed.push((file, at));
        }
        open.extend(left);
    }
    needed.sort_by_key(|(file, at)| (*file, at.start));
    needed
}

/// Blanks out what can be spared, as much as possible at once, and returns the
/// rest.
fn remove(
    texts: &mut Vec<String>,
    mut left: Vec<Declaration>,
    stops: &mut dyn FnMut(&[String]) -> bool,
) -> Vec<Declaration> {
    let mut size = left.len();
    while size > 0 {
        let mut start = 0;
        while start < left.len() {
            let end = (start + size).min(left.len());
            let without = blanked(texts, &left[start..end]);
            if stops(&without) {
                *texts = without;
                left.drain(start..end);
            } else {
                start = end;
            }
        }
        size /= 2;
    }
    left
}

/// The texts without some declarations. Every other byte stays where it is.
pub(crate) fn blanked(texts: &[String], without: &[Declaration]) -> Vec<String> {
    let mut texts = texts.to_vec();
    for (file, at) in without {
        let text = &mut texts[*file];
        let blank: String = text[at.clone()]
            .bytes()
            .map(|byte| if byte == b'\n' { '\n' } else { ' ' })
            .collect();
        text.replace_range(at.clone(), &blank);
    }
    texts
}

/// The lines inside the brackets that a declaration opens on its first line and
/// closes on its last.
fn body(text: &str, at: &Range<usize>) -> Range<usize> {
    let inside = text[at.clone()].trim_end();
    match (inside.find('\n'), inside.rfind('\n')) {
        (Some(first), Some(last)) if first < last => at.start + first + 1..at.start + last + 1,
        _ => at.start..at.start,
    }
}

/// Splits lines into declarations: each begins at a line with the least
/// indentation. The package clause and the imports are none.
fn declarations(file: usize, text: &str, range: Range<usize>) -> Vec<Declaration> {
    let mut starts = Vec::new();
    let mut least = usize::MAX;
    let mut at = range.start;
    for line in text[range.clone()].split_inclusive('\n') {
        let content = line.trim_start();
        let indentation = line.len() - content.len();
        if !content.is_empty() && !content.starts_with(['}', ')', ']']) {
            if indentation < least {
                least = indentation;
                starts.clear();
            }
            if indentation == least {
                starts.push(at);
            }
        }
        at += line.len();
    }
    let is_head = |at: &Range<usize>| {
        let text = text[at.clone()].trim_start();
        text.starts_with("package ") || text.starts_with("import ") || text.starts_with("//")
    };
    let ends = starts.iter().skip(1).copied().chain([range.end]);
    let ranges = starts.iter().zip(ends).map(|(start, end)| *start..end);
    let ranges = ranges.filter(|at| !is_head(at));
    ranges.map(|at| (file, at)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEB: &str = "package s\n\nimport \"list\"\n\n// About web.\nservices: {\n\tweb: {\n\t\timage: \"a/b:1\"\n\t\targs: bad\n\t}\n\tapi: image: \"a/c:1\"\n}\njobs: x: good\n";
    const API: &str = "package s\n\nservices: api: good\n_x: {\n\tgood\n}\n";

    fn found(texts: &[&str], stops: &mut dyn FnMut(&[String]) -> bool) -> Vec<String> {
        narrow(texts, stops)
            .into_iter()
            .map(|(file, at)| texts[file][at].trim().to_owned())
            .collect()
    }

    #[test]
    fn finds_the_innermost_declaration() {
        let mut stops = |texts: &[String]| texts.concat().contains("bad");
        assert_eq!(found(&[API, WEB], &mut stops), ["args: bad"]);
    }

    #[test]
    fn finds_all_that_only_together_stop() {
        let mut stops = |texts: &[String]| {
            let all = texts.concat();
            all.contains("bad") && all.contains("_x: {\n\tgood")
        };
        assert_eq!(found(&[API, WEB], &mut stops), ["good", "args: bad"]);
    }

    #[test]
    fn keeps_the_head_and_every_offset() {
        let mut stops = |texts: &[String]| {
            assert!(texts[0].starts_with("package s\n\nimport \"list\"\n"));
            assert_eq!(texts[0].len(), WEB.len());
            texts[0].contains("bad")
        };
        assert_eq!(found(&[WEB], &mut stops), ["args: bad"]);
    }

    #[test]
    fn what_does_not_stop_again_has_no_place() {
        assert!(found(&[WEB], &mut |_| false).is_empty());
    }
}
