//! The commands: one connection, the state of one target, and the order of
//! observing, deciding, performing and remembering.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use kcc_diag::Code;
use kcc_lower::{
    Desired, EngineDesired,
    docker::{Container, DockerDesired, Mount},
};
use kcc_model::Name;
use kcc_plan::{
    ApplyReport, Cancel, Error, Event, MissingSecret, Options, Plan, Records, Recovery, Reporter,
    Scope, Secrets, StateFolder, StatusReport, order_since,
};

use crate::{
    client::Client,
    drift::secrets_of,
    endpoint::Endpoint,
    engine::{DockerEngine, Stopping},
    instance,
    memory::{Kept, Memory},
    observe,
    observed::Observed,
    ready::{Endings, Judge},
    reconcile::{reconcile, tear_down},
    recovery,
    work::Work,
};

/// How long nothing may change until an engine is taken to be done with what a
/// killed apply asked for, and how often that is looked at.
const SETTLE: Duration = Duration::from_millis(500);
const SETTLE_ROUNDS: usize = 20;

/// What an apply would do, and what is not ready. Reads, and changes nothing.
pub async fn plan(desired: &Desired, options: &Options) -> Result<Plan, Error> {
    let session = Session::open(desired, options).await?;
    // A half-done apply is no state of a target to plan from.
    session.state.refuse_held()?;
    let (secrets, missing) = session.available_secrets().await?;
    let mut observed = session.observe(&session.remember()?, &secrets).await?;
    observed.missing_secrets = missing;
    let judge = session.judge(Some(&secrets));
    observe::readiness(desired, &session.docker, &judge, &mut observed).await?;
    Ok(reconcile(desired, &session.docker, &observed, options)?.without_work())
}

/// Makes the engine hold what is desired, and waits until it is ready.
pub async fn apply(
    desired: &Desired,
    options: &Options,
    reporter: &dyn Reporter,
    cancel: &Cancel,
) -> Result<ApplyReport, Error> {
    let session = Session::open(desired, options).await?;
    let _lock = session.state.lock("an apply")?;
    let memory = session.remember()?;
    session.settle(&memory).await?;
    let (secrets, missing) = session.available_secrets().await?;
    let observed = session.observe(&memory, &secrets).await?;
    let plan = reconcile(desired, &session.docker, &observed, options)?;
    // Before the first mutation, so that a missing one stops nothing half-way.
    if !missing.is_empty() {
        return Err(missing.into());
    }
    let secrets = session.secrets(&plan, secrets)?;
    let mut report = session
        .perform(&plan, secrets, &memory, &observed, reporter, cancel)
        .await?;
    let left = observe::objects(&session.client, &session.scope, &session.docker, &memory).await?;
    for (name, component) in &mut report.components {
        component.addresses =
            crate::status::addresses(name, &session.docker, &left, &session.endpoint);
    }
    if let Some(text) = unscheduled(&session.docker) {
        reporter.event(&Event::Note { text: &text });
    }
    Ok(report)
}

/// That an engine has no schedule, where something waits for one.
fn unscheduled(docker: &DockerDesired) -> Option<String> {
    let mut names = docker
        .containers
        .iter()
        .filter(|(_, container)| container.on_demand)
        .map(|(name, _)| name.as_str());
    let first = names.next()?;
    let others = match names.count() {
        0 => String::new(),
        1 => ", and likewise the other one".to_owned(),
        count => format!(", and likewise the {count} others"),
    };
    Some(format!(
        "cron jobs are not scheduled on Docker: `docker start -a {first}` runs one{others}"
    ))
}

/// What runs, and why what does not.
pub async fn status(desired: &Desired, options: &Options) -> Result<StatusReport, Error> {
    let session = Session::open(desired, options).await?;
    let memory = session.remember()?;
    let observed =
        observe::objects(&session.client, &session.scope, &session.docker, &memory).await?;
    let known = Secrets::known(&session.docker.secrets, &session.state, options);
    let judge = session.judge(known.as_ref());
    crate::status::status(
        desired,
        &session.docker,
        &observed,
        &judge,
        session.scope.clone(),
    )
    .await
}

/// Removes what kcc made for the target; volumes, and the generated secrets
/// that open them, only with `Options::volumes`.
pub async fn down(
    desired: &Desired,
    options: &Options,
    reporter: &dyn Reporter,
    cancel: &Cancel,
) -> Result<ApplyReport, Error> {
    let session = Session::open(desired, options).await?;
    let _lock = session.state.lock("a down")?;
    let memory = session.remember()?;
    session.settle(&memory).await?;
    let observed =
        observe::objects(&session.client, &session.scope, &session.docker, &memory).await?;
    let last = memory.inventory.as_ref().map(|inventory| &inventory.after);
    let order = order_since(desired, last.unwrap_or(&BTreeMap::new()));
    let plan = tear_down(desired, &observed, &order, options)?;
    let secrets = Secrets::default();
    let report = session
        .perform(&plan, secrets, &memory, &observed, reporter, cancel)
        .await?;
    if options.volumes && report.complete() {
        session.state.forget_secrets()?;
    }
    for object in &observed.doubtful {
        let (kind, name) = (&object.kind, &object.name);
        let doubt = object.doubt.as_deref().unwrap_or_default();
        reporter.event(&Event::Note {
            text: &format!("{kind} `{name}` carries the target's labels and stays: {doubt}"),
        });
    }
    Ok(report)
}

