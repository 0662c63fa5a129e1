//! Checks that every code has a complete page and a test.

use kcc_diag::Code;

use crate::{
    assert_none,
    source::{Source, sources},
};

/// The minimum number of words on a page.
const MIN_WORDS: usize = 40;

/// The directories with tests that run the real binary or engines.
const TESTED_IN: [&str; 3] = ["tests/ui", "tests/e2e", "runtime"];

/// The opening line of an example that `tests/pages` runs.
const RUN: &str = "\n```cue wrong\n";

/// Codes that no test can cause, with the reason.
const UNTESTED: [(Code, &str); 0] = [];

fn incomplete_page(code: &str, page: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut complain = |what: &str| complaints.push(format!("the page of {code} {what}"));
    if page.lines().next() != Some(&format!("# {code}")) {
        complain("does not begin with the code");
    }
    if page.split_whitespace().count() < MIN_WORDS {
        complain("has fewer than 40 words");
    }
    for heading in ["## Example", "## What to do"] {
        if !page.lines().any(|line| line == heading) {
            complain(&format!("has no `{heading}`"));
        }
    }
    if page.matches("\n```").count() < 2 {
        complain("shows no code block");
    }
    complaints
}

/// Returns the test code of a source; `None` if it has none.
fn tests_of(source: Source) -> Option<Source> {
    if !source.name.starts_with("runtime/") || source.name.contains("/tests") {
        return Some(source);
    }
    let (_, text) = source.text.split_once("#[cfg(test)]")?;
    Some(Source {
        text: text.to_owned(),
        ..source
    })
}

/// Returns true if a text contains a code, and not only a longer one with the same
/// prefix.
fn names(text: &str, code: &str) -> bool {
    text.match_indices(code).any(|(at, _)| {
        let next = text[at + code.len()..].chars().next();
        !next.is_some_and(|c| c.is_ascii_alphanumeric() || c == '-')
    })
}

/// A code as text, its Rust path, and two flags: its page is run, it is excused.
type Known = (String, String, bool, bool);

fn untested(codes: &[Known], tests: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for (code, variant, run, excused) in codes {
        let by_test = |test: &Source| names(&test.text, code) || names(&test.text, variant);
        match (*run || tests.iter().any(by_test), excused) {
            (false, false) => complaints.push(format!("no test covers {code}")),
            (true, true) => complaints.push(format!("{code} is covered: remove its exception")),
            _ => {}
        }
    }
    complaints
}

#[test]
fn every_page_is_complete() {
    let complaints: Vec<_> = Code::ALL
        .iter()
        .flat_map(|code| incomplete_page(code.as_str(), code.page()))
        .collect();
    assert_none(&complaints);
}

#[test]
fn every_code_has_a_test() {
    let codes: Vec<Known> = Code::ALL
        .iter()
        .map(|code| {
            let run = code.page().contains(RUN);
            let excused = UNTESTED.iter().any(|(excused, _)| excused == code);
            (code.to_string(), format!("Code::{code:?}"), run, excused)
        })
        .collect();
    let tests: Vec<_> = sources(&TESTED_IN)
        .into_iter()
        .filter_map(tests_of)
        .collect();
    assert_none(&untested(&codes, &tests));
}

#[test]
fn every_page_has_a_code() {
    let pages = sources(&["compiler/kcc-diag/pages"]);
    let orphans: Vec<_> = pages
        .iter()
        .filter(|page| !Code::ALL.iter().any(|code| code.page() == page.text))
        .map(|page| format!("{} does not belong to a code", page.name))
        .collect();
    assert_none(&orphans);
}

#[test]
fn finds_incomplete_pages_and_untested_codes() {
    let full = format!(
        "# kcc::x::y\n\n{}\n\n## Example\n\n```cue\n```\n\n## What to do\n",
        "word ".repeat(40)
    );
    assert_eq!(incomplete_page("kcc::x::y", &full), [""; 0]);
    assert_eq!(
        incomplete_page("kcc::x::z", &full),
        ["the page of kcc::x::z does not begin with the code"]
    );
    assert_eq!(incomplete_page("kcc::x::y", "# kcc::x::y").len(), 4);
    let source = |name: &str, text: &str| Source {
        name: name.to_owned(),
        text: text.to_owned(),
    };
    let tests: Vec<_> = [
        source("tests/ui/x.txtar", "kcc::x::long-name kcc::x::b"),
        source(
            "runtime/kcc-plan/src/y.rs",
            "Code::XC #[cfg(test)] Code::XD",
        ),
    ]
    .into_iter()
    .filter_map(tests_of)
    .collect();
    let known = |code: &str, variant: &str, run, excused| {
        (
            format!("kcc::x::{code}"),
            format!("Code::{variant}"),
            run,
            excused,
        )
    };
    let codes = [
        known("long", "XLong", false, false),
        known("long-name", "XLongName", false, false),
        known("b", "XB", false, true),
        known("c", "XC", false, false),
        known("d", "XD", false, false),
        known("e", "XE", true, false),
        known("f", "XF", false, true),
    ];
    assert_eq!(
        untested(&codes, &tests),
        [
            "no test covers kcc::x::long",
            "kcc::x::b is covered: remove its exception",
            "no test covers kcc::x::c",
        ]
    );
}
