//! [`Outline`]: finds the declaration that an evaluation stops at.
//!
//! The evaluator says nothing about a limit that it reached or a panic of its own, so the fragments
//! are evaluated again with fewer declarations in them. These are ordered such that each comes
//! after the private names that it uses: the one that completes the shortest beginning that stops
//! is the one to report. Lines and indentation separate the declarations, and names are compared as
//! text: in an unformatted fragment the result is less exact.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use kcc_tree::schema::Schema;

use crate::wire::File;

/// The most evaluations to spend on one declaration.
const ATTEMPTS: usize = 60;

/// A declaration: the index of its file, and its bytes there.
pub(crate) type Declaration = (usize, Range<usize>);

/// The declarations to look among.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Those of private names, `let` clauses and the names of packages.
    Helpers,
    /// All, and those inside them.
    All,
}

/// The declarations of some files.
pub(crate) struct Outline<'a> {
    files: &'a [File<'a>],
    /// All declarations, those of helpers first.
    units: Vec<Unit<'a>>,
    helpers: usize,
}

/// A declaration at the root of a file.
struct Unit<'a> {
    at: Declaration,
    /// The name that a helper declares.
    name: Option<&'a str>,
}

impl<'a> Outline<'a> {
    /// Reads the declarations of files.
    pub(crate) fn new(files: &'a [File<'a>]) -> Self {
        let units = files.iter().enumerate().flat_map(|(file, of)| {
            let text = of.text;
            let outermost = declarations(file, text, 0..text.len()).into_iter();
            outermost.map(move |at| Unit {
                name: helper_name(&text[at.1.clone()]),
                at,
            })
        });
        let (helpers, others): (Vec<_>, Vec<_>) = units.partition(|unit| unit.name.is_some());
        let count = helpers.len();
        let mut units = in_order_of_use(files, helpers);
        units.extend(others);
        Self {
            files,
            units,
            helpers: count,
        }
    }

    /// Finds the declaration that stops an evaluation together with those that come before it:
    /// among helpers one that does so with no more than it uses, among all the innermost one.
    /// Returns none if nothing stops.
    pub(crate) fn find(
        &self,
        scope: Scope,
        stops: &mut dyn FnMut(&[String]) -> bool,
    ) -> Option<Declaration> {
        let mut attempts = ATTEMPTS;
        let mut stops = |texts: &[String]| {
            attempts = attempts.saturating_sub(1);
            attempts > 0 && stops(texts)
        };
        let count = match scope {
            Scope::Helpers => self.helpers,
            Scope::All => self.units.len(),
        };
        let needed = shortest(count, &mut |count| stops(&self.only(&self.units[..count])))?;
        let last = &self.units[needed - 1];
        let before = &self.units[..needed];
        let used = used_by(self.files, last, &before[..before.len().min(self.helpers)]);
        let alone: Vec<&Unit<'_>> = used.into_iter().chain([last]).collect();
        let alone = self.only(alone.iter().copied());
        match scope {
            Scope::Helpers => {
                let same = alone == self.only(before);
                (same || stops(&alone)).then(|| last.at.clone())
            }
            Scope::All => {
                let context = if stops(&alone) {
                    alone
                } else {
                    self.only(before)
                };
                Some(innermost(context, last.at.clone(), &mut stops))
            }
        }
    }

    /// Returns the texts with only some declarations. Every byte of these stays where it is.
    fn only<'b>(&self, units: impl IntoIterator<Item = &'b Unit<'b>>) -> Vec<String> {
        let kept: BTreeSet<(usize, usize)> = units
            .into_iter()
            .map(|unit| (unit.at.0, unit.at.1.start))
            .collect();
        let mut dropped = vec![Vec::new(); self.files.len()];
        for (file, at) in self.units.iter().map(|unit| &unit.at) {
            if !kept.contains(&(*file, at.start)) {
                dropped[*file].push(at.clone());
            }
        }
        let files = self.files.iter().zip(dropped);
        files.map(|(file, at)| blanked(file.text, &at)).collect()
    }
}

