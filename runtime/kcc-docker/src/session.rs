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
use kcc_model::{EnvValue, Part};
use kcc_plan::{
    ApplyReport, Cancel, Error, Event, Options, Plan, Reporter, Scope, Secrets, StateFolder,
    StatusReport, order_since,
};

use crate::{
    client::Client,
    endpoint::Endpoint,
    engine::DockerEngine,
    instance,
    memory::{Kept, Memory},
    observe,
    observed::Observed,
    ready::{Judge, Sightings},
    reconcile::{reconcile, tear_down},
    work::Work,
};

/// How long nothing may change until an engine is taken to be done with what a
/// killed apply asked for, and how often that is looked at.
const SETTLE: Duration = Duration::from_millis(500);
const SETTLE_ROUNDS: usize = 20;

/// What an apply would do. Reads, and changes nothing.
pub async fn plan(desired: &Desired, options: &Options) -> Result<Plan, Error> {
    let session = Session::open(desired, options).await?;
    let observed = session.observe(&session.remember()?).await?;
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
    let _lock = session.state.lock()?;
    let memory = session.remember()?;
    session.settle(&memory).await?;
    let observed = session.observe(&memory).await?;
    let plan = reconcile(desired, &session.docker, &observed, options)?;
    let secrets = session.secrets(&plan).await?;
    let report = session
        .perform(&plan, secrets, &memory, &observed, reporter, cancel)
        .await?;
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
    let judge = Judge {
        client: &session.client,
        endpoint: &session.endpoint,
        secrets: known.as_ref(),
        sightings: &Sightings::default(),
    };
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
    let _lock = session.state.lock()?;
    let memory = session.remember()?;
    session.settle(&memory).await?;
    let observed =
        observe::objects(&session.client, &session.scope, &session.docker, &memory).await?;
    let last = memory.inventory.as_ref().map(|inventory| &inventory.after);
    let order = order_since(desired, last.unwrap_or(&BTreeMap::new()));
    let plan = tear_down(desired, &observed, &order, options);
    let secrets = Secrets::default();
    let report = session
        .perform(&plan, secrets, &memory, &observed, reporter, cancel)
        .await?;
    if options.volumes && report.complete() {
        session.state.forget_secrets()?;
    }
    Ok(report)
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

    async fn observe(&self, memory: &Memory) -> Result<Observed, Error> {
        let (client, endpoint) = (&self.client, &self.endpoint);
        observe::observe(
            client,
            endpoint,
            &self.scope,
            &self.docker,
            memory,
            self.options,
        )
        .await
    }

    /// The secrets of the containers that a plan makes: all before the first
    /// mutation, so that a missing one stops nothing half-way.
    async fn secrets(&self, plan: &Plan<Work>) -> Result<Secrets, Error> {
        let mut names = BTreeSet::new();
        for step in &plan.steps {
            let (Work::Create(new) | Work::Replace { new, .. }) = &step.work else {
                continue;
            };
            for container in new.container.with_init() {
                names.extend(named(container));
            }
        }
        Secrets::resolve(names, &self.docker.secrets, &self.state, self.options).await
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
            known: Secrets::known(&self.docker.secrets, &self.state, self.options),
            sightings: Sightings::default(),
        };
        let mut kept = Kept {
            client: &self.client,
            scope: &self.scope,
            desired: self.desired,
            docker: &self.docker,
            state: &self.state,
            memory,
        };
        kcc_plan::perform(plan, observed, &engine, &mut kept, reporter, cancel).await
    }
}

/// The secrets that a container refers to.
fn named(container: &Container) -> impl Iterator<Item = &str> {
    let env = container.env.values().flat_map(|value| match value {
        EnvValue::Secret(name) => vec![name.as_str()],
        EnvValue::Template(parts) => parts
            .iter()
            .filter_map(|part| match part {
                Part::Secret(name) => Some(name.as_str()),
                Part::Text(_) => None,
            })
            .collect(),
        EnvValue::Literal(_) | EnvValue::Config { .. } => Vec::new(),
    });
    let mounts = container.mounts.values().filter_map(|mount| match mount {
        Mount::Secret(name) => Some(name.as_str()),
        Mount::Volume(_) | Mount::Host(_) | Mount::Shared(_) | Mount::Tmpfs {} => None,
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
