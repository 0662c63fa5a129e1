//! Components and containers of desired states that tests build by hand.

use std::collections::BTreeMap;

use kcc_lower::{
    DesiredComponent,
    docker::{Container, Restart},
};
use kcc_model::{Name, Until};
use kcc_plan::revision::Content;
use serde_json::{Value, json};

/// Builds a component of a team that starts after others.
pub fn component(team: &str, after: &[(&str, Until)], deadline_ms: u64) -> DesiredComponent {
    DesiredComponent {
        team: team.to_owned(),
        path: String::new(),
        job: false,
        manual: false,
        after: after
            .iter()
            .map(|(name, until)| ((*name).to_owned(), *until))
            .collect(),
        deadline_ms,
    }
}

/// Builds a database, the job that migrates it, and a service that starts after it.
pub fn chain(database: &str) -> BTreeMap<Name, DesiredComponent> {
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
pub fn team(component: &str) -> &'static str {
    match component {
        "web" => "storefront",
        _ => "payments",
    }
}

/// Builds a Docker container with nothing but an image and a network.
pub fn container(component: &str, image: &str, network: &str) -> Container {
    Container {
        component: component.to_owned(),
        image: image.to_owned(),
        command: None,
        args: None,
        platform: None,
        working_dir: None,
        user: None,
        env: BTreeMap::new(),
        files: BTreeMap::new(),
        binary_files: BTreeMap::new(),
        access: BTreeMap::new(),
        mounts: BTreeMap::new(),
        mount_options: BTreeMap::new(),
        ports: Vec::new(),
        networks: BTreeMap::from([(network.to_owned(), vec![component.to_owned()])]),
        host_network: false,
        on_host: Vec::new(),
        host_aliases: BTreeMap::new(),
        health: None,
        has_image_health: false,
        memory: None,
        cpu_millis: None,
        cpu_shares: None,
        gpus: None,
        devices: Vec::new(),
        restart: Restart::UnlessStopped,
        stop_timeout: 10,
        read_only: false,
        // Test images may run as any user.
        baseline: true,
        add_capabilities: Vec::new(),
        drop_capabilities: Vec::new(),
        privileged: false,
        docker: None,
        recreate: false,
        on_demand: false,
        after: Vec::new(),
        init: Vec::new(),
        sidecar_of: None,
        labels: BTreeMap::new(),
    }
}

/// Builds the content of a revision of a Docker target with some teams, in the form of its
/// record, without components.
pub fn content(target: &str, teams: &Value) -> Content {
    let shared = json!({
        "teams": teams,
        "policies": [],
        "model": {"target": target, "engine": {"docker": {}}, "parityAccept": {}, "components": {},
            "secrets": {}, "configs": {}, "volumes": {}, "objects": {}, "patches": {},
            "dockerPatches": {}, "grants": {}},
        "lowered": {"engine": {"docker": {}}, "sources": []},
        "values": [],
    });
    Content {
        repositories: Vec::new(),
        fragments: std::iter::empty().collect(),
        shared: serde_json::from_value(shared).unwrap(),
        components: std::iter::empty().collect(),
    }
}
