//! [`Codeowners`]: the CODEOWNERS file of the repository, and the owners it gives to
//! teams.
//!
//! Takes the text of the file and the evaluated system, and returns warnings: a team
//! without `owners` gets those of its fragments, and if a team declares other owners
//! than CODEOWNERS, one of the two is out of date. Reads the file as GitHub does, and
//! sections of it as GitLab does. `globset` matches the patterns; the rest is code of
//! our own, because no crate keeps where an owner is written, and because three
//! rules differ from those of `.gitignore`, which the crate `ignore` implements:
//! `docs/*` does not reach into directories, negation and character classes are not
//! supported, and braces are plain characters.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    sync::Arc,
};

use globset::{GlobBuilder, GlobMatcher};
use kcc_diag::{Code, Diagnostic, Diagnostics, FileId, Span};
use kcc_tree::{ConfigTree, Node, Origin, OriginKind, Path, Value};

/// An owner with its range of bytes in the file.
type Owner = (String, Range<usize>);

/// A pattern with its owners.
#[derive(Debug)]
struct Rule {
    pattern: Pattern,
    owners: Vec<Owner>,
    /// The name of its section, in lower case; empty before the first one.
    section: String,
}

/// The CODEOWNERS file of the repository that contains the system.
#[derive(Debug)]
pub struct Codeowners {
    name: String,
    text: String,
    prefix: String,
    rules: Vec<Rule>,
}

impl Codeowners {
    /// Returns everything that it was parsed from.
    pub fn input(&self) -> [&str; 3] {
        [&self.name, &self.text, &self.prefix]
    }

    /// Parses the text of a file. `name` is its path relative to the system's root,
    /// and `prefix` the path from the repository's root to the system's, with a
    /// slash at its end unless it is empty.
    pub fn new(name: String, text: String, prefix: String) -> Self {
        Self {
            rules: rules(&text),
            name,
            text,
            prefix,
        }
    }

    /// Adds the owners to teams that declare none, and warns about teams that declare
    /// others. Only `fragments` count, named relative to the system's root.
    pub fn assign(&self, tree: &mut ConfigTree, fragments: &[&str]) -> Diagnostics {
        let mut by_team: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for name in fragments {
            if let Some(team) = kcc_tree::team_of(&tree.system, name) {
                by_team.entry(team).or_default().push(name);
            }
        }
        let file = Arc::make_mut(&mut tree.files).add(self.name.clone(), self.text.clone());
        let mut diagnostics = Diagnostics::new();
        for (team, fragments) in by_team {
            let owners = fragments.into_iter().map(|name| (name, self.owners(name)));
            let owners: Vec<(&str, Vec<&Owner>)> =
                owners.filter(|(_, owners)| !owners.is_empty()).collect();
            let Some(node) = team_node(&mut tree.system, &team) else {
                continue;
            };
            match fields(node).get("owners") {
                Some(declared) => {
                    diagnostics.extend(self.mismatch(&team, declared, &owners, file));
                }
                None if owners.is_empty() => {}
                None => _ = fields(node).insert("owners".to_owned(), owners_node(&owners, file)),
            }
        }
        diagnostics
    }

    /// Returns the owners of a fragment: in each section those of the last rule that
    /// matches.
    fn owners(&self, fragment: &str) -> Vec<&Owner> {
        let file = format!("{}{fragment}", self.prefix);
        let mut sections: BTreeMap<&str, &Rule> = BTreeMap::new();
        for rule in self.rules.iter().filter(|rule| rule.pattern.matches(&file)) {
            sections.insert(&rule.section, rule);
        }
        let mut owners: Vec<&Owner> = Vec::new();
        for owner in sections.values().flat_map(|rule| &rule.owners) {
            if owners.iter().all(|known| known.0 != owner.0) {
                owners.push(owner);
            }
        }
        owners
    }

