//! [`Place`]: a system of a test's own on an engine, and the commands on it.
//! [`Draft`]: its desired state. The crate that is tested is called `engine`.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use kcc_lower::{Desired, DesiredComponent, EngineDesired};
use kcc_model::{Name, Until};
use kcc_plan::{ApplyReport, Cancel, Error, Options, StatusReport};

use crate::{components::component, engine, heard::Heard};

/// An engine that answers.
pub(crate) trait Host {
    /// The variables of the environment that lead to it and to the state of a
    /// system that has a folder.
    fn env(&self, folder: &Path) -> Vec<(&'static str, String)>;

    /// Removes whatever is left of a system.
    fn remove(&self, system: &str);
}

/// A system with one target on the engine of the tests.
pub(crate) struct Place<H: Host> {
    pub(crate) bed: Arc<H>,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) system: String,
    pub(crate) heard: Heard,
}

impl<H: Host> Place<H> {
    /// A place for a case, which nothing else on the engine is called like.
    pub(crate) fn new(bed: Arc<H>, case: &str) -> Self {
        Self {
            bed,
            folder: tempfile::tempdir().unwrap(),
            system: format!("t{}-{}", std::process::id(), case.replace('_', "-")),
            heard: Heard::default(),
        }
    }

    pub(crate) fn options(&self) -> Options {
        let env = self.bed.env(self.folder.path()).into_iter();
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
        engine::apply(&desired, &options, &self.heard, &Cancel::new()).await
    }

    pub(crate) async fn apply<E: Clone>(&self, desired: &Draft<E>) -> ApplyReport {
        well(self.try_apply(desired).await)
    }

    /// Applies, and everything has to be done and ready.
    pub(crate) async fn apply_all<E: Clone>(&self, desired: &Draft<E>) -> ApplyReport {
        let report = self.apply(desired).await;
        assert!(report.complete(), "{report:#?}");
        report
    }

    /// The text of a plan, with one space where there are several: the system's
    /// name holds the number of the process, and so the width of a column.
    pub(crate) async fn plan<E: Clone>(&self, desired: &Draft<E>) -> String {
        let plan = well(engine::plan(&desired.finish(), &self.options()).await);
        let text = plan.to_text().replace(&self.system, "SYSTEM");
        let squeezed = text.lines().map(|line| {
            let words: Vec<_> = line.split_whitespace().collect();
            words.join(" ") + "\n"
        });
        squeezed.collect()
    }

    pub(crate) async fn status<E: Clone>(&self, desired: &Draft<E>) -> StatusReport {
        well(engine::status(&desired.finish(), &self.options()).await)
    }

    pub(crate) async fn down<E: Clone>(&self, desired: &Draft<E>, volumes: bool) -> ApplyReport {
        let options = Options {
            volumes,
            ..self.options()
        };
        let done = engine::down(&desired.finish(), &options, &self.heard, &Cancel::new()).await;
        let report = well(done);
        assert!(report.complete(), "{report:#?}");
        report
    }
}

impl<H: Host> Drop for Place<H> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{:#?}", self.heard.lines());
        }
        self.bed.remove(&self.system);
    }
}

fn well<T>(done: Result<T, Error>) -> T {
    done.unwrap_or_else(|error| panic!("{}", error.chain()))
}

/// A desired state that is being put together.
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