/// Returns the length of the shortest beginning that stops, or none if the whole does not.
fn shortest(count: usize, stops: &mut dyn FnMut(usize) -> bool) -> Option<usize> {
    if count == 0 || !stops(count) {
        return None;
    }
    let (mut passes, mut found) = (0, count);
    while found - passes > 1 {
        let middle = passes.midpoint(found);
        if stops(middle) {
            found = middle;
        } else {
            passes = middle;
        }
    }
    Some(found)
}

/// Returns the innermost declaration that stops in a context, without those beside it in the same
/// brackets.
fn innermost(
    mut context: Vec<String>,
    mut at: Declaration,
    stops: &mut dyn FnMut(&[String]) -> bool,
) -> Declaration {
    loop {
        let file = at.0;
        let text = context[file].clone();
        let inner = declarations(file, &text, body(&text, &at.1));
        let mut stops_without = |dropped: &dyn Fn(usize) -> bool| {
            let dropped = inner
                .iter()
                .enumerate()
                .filter(|(index, _)| dropped(*index));
            let dropped: Vec<_> = dropped.map(|(_, (_, at))| at.clone()).collect();
            context[file] = blanked(&text, &dropped);
            stops(&context)
        };
        let Some(count) = shortest(inner.len(), &mut |count| {
            stops_without(&|index| index >= count)
        }) else {
            return at;
        };
        // The code around a declaration may stop without it, as a loop does without its body.
        let last = count - 1;
        if stops_without(&|index| index == last) || !stops_without(&|index| index != last) {
            return at;
        }
        at = inner[last].clone();
    }
}

/// Orders helpers such that each comes after those that it uses.
fn in_order_of_use<'a>(files: &[File<'_>], helpers: Vec<Unit<'a>>) -> Vec<Unit<'a>> {
    let uses = direct_uses(files, &helpers);
    let mut helpers: Vec<_> = helpers.into_iter().map(Some).collect();
    let mut seen = vec![false; helpers.len()];
    let mut order = Vec::new();
    // Without recursion: a chain may be as long as a file.
    let mut open: Vec<(usize, bool)> = (0..helpers.len()).rev().map(|at| (at, false)).collect();
    while let Some((at, used_are_in)) = open.pop() {
        if used_are_in {
            order.extend(helpers[at].take());
        } else if !std::mem::replace(&mut seen[at], true) {
            open.push((at, true));
            open.extend(uses[at].iter().rev().map(|used| (*used, false)));
        }
    }
    order
}

/// Returns for each helper the helpers that it names.
fn direct_uses(files: &[File<'_>], helpers: &[Unit<'_>]) -> Vec<Vec<usize>> {
    let names = by_name(helpers);
    let uses = |unit| named_by(files, unit, helpers, &names);
    helpers.iter().map(uses).collect()
}

fn by_name<'a>(helpers: &[Unit<'a>]) -> BTreeMap<&'a str, Vec<usize>> {
    let mut names: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, helper) in helpers.iter().enumerate() {
        names
            .entry(helper.name.unwrap_or_default())
            .or_default()
            .push(at);
    }
    names
}

