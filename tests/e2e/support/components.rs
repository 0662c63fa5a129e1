//! Components of desired states that tests build by hand.

use kcc_lower::DesiredComponent;
use kcc_model::Until;

/// Builds a component of a team that starts after others.
pub(crate) fn component(team: &str, after: &[(&str, Until)], deadline_ms: u64) -> DesiredComponent {
    DesiredComponent {
        team: team.to_owned(),
        path: String::new(),
        job: false,
        after: after
            .iter()
            .map(|(name, until)| ((*name).to_owned(), *until))
            .collect(),
        deadline_ms,
    }
}
