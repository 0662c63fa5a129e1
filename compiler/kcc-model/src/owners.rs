//! [`Owners`]: the owning team of each component, secret, config and the like.
//!
//! A component belongs to the team whose fragment sets `image`, `build` or
//! `kind`; a secret or config belongs to the team that declares it. Anything
//! declared only in the system's own files belongs to the system itself.

use std::collections::{BTreeMap, BTreeSet};

use kcc_diag::{FileId, Files, SourceFile, Span};
use kcc_tree::schema::{component_fields, declared_fields};
use kcc_tree::{ConfigTree, Node, OriginKind, Path};

use crate::pattern::covers;
use crate::{Name, Team};

/// The owner of a component or declaration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Owner {
    /// The team; none stands for the system's own files.
    pub(crate) team: Option<Name>,
    /// A line that makes the team the owner.
    pub(crate) line: Option<Span>,
    /// Lines of other teams that claim ownership as well, by team.
    pub(crate) rivals: BTreeMap<Name, Span>,
    /// Set if no fragment sets `image`, `build` or `kind`.
    pub(crate) unclaimed: bool,
}

/// The owners in one target, by path.
#[derive(Debug, Clone, Default)]
pub(crate) struct Owners(BTreeMap<Path, Owner>);

impl Owners {
    /// Determines the owners in one target.
    pub(crate) fn of(tree: &ConfigTree, teams: &BTreeMap<Name, Team>, target: &str) -> Self {
        let mut owners = BTreeMap::new();
        for declaration in tree.declarations.get(target).into_iter().flatten() {
            let node = tree.get(target, &declaration.path);
            let defining = node.map(defining_lines).unwrap_or_default();
            let (lines, unclaimed) = if !declaration.owners.is_empty() {
                (labels(&declaration.owners), false)
            } else if declaration.others.is_empty() && !defining.is_empty() {
                (defining, false)
            } else {
                (labels(&declaration.others), true)
            };
            let owner = Owner {
                unclaimed,
                ..claim(&tree.files, lines)
            };
            owners.insert(declaration.path.clone(), owner);
        }
        for kind in component_fields().iter().chain(declared_fields()) {
            let Some(all) = tree.get(target, &Path::of([kind])) else {
                continue;
            };
            for (name, node) in all.fields() {
                let path = Path::of([kind, name]);
                if owners.contains_key(&path) {
                    continue;
                }
                let lines = if declared_fields().contains(kind) {
                    lines_below(node)
                } else {
                    defining_lines(node)
                };
                let (governing, own): (Vec<_>, Vec<_>) = lines
                    .into_iter()
                    .partition(|(by, _)| governs(tree, teams, *by, &path));
                let owner = if own.is_empty() {
                    // Only governing teams declared it, and any of them may.
                    Owner {
                        rivals: BTreeMap::new(),
                        ..claim(&tree.files, governing)
                    }
                } else {
                    claim(&tree.files, own)
                };
                owners.insert(path, owner);
            }
        }
        Self(owners)
    }

    /// Returns the owner of the component, secret or config at or above a path.
    pub(crate) fn get(&self, path: &Path) -> Option<&Owner> {
        self.0.get(&Path(path.0.get(..2)?.to_vec()))
    }

    /// Iterates over all paths that have an owner.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Path, &Owner)> {
        self.0.iter()
    }
}

/// A line, and the file whose team declares it.
type Line = (FileId, Span);

fn labels(spans: &[Span]) -> Vec<Line> {
    spans.iter().map(|span| (span.file, *span)).collect()
}

fn team_of(files: &Files, by: FileId) -> Option<&str> {
    files.get(by).and_then(SourceFile::team)
}

/// Determines the owner from the lines of one or more teams.
fn claim(files: &Files, lines: Vec<Line>) -> Owner {
    let mut by_team: BTreeMap<Name, Span> = BTreeMap::new();
    let mut system = None;
    for (by, line) in lines {
        match team_of(files, by) {
            Some(team) => _ = by_team.entry(team.to_owned()).or_insert(line),
            None => system = system.or(Some(line)),
        }
    }
    match by_team.pop_first() {
        Some((team, line)) => Owner {
            team: Some(team),
            line: Some(line),
            rivals: by_team,
            unclaimed: false,
        },
        None => Owner {
            team: None,
            line: system,
            rivals: BTreeMap::new(),
            unclaimed: false,
        },
    }
}

/// Returns the lines that set `image`, `build` or `kind`.
fn defining_lines(node: &Node) -> Vec<Line> {
    ["image", "build", "kind"]
        .iter()
        .filter_map(|field| node.child(field))
        .flat_map(|field| &field.origins)
        .filter(|origin| origin.kind == OriginKind::Value)
        .map(|origin| (origin.by, origin.span))
        .collect()
}

/// Returns every line that sets a value at or below a node.
fn lines_below(node: &Node) -> Vec<Line> {
    let here = node
        .origins
        .iter()
        .filter(|origin| origin.kind == OriginKind::Value);
    let here = here.map(|origin| (origin.by, origin.span));
    here.chain(node.fields().flat_map(|(_, child)| lines_below(child)))
        .collect()
}

fn governs(tree: &ConfigTree, teams: &BTreeMap<Name, Team>, by: FileId, path: &Path) -> bool {
    team_of(&tree.files, by)
        .and_then(|team| teams.get(team))
        .is_some_and(|team| team.governs.iter().any(|pattern| covers(pattern, &path.0)))
}

/// Returns the names of all components of a target, including those that could
/// not be built.
pub(crate) fn component_names(tree: &ConfigTree, target: &str) -> BTreeSet<String> {
    let declared = tree.declarations.get(target).into_iter().flatten();
    let declared = declared.filter_map(|declaration| declaration.path.0.get(1).cloned());
    let present = component_fields()
        .iter()
        .filter_map(|kind| tree.get(target, &Path::of([kind])))
        .flat_map(|all| all.fields().map(|(name, _)| name.to_owned()));
    declared.chain(present).collect()
}
