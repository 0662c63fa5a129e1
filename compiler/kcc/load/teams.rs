//! The folders of the teams, once the system is known.

use std::path::Path;

use kcc_diag::{Code, Diagnostic, Diagnostics};
use kcc_tree::{Node, OriginKind};

use super::Root;

/// Every team with its folder, as `system.teams` says it.
fn folders(system: &Node) -> impl Iterator<Item = (&str, &str, &Node)> {
    let teams = system.child("teams");
    teams
        .into_iter()
        .flat_map(Node::fields)
        .filter_map(|(name, team)| {
            let path = team.child("path")?;
            Some((name, path.as_str()?, path))
        })
}

/// The team of a file: the one with the longest matching folder.
pub fn of(system: &Node, name: &str) -> Option<String> {
    folders(system)
        .filter(|(_, folder, _)| Path::new(name).starts_with(folder.trim_end_matches('/')))
        .max_by_key(|(_, folder, _)| folder.trim_end_matches('/').len())
        .map(|(team, _, _)| team.to_owned())
}

/// Teams whose folder does not exist: all of their fragments would be missing
/// without a word.
pub fn team_folders(root: &Root, system: &Node) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    for (team, folder, node) in folders(system) {
        let path = root.path().join(folder);
        let (message, label, help) = if root.leads_out(&path).is_some() {
            (
                format!("the folder `{folder}` of team `{team}` is not in the system's folder"),
                "leads out of it",
                "put the team's folder below the folder of `kcc.cue`".to_owned(),
            )
        } else if path.is_dir() {
            let Some(real) = real_name(root, &path).filter(|real| real != clean(folder)) else {
                continue;
            };
            (
                format!("the folder `{folder}` of team `{team}` is a symbolic link"),
                "its fragments have other names",
                format!("write `path: \"{real}\"`"),
            )
        } else if path.exists() {
            (
                format!("`{folder}` of team `{team}` is no folder"),
                "a file",
                "name the folder that holds the team's fragments".to_owned(),
            )
        } else {
            (
                format!("team `{team}` has no folder `{folder}`"),
                "there is no such folder",
                near(root, folder).map_or_else(
                    || "make the folder, or remove the team".to_owned(),
                    |near| format!("write `path: \"{near}\"`"),
                ),
            )
        };
        let mut diagnostic = Diagnostic::error(Code::LoadTeamFolder, message)
            .at(format!("system.teams.{team}.path"))
            .help(help);
        if let Some(origin) = node
            .origins
            .iter()
            .find(|origin| origin.kind == OriginKind::Value)
        {
            diagnostic = diagnostic.primary(origin.span, label);
        }
        diagnostics.push(diagnostic);
    }
    diagnostics
}

fn clean(folder: &str) -> &str {
    folder.trim_start_matches("./").trim_end_matches('/')
}

/// The name of a folder below the root, its links resolved.
fn real_name(root: &Root, path: &Path) -> Option<String> {
    root.name(&path.canonicalize().ok()?)
}

/// The folder beside a missing one whose name is most like it.
fn near(root: &Root, folder: &str) -> Option<String> {
    let (parent, name) = clean(folder)
        .rsplit_once('/')
        .unwrap_or(("", clean(folder)));
    let mut names: Vec<String> = std::fs::read_dir(root.path().join(parent))
        .ok()?
        .filter_map(|entry| {
            let entry = entry.ok()?;
            entry
                .file_type()
                .ok()?
                .is_dir()
                .then(|| entry.file_name().into_string().ok())?
        })
        .collect();
    names.sort();
    let near = kcc_diag::nearest(name, names.iter().map(String::as_str))?;
    Some(if parent.is_empty() {
        near.to_owned()
    } else {
        format!("{parent}/{near}")
    })
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, os::unix::fs::symlink};

    use kcc_tree::Value;

    use super::*;

    fn node(value: Value) -> Node {
        Node {
            value,
            origins: Vec::new(),
        }
    }

    fn system(teams: &[(&str, &str)]) -> Node {
        let fields = |fields: Vec<(&str, Node)>| {
            let fields = fields
                .into_iter()
                .map(|(name, node)| (name.to_owned(), node));
            node(Value::Struct(fields.collect::<BTreeMap<_, _>>()))
        };
        let teams = teams.iter().map(|(name, path)| {
            (
                *name,
                fields(vec![("path", node(Value::String((*path).to_owned())))]),
            )
        });
        fields(vec![("teams", fields(teams.collect()))])
    }

    #[test]
    fn the_longest_folder_decides_and_names_are_whole() {
        let system = system(&[
            ("all", "teams"),
            ("web", "teams/web/"),
            ("pay", "teams/pay"),
        ]);
        assert_eq!(of(&system, "teams/web/a.cue").as_deref(), Some("web"));
        assert_eq!(of(&system, "teams/webshop/a.cue").as_deref(), Some("all"));
        assert_eq!(of(&system, "kcc.cue"), None);
    }

    #[test]
    fn a_team_needs_a_folder_of_its_own_name() {
        let folder = tempfile::tempdir().unwrap();
        let shop = folder.path().join("shop");
        std::fs::create_dir_all(shop.join("teams/storefront")).unwrap();
        std::fs::write(shop.join("kcc.cue"), "package shop\n").unwrap();
        symlink("teams/storefront", shop.join("link")).unwrap();
        symlink("..", shop.join("up")).unwrap();
        let root = Root::find(folder.path(), Path::new("shop")).unwrap();
        let system = system(&[
            ("good", "./teams/storefront/"),
            ("link", "link"),
            ("file", "kcc.cue"),
            ("typo", "teams/storfront"),
            ("up", "up"),
            ("zero", "nothing/like/it"),
        ]);
        let found: Vec<_> = team_folders(&root, &system)
            .into_iter()
            .map(|d| format!("{}; {}", d.message, d.help.unwrap()))
            .collect();
        assert_eq!(
            found,
            [
                "`kcc.cue` of team `file` is no folder; name the folder that holds the team's fragments",
                "the folder `link` of team `link` is a symbolic link; write `path: \"teams/storefront\"`",
                "team `typo` has no folder `teams/storfront`; write `path: \"teams/storefront\"`",
                "the folder `up` of team `up` is not in the system's folder; put the team's folder below the folder of `kcc.cue`",
                "team `zero` has no folder `nothing/like/it`; make the folder, or remove the team",
            ]
        );
    }
}
