//! Init steps and sidecars of a desired state that is being put together.

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

    /// Adds a script that runs beside a component's container.
    pub(crate) fn sidecar(&mut self, name: &str, beside: &str, script: &str) -> &mut Container {
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
        let beside = Container::beside(&main, beside);
        self.engine.containers.entry(beside).or_insert(container)
    }
}
