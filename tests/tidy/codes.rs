//! Every code has a page of substance and a test that shows it.

use kcc_diag::Code;

use crate::{
    none,
    source::{Source, sources},
};

/// The fewest words that say what a code means and what to do.
const FEWEST_WORDS: usize = 40;

/// Where the real thing is shown to say a code: the binary on fragments, and
/// the engines.
const SHOWN_IN: [&str; 3] = ["tests/ui", "tests/e2e", "runtime"];

/// How a page begins an example that is run (see `tests/pages`).
const RUN: &str = "\n```cue wrong\n";

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

/// What only tests compile, of files that hold more.
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

/// Whether a text names a code, and not a longer one that begins alike.
fn names(text: &str, code: &str) -> bool {
    text.match_indices(code).any(|(at, _)| {
        let next = text[at + code.len()..].chars().next();
        !next.is_some_and(|c| c.is_ascii_alphanumeric() || c == '-')
    })
}

/// A code as users see it, as it stands in Rust, whether its page is run, and
/// whether it is excused.
type Known = (String, String, bool, bool);

fn unshown(codes: &[Known], tests: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for (code, variant, run, excused) in codes {
        let by_test = |test: &Source| names(&test.text, code) || names(&test.text, variant);
        match (*run || tests.iter().any(by_test), excused) {
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
    let codes: Vec<Known> = Code::ALL
        .iter()
        .map(|code| {
            let run = code.page().contains(RUN);
            let excused = UNSHOWN.iter().any(|(excused, _)| excused == code);
            (code.to_string(), format!("Code::{code:?}"), run, excused)
        })
        .collect();
    let tests: Vec<_> = sources(&SHOWN_IN)
        .into_iter()
        .filter_map(tests_of)
        .collect();
    none(&unshown(&codes, &tests));
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
        unshown(&codes, &tests),
        [
            "no test shows kcc::x::long",
            "kcc::x::b is shown: excuse it no longer",
            "no test shows kcc::x::c",
        ]
    );
}