/// Returns the helpers that a declaration may mean with the names in it.
fn named_by(
    files: &[File<'_>],
    unit: &Unit<'_>,
    helpers: &[Unit<'_>],
    names: &BTreeMap<&str, Vec<usize>>,
) -> Vec<usize> {
    let (file, at) = &unit.at;
    let mut found: Vec<usize> = words(&files[*file].text[at.clone()])
        .filter_map(|word| names.get(word))
        .flatten()
        .copied()
        .filter(|helper| {
            let helper = &helpers[*helper];
            helper.at != unit.at && shares_names(&files[helper.at.0], &files[*file])
        })
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// Returns the helpers that a declaration uses, directly or through others.
fn used_by<'b, 'a>(
    files: &[File<'_>],
    unit: &Unit<'_>,
    helpers: &'b [Unit<'a>],
) -> Vec<&'b Unit<'a>> {
    let names = by_name(helpers);
    let mut open = named_by(files, unit, helpers, &names);
    let mut used = BTreeSet::new();
    while let Some(at) = open.pop() {
        if used.insert(at) {
            open.extend(named_by(files, &helpers[at], helpers, &names));
        }
    }
    let used = used.into_iter().map(|at| &helpers[at]);
    used.filter(|helper| helper.at != unit.at).collect()
}

/// Returns whether a private name of one file may mean the same in another: within a team, and
/// between a team's files and those of no team.
pub(crate) fn shares_names(one: &File<'_>, other: &File<'_>) -> bool {
    one.team.is_none() || other.team.is_none() || one.team == other.team
}

/// Returns the words of a text that can be names.
pub(crate) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !is_of_name(c))
        .filter(|word| !word.is_empty())
}

fn is_of_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '#' | '$')
}

/// Returns the name that a declaration at the root of a file gives to a helper: to anything that is
/// not a field of the language.
pub(crate) fn helper_name(declaration: &str) -> Option<&str> {
    let text = declaration.trim_start();
    let text = text.strip_prefix("let ").map_or(text, str::trim_start);
    let end = text.find(|c: char| !is_of_name(c)).unwrap_or(text.len());
    let name = &text[..end];
    let is_helper = !name.is_empty() && !matches!(name, "for" | "if") && !is_root_field(name);
    is_helper.then_some(name)
}

/// The root fields of the language that are not part of the model.
const INSTRUCTIONS: [&str; 3] = ["on", "defaults", "policies"];

fn is_root_field(name: &str) -> bool {
    let root = Schema::get().definition("Root");
    INSTRUCTIONS.contains(&name) || root.is_some_and(|root| root.field(name).is_some())
}

/// Returns a text with blanks in some ranges of declarations. Every other byte stays where it is.
pub(crate) fn blanked(text: &str, without: &[Range<usize>]) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for at in without {
        for byte in &mut bytes[at.clone()] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
    }
    String::from_utf8(bytes).expect("declarations begin and end with a line")
}

/// Returns a measure of how much there is to evaluate in a text: its bytes, without those by which
/// one declaration is longer than any that somebody writes.
pub(crate) fn weight(text: &str) -> usize {
    const MOST: usize = 16 << 10;
    let declarations = declarations(0, text, 0..text.len());
    let bytes = |(_, at): (usize, Range<usize>)| text[at].trim().len().min(MOST);
    declarations.into_iter().map(bytes).sum()
}

/// Returns the lines inside the brackets that a declaration opens on its first line and closes on
/// its last.
fn body(text: &str, at: &Range<usize>) -> Range<usize> {
    let inside = text[at.clone()].trim_end();
    match (inside.find('\n'), inside.rfind('\n')) {
        (Some(first), Some(last)) if first < last => at.start + first + 1..at.start + last + 1,
        _ => at.start..at.start,
    }
}

