//! [`Sandbox`]: a test's own system on an engine, with the commands to run on it;
//! [`Draft`]: its desired state. The including crate names the tested crate `engine`.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use kcc_lower::{Desired, DesiredComponent, EngineDesired};
use kcc_model::{Name, Until};
use kcc_plan::{ApplyReport, Cancel, Error, Options, StatusReport};

use crate::{components::component, engine, recorder::Recorder};

/// A running engine.
pub(crate) trait Host {
    /// Returns the environment variables that lead to it and to the records of a
    /// system with this directory.
    fn env(&self, folder: &Path) -> Vec<(&'static str, String)>;

    /// Removes all remains of a system.
    fn remove(&self, system: &str);
}

/// A system with one target on the tested engine.
pub(crate) struct Sandbox<H: Host> {
    pub(crate) testbed: Arc<H>,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) system: String,
    pub(crate) recorder: Recorder,
}

impl<H: Host> Sandbox<H> {
    /// Creates a system for a case, with a name that is unique on the engine.
    pub(crate) fn new(testbed: Arc<H>, case: &str) -> Self {
        Self {
            testbed,
            folder: tempfile::tempdir().unwrap(),
            system: format!("t{}-{}", std::process::id(), case.replace('_', "-")),
            recorder: Recorder::default(),
        }
    }

    pub(crate) fn options(&self) -> Options {
        let env = self.testbed.env(self.folder.path()).into_iter();
        Options {
            root: self.folder.path().to_owned(),
            env: env.map(|(name, value)| (name.to_owned(), value)).collect(),
            ..Options::default()
        }
    }

    pub(crate) async fn try_apply<E: Clone>(
        &self,
        desired: &Draft<E>,
    ) -> Result<ApplyReport, Error> {
        let (desired, options) = (desired.finish(), self.options());
        engine::apply(&desired, &options, &self.recorder, &Cancel::new()).await
    }

    pub(crate) async fn apply<E: Clone>(&self, desired: &Draft<E>) -> ApplyReport {
        expect_ok(self.try_apply(desired).await)
    }

    /// Applies; everything must be done and ready.
    pub(crate) async fn apply_all<E: Clone>(&self, desired: &Draft<E>) -> ApplyReport {
        let report = self.apply(desired).await;
        assert!(report.is_complete(), "{report:#?}");
        report
    }

    /// Returns the text of a plan with runs of spaces collapsed: the system's name
    /// contains the process number, which affects the width of a column.
    pub(crate) async fn plan<E: Clone>(&self, desired: &Draft<E>) -> String {
        let plan = expect_ok(engine::plan(&desired.finish(), &self.options()).await);
        let text = plan.to_text().replace(&self.system, "SYSTEM");
        let squeezed = text.lines().map(|line| {
            let words: Vec<_> = line.split_whitespace().collect();
            words.join(" ") + "\n"
        });
        squeezed.collect()
    }

    pub(crate) async fn status<E: Clone>(&self, desired: &Draft<E>) -> StatusReport {
        expect_ok(engine::status(&desired.finish(), &self.options()).await)
    }

    pub(crate) async fn down<E: Clone>(&self, desired: &Draft<E>, volumes: bool) -> ApplyReport {
        let options = Options {
            volumes,
            ..self.options()
        };
        let done = engine::down(&desired.finish(), &options, &self.recorder, &Cancel::new()).await;
        let report = expect_ok(done);
        assert!(report.is_complete(), "{report:#?}");
        report
    }
}

impl<H: Host> Drop for Sandbox<H> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{:#?}", self.recorder.lines());
        }
        self.testbed.remove(&self.system);
    }
}

fn expect_ok<T>(done: Result<T, Error>) -> T {
    done.unwrap_or_else(|error| panic!("{}", error.chain()))
}

/// A desired state under construction.
#[derive(Clone)]
pub(crate) struct Draft<E> {
    pub(crate) system: String,
    pub(crate) target: &'static str,
    pub(crate) components: BTreeMap<Name, DesiredComponent>,
    /// The objects of the engine.
    pub(crate) engine: E,
    pub(crate) wrap: fn(E) -> EngineDesired,
}

impl<E: Clone> Draft<E> {
    pub(crate) fn finish(&self) -> Desired {
        Desired {
            system: self.system.clone(),
            target: self.target.to_owned(),
            components: self.components.clone(),
            engine: (self.wrap)(self.engine.clone()),
        }
    }

    pub(crate) fn component(&mut self, name: &str) -> &mut DesiredComponent {
        let new = || DesiredComponent {
            path: format!("services.{name}"),
            ..component("storefront", &[], 60_000)
        };
        self.components.entry(name.to_owned()).or_insert_with(new)
    }

    pub(crate) fn after(&mut self, name: &str, other: &str, until: Until) {
        let component = self.component(name);
        component.after.insert(other.to_owned(), until);
    }
}
