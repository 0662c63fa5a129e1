//! [`Sandbox`]: a test's own system on an engine, with the commands to run on it;
//! [`Draft`]: its desired state.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
    fs,
    future::Future,
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use futures_util::{StreamExt, stream};

use kcc_lower::{Desired, DesiredComponent, EngineDesired};
use kcc_model::{Name, SecretProvider, Until};
use kcc_plan::{
    ApplyReport, Cancel, Error, ExecOptions, ExecOutput, ExecSource, ExecStreams, Options, Plan,
    Record, Reporter, Request, State, StatusReport, Store, TerminalSize,
};

use crate::{Recorder, desired::component, store::locked};

/// A running engine, with the crate that is tested on it.
pub trait TestedEngine {
    /// The engine's own part of a desired state.
    type Objects: Clone;

    /// Makes the part of a desired state for any engine.
    fn wrap(objects: Self::Objects) -> EngineDesired;

    /// Returns the environment variables that lead to the engine and to the records of
    /// a system with this directory.
    fn env(&self, root: &Path) -> Vec<(&'static str, String)>;

    /// Removes all remains of a system.
    fn remove(&self, system: &str);

    /// Plans with the tested crate.
    fn plan(desired: &Desired, options: &Options) -> impl Future<Output = Result<Plan, Error>>;

    /// Applies with the tested crate.
    fn apply(
        desired: &Desired,
        options: &Options,
        reporter: &dyn Reporter,
        cancel: &Cancel,
    ) -> impl Future<Output = Result<ApplyReport, Error>>;

    /// Reads the status with the tested crate.
    fn status(
        desired: &Desired,
        options: &Options,
    ) -> impl Future<Output = Result<StatusReport, Error>>;

    /// Takes a system down with the tested crate.
    fn down(
        desired: &Desired,
        options: &Options,
        reporter: &dyn Reporter,
        cancel: &Cancel,
    ) -> impl Future<Output = Result<ApplyReport, Error>>;

    /// Runs a command in a container with the tested crate.
    fn exec(
        desired: &Desired,
        options: &Options,
        wanted: &ExecOptions,
        streams: ExecStreams<'_>,
    ) -> impl Future<Output = Result<Option<i64>, Error>>;
}

/// The result of a command: its exit code, and what it wrote to stdout and stderr.
pub type Ran = (Option<i64>, String, String);

/// A system with one target on the tested engine.
pub struct Sandbox<E: TestedEngine> {
    /// The engine.
    pub testbed: Arc<E>,
    /// The directory of the system.
    pub root: tempfile::TempDir,
    /// The name of the system.
    pub system: String,
    /// The events so far.
    pub recorder: Recorder,
}

impl<E: TestedEngine> Sandbox<E> {
    /// Creates a system for a case, with a name that is unique on the engine.
    pub fn new(testbed: Arc<E>, case: &str) -> Self {
        Self {
            testbed,
            root: tempfile::tempdir().unwrap(),
            system: format!("t{}-{}", std::process::id(), case.replace('_', "-")),
            recorder: Recorder::default(),
        }
    }

    /// Returns the options that lead to the engine.
    pub fn options(&self) -> Options {
        let env = self.testbed.env(self.root.path()).into_iter();
        Options {
            root: self.root.path().to_owned(),
            env: env.map(|(name, value)| (name.to_owned(), value)).collect(),
            ..Options::default()
        }
    }

    /// Applies, which may fail.
    pub async fn try_apply(&self, desired: &Draft<E>) -> Result<ApplyReport, Error> {
        let (desired, options) = (desired.finish(), self.options());
        let cancel = Cancel::new();
        // The future is too large for the stack of a case.
        Box::pin(E::apply(&desired, &options, &self.recorder, &cancel)).await
    }

    /// Returns the provider of a secret during which an apply can be overtaken. It
    /// reports that it is running, and ends once it is permitted to.
    pub fn pausing_provider(&self) -> SecretProvider {
        let [running, permission] = self.pause_files();
        let script = "touch \"$1\"; while [ ! -e \"$2\" ]; do sleep 0.05; done; echo paused";
        let files = [running, permission].map(|file| file.display().to_string());
        let command = ["sh", "-c", script, "sh"].map(str::to_owned);
        SecretProvider::Command(command.into_iter().chain(files).collect())
    }

    fn pause_files(&self) -> [PathBuf; 2] {
        ["running", "permission"].map(|name| self.root.path().join(name))
    }

    /// Lets applies pass [`Sandbox::pausing_provider`].
    pub fn unpause(&self) {
        let [_, permission] = self.pause_files();
        fs::write(permission, "").unwrap();
    }

    /// Applies a state with a [`Sandbox::pausing_provider`]. Another command takes the
    /// lock after the apply has read the record, and holds it until the apply ends.
    pub async fn apply_overtaken<S: Store>(
        &self,
        desired: &Draft<E>,
        record: &Record<S>,
    ) -> Result<ApplyReport, Error> {
        let [running, permission] = self.pause_files();
        for file in [&running, &permission] {
            fs::remove_file(file).unwrap();
        }
        let ended = Cell::new(false);
        let apply = async {
            let applied = self.try_apply(desired).await;
            ended.set(true);
            applied
        };
        let overtake = async {
            wait_until(|| running.exists()).await;
            let hold = async {
                self.unpause();
                wait_until(|| ended.get()).await;
                Ok(())
            };
            locked(record, hold).await.unwrap();
        };
        tokio::join!(apply, overtake).0
    }