/// The objects of a target that kcc made on this engine. Changes nothing.
pub async fn found(desired: &Desired, options: &Options) -> Result<Recovery, Error> {
    let session = Session::open(desired, options).await?;
    session.state.refuse_held()?;
    Ok(session.find(&session.remember()?).await?.recovery)
}

/// Takes back the objects of [`found`] and the generated secrets that what runs
/// still holds. Changes nothing on the engine.
pub async fn recover(desired: &Desired, options: &Options) -> Result<Recovery, Error> {
    let session = Session::open(desired, options).await?;
    let _lock = session.state.lock("a recovery")?;
    let memory = session.remember()?;
    let Found {
        recovery,
        observed,
        secrets,
    } = session.find(&memory).await?;
    for (name, value) in &secrets {
        session.state.keep_secret(name, value)?;
    }
    let made = recovery.taken();
    let made = made.map(|object| (object.kind.as_str(), object.name.as_str()));
    let mut kept = session.kept(&memory);
    kept.lost_secrets = recovery.lost_secrets.iter().cloned().collect();
    kept.end(&observed, &made.collect()).await?;
    Ok(recovery)
}

/// What a recovery finds: what it shows, and what it keeps.
struct Found {
    recovery: Recovery,
    observed: Observed,
    /// Values of generated secrets that the state folder lacks.
    secrets: BTreeMap<Name, String>,
}

/// A connection to the engine of a target, and the target's state.
struct Session<'a> {
    desired: &'a Desired,
    docker: Cow<'a, DockerDesired>,
    options: &'a Options,
    scope: Scope,
    endpoint: Endpoint,
    client: Client,
    state: StateFolder,
}

impl<'a> Session<'a> {
    async fn open(desired: &'a Desired, options: &'a Options) -> Result<Self, Error> {
        let EngineDesired::Docker(docker) = &desired.engine else {
            let message = format!("target `{}` does not run on docker", desired.target);
            return Err(Error::new(Code::PlanDockerUnreachable, message));
        };
        let endpoint = Endpoint::of(options)?;
        let client = Client::connect(&endpoint).await?;
        let scope = options.scope(desired);
        let docker = instance::of(docker, &scope);
        let state = StateFolder::of(&scope, options)?;
        Ok(Self {
            desired,
            docker,
            options,
            scope,
            endpoint,
            client,
            state,
        })
    }

    fn remember(&self) -> Result<Memory, Error> {
        Memory::read(&self.state)
    }

    /// Waits until the engine has done what an apply that was killed asked it
    /// for: what appears after it was looked for would be made twice.
    async fn settle(&self, memory: &Memory) -> Result<(), Error> {
        if memory.intent.is_none() {
            return Ok(());
        }
        let mut before = None;
        for _ in 0..SETTLE_ROUNDS {
            let all = self.client.networks().await?.into_iter();
            let now: BTreeSet<String> = all.map(|network| network.id).collect();
            if before.as_ref() == Some(&now) {
                break;
            }
            before = Some(now);
            tokio::time::sleep(SETTLE).await;
        }
        Ok(())
    }

    async fn observe(&self, memory: &Memory, secrets: &Secrets) -> Result<Observed, Error> {
        let (client, endpoint) = (&self.client, &self.endpoint);
        observe::observe(
            client,
            endpoint,
            &self.scope,
            &self.docker,
            memory,
            self.options,
            secrets,
        )
        .await
    }

    /// Looks once.
    fn judge<'j>(&'j self, secrets: Option<&'j Secrets>) -> Judge<'j> {
        Judge {
            client: &self.client,
            endpoint: &self.endpoint,
            secrets,
            endings: None,
        }
    }

    async fn find(&self, memory: &Memory) -> Result<Found, Error> {
        let observed = observe::objects(&self.client, &self.scope, &self.docker, memory).await?;
        let mut secrets = recovery::read_secrets(&self.client, &self.docker, &observed).await?;
        let lost = recovery::lost_secrets(&self.docker, &observed, &secrets, &self.state)?;
        for name in self.docker.secrets.keys() {
            if self.state.secret(name)?.is_some() {
                secrets.remove(name);
            }
        }
        let recovery = Recovery {
            scope: self.scope.clone(),
            objects: recovery::objects(&observed),
            secrets: secrets.keys().cloned().collect(),
            lost_secrets: lost.into_iter().collect(),
        };
        Ok(Found {
            recovery,
            observed,
            secrets,
        })
    }

