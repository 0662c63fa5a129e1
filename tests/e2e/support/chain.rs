//! The components of the plans in the engine crates' unit tests.

use std::collections::BTreeMap;

use kcc_lower::DesiredComponent;
use kcc_model::{Name, Until};

use super::components::component;

/// Builds a database, the job that migrates it, and a service that starts after it.
pub(crate) fn chain(database: &str) -> BTreeMap<Name, DesiredComponent> {
    let one = |name: &str, after: &[(&str, Until)]| component(team(name), after, 1000);
    let mut migrate = one("migrate", &[(database, Until::Started)]);
    migrate.job = true;
    BTreeMap::from([
        (database.to_owned(), one(database, &[])),
        ("migrate".to_owned(), migrate),
        (
            "web".to_owned(),
            one("web", &[("migrate", Until::Completed)]),
        ),
    ])
}

/// Returns the team of a component of the chain.
pub(crate) fn team(component: &str) -> &'static str {
    match component {
        "web" => "storefront",
        _ => "payments",
    }
}
