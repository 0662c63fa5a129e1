//! The commands. Each opens a [`Session`] with a connection and the record of one
//! scope, and runs observe, reconcile, perform and record in that order.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::ControlFlow,
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use kcc_diag::Code;
use kcc_lower::{
    Desired, EngineDesired,
    docker::{Container, DockerDesired, name_prefix},
};
use kcc_model::{Name, SecretProvider};
use kcc_plan::{
    ApplyReport, Cancel, DriftOptions, DriftReport, Error, Event, ExecOptions, ExecStreams,
    ForwardOptions, GeneratedSecrets, LegacyRecords, LogLine, LogOptions, LogReport, MissingSecret,
    Options, Plan, Record, RecordStore, Recording, RecordingOptions, Recovery, Reporter, Scope,
    Secrets, Silent, StatusReport, forward,
    journal::{self, Additions},
    observe_undisturbed, read_logs, start_order,
    timeline::{self, Sources, Timeline},
    unredacted,
};
use kcc_tree::Engine;

use crate::{
    client::Client,
    created::CreatedContainers,
    deviations::{Surroundings, deviations},
    driver::{DockerDriver, Stopping},
    endpoint::Endpoint,
    evidence,
    exec::Containers,
    forward::Ports,
    logs::Logs,
    observe,
    observed::Observed,
    payload::Payload,
    readiness::{FirstExits, ReadinessCheck},
    reconcile::{compare, reconcile, tear_down},
    record_writer::RecordWriter,
    recorder,
    records::Records,
    recovery,
    references::referenced_secrets,
    secret_volume::SecretVolume,
    sharing,
    status::{addresses, by_component},
    store::DockerStore,
};

/// The time without a change after which the engine counts as done with the
/// requests of a killed apply, and the number of such periods to wait at most.
const QUIET_PERIOD: Duration = Duration::from_millis(500);
const QUIET_ROUNDS: usize = 20;

/// Plans an apply and reports what is not ready. Read-only.
pub async fn plan(desired: &Desired, options: &Options) -> Result<Plan, Error> {
    let session = Session::open(desired, options).await?;
    let started = session.started(&session.read_records().await?);
    let part = options.request.part_of(desired, &started);
    let session = session.of(&part)?;
    let available = session.available_secrets().await;
    let seen = observe_undisturbed(
        async || session.read_records().await,
        async || session.record.check_unlocked().await,
        async |records| {
            session
                .look_at_readiness(desired, records, &available)
                .await
        },
    )
    .await?;
    let mut observed = seen.observed;
    let plan = session.reconcile(desired, &mut observed).await?;
    Ok(plan.without_payloads())
}

/// Compares the engine with the desired state. Read-only.
pub async fn drift(
    desired: &Desired,
    options: &Options,
    drift: &DriftOptions,
) -> Result<DriftReport, Error> {
    let session = Session::open(desired, options).await?;
    let started = session.started(&session.read_records().await?);
    let part = options.request.part_of(desired, &started);
    let session = session.of(&part)?;
    let available = session.available_secrets().await;
    let (records, observed, guests) = observe_undisturbed(
        async || session.read_records().await,
        async || session.record.check_unlocked().await,
        async |records| {
            let mut seen = session
                .look_at_readiness(desired, records, &available)
                .await?;
            let (client, scope) = (&session.client, &session.scope);
            seen.observed.sharers = sharing::sharers(client, scope, &seen.observed).await?;
            let guests = observe::guests(&session.client, &seen.observed).await?;
            Ok((records.clone(), seen.observed, guests))
        },
    )
    .await?;
    let plan = compare(&part, session.docker, &observed, options);
    let surroundings = Surroundings {
        records: &records,
        guests: &guests,
    };
    let mut deviations = deviations(session.docker, &observed, &plan, &surroundings);
    if let Some(since) = drift.evidence_since.filter(|_| !deviations.is_empty()) {
        // Without them the evidence is unknown, which the report says.
        let events = session.client.events_since(since).await.unwrap_or_default();
        for deviation in &mut deviations {
            evidence::add(deviation, &observed, &guests, &events, since);
        }
    }
    let now = session.client.clock.now();
    Ok(DriftReport {
        scope: session.scope,
        engine: Engine::Docker,
        deviations,
        has_no_audit_log: false,
        now: Timestamp::UNIX_EPOCH
            .checked_add(now)
            .unwrap_or(Timestamp::MAX),
    })
}

