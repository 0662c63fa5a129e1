//! Checks the English of the repository: phrases that sound translated, names that
//! say nothing in the field's terms, and doc comments that do not begin with a verb
//! or a noun phrase.
//!
//! Reads Rust and Go sources, the schema, the descriptions of case files, and the
//! documents, except those in [`IGNORED`]. Exceptions have a reason, and one that is
//! no longer needed is a complaint.

use regex::Regex;

use crate::{
    assert_none,
    source::{FOLDERS, Source, read, sources},
};

/// Files and folders that are not checked, with the reason.
const IGNORED: [(&str, &str); 2] = [
    (
        "tests/testbed/",
        "programs of the test machines, which no user reads",
    ),
    (
        "tests/tidy/english.rs",
        "quotes the phrases that it searches for",
    ),
];

/// A phrase to avoid.
struct Phrase {
    /// A regular expression, matched without regard to case.
    pattern: &'static str,
    /// A regular expression; a match that begins with it is fine.
    unless: &'static str,
    /// The replacement to suggest.
    instead: &'static str,
}

const fn phrase(pattern: &'static str, instead: &'static str) -> Phrase {
    Phrase {
        pattern,
        unless: "",
        instead,
    }
}

/// The phrases to avoid.
const PHRASES: [Phrase; 30] = [
    Phrase {
        pattern: r"\b(?:there )?(?:is|are) no [a-z`]+",
        unless: r"there |(?:is|are) no (?:longer|more|less|other|such|one)\b",
        instead: "is not a …",
    },
    Phrase {
        pattern: r"\bno more\b(?: [a-z]+)?",
        unless: r"no more (?:than|and)\b",
        instead: "no longer",
    },
    Phrase {
        pattern: r"\banew\b",
        unless: "",
        instead: "again, or a verb such as update, rebuild, rewrite",
    },
    phrase(r"\bthere (?:is|are) none that\b", "no … exists that"),
    phrase(r"\bbe it\b", "whether"),
    phrase(r"\bof whom\b", "whose"),
    Phrase {
        pattern: r"\b(?:is|are|was|be) told\b(?: to)?",
        unless: r"(?:is|are|was|be) told to",
        instead: "is reported",
    },
    phrase(r"\btold apart\b", "distinguished"),
    phrase(r"\b(?:holds?|held) against\b", "checks against"),
    phrase(r"\bthat is what\b", "name the subject"),
    phrase(r"\bwhat is told\b", "what is reported"),
    phrase(r"\bknows? no\b", "does not have, does not serve"),
    phrase(r"\bdoes not let us\b", "permission denied"),
    phrase(r"\bagain and again\b", "repeatedly; crash loop"),
    phrase(r"\bis not known\b", "is unknown"),
    phrase(r"\bnobody can be asked\b", "not a terminal"),
    phrase(r"\basks? for any more\b", "is no longer declared"),
    phrase(r"\bnot there any more\b", "no longer exists"),
    phrase(r"\bin a circle\b", "in a cycle"),
    phrase(r"\bgone through\b", "visited"),
    phrase(r"\bapplied in part\b", "partially applied"),
    phrase(r"(?-i:\bSay more\b)", "verbose output"),
    phrase(r"\bwork in that folder\b", "run in DIR"),
    phrase(r"\bwhat mends it\b", "the action that fixes it"),
    phrase(r"\bhas to be there\b", "is required"),
    phrase(r"\bslip of the pen\b", "typo"),
    phrase(r"\bsomebody else's\b", "another team's, or name the owner"),
    phrase(r"\bleads? nowhere\b", "does not exist; dangling"),
    phrase(r"\bbrings? (?:it|them) about\b", "causes"),
    phrase(r"\bmakes? no sense together\b", "exclude each other"),
];

/// Words that do not begin a doc comment.
const BAD_BEGINNINGS: [&str; 6] = ["What", "Whether", "How", "Where", "Who", "That"];

/// Words that are not terms of the field and do not belong in a declared name.
const BAD_WORDS: [&str; 14] = [
    "anew",
    "beside",
    "company",
    "kept",
    "meant",
    "mend",
    "mended",
    "said",
    "settle",
    "settled",
    "stranger",
    "strangers",
    "twin",
    "twins",
];

/// An exception: file, text of the complaint's quote, and reason.
const EXCEPTIONS: [(&str, &str, &str); 0] = [];

/// A violation: its file, line and quote, and the complaint.
#[derive(Debug, PartialEq, Eq)]
struct Violation {
    file: String,
    line: usize,
    quote: String,
    advice: String,
}