    /// The values of the secrets in use, and why others are missing. Makes none.
    async fn available_secrets(&self) -> Result<(Secrets, Vec<MissingSecret>), Error> {
        let containers = self.docker.containers.values();
        let names: BTreeSet<_> = containers
            .flat_map(Container::with_init)
            .flat_map(named)
            .collect();
        Secrets::available(names, &self.docker.secrets, &self.state, self.options).await
    }

    /// The same with those that a plan is the first to need: they are made.
    fn secrets(&self, plan: &Plan<Work>, available: Secrets) -> Result<Secrets, Error> {
        let mut names = BTreeSet::new();
        for step in &plan.steps {
            let (Work::Create(new) | Work::Replace { new, .. }) = &step.work else {
                continue;
            };
            for container in new.container.with_init() {
                names.extend(named(container));
            }
        }
        available.with_generated(names, &self.docker.secrets, &self.state)
    }

    async fn perform(
        &self,
        plan: &Plan<Work>,
        secrets: Secrets,
        memory: &Memory,
        observed: &Observed,
        reporter: &dyn Reporter,
        cancel: &Cancel,
    ) -> Result<ApplyReport, Error> {
        let engine = DockerEngine {
            client: &self.client,
            endpoint: &self.endpoint,
            options: self.options,
            docker: &self.docker,
            secrets,
            endings: Endings::default(),
            stopping: Stopping::default(),
        };
        let mut kept = self.kept(memory);
        let report =
            kcc_plan::perform(plan, observed, &engine, &mut kept, reporter, cancel).await?;
        if plan.is_empty() && report.complete() && !memory.failures().is_empty() {
            // What an earlier apply did not get done is as desired by now.
            kept.ended(&report);
            kept.end(observed, &BTreeSet::new()).await?;
        }
        Ok(report)
    }

    fn kept<'k>(&'k self, memory: &'k Memory) -> Kept<'k> {
        Kept {
            client: &self.client,
            scope: &self.scope,
            desired: self.desired,
            docker: &self.docker,
            state: &self.state,
            memory,
            failures: memory.failures().clone(),
            lost_secrets: BTreeSet::new(),
        }
    }
}

/// The secrets that a container refers to.
pub(crate) fn named(container: &Container) -> impl Iterator<Item = &str> {
    let env = container.env.values().flat_map(secrets_of);
    let mounts = container.mounts.values().filter_map(|mount| match mount {
        Mount::Secret(name) => Some(name.as_str()),
        Mount::Volume(_) | Mount::Host(_) | Mount::Shared(_) | Mount::Tmpfs(_) => None,
    });
    env.chain(mounts)
}

#[cfg(test)]
mod tests {
    use kcc_plan::Silent;

    use super::*;

    fn desired() -> Desired {
        Desired {
            system: "shop".to_owned(),
            target: "dev".to_owned(),
            components: BTreeMap::new(),
            engine: EngineDesired::Docker(DockerDesired {
                networks: BTreeMap::new(),
                volumes: BTreeMap::new(),
                images: BTreeMap::new(),
                containers: BTreeMap::new(),
                secrets: BTreeMap::new(),
            }),
        }
    }

    async fn fails(folder: &std::path::Path, vars: &[(&str, &str)]) -> Error {
        let state = folder.join("state").display().to_string();
        let own = [("XDG_STATE_HOME", state.as_str())];
        let vars = vars.iter().chain(&own);
        let env = vars
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let options = Options {
            env,
            ..Options::default()
        };
        let error = apply(&desired(), &options, &Silent, &Cancel::new())
            .await
            .unwrap_err();
        assert!(!folder.join("state").exists(), "nothing is left behind");
        assert_eq!(
            (error.code, error.exit_code()),
            (Code::PlanDockerUnreachable, 3)
        );
        error
    }

    #[tokio::test]
    async fn an_engine_that_is_not_there_is_named_with_what_named_it() {
        let folder = tempfile::tempdir().unwrap();
        let error = fails(folder.path(), &[("DOCKER_HOST", "unix:///nowhere/x.sock")]).await;
        let expected =
            "no docker engine answers at `unix:///nowhere/x.sock`, named by `DOCKER_HOST`";
        assert_eq!(error.message, expected);
        assert!(error.help.unwrap().starts_with("start the engine"));
        let error = fails(folder.path(), &[("DOCKER_HOST", "127.0.0.1:1")]).await;
        assert!(
            error.message.contains("`tcp://127.0.0.1:1`"),
            "{}",
            error.message
        );
    }

    #[tokio::test]
    async fn what_kcc_cannot_speak_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let error = fails(folder.path(), &[("DOCKER_HOST", "ssh://box")]).await;
        assert_eq!(
            error.message,
            "cannot connect to `ssh://box`, named by `DOCKER_HOST`"
        );
        let tls = [
            ("DOCKER_HOST", "tcp://127.0.0.1:1"),
            ("DOCKER_TLS_VERIFY", "1"),
        ];
        let error = fails(folder.path(), &tls).await;
        assert_eq!(
            error.message,
            "cannot connect to `tcp://127.0.0.1:1` with TLS, as `DOCKER_TLS_VERIFY` asks"
        );
    }
}
