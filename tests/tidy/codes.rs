//! Every code has a page of substance and a test that shows it.

use std::collections::BTreeMap;

use kcc_diag::Code;

use crate::{
    none,
    source::{Source, sources},
};

/// The fewest words that say what a code means and what to do.
const FEWEST_WORDS: usize = 40;

/// Where the real thing is shown to say a code: the binary, or an engine.
const SHOWN_IN: [&str; 3] = ["tests/ui", "tests/e2e", "runtime/kcc-docker/tests"];

/// Codes that no test of the real thing can bring about, and why.
const UNSHOWN: [(Code, &str); 0] = [];

fn poor(code: &str, page: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut complain = |what: &str| complaints.push(format!("the page of {code} {what}"));
    if page.lines().next() != Some(&format!("# {code}")) {
        complain("does not begin with the code");
    }
    if page.split_whitespace().count() < FEWEST_WORDS {
        complain("says next to nothing");
    }
    for heading in ["## Example", "## What to do"] {
        if !page.lines().any(|line| line == heading) {
            complain(&format!("has no `{heading}`"));
        }
    }
    if page.matches("\n```").count() < 2 {
        complain("shows no code");
    }
    complaints
}

fn unshown(codes: &[(&str, bool)], tests: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for (code, excused) in codes {
        // A longer code may begin with a shorter one.
        let shows = |text: &str| {
            text.match_indices(code).any(|(at, _)| {
                let next = text[at + code.len()..].chars().next();
                !next.is_some_and(|c| c.is_ascii_alphanumeric() || c == '-')
            })
        };
        match (tests.iter().any(|test| shows(&test.text)), excused) {
            (false, false) => complaints.push(format!("no test shows {code}")),
            (true, true) => complaints.push(format!("{code} is shown: excuse it no longer")),
            _ => {}
        }
    }
    complaints
}

#[test]
fn every_page_says_something() {
    let complaints: Vec<_> = Code::ALL
        .iter()
        .flat_map(|code| poor(code.as_str(), code.page()))
        .collect();
    none(&complaints);
}

#[test]
fn every_code_is_shown_by_a_test() {
    let excused: BTreeMap<Code, &str> = UNSHOWN.into_iter().collect();
    let codes: Vec<_> = Code::ALL
        .iter()
        .map(|code| (code.as_str(), excused.contains_key(code)))
        .collect();
    none(&unshown(&codes, &sources(&SHOWN_IN)));
}

#[test]
fn no_page_is_without_its_code() {
    let pages = sources(&["compiler/kcc-diag/pages"]);
    let orphans: Vec<_> = pages
        .iter()
        .filter(|page| !Code::ALL.iter().any(|code| code.page() == page.text))
        .map(|page| format!("{} is the page of no code", page.name))
        .collect();
    none(&orphans);
}

#[test]
fn poor_pages_and_unshown_codes_are_found() {
    let full = format!(
        "# kcc::x::y\n\n{}\n\n## Example\n\n```cue\n```\n\n## What to do\n",
        "word ".repeat(40)
    );
    assert_eq!(poor("kcc::x::y", &full), [""; 0]);
    assert_eq!(
        poor("kcc::x::z", &full),
        ["the page of kcc::x::z does not begin with the code"]
    );
    assert_eq!(poor("kcc::x::y", "# kcc::x::y").len(), 4);
    let test = Source {
        name: String::new(),
        text: "kcc::x::long-name kcc::x::b".to_owned(),
    };
    let codes = [
        ("kcc::x::long", false),
        ("kcc::x::long-name", false),
        ("kcc::x::b", true),
        ("kcc::x::c", true),
    ];
    assert_eq!(
        unshown(&codes, &[test]),
        [
            "no test shows kcc::x::long",
            "kcc::x::b is shown: excuse it no longer"
        ]
    );
}