    /// Returns a warning for the first fragment whose owners are not those of its team.
    fn mismatch(
        &self,
        team: &str,
        node: &Node,
        owners: &[(&str, Vec<&Owner>)],
        file: FileId,
    ) -> Option<Diagnostic> {
        let Value::List(items) = &node.value else {
            return None;
        };
        let declared: Vec<&str> = items.iter().filter_map(Node::as_str).collect();
        let set = |names: &[&str]| -> BTreeSet<String> {
            names.iter().map(|name| name.to_lowercase()).collect()
        };
        let names = |owners: &[&'_ Owner]| -> Vec<String> {
            owners.iter().map(|(name, _)| name.clone()).collect()
        };
        let (fragment, assigned, owners) = owners.iter().find_map(|(fragment, owners)| {
            let assigned = names(owners);
            let plain: Vec<&str> = assigned.iter().map(String::as_str).collect();
            (set(&plain) != set(&declared)).then_some((*fragment, assigned, owners))
        })?;
        let assigned: Vec<&str> = assigned.iter().map(String::as_str).collect();
        let has = match declared.as_slice() {
            [] => "no owners".to_owned(),
            names => format!("the owners {}", quoted(names)),
        };
        let message = format!(
            "team `{team}` has {has}, but `{}` assigns `{fragment}` to {}",
            self.name,
            quoted(&assigned)
        );
        let mut warning = Diagnostic::warning(Code::OwnCodeowners, message)
            .at(Path::of(["system", "teams", team, "owners"]));
        let mut origins = node.origins.iter();
        if let Some(origin) = origins.find(|origin| origin.kind == OriginKind::Value) {
            warning = warning.primary(origin.span, "declared here");
        }
        for range in self.lines(owners) {
            warning = warning.secondary(span(file, &range), "assigned here");
        }
        Some(warning.help(
            "write the same owners in both, or remove `owners` to take those of `CODEOWNERS`",
        ))
    }

    /// Joins the ranges of owners on the same line.
    fn lines(&self, owners: &[&Owner]) -> Vec<Range<usize>> {
        let mut lines: Vec<Range<usize>> = Vec::new();
        for (_, range) in owners {
            match lines.last_mut() {
                Some(last)
                    if last.end <= range.start
                        && !self.text[last.end..range.start].contains('\n') =>
                {
                    last.end = range.end;
                }
                _ => lines.push(range.clone()),
            }
        }
        lines
    }
}

/// Joins names in backticks.
fn quoted(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

fn span(file: FileId, range: &Range<usize>) -> Span {
    let [start, end] = [range.start, range.end].map(|at| u32::try_from(at).unwrap_or(u32::MAX));
    Span { file, start, end }
}

/// Returns the node of a team in `system`.
fn team_node<'n>(system: &'n mut Node, team: &str) -> Option<&'n mut Node> {
    fields(system)
        .get_mut("teams")
        .and_then(|teams| fields(teams).get_mut(team))
}

/// Returns the fields of a struct; replaces any other value by an empty struct.
fn fields(node: &mut Node) -> &mut BTreeMap<String, Node> {
    if !matches!(node.value, Value::Struct(_)) {
        node.value = Value::Struct(BTreeMap::new());
    }
    match &mut node.value {
        Value::Struct(fields) => fields,
        _ => unreachable!("replaced by a struct above"),
    }
}

/// Builds the list of the owners of some fragments, each with its origin.
fn owners_node(owners: &[(&str, Vec<&Owner>)], file: FileId) -> Node {
    let mut origins: BTreeMap<&str, Origin> = BTreeMap::new();
    for (name, range) in owners.iter().flat_map(|(_, owners)| owners) {
        origins.entry(name).or_insert(Origin {
            span: span(file, range),
            kind: OriginKind::Value,
            by: file,
        });
    }
    let items = origins.into_iter().map(|(name, origin)| Node {
        value: Value::String(name.to_owned()),
        origins: vec![origin],
    });
    Node {
        value: Value::List(items.collect()),
        origins: Vec::new(),
    }
}

/// Parses the rules of a file; skips lines that GitHub skips, such as those with an
/// unsupported pattern.
fn rules(text: &str) -> Vec<Rule> {
    let mut rules = Vec::new();
    let mut section = Section::default();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let line_start = start;
        start += line.len();
        if let Some(next) = Section::parse(line, line_start) {
            section = next;
            continue;
        }
        let mut words = words(line, line_start);
        if words.is_empty() {
            continue;
        }
        let (pattern, _) = words.remove(0);
        if let Some(pattern) = Pattern::parse(&pattern) {
            let mut owners = only_owners(words);
            if owners.is_empty() {
                owners.clone_from(&section.owners);
            }
            rules.push(Rule {
                pattern,
                owners,
                section: section.name.clone(),
            });
        }
    }
    rules
}