    /// Applies; parts of it may fail.
    pub async fn apply(&self, desired: &Draft<E>) -> ApplyReport {
        expect_ok(self.try_apply(desired).await)
    }

    /// Applies; everything must be done and ready.
    pub async fn apply_all(&self, desired: &Draft<E>) -> ApplyReport {
        let report = self.apply(desired).await;
        assert!(report.is_complete(), "{report:#?}");
        report
    }

    /// Starts, restarts or stops some components.
    pub async fn request(
        &self,
        desired: &Draft<E>,
        request: fn(BTreeSet<Name>) -> Request,
        components: &[&str],
    ) -> ApplyReport {
        let mut options = self.options();
        options.request = request(components.iter().map(|name| (*name).to_owned()).collect());
        let (desired, cancel) = (desired.finish(), Cancel::new());
        let done = if matches!(options.request, Request::Stop(_)) {
            Box::pin(E::down(&desired, &options, &self.recorder, &cancel)).await
        } else {
            Box::pin(E::apply(&desired, &options, &self.recorder, &cancel)).await
        };
        expect_ok(done)
    }

    /// Runs a command with an input and with changes of its terminal's size.
    pub async fn exec(
        &self,
        desired: &Draft<E>,
        wanted: &ExecOptions,
        input: ExecSource,
        sizes: &[TerminalSize],
    ) -> Result<Ran, Error> {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut write = |output| {
            match output {
                ExecOutput::Out(part) => out.extend(part),
                ExecOutput::Err(part) => err.extend(part),
            }
            ControlFlow::Continue(())
        };
        let streams = ExecStreams {
            started: Box::new(|| {}),
            input,
            sizes: stream::iter(sizes.to_vec()).boxed(),
            write: &mut write,
        };
        let (desired, options) = (desired.finish(), self.options());
        let code = E::exec(&desired, &options, wanted, streams).await?;
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ok((code, text(out), text(err)))
    }

    /// Returns the text of a plan with runs of spaces collapsed: the system's name
    /// contains the process number, which affects the width of a column.
    pub async fn plan(&self, desired: &Draft<E>) -> String {
        let plan = expect_ok(E::plan(&desired.finish(), &self.options()).await);
        let text = plan.to_text().replace(&self.system, "SYSTEM");
        let squeezed = text.lines().map(|line| {
            let words: Vec<_> = line.split_whitespace().collect();
            words.join(" ") + "\n"
        });
        squeezed.collect()
    }

    /// Reads the status.
    pub async fn status(&self, desired: &Draft<E>) -> StatusReport {
        expect_ok(E::status(&desired.finish(), &self.options()).await)
    }

    /// Stops an apply of a running service `web` before it changes anything, and checks
    /// that the status keeps the reason until the next apply.
    pub async fn keeps_the_reason_of_a_stopped_apply(&self, changed: &Draft<E>) {
        let (desired, options) = (changed.finish(), self.options());
        let cancel = Cancel::new();
        cancel.cancel();
        let stopped = Box::pin(E::apply(&desired, &options, &self.recorder, &cancel));
        assert!(expect_ok(stopped.await).cancelled);
        let status = self.status(changed).await;
        let web = &status.components["web"];
        assert_eq!((web.state, web.ready), (State::Running, 1), "as before");
        assert_eq!(web.unapplied.as_deref(), Some("the apply was stopped"));
        assert_eq!(status.unapplied.as_deref(), Some("it was stopped"));
        assert!(!status.is_ready());
        Box::pin(self.apply_all(changed)).await;
        assert!(self.status(changed).await.is_ready());
    }

    /// Takes the system down, with its data or without; everything must be done.
    pub async fn down(&self, desired: &Draft<E>, volumes: bool) -> ApplyReport {
        let options = Options {
            volumes,
            ..self.options()
        };
        let done = E::down(&desired.finish(), &options, &self.recorder, &Cancel::new()).await;
        let report = expect_ok(done);
        assert!(report.is_complete(), "{report:#?}");
        report
    }
}

impl<E: TestedEngine> Drop for Sandbox<E> {
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
pub struct Draft<E: TestedEngine> {
    /// The name of the system.
    pub system: String,
    /// The target.
    pub target: &'static str,
    /// The components.
    pub components: BTreeMap<Name, DesiredComponent>,
    /// The objects of the engine.
    pub engine: E::Objects,
}

impl<E: TestedEngine> Clone for Draft<E> {
    fn clone(&self) -> Self {
        Self {
            system: self.system.clone(),
            target: self.target,
            components: self.components.clone(),
            engine: self.engine.clone(),
        }
    }
}

impl<E: TestedEngine> Draft<E> {
    /// Returns the desired state.
    pub fn finish(&self) -> Desired {
        Desired {
            system: self.system.clone(),
            target: self.target.to_owned(),
            instance: None,
            components: self.components.clone(),
            shared: BTreeMap::new(),
            engine: E::wrap(self.engine.clone()),
        }
    }

    /// Returns a component, a new one if it has none of that name.
    pub fn component(&mut self, name: &str) -> &mut DesiredComponent {
        let new = || DesiredComponent {
            path: format!("services.{name}"),
            ..component("storefront", &[], 60_000)
        };
        self.components.entry(name.to_owned()).or_insert_with(new)
    }

    /// Makes a component start after another one.
    pub fn after(&mut self, name: &str, other: &str, until: Until) {
        let component = self.component(name);
        component.after.insert(other.to_owned(), until);
    }
}

async fn wait_until(condition: impl Fn() -> bool) {
    while !condition() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