/// The rules with their compiled expressions.
struct Rules {
    phrases: Vec<(Regex, Option<Regex>, &'static str)>,
    declaration: Regex,
    go_declaration: Regex,
}

impl Rules {
    fn new() -> Self {
        let compile = |pattern: &str| Regex::new(&format!("(?i){pattern}")).unwrap();
        Self {
            phrases: PHRASES
                .iter()
                .map(|phrase| {
                    let unless =
                        Some(phrase.unless).filter(|unless| !unless.is_empty());
                    let unless = unless.map(|unless| compile(&format!("^(?:{unless})")));
                    (compile(phrase.pattern), unless, phrase.instead)
                })
                .collect(),
            declaration: Regex::new(
                r"\b(?:fn|struct|enum|trait|type|mod|const|static|macro_rules!) +([A-Za-z_][A-Za-z0-9_]*)",
            )
            .unwrap(),
            go_declaration: Regex::new(
                r"^(?:func(?: \([^)]*\))?|type|const|var) +([A-Za-z_][A-Za-z0-9_]*)",
            )
            .unwrap(),
        }
    }

    /// Returns all violations in a file.
    fn check(&self, source: &Source) -> Vec<Violation> {
        let mut violations = Vec::new();
        let mut add = |line: usize, quote: &str, advice: String| {
            violations.push(Violation {
                file: source.name.clone(),
                line: line + 1,
                quote: quote.to_owned(),
                advice,
            });
        };
        let code = matches!(source.extension(), "rs" | "go");
        // Phrases may be broken across the lines of a comment.
        let lines: Vec<&str> = match source.extension() {
            "txtar" => description(&source.text),
            _ => source.text.lines().collect(),
        };
        for (at, line) in lines.iter().enumerate() {
            let last_word = |line: &str| content(line).rsplit(' ').next().map(str::to_owned);
            let before = at.checked_sub(1).and_then(|at| last_word(lines[at]));
            let before = before.unwrap_or_default() + " ";
            let end = before.len() + content(line).len();
            let next = lines.get(at + 1).map_or("", |next| content(next));
            let joined = format!("{before}{} {next}", content(line));
            for found in self.phrases_in(&joined) {
                // Matches that begin elsewhere belong to the line before or after.
                if (before.len()..end).contains(&found.0) {
                    add(at, found.1, format!("write `{}`", found.2));
                }
            }
            if code {
                for name in self.declared(source, line) {
                    if let Some(word) = words(name).find(|word| BAD_WORDS.contains(&word.as_str()))
                    {
                        let advice = format!("`{word}` is not a term of the glossary");
                        add(at, name, advice);
                    }
                    for (_, _, instead) in self.phrases_in(&name.replace('_', " ")) {
                        add(at, name, format!("write `{instead}`"));
                    }
                }
            }
        }
        for (at, text, name) in self.doc_comments(source, &lines) {
            let first = beginning(text, name);
            if BAD_BEGINNINGS
                .iter()
                .any(|bad| bad.eq_ignore_ascii_case(first))
            {
                let advice = "begin with a third-person verb or a noun phrase".to_owned();
                add(at, text, advice);
            }
        }
        violations
    }

    /// Returns the phrases to avoid in a text: start, quote and replacement.
    fn phrases_in<'a>(&self, text: &'a str) -> Vec<(usize, &'a str, &'static str)> {
        let mut matches = Vec::new();
        for (pattern, unless, instead) in &self.phrases {
            let is_fine = |at: usize| unless.as_ref().is_some_and(|it| it.is_match(&text[at..]));
            let found = pattern
                .find_iter(text)
                .filter(|found| !is_fine(found.start()));
            matches.extend(found.map(|found| (found.start(), found.as_str(), *instead)));
        }
        matches
    }

    /// Returns the names that a line declares.
    fn declared<'a>(&self, source: &Source, line: &'a str) -> Vec<&'a str> {
        let line = line.trim_start();
        if line.starts_with("//") {
            return Vec::new();
        }
        let pattern = if source.extension() == "go" {
            &self.go_declaration
        } else {
            &self.declaration
        };
        pattern
            .captures_iter(line)
            .filter_map(|captures| Some(captures.get(1)?.as_str()))
            .collect()
    }

    /// Returns the first line of every doc comment with its line number and, in Go,
    /// the name that it documents.
    fn doc_comments<'a>(
        &self,
        source: &Source,
        lines: &[&'a str],
    ) -> Vec<(usize, &'a str, Option<&'a str>)> {
        let mut comments = Vec::new();
        match source.extension() {
            "rs" => {
                for marker in ["///", "//!"] {
                    let text = |at: usize| lines[at].trim_start().strip_prefix(marker);
                    for at in 0..lines.len() {
                        let is_first = at == 0 || text(at - 1).is_none();
                        if let (true, Some(text)) = (is_first, text(at)) {
                            comments.push((at, text.trim(), None));
                        }
                    }
                }
            }
            "go" => {
                for (at, line) in lines.iter().enumerate() {
                    let declared = self.go_declaration.captures(line);
                    let name = declared.and_then(|captures| Some(captures.get(1)?.as_str()));
                    if name.is_none() && !line.starts_with("package ") {
                        continue;
                    }
                    let first = (0..at)
                        .rev()
                        .take_while(|above| lines[*above].starts_with("// "))
                        .last();
                    if let Some(first) = first {
                        comments.push((first, lines[first][3..].trim(), name));
                    }
                }
            }
            _ => {}
        }
        comments
    }
}