/// Brings the engine to the desired state and waits until it is ready.
pub async fn apply(
    desired: &Desired,
    options: &Options,
    reporter: &dyn Reporter,
    cancel: &Cancel,
) -> Result<ApplyReport, Error> {
    let session = Session::open(desired, options).await?;
    let record = &session.record;
    record
        .wait_until_unlocked(options, reporter, cancel)
        .await?;
    let records = session.read_records().await?;
    let part = options.request.part_of(desired, &session.started(&records));
    let session = session.of(&part)?;
    let available = session.available_secrets().await;
    let is_outdated = async || session.record.is_outdated(desired, options).await;
    let (idle, outdated) = if session.is_closed(&records) {
        let (plan, seen) = session.prepare(&records, &available).await?;
        // Only an apply without operations has to know.
        let outdated = plan.is_empty() && is_outdated().await?;
        let idle = plan.is_empty() && !outdated;
        let idle = idle && session.record.is_at_rest(records.epoch).await?;
        (idle.then_some((plan, seen)), outdated)
    } else {
        (None, is_outdated().await?)
    };
    let mut report = if let Some((plan, seen)) = idle {
        // Write nothing, not even a lock, unless the apply fails or an earlier one did.
        let driver = session.driver(seen.secrets);
        let report = kcc_plan::execute(&plan, &driver, reporter, cancel).await;
        session.record_reasons(&records, &report, options).await?;
        report
    } else {
        let task = session.change(&available, outdated, reporter, cancel);
        let noun = options.request.noun();
        // Boxed, because it would be moved, and it is large.
        let task = Box::pin(task);
        let record = &session.record;
        record.locked(noun, options, reporter, cancel, task).await?
    };
    let left = observe::objects(&session.client, &session.scope, session.docker, &records).await?;
    let by_component = by_component(session.docker);
    for (name, component) in &mut report.components {
        if let Some(own) = by_component.get(name) {
            component.addresses = addresses(own, &left, &session.endpoint);
        }
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
    let records = session.read_records().await?;
    let mut observed =
        observe::objects(&session.client, &session.scope, session.docker, &records).await?;
    observed.sharing = sharing::observe(&session.client, &session.endpoint, desired).await?;
    let generated = session.generated_secrets(&records).await?;
    let known = Secrets::readable(&session.docker.secrets, &generated, options);
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

/// Returns the identities of the images that containers run, by reference.
pub async fn running_images(
    desired: &Desired,
    options: &Options,
) -> Result<BTreeMap<String, BTreeSet<String>>, Error> {
    let session = Session::open(desired, options).await?;
    let records = session.read_records().await?;
    let observed =
        observe::objects(&session.client, &session.scope, session.docker, &records).await?;
    Ok(observed.images())
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
    let generated = session.generated_secrets(&Records::default()).await?;
    let (known, unreadable) = Secrets::known(&session.docker.secrets, &generated, options);
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

/// Reads what the engine, the journal and the history hold of a target's events, and keeps
/// in the journal what it lacks; tells `warn` about parts of it that cannot be read.
pub async fn timeline(
    desired: &Desired,
    options: &Options,
    sources: &Sources,
    warn: &mut dyn FnMut(&str),
) -> Result<Timeline, Error> {
    let session = Session::open(desired, options).await?;
    let (scope, machine) = (&session.scope, &session.client.machine);
    let record = &session.record;
    let (history, journal, lives, events) = tokio::try_join!(
        record.history(),
        async { Ok(record.journal().await) },
        session.client.lives(scope),
        session.client.events_since(Timestamp::UNIX_EPOCH),
    )?;
    let prefix = session.prefix();
    let mut held = crate::timeline::observations(machine, scope, &prefix, &lives, &events);
    let imports = sources.imports.iter();
    held.extend(imports.flat_map(|log| crate::timeline::imported(machine, scope, &prefix, log)));
    held.extend(sources.observed.clone());
    timeline::join_operations(&mut held, &history);
    journal::in_force(&mut held, &history);
    let gap = crate::timeline::gap(&journal, machine, &events, &held);
    let kept = Additions {
        observations: held.clone(),
        // Its end moves on with the events of others.
        gaps: gap
            .clone()
            .filter(|_| journal.lacks(&held))
            .into_iter()
            .collect(),
        ..Additions::default()
    };
    // Whoever may not write gets the answer all the same.
    let _ = record.keep(&journal, kept, history.now).await;
    journal.warn(warn);
    let mut all = timeline::of_history(&history, machine);
    all.extend(journal.joined(held));
    let gaps = journal.gaps().chain(gap).collect();
    Ok(Timeline::with_gaps(
        session.scope.clone(),
        history.now,
        all,
        gaps,
    ))
}

/// Watches the engine's events and adds those of the target to its journal, until it is
/// asked to end.
pub async fn watch(
    desired: &Desired,
    options: &Options,
    wanted: &RecordingOptions,
    note: &mut dyn FnMut(&str),
    cancel: &Cancel,
) -> Result<Recording, Error> {
    let session = Session::open(desired, options).await?;
    session
        .record
        .history()
        .await?
        .check_applied(&session.scope)?;
    let watch = recorder::Watch {
        client: &session.client,
        scope: &session.scope,
        record: &session.record,
        prefix: &session.prefix(),
    };
    recorder::record(&watch, wanted, note, cancel).await
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

/// Forwards connections on a port of this machine to a component.
pub async fn port_forward(
    desired: &Desired,
    options: &Options,
    wanted: &ForwardOptions,
    started: &mut dyn FnMut(&str),
    failed: &mut dyn FnMut(Error),
) -> Result<(), Error> {
    let session = Session::open(desired, options).await?;
    let ports = Ports {
        containers: Containers {
            client: &session.client,
            scope: &session.scope,
        },
        endpoint: &session.endpoint,
    };
    forward(&ports, wanted, started, failed).await
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
    let record = &session.record;
    record
        .wait_until_unlocked(options, reporter, cancel)
        .await?;
    let records = session.read_records().await?;
    if session.is_closed(&records) && records.unapplied().is_empty() {
        let (plan, observed) = session.tear_down(&records).await?;
        let no_secrets = !options.volumes || session.own_secrets(&records).await?.is_empty();
        if plan.is_empty() && no_secrets && record.is_at_rest(records.epoch).await? {
            let driver = session.driver(Secrets::default());
            let report = kcc_plan::execute(&plan, &driver, reporter, cancel).await;
            observed.report_doubts(reporter);
            return Ok(report);
        }
    }
    let task = Box::pin(async {
        let records = session.take_over().await?;
        session.wait_for_interrupted_apply(&records).await?;
        let (plan, observed) = session.tear_down(&records).await?;
        let generated = session.own_secrets(&records).await?;
        let mut writer = session.record_writer(&records, &generated);
        writer.removes = true;
        let driver = session.driver(Secrets::default());
        let report =
            kcc_plan::perform(&plan, &observed, &driver, &mut writer, reporter, cancel).await?;
        if options.volumes && report.is_complete() {
            session.secret_volume.remove().await?;
        }
        observed.report_doubts(reporter);
        Ok(report)
    });
    let noun = options.request.removal_noun();
    record.locked(noun, options, reporter, cancel, task).await
}

/// Lists the scope's objects that kcc made on this engine. Read-only.
pub async fn plan_recovery(desired: &Desired, options: &Options) -> Result<Recovery, Error> {
    let session = Session::open(desired, options).await?.rebuilding();
    let found = observe_undisturbed(
        async || session.read_records().await,
        async || session.record.check_unlocked().await,
        async |records| session.find_recoverable(records).await,
    );
    Ok(found.await?.recovery)
}

/// Takes the objects of [`plan_recovery`] into the inventory and stores the generated
/// secrets that running containers still hold.
pub async fn recover(desired: &Desired, options: &Options) -> Result<Recovery, Error> {
    let session = Session::open(desired, options).await?.rebuilding();
    let task = Box::pin(async {
        let records = session.take_over().await?;
        let Recoverable {
            recovery,
            observed,
            secrets,
        } = session.find_recoverable(&records).await?;
        session.secret_volume.store(&secrets).await?;
        let created = recovery.recoverable();
        let created = created.map(|object| (object.kind.as_str(), object.name.as_str()));
        let generated = session.generated_secrets(&records).await?;
        let mut writer = session.record_writer(&records, &generated);
        writer.lost_secrets = recovery.lost_secrets.iter().cloned().collect();
        writer.end(&observed, &created.collect()).await?;
        Ok(recovery)
    });
    let record = &session.record;
    record
        .locked("a recovery", options, &Silent, &Cancel::new(), task)
        .await
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

/// The state that a command finds.
struct Seen {
    observed: Observed,
    /// The values of the secrets in use that exist.
    secrets: Secrets,
    missing: Vec<MissingSecret>,
    generated: GeneratedSecrets,
}

/// A connection to the engine and the record of a scope.
struct Session<'a> {
    desired: &'a Desired,
    docker: &'a DockerDesired,
    options: &'a Options,
    scope: Scope,
    endpoint: Endpoint,
    client: Arc<Client>,
    record: Record<DockerStore>,
    secret_volume: SecretVolume,
    /// The records of an earlier version of kcc, in the user's state directory.
    legacy: Option<LegacyRecords>,
}

impl<'a> Session<'a> {
    async fn open(desired: &'a Desired, options: &'a Options) -> Result<Self, Error> {
        let docker = docker_of(desired)?;
        let endpoint = Endpoint::of(options)?;
        let client = Arc::new(Client::connect(&endpoint).await?);
        let scope = Scope::of(desired);
        let store = DockerStore::new(Arc::clone(&client), &scope);
        let secret_volume = SecretVolume::new(Arc::clone(&client), &store);
        let record = Record::new(store, client.fence.clone());
        let legacy = match LegacyRecords::find(&scope, options)? {
            Some(legacy) if record.is_absent().await? => Some(legacy),
            _ => None,
        };
        Ok(Self {
            desired,
            docker,
            options,
            scope,
            endpoint,
            client,
            record,
            secret_volume,
            legacy,
        })
    }

    /// Returns how the names of the target's containers begin.
    fn prefix(&self) -> String {
        let scope = &self.scope;
        name_prefix(&scope.system, &scope.target, scope.instance.as_deref()) + "-"
    }

    /// Lets a damaged record count as missing.
    fn rebuilding(self) -> Self {
        Self {
            record: self.record.rebuilding(),
            ..self
        }
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
            record: self.record,
            secret_volume: self.secret_volume,
            legacy: self.legacy,
        })
    }

    /// Returns the components with a container in the records.
    fn started(&self, records: &Records) -> BTreeSet<Name> {
        let names = records.names();
        let containers = self.docker.containers.iter();
        let recorded = containers.filter(|(name, _)| names.contains(&("container", name.as_str())));
        recorded
            .map(|(_, container)| container.component.clone())
            .collect()
    }

    async fn read_records(&self) -> Result<Records, Error> {
        let recorded = match &self.legacy {
            Some(legacy) if self.record.is_absent().await? => legacy.read()?,
            _ => self.record.read().await?,
        };
        Ok(recorded.into())
    }

    /// Returns true if no apply was interrupted, and no earlier version of kcc left
    /// records elsewhere.
    fn is_closed(&self, records: &Records) -> bool {
        records.intent.is_none() && self.legacy.is_none()
    }

    /// Reads the records under the lock. Those that an earlier version of kcc left in the
    /// user's state directory are moved to the engine first.
    async fn take_over(&self) -> Result<Records, Error> {
        if let Some(legacy) = &self.legacy
            && self.record.is_absent().await?
        {
            self.secret_volume.store(&legacy.secrets()?).await?;
            self.record.adopt(&legacy.read()?).await?;
            legacy.retire()?;
        }
        Ok(self.record.read().await?.into())
    }

    /// Reads the generated secrets: its own, and those of shared components from the target.
    async fn generated_secrets(&self, records: &Records) -> Result<GeneratedSecrets, Error> {
        let mut generated = self.own_secrets(records).await?;
        let shared = self.desired.shared_secrets();
        if shared.is_empty() {
            return Ok(generated);
        }
        let store = DockerStore::new(Arc::clone(&self.client), &self.scope.of_target());
        let volume = SecretVolume::new(Arc::clone(&self.client), &store);
        let mut values = volume.read().await?;
        for name in shared {
            // Without it the secret is lost: another value would not open the target's data.
            generated.values.remove(name);
            generated.recorded.insert(name.clone());
            let value = values.remove(name);
            let value = value.map(|value| (name.clone(), value));
            generated.values.extend(value);
        }
        Ok(generated)
    }

    /// Reads the secrets that the scope itself generated.
    async fn own_secrets(&self, records: &Records) -> Result<GeneratedSecrets, Error> {
        let mut generated = GeneratedSecrets::default();
        let mut providers = self.docker.secrets.values();
        if !providers.any(|provider| *provider == SecretProvider::Generate {}) {
            return Ok(generated);
        }
        if let Some(legacy) = &self.legacy {
            generated.values = legacy.secrets()?;
        }
        generated.values.extend(self.secret_volume.read().await?);
        let inventory = records.inventory.iter();
        generated.recorded = inventory.flat_map(|all| all.secrets.clone()).collect();
        Ok(generated)
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

    /// Observes everything. `available` are the secrets from outside kcc.
    async fn look(
        &self,
        records: &Records,
        available: &(Secrets, Vec<MissingSecret>),
    ) -> Result<Seen, Error> {
        let generated = self.generated_secrets(records).await?;
        let (mut secrets, mut missing) = available.clone();
        let (names, providers) = (self.used_secrets(), &self.docker.secrets);
        missing.extend(secrets.add_generated(names, providers, &generated));
        let mut observed = observe::observe(
            &self.client,
            &self.endpoint,
            &self.scope,
            self.docker,
            records,
            self.options,
            &secrets,
        )
        .await?;
        observed.sharing = sharing::observe(&self.client, &self.endpoint, self.desired).await?;
        Ok(Seen {
            observed,
            secrets,
            missing,
            generated,
        })
    }

    /// Observes everything for people: how ready components are, and which secrets are
    /// missing.
    async fn look_at_readiness(
        &self,
        desired: &Desired,
        records: &Records,
        available: &(Secrets, Vec<MissingSecret>),
    ) -> Result<Seen, Error> {
        let mut seen = self.look(records, available).await?;
        let check = self.readiness_check(Some(&seen.secrets));
        observe::readiness(desired, self.docker, &check, &mut seen.observed).await?;
        seen.observed.missing_secrets.clone_from(&seen.missing);
        Ok(seen)
    }

    /// Observes everything and plans an apply, which needs all secrets, so that a missing
    /// one never stops it half-way.
    async fn prepare(
        &self,
        records: &Records,
        available: &(Secrets, Vec<MissingSecret>),
    ) -> Result<(Plan<Payload>, Seen), Error> {
        let mut seen = self.look(records, available).await?;
        let plan = self.reconcile(self.desired, &mut seen.observed).await?;
        self.options.check_planned(&plan, |_| false)?;
        if !seen.missing.is_empty() {
            return Err(seen.missing.into());
        }
        Ok((plan, seen))
    }

    /// Plans the work. An apply is refused if a registry certainly does not give an image
    /// that the engine lacks.
    async fn reconcile(
        &self,
        desired: &Desired,
        observed: &mut Observed,
    ) -> Result<Plan<Payload>, Error> {
        if self.options.request.applies() {
            let missing =
                observe::missing_images(&self.client, self.docker, observed, self.options);
            observed.missing_images = missing.await;
        }
        reconcile(desired, self.docker, observed, self.options)
    }

    /// Applies under the lock. What was seen without it may have been the middle of
    /// another apply.
    async fn change(
        &self,
        available: &(Secrets, Vec<MissingSecret>),
        outdated: bool,
        reporter: &dyn Reporter,
        cancel: &Cancel,
    ) -> Result<ApplyReport, Error> {
        let records = self.take_over().await?;
        self.wait_for_interrupted_apply(&records).await?;
        let (plan, mut seen) = self.prepare(&records, available).await?;
        let secrets = self
            .generate_secrets(&plan, seen.secrets, &mut seen.generated)
            .await?;
        let mut writer = self.record_writer(&records, &seen.generated);
        writer.outdated = outdated;
        let driver = self.driver(secrets);
        kcc_plan::perform(
            &plan,
            &seen.observed,
            &driver,
            &mut writer,
            reporter,
            cancel,
        )
        .await
    }

    /// Records why an apply without operations failed, or that an earlier failure is
    /// resolved. Another command that has begun meanwhile records its own result.
    async fn record_reasons(
        &self,
        before: &Records,
        report: &ApplyReport,
        options: &Options,
    ) -> Result<(), Error> {
        let Some(mut inventory) = before.inventory.clone() else {
            return Ok(());
        };
        let partial = options.request.components().is_some();
        inventory.unapplied.update(report, partial);
        if before.inventory.as_ref() == Some(&inventory) {
            return Ok(());
        }
        let epoch = before.epoch;
        self.record.end_unchanged(epoch, &inventory, options).await
    }

    /// Plans to take everything down, and returns the observed state.
    async fn tear_down(&self, records: &Records) -> Result<(Plan<Payload>, Observed), Error> {
        let mut observed =
            observe::objects(&self.client, &self.scope, self.docker, records).await?;
        observed.sharers = sharing::sharers(&self.client, &self.scope, &observed).await?;
        let last = records.inventory.as_ref().map(|inventory| &inventory.after);
        let order = start_order(self.desired, last.unwrap_or(&BTreeMap::new()));
        let plan = tear_down(self.desired, &observed, &order, self.options)?;
        Ok((plan, observed))
    }

    /// Returns a check for a command that looks once.
    fn readiness_check<'j>(&'j self, secrets: Option<&'j Secrets>) -> ReadinessCheck<'j> {
        ReadinessCheck {
            client: &self.client,
            endpoint: &self.endpoint,
            secrets,
            first_exits: None,
            explains: true,
        }
    }

    async fn find_recoverable(&self, records: &Records) -> Result<Recoverable, Error> {
        let observed = observe::objects(&self.client, &self.scope, self.docker, records).await?;
        let kept = self.generated_secrets(records).await?;
        let mut secrets = recovery::read_secrets(&self.client, self.docker, &observed).await?;
        let lost = recovery::lost_secrets(self.docker, &observed, &secrets, &kept);
        secrets.retain(|name, _| !kept.values.contains_key(name));
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

    /// Returns the names of the secrets in use.
    fn used_secrets(&self) -> BTreeSet<&str> {
        let containers = self.docker.containers.values();
        containers
            .flat_map(Container::with_init)
            .flat_map(referenced_secrets)
            .collect()
    }

    /// Fetches the secrets in use from outside kcc, and the reasons for missing ones.
    async fn available_secrets(&self) -> (Secrets, Vec<MissingSecret>) {
        let providers = &self.docker.secrets;
        Secrets::fetch_available(self.used_secrets(), providers, self.options).await
    }

    /// Adds the secrets that the plan is the first to need by generating them. They are
    /// stored before anything uses them.
    async fn generate_secrets(
        &self,
        plan: &Plan<Payload>,
        available: Secrets,
        generated: &mut GeneratedSecrets,
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
        let (secrets, new) = available.with_generated(names, &self.docker.secrets, generated)?;
        self.secret_volume.store(new.values()).await?;
        generated.values.extend(new.into_values());
        Ok(secrets)
    }

    fn driver(&self, secrets: Secrets) -> DockerDriver<'_> {
        DockerDriver {
            client: &self.client,
            endpoint: &self.endpoint,
            options: self.options,
            desired: self.desired,
            docker: self.docker,
            secrets,
            first_exits: FirstExits::default(),
            stopping: Stopping::default(),
            created: CreatedContainers::default(),
        }
    }

    fn record_writer<'k>(
        &'k self,
        records: &'k Records,
        generated: &'k GeneratedSecrets,
    ) -> RecordWriter<'k> {
        RecordWriter {
            client: &self.client,
            scope: &self.scope,
            desired: self.desired,
            docker: self.docker,
            record: &self.record,
            records,
            unapplied: records.unapplied(),
            removes: false,
            partial: self.options.request.components().is_some(),
            outdated: false,
            options: self.options,
            generated,
            lost_secrets: BTreeSet::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn desired() -> Desired {
        Desired {
            system: "shop".to_owned(),
            target: "dev".to_owned(),
            instance: None,
            components: BTreeMap::new(),
            shared: BTreeMap::new(),
            engine: EngineDesired::Docker(DockerDesired {
                networks: BTreeMap::new(),
                volumes: BTreeMap::new(),
                images: BTreeMap::new(),
                containers: BTreeMap::new(),
                secrets: BTreeMap::new(),
                probe_image: None,
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
