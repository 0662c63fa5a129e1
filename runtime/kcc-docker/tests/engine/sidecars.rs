//! Init steps and sidecars of drafted desired states.

use std::collections::BTreeMap;

use kcc_lower::docker::{Container, InitStep, Restart};

use crate::docker::{BOX, Draft};

impl Draft {
    /// Adds a script that runs before a component's container starts.
    pub(crate) fn init(&mut self, name: &str, step: &str, script: &str) -> &mut Container {
        let main = self.container(name).clone();
        let step = InitStep {
            name: step.to_owned(),
            container: Container {
                image: BOX.to_owned(),
                command: Some(vec!["/bin/busybox".into(), "sh".into(), "-c".into()]),
                args: Some(vec![script.to_owned()]),
                health: None,
                ports: Vec::new(),
                restart: Restart::No,
                init: Vec::new(),
                ..main
            },
        };
        let steps = &mut self.container(name).init;
        steps.push(step);
        &mut steps.last_mut().unwrap().container
    }

    /// Adds a script that runs next to a component's container.
    pub(crate) fn sidecar(&mut self, name: &str, sidecar: &str, script: &str) -> &mut Container {
        let main = self.name(name);
        let container = Container {
            image: BOX.to_owned(),
            command: Some(vec!["/bin/busybox".into(), "sh".into(), "-c".into()]),
            args: Some(vec![script.to_owned()]),
            health: None,
            ports: Vec::new(),
            networks: BTreeMap::new(),
            restart: Restart::UnlessStopped,
            init: Vec::new(),
            sidecar_of: Some(main.clone()),
            ..self.container(name).clone()
        };
        let full_name = Container::extra_name(&main, sidecar);
        self.engine.containers.entry(full_name).or_insert(container)
    }
}
