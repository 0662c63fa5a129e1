//! A container with nothing but an image and a network.

use std::collections::BTreeMap;

use kcc_lower::docker::{Container, Restart};

pub(crate) fn container(component: &str, image: &str, network: &str) -> Container {
    Container {
        component: component.to_owned(),
        image: image.to_owned(),
        command: None,
        args: None,
        working_dir: None,
        user: None,
        env: BTreeMap::new(),
        files: BTreeMap::new(),
        access: BTreeMap::new(),
        mounts: BTreeMap::new(),
        ports: Vec::new(),
        networks: BTreeMap::from([(network.to_owned(), vec![component.to_owned()])]),
        health: None,
        memory: None,
        cpu_millis: None,
        cpu_shares: None,
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