/// Splits lines into declarations: each begins at a line with the least indentation. The package
/// clause and the imports are none.
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

    fn found(
        scope: Scope,
        texts: &[(&str, Option<&str>)],
        stops: &mut dyn FnMut(&[String]) -> bool,
    ) -> Option<String> {
        let files: Vec<File<'_>> = texts
            .iter()
            .map(|(text, team)| File {
                name: "a.cue",
                text,
                team: *team,
                omitted: Vec::new(),
            })
            .collect();
        let found = Outline::new(&files).find(scope, stops);
        found.map(|(file, at)| texts[file].0[at].trim().to_owned())
    }

    fn has_all(texts: &[String], parts: &[&str]) -> bool {
        let all = texts.concat();
        parts.iter().all(|part| all.contains(part))
    }

    #[test]
    fn finds_the_innermost_declaration() {
        let mut stops = |texts: &[String]| has_all(texts, &["bad"]);
        let texts = [(API, None), (WEB, None)];
        assert_eq!(
            found(Scope::All, &texts, &mut stops).as_deref(),
            Some("args: bad")
        );
        assert_eq!(found(Scope::Helpers, &texts, &mut stops), None);
    }

    #[test]
    fn finds_the_last_of_those_that_only_together_stop() {
        let mut stops = |texts: &[String]| has_all(texts, &["bad", "_x: {\n\tgood"]);
        let texts = [(API, None), (WEB, None)];
        assert_eq!(
            found(Scope::All, &texts, &mut stops).as_deref(),
            Some("args: bad")
        );
    }

    #[test]
    fn finds_the_first_helper_that_stops_with_what_it_uses() {
        let text = "_c: _b * _b\n_b: _a * _a\n_a: 10\n_d: _c * _c\nservices: web: _d\n";
        let mut stops = |texts: &[String]| has_all(texts, &["_a:", "_b:", "_c:"]);
        let found = found(Scope::Helpers, &[(text, Some("a"))], &mut stops);
        assert_eq!(found.as_deref(), Some("_c: _b * _b"));
    }

    #[test]
    fn orders_a_very_long_chain() {
        let lines: Vec<_> = (1..20_000)
            .map(|at| format!("_x{at}: _x{}\n", at - 1))
            .collect();
        let text = lines.concat();
        let mut stops = |texts: &[String]| has_all(texts, &["_x7: _x6\n", "_x8: _x7\n"]);
        let found = found(Scope::Helpers, &[(&text, None)], &mut stops);
        assert_eq!(found.as_deref(), Some("_x8: _x7"));
    }

    #[test]
    fn helpers_that_stop_only_all_together_are_not_found() {
        let text = "_a: 1\n_b: 2\n_c: 3\n";
        let mut stops = |texts: &[String]| has_all(texts, &["_a:", "_b:", "_c:"]);
        assert_eq!(found(Scope::Helpers, &[(text, None)], &mut stops), None);
    }

    #[test]
    fn a_name_of_another_team_is_another_name() {
        let (a, b) = ("_x: bad\n", "_y: _x\n_x: 1\n");
        let texts = [(b, Some("b")), (a, Some("a"))];
        let mut stops = |texts: &[String]| {
            assert!(!has_all(texts, &["bad", "_y"]) || has_all(texts, &["_x: 1"]));
            has_all(texts, &["bad"])
        };
        assert_eq!(
            found(Scope::Helpers, &texts, &mut stops).as_deref(),
            Some("_x: bad")
        );
    }

    #[test]
    fn keeps_the_head_and_every_offset() {
        let mut stops = |texts: &[String]| {
            assert!(texts[0].starts_with("package s\n\nimport \"list\"\n"));
            assert_eq!(texts[0].len(), WEB.len());
            texts[0].contains("bad")
        };
        let found = found(Scope::All, &[(WEB, None)], &mut stops);
        assert_eq!(found.as_deref(), Some("args: bad"));
    }

    #[test]
    fn one_long_declaration_weighs_no_more_than_an_ordinary_one() {
        assert_eq!(
            weight("package s\n\n_x: 1\n    \n_y: {\n\tz: 2\n}\n"),
            5 + 13
        );
        let long = format!("_x: {}\n", "7".repeat(3_000_000));
        assert_eq!(weight(&long), 16 << 10);
    }

    #[test]
    fn helpers_are_what_the_language_does_not_have() {
        for (text, name) in [
            ("_x: 1", Some("_x")),
            ("#App: {}", Some("#App")),
            ("let big = 1", Some("big")),
            ("Web: image: \"a\"", Some("Web")),
            ("services: web: 1", None),
            ("on: dev: 1", None),
            ("for x in y {}", None),
            ("\"services\": web: 1", None),
            ("_t", Some("_t")),
        ] {
            assert_eq!(helper_name(text), name, "{text}");
        }
    }
}
