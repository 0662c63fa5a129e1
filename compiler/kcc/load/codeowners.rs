//! [`Codeowners`]: the CODEOWNERS file of the repository, read as GitHub reads it.
//!
//! A team without `owners` gets those of its fragments. If a team declares other
//! owners than CODEOWNERS, one of the two is out of date and a warning names both.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    sync::Arc,
};

use kcc_diag::{Code, Diagnostic, Diagnostics, FileId, Span};
use kcc_tree::{ConfigTree, Node, Origin, OriginKind, Value};

use super::{Problems, Root, owners_pattern::Pattern, read};

/// The locations that GitHub searches, in this order; the first existing file counts.
const LOCATIONS: [&str; 3] = [".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS"];

/// A rule: a pattern with its owners.
#[derive(Debug)]
struct Rule {
    pattern: Pattern,
    /// The owners, each with its range of bytes in the file.
    owners: Vec<(String, Range<usize>)>,
}

/// The CODEOWNERS file of the repository that contains the system.
#[derive(Debug)]
pub struct Codeowners {
    /// The path relative to the system's root.
    name: String,
    text: String,
    /// The path from the repository's root to the system's, with a trailing slash.
    prefix: String,
    rules: Vec<Rule>,
}

impl Codeowners {
    /// Reads the file if there is one. The repository is the nearest ancestor with
    /// `.git`, or else the system's own directory.
    pub fn load(root: &Root, problems: &mut Problems) -> Option<Self> {
        let mut ancestors = root.path().ancestors();
        let repository = ancestors.find(|folder| folder.join(".git").exists());
        let repository = repository.unwrap_or(root.path());
        let below = root.path().strip_prefix(repository).ok()?;
        let depth = below.iter().count();
        let mut prefix = String::new();
        for name in below {
            prefix = prefix + name.to_str()? + "/";
        }
        for location in LOCATIONS {
            let path = repository.join(location);
            if !path.is_file() {
                continue;
            }
            let name = "../".repeat(depth) + location;
            return match read::text(&path) {
                Ok(text) => Some(Self {
                    rules: rules(&text),
                    name,
                    text,
                    prefix,
                }),
                Err(failure) => {
                    problems.push(failure.problem(name));
                    None
                }
            };
        }
        None
    }

    /// Returns the rule for a fragment: the last one that matches, if it has owners.
    fn rule(&self, fragment: &str) -> Option<&Rule> {
        let file = format!("{}{fragment}", self.prefix);
        let mut rules = self.rules.iter().rev();
        let rule = rules.find(|rule| rule.pattern.matches(&file))?;
        (!rule.owners.is_empty()).then_some(rule)
    }

    /// Adds the owners to teams that declare none, and warns about teams that declare
    /// others.
    pub fn join(&self, tree: &mut ConfigTree, fragments: &[&str]) -> Diagnostics {
        let mut by_team: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for name in fragments {
            if let Some(team) = kcc_tree::team_of(&tree.system, name) {
                by_team.entry(team).or_default().push(name);
            }
        }
        let file = Arc::make_mut(&mut tree.files).add(self.name.clone(), self.text.clone());
        let mut diagnostics = Diagnostics::new();
        for (team, fragments) in by_team {
            let rules = fragments
                .into_iter()
                .filter_map(|name| Some((name, self.rule(name)?)));
            let rules: Vec<(&str, &Rule)> = rules.collect();
            let Some(node) = team_node(&mut tree.system, &team) else {
                continue;
            };
            match fields(node).get("owners") {
                Some(owners) => diagnostics.extend(self.mismatch(&team, owners, &rules, file)),
                None if rules.is_empty() => {}
                None => _ = fields(node).insert("owners".to_owned(), owners_node(&rules, file)),
            }
        }
        diagnostics
    }

    /// Returns a warning for the first fragment whose owners are not those of its team.
    fn mismatch(
        &self,
        team: &str,
        owners: &Node,
        rules: &[(&str, &Rule)],
        file: FileId,
    ) -> Option<Diagnostic> {
        let Value::List(items) = &owners.value else {
            return None;
        };
        let declared: Vec<&str> = items.iter().filter_map(Node::as_str).collect();
        let set = |names: &[&str]| -> BTreeSet<String> {
            names.iter().map(|name| name.to_lowercase()).collect()
        };
        let (fragment, rule) = rules.iter().find(|(_, rule)| {
            let assigned: Vec<&str> = rule.owners.iter().map(|(name, _)| name.as_str()).collect();
            set(&assigned) != set(&declared)
        })?;
        let assigned: Vec<&str> = rule.owners.iter().map(|(name, _)| name.as_str()).collect();
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
            .at(kcc_tree::Path::of(["system", "teams", team, "owners"]));
        if let Some(origin) = owners
            .origins
            .iter()
            .find(|line| line.kind == OriginKind::Value)
        {
            warning = warning.primary(origin.span, "declared here");
        }
        if let (Some(first), Some(last)) = (rule.owners.first(), rule.owners.last()) {
            warning = warning.secondary(span(file, &(first.1.start..last.1.end)), "assigned here");
        }
        Some(warning.help(
            "write the same owners in both, or remove `owners` to take those of `CODEOWNERS`",
        ))
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

/// Builds the list of the owners in some rules, each with its origin.
fn owners_node(rules: &[(&str, &Rule)], file: FileId) -> Node {
    let mut owners: BTreeMap<&str, Origin> = BTreeMap::new();
    for (name, range) in rules.iter().flat_map(|(_, rule)| &rule.owners) {
        owners.entry(name).or_insert(Origin {
            span: span(file, range),
            kind: OriginKind::Value,
            by: file,
        });
    }
    let items = owners.into_iter().map(|(name, origin)| Node {
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
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let mut words = words(line, start);
        start += line.len();
        if words.is_empty() {
            continue;
        }
        let (pattern, _) = words.remove(0);
        if let Some(pattern) = Pattern::parse(&pattern) {
            words.retain(|(word, _)| word.contains('@'));
            rules.push(Rule {
                pattern,
                owners: words,
            });
        }
    }
    rules
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

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> Codeowners {
        Codeowners {
            name: "CODEOWNERS".to_owned(),
            text: text.to_owned(),
            prefix: "shop/".to_owned(),
            rules: rules(text),
        }
    }

    #[test]
    fn the_last_matching_rule_wins() {
        let file = file(
            "# all\n*  @acme/all # everything\n/shop/teams/pay/ @acme/pay pay@acme.example\n\
             /shop/teams/pay/open.cue\n!x @acme/no\n/shop/a\\ b/ @acme/ab\n",
        );
        let owners = |fragment: &str| -> Vec<&str> {
            let rule = file.rule(fragment);
            rule.map(|rule| rule.owners.iter().map(|(name, _)| name.as_str()).collect())
                .unwrap_or_default()
        };
        assert_eq!(owners("teams/web/a.cue"), ["@acme/all"]);
        assert_eq!(owners("teams/pay/a.cue"), ["@acme/pay", "pay@acme.example"]);
        assert!(owners("teams/pay/open.cue").is_empty());
        assert_eq!(owners("a b/c.cue"), ["@acme/ab"]);
    }

    #[test]
    fn owners_carry_their_range() {
        let file = file("\n/shop/ @a  @b\n");
        let rule = file.rule("x.cue").unwrap();
        let shown: Vec<&str> = rule
            .owners
            .iter()
            .map(|(_, at)| &file.text[at.clone()])
            .collect();
        assert_eq!(shown, ["@a", "@b"]);
    }
}
