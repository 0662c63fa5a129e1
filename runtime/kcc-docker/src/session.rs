//! The commands. Each opens a [`Session`] with a connection and the records of one
//! scope, and runs observe, reconcile, perform and record in that order.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::ControlFlow,
    time::Duration,
};

use kcc_diag::Code;
use kcc_lower::{
    Desired, EngineDesired,
    docker::{Container, DockerDesired},
};
use kcc_model::Name;
use kcc_plan::{
    ApplyReport, Cancel, Error, Event, ExecOptions, ExecStreams, LogLine, LogOptions, LogReport,
    MissingSecret, Options, Plan, RecordDirectory, RecordStore, Recovery, Reporter, Scope, Secrets,
    StatusReport, observe_undisturbed, read_logs, start_order, unredacted,
};

use crate::{
    client::Client,
    driver::{DockerDriver, Stopping},
    endpoint::Endpoint,
    exec::Containers,
    logs::Logs,
    observe,
    observed::Observed,
    payload::Payload,
    readiness::{FirstExits, ReadinessCheck},
    reconcile::{reconcile, tear_down},
    record_writer::RecordWriter,
    records::Records,
    recovery,
    references::referenced_secrets,
};

/// The time without a change after which the engine counts as done with the
/// requests of a killed apply, and the number of such periods to wait at most.
const QUIET_PERIOD: Duration = Duration::from_millis(500);
const QUIET_ROUNDS: usize = 20;

/// Plans an apply and reports what is not ready. Read-only.
pub async fn plan(desired: &Desired, options: &Options) -> Result<Plan, Error> {
    let session = Session::open(desired, options).await?;
    let started = session.started(&session.read_records()?);
    let part = options.request.part_of(desired, &started);
    let session = session.of(&part)?;
    let (secrets, missing) = session.existing_secrets().await?;
    let mut observed = observe_undisturbed(
        async || session.read_records(),
        async || session.state.check_unlocked(),
        async |records| {
            let mut observed = session.observe(records, &secrets).await?;
            let check = session.readiness_check(Some(&secrets));
            observe::readiness(desired, session.docker, &check, &mut observed).await?;
            Ok(observed)
        },
    )
    .await?;
    observed.missing_secrets = missing;
    Ok(reconcile(desired, session.docker, &observed, options)?.without_payloads())
}

/// Brings the engine to the desired state and waits until it is ready.
pub async fn apply(
    desired: &Desired,
    options: &Options,
    reporter: &dyn Reporter,
    cancel: &Cancel,
) -> Result<ApplyReport, Error> {
    let session = Session::open(desired, options).await?;
    let _lock = session.state.lock(options.request.noun())?;
    let records = session.read_records()?;
    let part = options.request.part_of(desired, &session.started(&records));
    let session = session.of(&part)?;
    session.wait_for_interrupted_apply(&records).await?;
    let (secrets, missing) = session.existing_secrets().await?;
    let observed = session.observe(&records, &secrets).await?;
    let plan = reconcile(desired, session.docker, &observed, options)?;
    options.check_planned(&plan, |_| false)?;
    // Before the first mutation, so that a missing secret never stops it half-way.
    if !missing.is_empty() {
        return Err(missing.into());
    }
    let secrets = session.with_generated_secrets(&plan, secrets)?;
    let mut writer = session.record_writer(&records);
    let mut report = session
        .perform(&plan, secrets, &mut writer, &observed, reporter, cancel)
        .await?;
    let left = observe::objects(&session.client, &session.scope, session.docker, &records).await?;
    for (name, component) in &mut report.components {
        component.addresses =
            crate::status::addresses(name, session.docker, &left, &session.endpoint);
    }
    let whole = options.request.components().is_none();
    if let Some(text) = unscheduled(&session.scope, session.docker).filter(|_| whole) {
        reporter.event(&Event::Note { text: &text });
    }
    Ok(report)
}

/// Returns the note that cron jobs are not scheduled, if there are any.
fn unscheduled(scope: &Scope, docker: &DockerDesired) -> Option<String> {
    let mut names = docker
        .containers
        .values()
        .filter(|container| container.on_demand && container.sidecar_of.is_none())
        .map(|container| container.component.as_str());
    let first = names.next()?;
    let others = match names.count() {
        0 => String::new(),
        1 => " (1 other likewise)".to_owned(),
        count => format!(" ({count} others likewise)"),
    };
    Some(format!(
        "cron jobs are not scheduled on Docker; run one with `{}`{others}",
        scope.command(&format!("start {first}"))
    ))
}

