//! Compares the causes of recorded failures with those that they are named after.

use std::{collections::BTreeMap, fs, time::Duration};

use bollard::models::ContainerInspectResponse;
use kcc_lower::{Desired, DesiredComponent, EngineDesired, docker::DockerDesired};
use kcc_model::Until;
use kcc_plan::{ComponentStatus, Readiness, Scope, State, StatusReport, Unapplied};
use kcc_test_engines::causes::{Recorded, are_named, are_recorded};

use super::{
    recordings::{RecordedContainer, Recording, directory},
    *,
};
use crate::{client::Inspected, observed::ObservedImage};

fn recordings() -> BTreeMap<String, Recording> {
    let files = fs::read_dir(directory()).unwrap();
    let paths = files.map(|file| file.unwrap().path());
    let paths = paths.filter(|path| path.extension().is_some_and(|end| end == "json"));
    paths
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, serde_json::from_str(&text).unwrap())
        })
        .collect()
}

impl RecordedContainer {
    /// Returns what kcc read of the container.
    fn look(&self) -> Look {
        let inspect = self.inspect.clone();
        let response = inspect.map(|inspect| serde_json::from_value(inspect).unwrap());
        let found = response.map(|response: ContainerInspectResponse| Inspected {
            uptime: Duration::from_millis(self.uptime),
            ended_for: Duration::from_millis(self.ended_for),
            ..Inspected::of(response, |_| Duration::ZERO)
        });
        let image = self.platform.as_ref().map(|platform| ObservedImage {
            id: String::new(),
            context_hash: None,
            user: String::new(),
            platform: platform.clone(),
            digests: Vec::new(),
            has_health_check: false,
        });
        Look {
            found,
            exit: self.exit,
            answer: self.answer.clone(),
            log: self.log.clone(),
            has_image: Some(image.is_some()),
            image,
        }
    }

    fn status(&self, component: &str) -> ComponentStatus {
        let (look, until) = (self.look(), self.until());
        let name = format!("shop-dev-{component}");
        let answer = look.judge(&name, &self.container, until);
        let state = match (&look.found, &answer) {
            (None, _) => State::Absent,
            (Some(_), Readiness::Ready) => State::Running,
            (Some(_), Readiness::Waiting(_)) => State::Starting,
            (Some(_), Readiness::Failed(_)) => State::Failed,
        };
        match answer.cause() {
            Some(cause) => ComponentStatus::new(state, (0, 1)).caused_by(cause),
            None => ComponentStatus::new(state, (1, 1)),
        }
    }

    fn until(&self) -> Until {
        if self.is_job {
            Until::Completed
        } else {
            Until::Healthy
        }
    }
}

impl Recording {
    /// Returns the status of all components, with the chains across needs.
    fn report(&self) -> StatusReport {
        let components = self.containers.iter();
        let components = components
            .map(|(name, one)| (name.clone(), one.status(name)))
            .collect();
        let declared = self.containers.iter().map(|(name, one)| {
            let needs = self.needs.iter().filter(|(needing, _)| needing == name);
            let after = needs.map(|(_, other)| (other.clone(), self.containers[other].until()));
            let component = DesiredComponent {
                team: "payments".to_owned(),
                path: String::new(),
                job: one.is_job,
                manual: false,
                after: after.collect(),
                deadline_ms: 60_000,
            };
            (name.clone(), component)
        });
        let desired = Desired {
            system: "shop".to_owned(),
            target: "dev".to_owned(),
            instance: None,
            components: declared.collect(),
            shared: BTreeMap::new(),
            engine: EngineDesired::Docker(DockerDesired::default()),
        };
        let (scope, unapplied) = (Scope::of(&desired), Unapplied::default());
        StatusReport::new(&desired, scope, components, &unapplied, false, Vec::new())
    }
}

#[test]
fn recorded_failures_have_the_cause_that_they_are_named_after() {
    let recorded = recordings().into_iter().map(|(name, recording)| Recorded {
        name,
        report: recording.report(),
        needs: recording.needs.clone(),
    });
    are_named(recorded, &directory().join("expected.txt"));
}

#[test]
fn every_cause_is_recorded() {
    let recordings = recordings();
    let names: Vec<_> = recordings.keys().collect();
    let causes = CAUSES.iter().map(|(name, _)| *name);
    are_recorded(causes, &names, &["start-refused"]);
}