/// A heading of GitLab: `[Name]`, `^[Name]` if approval is optional, with the number
/// of approvals and the owners of rules that name none: `[Name][2] @team`.
#[derive(Debug, Default)]
struct Section {
    /// The name in lower case: sections of one name are one section.
    name: String,
    owners: Vec<Owner>,
}

impl Section {
    fn parse(line: &str, start: usize) -> Option<Self> {
        let heading = line.strip_prefix('^').unwrap_or(line);
        let (name, rest) = heading.strip_prefix('[')?.split_once(']')?;
        let owners = match rest.strip_prefix('[') {
            Some(count) => count.split_once(']')?.1,
            None => rest,
        };
        // A character class at the beginning of a pattern is not a heading.
        if name.is_empty() || !(owners.is_empty() || owners.starts_with(char::is_whitespace)) {
            return None;
        }
        Some(Self {
            name: name.to_lowercase(),
            owners: only_owners(words(owners, start + line.len() - owners.len())),
        })
    }
}

/// Leaves out words that name no owner.
fn only_owners(mut words: Vec<Owner>) -> Vec<Owner> {
    words.retain(|(word, _)| word.contains('@'));
    words
}

/// Splits a line into words with their ranges; `\ ` does not end a word, and `#`
/// starts a comment.
fn words(line: &str, start: usize) -> Vec<(String, Range<usize>)> {
    let mut words: Vec<(String, Range<usize>)> = Vec::new();
    let (mut open, mut escaped) = (false, false);
    for (at, c) in line.char_indices() {
        if !escaped && (c.is_whitespace() || c == '#') {
            open = false;
            if c == '#' {
                break;
            }
            continue;
        }
        if !open {
            words.push((String::new(), start + at..start + at));
            open = true;
        }
        if let Some((word, range)) = words.last_mut() {
            word.push(c);
            range.end = start + at + c.len_utf8();
        }
        escaped = c == '\\' && !escaped;
    }
    words
}

/// A pattern with GitHub's semantics: those of `.gitignore` without `!`, `[…]` and
/// `\#`.
#[derive(Debug)]
struct Pattern {
    glob: GlobMatcher,
    /// True if the pattern matches directories only, with everything below them.
    directory_only: bool,
    /// True if the pattern matches files of one directory only: `docs/*`.
    files_only: bool,
}

impl Pattern {
    /// Parses a pattern; `None` if GitHub does not support it.
    fn parse(text: &str) -> Option<Self> {
        if text.starts_with('!') || text.contains(['[', ']']) || text.starts_with("\\#") {
            return None;
        }
        let directory_only = text.ends_with('/') && text != "/";
        let plain = text.trim_end_matches('/');
        let anchored = plain.contains('/');
        let names = plain.trim_start_matches('/');
        let glob = match names {
            "" => "**".to_owned(),
            names if anchored => names.to_owned(),
            names => format!("**/{names}"),
        };
        // `globset` would take braces for alternatives.
        let glob = glob.replace('{', "\\{").replace('}', "\\}");
        let glob = GlobBuilder::new(&glob)
            .literal_separator(true)
            .backslash_escape(true)
            .build();
        Some(Self {
            glob: glob.ok()?.compile_matcher(),
            directory_only,
            files_only: !directory_only
                && anchored
                && names.ends_with("/*")
                && !names.starts_with("**/"),
        })
    }