/// Returns the first word of a doc comment, after the name of its subject:
/// `[Foo]: `, a command in backticks, or in Go the declared name.
fn beginning<'a>(text: &'a str, name: Option<&str>) -> &'a str {
    let mut rest = text;
    if rest.starts_with(['`', '['])
        && let Some((_, after)) = rest.split_once(": ")
    {
        rest = after;
    }
    if let Some(after) = name.and_then(|name| rest.strip_prefix(name)) {
        rest = after.trim_start();
    }
    rest.split(|c: char| !c.is_alphanumeric() && c != '\'')
        .next()
        .unwrap_or_default()
}

/// Returns the lines that describe a case.
fn description(text: &str) -> Vec<&str> {
    let head = text.lines().take_while(|line| !line.starts_with("-- "));
    head.filter(|line| !line.starts_with("$ ") && !line.starts_with("+ "))
        .collect()
}

/// Returns the text of a line without indentation and comment marker.
fn content(line: &str) -> &str {
    let line = line.trim();
    let markers = ["///", "//!", "//", "#"];
    let rest = markers.iter().find_map(|marker| line.strip_prefix(marker));
    rest.unwrap_or(line).trim_start()
}

/// Splits a name in snake case or camel case into lower-case words.
fn words(name: &str) -> impl Iterator<Item = String> {
    let mut words = vec![String::new()];
    for c in name.chars() {
        if c == '_' || c.is_uppercase() {
            words.push(String::new());
        }
        if c != '_'
            && let Some(word) = words.last_mut()
        {
            word.extend(c.to_lowercase());
        }
    }
    words.into_iter().filter(|word| !word.is_empty())
}

/// Returns true if a path is a listed file or in a listed folder.
fn is_in(name: &str, entry: &str) -> bool {
    name == entry || entry.ends_with('/') && name.starts_with(entry)
}

/// Returns true if the rules apply to a kind of file.
fn is_prose_or_code(source: &Source) -> bool {
    let expected = source.name.contains("/expected/") || source.name.contains("/golden/");
    matches!(source.extension(), "rs" | "go" | "md" | "cue" | "txtar") && !expected
}

/// Reads every file of a kind that the rules apply to.
fn everything() -> Vec<Source> {
    let mut folders = FOLDERS.to_vec();
    folders.push("docs");
    let mut all = sources(&folders);
    all.extend(["ARCHITECTURE.md", "CONTRIBUTING.md", "README.md"].map(read));
    all.retain(is_prose_or_code);
    all
}

