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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::Value;

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
    fn a_file_belongs_to_the_team_with_the_longest_matching_directory() {
        let system = system(&[
            ("all", "teams"),
            ("web", "teams/web/"),
            ("pay", "teams/pay"),
        ]);
        assert_eq!(team_of(&system, "teams/web/a.cue").as_deref(), Some("web"));
        assert_eq!(
            team_of(&system, "teams/webshop/a.cue").as_deref(),
            Some("all")
        );
        assert_eq!(team_of(&system, "kcc.cue"), None);
    }
}