/// Reports the state of each component and why it is not ready.
pub async fn status(desired: &Desired, options: &Options) -> Result<StatusReport, Error> {
    let session = Session::open(desired, options).await?;
    let records = session.read_records()?;
    let observed =
        observe::objects(&session.client, &session.scope, session.docker, &records).await?;
    let known = Secrets::readable(&session.docker.secrets, &session.state, options);
    let check = session.readiness_check(known.as_ref());
    crate::status::status(
        desired,
        session.docker,
        &observed,
        &check,
        session.scope.clone(),
        records.intent.is_some(),
    )
    .await
}

/// Passes on the lines of the logs of containers, with secrets redacted; first tells
/// `warn` about those that cannot be.
pub async fn logs(
    desired: &Desired,
    options: &Options,
    wanted: &LogOptions,
    warn: &mut dyn FnMut(&str),
    write: &mut dyn FnMut(LogLine) -> ControlFlow<()>,
) -> Result<LogReport, Error> {
    let session = Session::open(desired, options).await?;
    let (known, unreadable) = Secrets::known(&session.docker.secrets, &session.state, options);
    let containers = session.docker.containers.values();
    let own = containers.filter(|container| wanted.include(&container.component));
    let used: BTreeSet<_> = own
        .flat_map(Container::with_init)
        .flat_map(referenced_secrets)
        .collect();
    let unreadable = unreadable
        .iter()
        .filter(|name| used.contains(name.as_str()));
    if let Some(text) = unredacted(unreadable) {
        warn(&text);
    }
    let logs = Logs {
        client: &session.client,
        scope: &session.scope,
        options: wanted,
        redaction: known.redaction(),
    };
    read_logs(&logs, wanted, write).await
}

/// Runs a command in a container to its end and returns its exit code; nothing if the
/// reader of its output has gone.
pub async fn exec(
    desired: &Desired,
    options: &Options,
    wanted: &ExecOptions,
    streams: ExecStreams<'_>,
) -> Result<Option<i64>, Error> {
    let session = Session::open(desired, options).await?;
    let containers = Containers {
        client: &session.client,
        scope: &session.scope,
    };
    kcc_plan::exec(&containers, &session.scope, wanted, streams).await
}

/// Removes the scope's objects; volumes, and the generated secrets that unlock
/// them, only with `Options::volumes`.
pub async fn down(
    desired: &Desired,
    options: &Options,
    reporter: &dyn Reporter,
    cancel: &Cancel,
) -> Result<ApplyReport, Error> {
    let session = Session::open(desired, options).await?;
    let _lock = session.state.lock(options.request.removal_noun())?;
    let records = session.read_records()?;
    session.wait_for_interrupted_apply(&records).await?;
    let observed =
        observe::objects(&session.client, &session.scope, session.docker, &records).await?;
    let last = records.inventory.as_ref().map(|inventory| &inventory.after);
    let order = start_order(desired, last.unwrap_or(&BTreeMap::new()));
    let plan = tear_down(desired, &observed, &order, options)?;
    let secrets = Secrets::default();
    let mut writer = session.record_writer(&records);
    writer.removes = true;
    let report = session
        .perform(&plan, secrets, &mut writer, &observed, reporter, cancel)
        .await?;
    if options.volumes && report.is_complete() {
        session.state.remove_secrets()?;
    }
    for object in &observed.doubtful {
        object.report_doubt(reporter);
    }
    Ok(report)
}

/// Lists the scope's objects that kcc made on this engine. Read-only.
pub async fn plan_recovery(desired: &Desired, options: &Options) -> Result<Recovery, Error> {
    let session = Session::open(desired, options).await?;
    let found = observe_undisturbed(
        async || session.read_records(),
        async || session.state.check_unlocked(),
        async |records| session.find_recoverable(records).await,
    );
    Ok(found.await?.recovery)
}