    /// Returns true if the pattern matches a file or one of its parent directories.
    fn matches(&self, file: &str) -> bool {
        let parents = || file.match_indices('/').map(|(at, _)| &file[..at]);
        (!self.directory_only && self.glob.is_match(file))
            || (!self.files_only && parents().any(|parent| self.glob.is_match(parent)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> Codeowners {
        Codeowners::new("CODEOWNERS".to_owned(), text.to_owned(), "shop/".to_owned())
    }

    fn owners<'f>(file: &'f Codeowners, fragment: &str) -> Vec<&'f str> {
        let owners = file.owners(fragment).into_iter();
        owners.map(|(name, _)| name.as_str()).collect()
    }

    #[test]
    fn the_last_matching_rule_wins() {
        let file = file(
            "# all\n*  @acme/all # everything\n/shop/teams/pay/ @acme/pay pay@acme.example\n\
             /shop/teams/pay/open.cue\n!x @acme/no\n/shop/a\\ b/ @acme/ab\n",
        );
        let owners = |fragment: &str| owners(&file, fragment);
        assert_eq!(owners("teams/web/a.cue"), ["@acme/all"]);
        assert_eq!(owners("teams/pay/a.cue"), ["@acme/pay", "pay@acme.example"]);
        assert!(owners("teams/pay/open.cue").is_empty());
        assert_eq!(owners("a b/c.cue"), ["@acme/ab"]);
    }

    #[test]
    fn each_section_has_owners() {
        let file = file(
            "* @acme/all\n[Docs][2] @acme/docs\n*.md\n/shop/a.md @acme/a\n\
             ^[Pay]\n/shop/teams/pay/ @acme/pay\n/shop/teams/pay/free/\n\
             [docs]\nb.md @acme/b\n[bc].cue @acme/no\n",
        );
        let owners = |fragment: &str| owners(&file, fragment);
        assert_eq!(owners("x.cue"), ["@acme/all"]);
        assert_eq!(owners("x.md"), ["@acme/all", "@acme/docs"]);
        assert_eq!(owners("a.md"), ["@acme/all", "@acme/a"]);
        assert_eq!(owners("b.md"), ["@acme/all", "@acme/b"]);
        assert_eq!(owners("teams/pay/x.cue"), ["@acme/all", "@acme/pay"]);
        assert_eq!(owners("teams/pay/free/x.cue"), ["@acme/all"]);
        assert_eq!(owners("b.cue"), ["@acme/all"]);
    }

    #[test]
    fn owners_carry_their_range() {
        let file = file("\n/shop/ @a  @b\n[One] @c\n*.cue\n");
        let owners = file.owners("x.cue");
        let shown: Vec<&str> = owners
            .iter()
            .map(|(_, at)| &file.text[at.clone()])
            .collect();
        assert_eq!(shown, ["@a", "@b", "@c"]);
        let lines: Vec<&str> = file
            .lines(&owners)
            .into_iter()
            .map(|at| &file.text[at])
            .collect();
        assert_eq!(lines, ["@a  @b", "@c"]);
    }

    #[test]
    fn matches_as_github_does() {
        for (pattern, file, matches) in [
            ("*", "a/b.cue", true),
            ("*.cue", "a/b.cue", true),
            ("*.cue", "a/b.md", false),
            ("/*.cue", "a/b.cue", false),
            ("/*.cue", "b.cue", true),
            ("teams", "x/teams/a.cue", true),
            ("/teams", "x/teams/a.cue", false),
            ("/teams/", "teams/pay/a.cue", true),
            ("teams/pay", "teams/pay/deep/a.cue", true),
            ("teams/pay", "x/teams/pay/a.cue", false),
            ("teams/pay/", "teams/pay", false),
            ("pay/", "teams/pay/a.cue", true),
            ("docs/*", "docs/a.md", true),
            ("docs/*", "docs/deep/a.md", false),
            ("docs/**", "docs/deep/a.md", true),
            ("docs/*/", "docs/deep/deeper/a.md", true),
            ("docs/*/", "docs/a.md", false),
            ("**/pay", "a/b/pay/c.cue", true),
            ("/a/**/c", "a/c", true),
            ("/a/**/c", "a/b/b/c/d", true),
            ("/a/**/c", "a/b/d", false),
            ("/te?ms/*-pay/", "teams/x-pay/a.cue", true),
            ("/te?ms/*-pay/", "teams/x-pays/a.cue", false),
            ("/", "a/b.cue", true),
            ("/{a,b}/", "{a,b}/c.cue", true),
            ("/{a,b}/", "a/c.cue", false),
            ("/a\\*b", "a*b", true),
            ("/a\\*b", "axb", false),
        ] {
            let parsed = Pattern::parse(pattern).unwrap();
            assert_eq!(parsed.matches(file), matches, "{pattern} and {file}");
        }
    }

    #[test]
    fn rejects_patterns_that_github_does_not_support() {
        for pattern in ["!a", "a[bc]", "\\#a"] {
            assert!(Pattern::parse(pattern).is_none(), "{pattern}");
        }
    }
}