/// Formats violations, and the exceptions that match none of them.
fn complaints(
    violations: &[Violation],
    exceptions: &[(&'static str, &'static str, &'static str)],
) -> Vec<String> {
    let matches = |violation: &Violation, (file, quote, _): &(&str, &str, &str)| {
        violation.file == *file && violation.quote.contains(quote)
    };
    let excused = |violation: &&Violation| exceptions.iter().all(|one| !matches(violation, one));
    let unused = |one: &&(&str, &str, &str)| !violations.iter().any(|other| matches(other, one));
    violations
        .iter()
        .filter(excused)
        .map(|one| format!("{}:{}: `{}`: {}", one.file, one.line, one.quote, one.advice))
        .chain(
            exceptions.iter().filter(unused).map(|(file, quote, _)| {
                format!("{file}: the exception for `{quote}` is not needed")
            }),
        )
        .collect()
}

#[test]
fn everything_is_in_plain_english() {
    let rules = Rules::new();
    let violations: Vec<Violation> = everything()
        .iter()
        .filter(|source| !IGNORED.iter().any(|(entry, _)| is_in(&source.name, entry)))
        .flat_map(|source| rules.check(source))
        .collect();
    assert_none(&complaints(&violations, &EXCEPTIONS));
}

#[test]
fn ignored_files_exist() {
    let all = everything();
    let stale = IGNORED
        .iter()
        .filter(|(entry, _)| !all.iter().any(|source| is_in(&source.name, entry)))
        .map(|(entry, _)| format!("{entry} does not exist: remove it from IGNORED"));
    assert_none(&stale.collect::<Vec<_>>());
}

#[test]
fn finds_each_kind_of_violation() {
    let rules = Rules::new();
    let found = |name: &str, text: &str| -> Vec<(usize, String)> {
        let source = Source {
            name: name.to_owned(),
            text: text.to_owned(),
        };
        let violations = rules.check(&source).into_iter();
        violations.map(|one| (one.line, one.quote)).collect()
    };
    let quotes = |name: &str, text: &str| -> Vec<String> {
        found(name, text)
            .into_iter()
            .map(|(_, quote)| quote)
            .collect()
    };
    // One sentence for each phrase, in order.
    let sentences = [
        "`x` is no folder",
        "it is used no more",
        "made anew",
        "there is none that fits",
        "be it a file",
        "teams, of whom one fails",
        "the reader is told",
        "they are told apart",
        "a value held against a policy",
        "that is what counts",
        "what is told of it",
        "the cluster knows no Gateway",
        "the cluster does not let us apply",
        "it ends again and again",
        "what is left is not known",
        "nobody can be asked here",
        "what no fragment asks for any more",
        "it is not there any more",
        "they need each other in a circle",
        "all are gone through once",
        "applied in part",
        "Say more",
        "work in that folder",
        "what mends it",
        "it has to be there",
        "a slip of the pen",
        "somebody else's database",
        "a path that leads nowhere",
        "no fragment brings it about",
        "they make no sense together",
    ];
    assert_eq!(sentences.len(), PHRASES.len());
    for (sentence, phrase) in sentences.iter().zip(&PHRASES) {
        let pattern = Regex::new(&format!("(?i){}", phrase.pattern)).unwrap();
        assert!(pattern.is_match(sentence), "{}: {sentence}", phrase.pattern);
        assert!(!quotes("a.md", sentence).is_empty(), "{sentence}");
    }
    for fine in [
        "there is no target, there is no such file, and it is no longer here",
        "no more than nine, whoever was told to stop",
    ] {
        assert_eq!(quotes("a.md", fine), [""; 0], "{fine}");
    }
    // Across lines, in comments, in strings and in names.
    assert_eq!(quotes("a.rs", "// there\n// is no folder\n"), [""; 0]);
    assert_eq!(
        found("a.rs", "//! It is\n//! no folder.\n"),
        [(1, "is no folder".to_owned())]
    );
    assert_eq!(quotes("a.go", "\treturn \"is no path\"\n"), ["is no path"]);
    assert_eq!(quotes("a.cue", "// A is no thing.\n"), ["is no thing"]);
    assert_eq!(
        quotes(
            "a.txtar",
            "It is no case.\n$ kcc is no\n-- is no --\nis no x\n"
        ),
        ["is no case"]
    );
    assert_eq!(
        quotes(
            "a.rs",
            "fn what_is_no_path() {}\nstruct KeptTwins;\nlet kept = 1;\n"
        ),
        ["what_is_no_path", "KeptTwins"]
    );
    assert_eq!(quotes("a.go", "func (a *A) mendAll() {\n"), ["mendAll"]);
    // Doc comments.
    assert_eq!(
        quotes(
            "a.rs",
            "//! [`A`]: what it is.\n\n/// Whether it is.\n/// What follows.\nfn a() {}\n\n/// Returns it.\n///\n/// How it works.\n// How it works.\n"
        ),
        ["Whether it is.", "[`A`]: what it is."]
    );
    assert_eq!(
        quotes(
            "a.go",
            "// Package a is fine.\npackage a\n\n// Whether it is.\nfunc is() {}\n\n// has whether it has.\nfunc has() {}\n\n// Get returns it.\nfunc Get() {}\n\n\t// Who is inside.\n"
        ),
        ["Whether it is.", "has whether it has."]
    );
    // Exceptions excuse, and complain once they are not needed.
    let source = Source {
        name: "a.md".to_owned(),
        text: "made anew\n".to_owned(),
    };
    let violations = rules.check(&source);
    let excused = [("a.md", "anew", "a quote")];
    assert_eq!(complaints(&violations, &excused), [""; 0]);
    assert_eq!(
        complaints(&violations, &[]),
        ["a.md:1: `anew`: write `again, or a verb such as update, rebuild, rewrite`"]
    );
    assert_eq!(
        complaints(&[], &excused),
        ["a.md: the exception for `anew` is not needed"]
    );
}
