//! The directories of teams, as `system.teams` declares them: which team owns a
//! file, and the diagnostics for directories that do not exist.

use kcc_diag::{Code, Diagnostic, Diagnostics};
use kcc_tree::{Node, OriginKind};

use super::{Observer, team_directory::TeamDirectory};

/// Reports teams whose directory does not exist: all of their fragments would
/// silently be missing.
pub fn check_team_directories(files: &Observer<'_>, system: &Node) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    for (team, dir, node) in kcc_tree::team_folders(system) {
        let (message, label, help) = match files.team_directory(dir) {
            TeamDirectory::Found => continue,
            TeamDirectory::Outside => (
                format!("directory `{dir}` of team `{team}` is outside the system's directory"),
                "points outside".to_owned(),
                "move it below the directory of `kcc.cue`".to_owned(),
            ),
            TeamDirectory::Link(real) => (
                format!("directory `{dir}` of team `{team}` is a symbolic link"),
                format!("its fragments are in `{real}`"),
                format!("write `path: \"{real}\"`"),
            ),
            TeamDirectory::Other => (
                format!("`{dir}` of team `{team}` is not a directory"),
                "a file".to_owned(),
                "write the directory that contains the team's fragments".to_owned(),
            ),
            TeamDirectory::Missing(similar) => (
                format!("directory `{dir}` of team `{team}` does not exist"),
                "no such directory".to_owned(),
                similar.map_or_else(
                    || "create the directory, or remove the team".to_owned(),
                    |similar| format!("write `path: \"{similar}\"`"),
                ),
            ),
        };
        let mut diagnostic = Diagnostic::error(Code::LoadTeamFolder, message)
            .at(kcc_tree::Path::of(["system", "teams", team, "path"]))
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

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::symlink, path::Path};

    use kcc_test_support::{directory_with, tree::node};
    use serde_json::json;

    use super::{super::Root, *};

    #[test]
    fn reports_team_directories_that_are_not_real_directories() {
        let scratch = directory_with([("shop/kcc.cue", "package shop\n")]);
        let shop = scratch.path().join("shop");
        std::fs::create_dir_all(shop.join("teams/storefront")).unwrap();
        symlink("teams/storefront", shop.join("link")).unwrap();
        symlink("..", shop.join("up")).unwrap();
        let root = Root::find(scratch.path(), Path::new("shop")).unwrap();
        let system = json!({"teams": {
            "good": {"path": "./teams/storefront/"},
            "link": {"path": "link"},
            "file": {"path": "kcc.cue"},
            "typo": {"path": "teams/storfront"},
            "up": {"path": "up"},
            "zero": {"path": "nothing/like/it"},
        }});
        let system = node(&system, None);
        let reported: Vec<_> = check_team_directories(&Observer::of(&root), &system)
            .into_iter()
            .map(|d| format!("{}; {}", d.message, d.help.unwrap()))
            .collect();
        assert_eq!(
            reported,
            [
                "`kcc.cue` of team `file` is not a directory; write the directory that contains the team's fragments",
                "directory `link` of team `link` is a symbolic link; write `path: \"teams/storefront\"`",
                "directory `teams/storfront` of team `typo` does not exist; write `path: \"teams/storefront\"`",
                "directory `up` of team `up` is outside the system's directory; move it below the directory of `kcc.cue`",
                "directory `nothing/like/it` of team `zero` does not exist; create the directory, or remove the team",
            ]
        );
    }
}
