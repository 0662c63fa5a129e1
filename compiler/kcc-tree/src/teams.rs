//! The directories of teams, as `system.teams` declares them.

use std::path::Path;

use crate::Node;

/// Iterates over name, directory and `path` node of every team in `system.teams`.
pub fn team_folders(system: &Node) -> impl Iterator<Item = (&str, &str, &Node)> {
    let teams = system.child("teams");
    teams
        .into_iter()
        .flat_map(Node::fields)
        .filter_map(|(name, team)| {
            let path = team.child("path")?;
            Some((name, path.as_str()?, path))
        })
}

/// Returns the team that owns a file: the one with the longest matching directory.
pub fn team_of(system: &Node, name: &str) -> Option<String> {
    team_folders(system)
        .filter(|(_, folder, _)| Path::new(name).starts_with(folder.trim_end_matches('/')))
        .max_by_key(|(_, folder, _)| folder.trim_end_matches('/').len())
        .map(|(team, _, _)| team.to_owned())
}
