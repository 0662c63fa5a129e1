//! Tests which team owns a file.

use kcc_test_support::tree::node;
use kcc_tree::team_of;
use serde_json::json;

#[test]
fn a_file_belongs_to_the_team_with_the_longest_matching_directory() {
    let system = json!({"teams": {
        "all": {"path": "teams"},
        "web": {"path": "teams/web/"},
        "pay": {"path": "teams/pay"},
    }});
    let system = node(&system, None);
    assert_eq!(team_of(&system, "teams/web/a.cue").as_deref(), Some("web"));
    assert_eq!(
        team_of(&system, "teams/webshop/a.cue").as_deref(),
        Some("all")
    );
    assert_eq!(team_of(&system, "kcc.cue"), None);
}