/// Takes the objects of [`plan_recovery`] into the inventory and stores the generated
/// secrets that running containers still hold. Read-only on the engine.
pub async fn recover(desired: &Desired, options: &Options) -> Result<Recovery, Error> {
    let session = Session::open(desired, options).await?;
    let _lock = session.state.lock("a recovery")?;
    let records = session.read_records()?;
    let Recoverable {
        recovery,
        observed,
        secrets,
    } = session.find_recoverable(&records).await?;
    for (name, value) in &secrets {
        session.state.store_secret(name, value)?;
    }
    let created = recovery.recoverable();
    let created = created.map(|object| (object.kind.as_str(), object.name.as_str()));
    let mut writer = session.record_writer(&records);
    writer.lost_secrets = recovery.lost_secrets.iter().cloned().collect();
    writer.end(&observed, &created.collect()).await?;
    Ok(recovery)
}

/// Returns the Docker objects of a desired state.
fn docker_of(desired: &Desired) -> Result<&DockerDesired, Error> {
    let EngineDesired::Docker(docker) = &desired.engine else {
        let message = format!("target `{}` does not run on Docker", desired.target);
        return Err(Error::new(Code::PlanDockerUnreachable, message));
    };
    Ok(docker)
}

/// The result of looking for recoverable objects: what is shown and what is stored.
struct Recoverable {
    recovery: Recovery,
    observed: Observed,
    /// The values of generated secrets that the records lack.
    secrets: BTreeMap<Name, String>,
}

/// A connection to the engine and the records of a scope.
struct Session<'a> {
    desired: &'a Desired,
    docker: &'a DockerDesired,
    options: &'a Options,
    scope: Scope,
    endpoint: Endpoint,
    client: Client,
    state: RecordDirectory,
}

impl<'a> Session<'a> {
    async fn open(desired: &'a Desired, options: &'a Options) -> Result<Self, Error> {
        let docker = docker_of(desired)?;
        let endpoint = Endpoint::of(options)?;
        let client = Client::connect(&endpoint).await?;
        let scope = Scope::of(desired);
        let state = RecordDirectory::of(&scope, options)?;
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

    /// Limits the session to a part of its desired state.
    fn of<'b>(self, part: &'b Desired) -> Result<Session<'b>, Error>
    where
        'a: 'b,
    {
        Ok(Session {
            desired: part,
            docker: docker_of(part)?,
            options: self.options,
            scope: self.scope,
            endpoint: self.endpoint,
            client: self.client,
            state: self.state,
        })
    }

    /// Returns the components with a container in the records.
    fn started(&self, records: &Records) -> BTreeSet<Name> {
        let containers = self.docker.containers.iter();
        let recorded = containers.filter(|(name, _)| records.names("container", name));
        recorded
            .map(|(_, container)| container.component.clone())
            .collect()
    }

    fn read_records(&self) -> Result<Records, Error> {
        Records::read(&self.state)
    }

    /// Waits until the engine has finished the requests of a killed apply. An
    /// object that appears after it was observed would be created twice.
    async fn wait_for_interrupted_apply(&self, records: &Records) -> Result<(), Error> {
        if records.intent.is_none() {
            return Ok(());
        }
        let mut before = None;
        for _ in 0..QUIET_ROUNDS {
            let all = self.client.networks().await?.into_iter();
            let now: BTreeSet<String> = all.map(|network| network.id).collect();
            if before.as_ref() == Some(&now) {
                break;
            }
            before = Some(now);
            tokio::time::sleep(QUIET_PERIOD).await;
        }
        Ok(())
    }

    async fn observe(&self, records: &Records, secrets: &Secrets) -> Result<Observed, Error> {
        let (client, endpoint) = (&self.client, &self.endpoint);
        observe::observe(
            client,
            endpoint,
            &self.scope,
            self.docker,
            records,
            self.options,
            secrets,
        )
        .await
    }

    /// Returns a check for a command that looks once.
    fn readiness_check<'j>(&'j self, secrets: Option<&'j Secrets>) -> ReadinessCheck<'j> {
        ReadinessCheck {
            client: &self.client,
            endpoint: &self.endpoint,
            secrets,
            first_exits: None,
        }
    }

    async fn find_recoverable(&self, records: &Records) -> Result<Recoverable, Error> {
        let observed = observe::objects(&self.client, &self.scope, self.docker, records).await?;
        let mut secrets = recovery::read_secrets(&self.client, self.docker, &observed).await?;
        let lost = recovery::lost_secrets(self.docker, &observed, &secrets, &self.state)?;
        for name in self.docker.secrets.keys() {
            if self.state.secret(name)?.is_some() {
                secrets.remove(name);
            }
        }
        let recovery = Recovery {
            scope: self.scope.clone(),
            objects: observed.labelled(),
            secrets: secrets.keys().cloned().collect(),
            lost_secrets: lost.into_iter().collect(),
        };
        Ok(Recoverable {
            recovery,
            observed,
            secrets,
        })
    }

    /// Fetches the secrets in use, and the reasons for missing ones. Generates none.
    async fn existing_secrets(&self) -> Result<(Secrets, Vec<MissingSecret>), Error> {
        let containers = self.docker.containers.values();
        let names: BTreeSet<_> = containers
            .flat_map(Container::with_init)
            .flat_map(referenced_secrets)
            .collect();
        Secrets::fetch_existing(names, &self.docker.secrets, &self.state, self.options).await
    }

    /// Adds the secrets that the plan is the first to need by generating them.
    fn with_generated_secrets(
        &self,
        plan: &Plan<Payload>,
        available: Secrets,
    ) -> Result<Secrets, Error> {
        let mut names = BTreeSet::new();
        for step in &plan.steps {
            let (Payload::Create(new) | Payload::Replace { new, .. }) = &step.payload else {
                continue;
            };
            for container in new.container.with_init() {
                names.extend(referenced_secrets(container));
            }
        }
        available.with_generated(names, &self.docker.secrets, &self.state)
    }

    async fn perform(
        &self,
        plan: &Plan<Payload>,
        secrets: Secrets,
        writer: &mut RecordWriter<'_>,
        observed: &Observed,
        reporter: &dyn Reporter,
        cancel: &Cancel,
    ) -> Result<ApplyReport, Error> {
        let driver = DockerDriver {
            client: &self.client,
            endpoint: &self.endpoint,
            options: self.options,
            docker: self.docker,
            secrets,
            first_exits: FirstExits::default(),
            stopping: Stopping::default(),
        };
        kcc_plan::perform(plan, observed, &driver, writer, reporter, cancel).await
    }

    fn record_writer<'k>(&'k self, records: &'k Records) -> RecordWriter<'k> {
        RecordWriter {
            client: &self.client,
            scope: &self.scope,
            desired: self.desired,
            docker: self.docker,
            state: &self.state,
            records,
            unapplied: records.unapplied(),
            removes: false,
            partial: self.options.request.components().is_some(),
            lost_secrets: BTreeSet::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use kcc_plan::Silent;

    use super::*;

    fn desired() -> Desired {
        Desired {
            system: "shop".to_owned(),
            target: "dev".to_owned(),
            instance: None,
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

    async fn fails(home: &std::path::Path, vars: &[(&str, &str)]) -> Error {
        let state = home.join("state").display().to_string();
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
        assert!(!home.join("state").exists(), "nothing is left behind");
        assert_eq!(
            (error.code, error.exit_code()),
            (Code::PlanDockerUnreachable, 3)
        );
        error
    }

    #[tokio::test]
    async fn names_an_unreachable_engine_and_its_source() {
        let home = tempfile::tempdir().unwrap();
        let error = fails(home.path(), &[("DOCKER_HOST", "unix:///nowhere/x.sock")]).await;
        let expected = "cannot reach Docker at `unix:///nowhere/x.sock` (from `DOCKER_HOST`)";
        assert_eq!(error.message, expected);
        assert!(error.help.unwrap().starts_with("start the engine"));
        let error = fails(home.path(), &[("DOCKER_HOST", "127.0.0.1:1")]).await;
        assert!(
            error.message.contains("`tcp://127.0.0.1:1`"),
            "{}",
            error.message
        );
    }

    #[tokio::test]
    async fn rejects_unsupported_addresses() {
        let home = tempfile::tempdir().unwrap();
        let error = fails(home.path(), &[("DOCKER_HOST", "ssh://box")]).await;
        assert_eq!(
            error.message,
            "cannot connect to `ssh://box` (from `DOCKER_HOST`): unsupported scheme"
        );
        let tls = [
            ("DOCKER_HOST", "tcp://127.0.0.1:1"),
            ("DOCKER_TLS_VERIFY", "1"),
        ];
        let error = fails(home.path(), &tls).await;
        assert_eq!(
            error.message,
            "cannot connect to `tcp://127.0.0.1:1`: TLS is not supported, but `DOCKER_TLS_VERIFY` is set"
        );
    }
}
