//! The commands. Each opens a [`Session`] with a connection to one cluster, and
//! runs observe, reconcile, perform and record in that order.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    ops::ControlFlow,
    sync::Arc,
    time::Instant,
};

use kcc_diag::Code;
use kcc_lower::{
    Desired, EngineDesired,
    kubernetes::{CreatedSecret, KubernetesDesired},
};
use kcc_model::Name;
use kcc_plan::{
    ApplyReport, Cancel, Context, Deviation, DriftOptions, DriftReport, Error, Event, ExecOptions,
    ExecStreams, ForwardOptions, LogLine, LogOptions, LogReport, MissingSecret, Operation, Options,
    Plan, Record, Recording, RecordingOptions, Recovery, Redaction, Reporter, Request, Scope,
    Secrets, StatusReport, Store, Tool, execute, forward,
    journal::{self, Additions},
    make_calls, observe_undisturbed, read_logs, start_order,
    timeline::{self, Sources, Timeline},
    unredacted,
};
use kcc_tree::Engine;
use serde_json::Value;

use crate::{
    audit,
    client::Client,
    deviations::{Surroundings, deviations},
    driver::{KubeDriver, REMOVAL_LIMIT, pause, removal_pending},
    edited,
    exec::Containers,
    former,
    forward::Pods,
    images,
    logs::Logs,
    observe,
    observed::{NAMESPACE, Observed, Ownership, Reference, SECRET},
    payload::Payload,
    permissions,
    reconcile::{compare, is_workload, reconcile, tear_down},
    record_writer::{RecordWriter, Work},
    recorder,
    records::Records,
    recovery::{self, Recoverable},
    secrets, sharing,
    status::{Reached, addresses, not_ready},
    store::KubeStore,
};

/// Plans an apply and reports what is not ready. Read-only.
pub async fn plan(desired: &Desired, options: &Options) -> Result<Plan, Error> {
    let session = Session::open(desired, options).await?;
    let started = session.started(&session.read_records().await?);
    let part = part_of(desired, options, &started);
    let session = session.of(&part)?.fetch_secrets().await?;
    let (observed, live) = observe_undisturbed(
        async || session.read_records().await,
        async || session.record.check_unlocked().await,
        async |records| {
            let observed = session.observe(records, None).await?;
            Ok((observed, session.driver().live(None).await?))
        },
    )
    .await?;
    let mut plan = reconcile(desired, session.kube, &observed, options)?.without_payloads();
    let found = not_ready(session.kube, &live, &plan);
    plan.findings.extend(found);
    plan.findings.extend(images::moved(session.kube, &live));
    Ok(plan)
}

/// Compares the cluster with the desired state. Read-only.
pub async fn drift(
    desired: &Desired,
    options: &Options,
    drift: &DriftOptions,
) -> Result<DriftReport, Error> {
    let session = Session::open(desired, options).await?;
    let started = session.started(&session.read_records().await?);
    let part = part_of(desired, options, &started);
    let (session, missing) = session.of(&part)?.fetch_available_secrets().await;
    let (records, observed, live) = observe_undisturbed(
        async || session.read_records().await,
        async || session.record.check_unlocked().await,
        async |records| {
            let observed = session.observe(records, None).await?;
            let live = session.driver().live(None).await?;
            Ok((records.clone(), observed, live))
        },
    )
    .await?;
    let mut plan = compare(&part, session.kube, &observed, options);
    plan.findings.extend(images::moved(session.kube, &live));
    let surroundings = Surroundings {
        records: &records,
        live: &live,
        applied: drift.evidence_since,
        missing: &missing,
    };
    let mut deviations = deviations(session.kube, &observed, &plan, &surroundings);
    let log = drift.audit.as_deref().map(audit::parse);
    let has_no_audit_log = log.as_ref().is_some_and(Option::is_none);
    if let (Some(since), Some(Some(log))) = (drift.evidence_since, log) {
        for deviation in &mut deviations {
            if let Some(reference) = reference_of(session.kube, &observed, deviation) {
                let live = observed.objects.get(&reference.key());
                let live = live.map(|existing| &existing.live);
                audit::prove(deviation, &reference, live, &log, since);
            }
        }
    }
    if drift.edited_values {
        let secrets = session.kube.objects.iter();
        let names: BTreeSet<_> = secrets
            .flat_map(|object| secrets::referenced(&object.manifest))
            .collect();
        let namespace = &session.kube.namespace;
        let (values, unreadable) = session.client.known_secret_values(namespace, &names).await;
        let redaction = Redaction::new(&values);
        // What cannot be compared with all secrets stays hidden.
        for deviation in deviations.iter_mut().filter(|_| unreadable.is_empty()) {
            let reference = reference_of(session.kube, &observed, deviation);
            let existing = reference.and_then(|found| observed.objects.get(&found.key()));
            if let Some(existing) = existing {
                edited::reveal(deviation, &existing.live, &redaction);
            }
        }
    }
    let now = session.record.store().now().await?;
    Ok(DriftReport {
        scope: session.scope,
        engine: Engine::Kubernetes,
        deviations,
        now,
        has_no_audit_log,
    })
}

/// Returns the object that a difference is about.
fn reference_of(
    kube: &KubernetesDesired,
    observed: &Observed,
    deviation: &Deviation,
) -> Option<Reference> {
    let desired = kube.objects.iter().map(Reference::of);
    let existing = observed.objects.values();
    let existing = existing.map(|existing| existing.reference.clone());
    let is_it = |reference: &Reference| {
        reference.kind == deviation.kind && reference.name == deviation.name
    };
    desired.chain(existing).find(is_it)
}

/// Brings the cluster to the desired state and waits until it is ready.
pub async fn apply(
    desired: &Desired,
    options: &Options,
    reporter: &dyn Reporter,
    cancel: &Cancel,
) -> Result<ApplyReport, Error> {
    let session = Session::open(desired, options).await?;
    let record = &session.record;
    let records = async {
        record
            .wait_until_unlocked(options, reporter, cancel)
            .await?;
        session.read_records().await
    };
    let records = session.permitted(records).await?;
    let started = session.started(&records);
    let part = part_of(desired, options, &started);
    let session = session.of(&part)?.fetch_secrets().await?;
    let seen = session.permitted(session.observe(&records, None)).await?;
    let plan = reconcile(desired, session.kube, &seen, options)?;
    options.check_planned(&plan, |_| false)?;
    // Only an apply without operations has to know.
    let outdated = plan.is_empty() && session.record.is_outdated(desired, options).await?;
    let idle = plan.is_empty() && records.intent.is_none() && !outdated;
    if idle && session.record.is_at_rest(records.epoch).await? {
        // Write nothing, not even a lock, unless the apply fails or an earlier one did.
        let mut report = execute(&plan, &session.driver(), reporter, cancel).await;
        session.record_reasons(&records, &report).await?;
        report.mutating_calls = session.client.mutations();
        add_addresses(&mut report, addresses(&seen));
        session.report_moved_images(reporter).await?;
        return Ok(report);
    }
    session.check_permissions().await?;
    let created = session.create_namespace(&plan, reporter, cancel).await?;
    let task = async {
        // The state seen without the lock may be the middle of another apply.
        let records = session.take_over().await?;
        let observed = session.observe(&records, Some(&seen)).await?;
        let plan = reconcile(desired, session.kube, &observed, options)?;
        let has_run = |operation: &Operation| session.is_own_namespace(operation);
        options.check_planned(&plan, has_run)?;
        session
            .perform(
                &plan,
                records,
                Work::Apply { outdated },
                &observed,
                reporter,
                cancel,
            )
            .await
    };
    // Boxed, because it would be moved, and it is large.
    let task = Box::pin(task);
    let noun = options.request.noun();
    let record = &session.record;
    let mut report = record.locked(noun, options, reporter, cancel, task).await?;
    report.mutating_calls = session.client.mutations();
    report.performed += created;
    report.planned += created;
    session.report_moved_images(reporter).await?;
    Ok(report)
}

/// Reports the state of each component and why it is not ready.
pub async fn status(desired: &Desired, options: &Options) -> Result<StatusReport, Error> {
    let session = Session::open(desired, options).await?;
    let records = session.read_records().await?;
    let mut observed =
        observe::objects(&session.client, &session.scope, session.kube, &records).await?;
    observed.sharing = sharing::observe(&session.client, desired).await?;
    let live = session.driver().explained(None).await?;
    Ok(crate::status::status(
        desired,
        session.kube,
        &observed,
        &live,
        &records,
        session.scope.clone(),
    ))
}

/// Returns the identities of the images that pods run, by reference.
pub async fn running_images(
    desired: &Desired,
    options: &Options,
) -> Result<BTreeMap<String, BTreeSet<String>>, Error> {
    let session = Session::open(desired, options).await?;
    let live = session.driver().live(None).await?;
    Ok(images::identities(&live))
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
    let mut names = BTreeSet::new();
    let mut used = BTreeSet::new();
    for object in &session.kube.objects {
        let referenced = secrets::referenced(&object.manifest);
        if object
            .component
            .as_ref()
            .is_some_and(|name| wanted.include(name))
        {
            used.extend(referenced.clone());
        }
        names.extend(referenced);
    }
    let namespace = &session.kube.namespace;
    let (values, unreadable) = session.client.known_secret_values(namespace, &names).await;
    if let Some(text) = unredacted(unreadable.intersection(&used)) {
        warn(&text);
    }
    let logs = Logs {
        client: &session.client,
        scope: &session.scope,
        kube: session.kube,
        options: wanted,
        streams: session.client.log_streams(namespace)?,
        redaction: Redaction::new(&values),
    };
    read_logs(&logs, wanted, write).await
}

/// Reads what the cluster, the journal and the history hold of a target's events, with
/// secrets redacted, and keeps in the journal what it lacks; tells `warn` about secrets that
/// cannot be redacted, and about parts of the journal that cannot be read.
pub async fn timeline(
    desired: &Desired,
    options: &Options,
    sources: &Sources,
    warn: &mut dyn FnMut(&str),
) -> Result<Timeline, Error> {
    let session = Session::open(desired, options).await?;
    let objects = session.kube.objects.iter();
    let names: BTreeSet<_> = objects
        .flat_map(|object| secrets::referenced(&object.manifest))
        .collect();
    let namespace = &session.kube.namespace;
    let (values, unreadable) = session.client.known_secret_values(namespace, &names).await;
    if let Some(text) = unredacted(&unreadable) {
        warn(&text);
    }
    let labels = observe::labels(&session.scope);
    let record = &session.record;
    let (history, journal, held) = tokio::try_join!(
        record.history(),
        async { Ok(record.journal().await) },
        session.client.held(namespace, &labels),
    )?;
    let redaction = Redaction::new(&values);
    let mut held = crate::timeline::observations(&held, &redaction);
    let imports = sources.imports.iter();
    held.extend(
        imports.flat_map(|log| crate::timeline::imported(&session.scope, session.kube, log)),
    );
    held.extend(sources.observed.clone());
    timeline::join_operations(&mut held, &history);
    journal::in_force(&mut held, &history);
    let safe = if unreadable.is_empty() {
        held.clone()
    } else {
        held.iter().map(crate::timeline::without_messages).collect()
    };
    let kept = Additions {
        observations: safe,
        ..Additions::default()
    };
    // Whoever may not write gets the answer all the same.
    let _ = record.keep(&journal, kept, history.now).await;
    journal.warn(warn);
    let mut all = timeline::of_history(&history, crate::timeline::API_SERVER);
    all.extend(journal.joined(held));
    let (scope, gaps) = (session.scope.clone(), journal.gaps().collect());
    Ok(Timeline::with_gaps(scope, history.now, all, gaps))
}

/// Watches the target's objects and the events of its namespace, and adds them to its
/// journal, until it is asked to end.
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
        kube: session.kube,
        record: &session.record,
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
        kube: session.kube,
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
    let pods = Pods(Containers {
        client: &session.client,
        scope: &session.scope,
        kube: session.kube,
    });
    forward(&pods, wanted, started, failed).await
}

/// Returns the least roles for `apply`, `status` and `down` as manifests; with
/// `Options::volumes` for `down --volumes` as well.
pub fn roles(desired: &Desired, options: &Options) -> Result<Vec<Value>, Error> {
    let kube = kube_of(desired)?;
    Ok(permissions::roles(desired, kube, options.volumes))
}

/// Removes the scope's objects; claims, the generated secrets that unlock them, and
/// the namespace only with `Options::volumes`.
pub async fn down(
    desired: &Desired,
    options: &Options,
    reporter: &dyn Reporter,
    cancel: &Cancel,
) -> Result<ApplyReport, Error> {
    let session = Session::open(desired, options).await?;
    session.await_removal(reporter, cancel).await?;
    let record = &session.record;
    record
        .wait_until_unlocked(options, reporter, cancel)
        .await?;
    let records = session.read_records().await?;
    let plan = session.tear_down(&records, reporter).await?.0;
    let unapplied = &records.inventory.unapplied;
    let idle = plan.is_empty() && records.intent.is_none() && unapplied.is_empty();
    if idle && record.is_at_rest(records.epoch).await? {
        return Ok(execute(&plan, &session.driver(), reporter, cancel).await);
    }
    let task = async {
        let records = session.take_over().await?;
        let (plan, observed) = session.tear_down(&records, &kcc_plan::Silent).await?;
        session
            .perform(&plan, records, Work::Removal, &observed, reporter, cancel)
            .await
    };
    let noun = options.request.removal_noun();
    let mut report = record.locked(noun, options, reporter, cancel, task).await?;
    report.mutating_calls = session.client.mutations();
    Ok(report)
}

fn add_addresses(report: &mut ApplyReport, all: BTreeMap<Name, Reached>) {
    for (component, reached) in all {
        if let Some(component) = report.components.get_mut(&component) {
            component.addresses = reached.addresses;
            component.address_pending = reached.pending;
        }
    }
}

/// Lists the objects with the scope's labels and if they are recorded. Read-only.
pub async fn plan_recovery(desired: &Desired, options: &Options) -> Result<Recovery, Error> {
    let session = Session::open(desired, options).await?.rebuilding();
    let found = observe_undisturbed(
        async || session.read_records().await,
        async || session.record.check_unlocked().await,
        async |records| session.find_recoverable(records).await,
    );
    Ok(found.await?.recovery)
}

/// Takes every object that is provably kcc's into the inventory.
pub async fn recover(desired: &Desired, options: &Options) -> Result<Recovery, Error> {
    let session = Session::open(desired, options).await?.rebuilding();
    let (silent, cancel) = (&kcc_plan::Silent, &Cancel::new());
    let record = &session.record;
    record.wait_until_unlocked(options, silent, cancel).await?;
    let records = session.read_records().await?;
    let recovery = session.find_recoverable(&records).await?.recovery;
    if recovery.recoverable().next().is_none() {
        return Ok(recovery);
    }
    let task = async {
        let records = session.take_over().await?;
        let found = session.find_recoverable(&records).await?;
        let inventory = observe::inventory(
            &found.observed,
            &found.records,
            &BTreeSet::new(),
            session.desired,
        );
        record.end(Some(&inventory)).await?;
        Ok(found.recovery)
    };
    let task = Box::pin(task);
    record
        .locked("a recovery", options, silent, cancel, task)
        .await
}

/// Returns the Kubernetes objects of a desired state.
fn kube_of(desired: &Desired) -> Result<&KubernetesDesired, Error> {
    let EngineDesired::Kubernetes(kube) = &desired.engine else {
        let message = format!("target `{}` does not run on Kubernetes", desired.target);
        return Err(Error::new(Code::PlanKubeUnreachable, message));
    };
    Ok(kube)
}

/// Returns what a command works on. A start runs a cron job once, and leaves its
/// schedule alone.
fn part_of<'a>(
    desired: &'a Desired,
    options: &Options,
    started: &BTreeSet<Name>,
) -> Cow<'a, Desired> {
    let mut part = options.request.part_of(desired, started);
    if let Request::Start(_) = options.request
        && let EngineDesired::Kubernetes(kube) = &mut part.to_mut().engine
    {
        for object in &mut kube.objects {
            if let Some(run) = object.single_run() {
                *object = run;
            }
        }
    }
    part
}

/// A connection to the cluster of a target.
struct Session<'a> {
    desired: &'a Desired,
    kube: &'a KubernetesDesired,
    options: &'a Options,
    scope: Scope,
    client: Arc<Client>,
    record: Record<KubeStore>,
    /// The values of secrets from outside the cluster, once fetched.
    values: Secrets,
}

impl<'a> Session<'a> {
    async fn open(desired: &'a Desired, options: &'a Options) -> Result<Self, Error> {
        let kube = kube_of(desired)?;
        let client = Arc::new(Client::connect(kube.context.as_deref(), options).await?);
        let scope = Scope::of(desired);
        let store = KubeStore::new(Arc::clone(&client), &kube.namespace, &scope);
        let record = Record::new(store, client.fence.clone());
        Ok(Self {
            desired,
            kube,
            options,
            scope,
            client,
            record,
            values: Secrets::default(),
        })
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
            kube: kube_of(part)?,
            options: self.options,
            scope: self.scope,
            client: self.client,
            record: self.record,
            values: self.values,
        })
    }

    /// Returns the components with a workload in the records.
    fn started(&self, records: &Records) -> BTreeSet<Name> {
        let names = records.names();
        let workloads = self.kube.objects.iter().filter(|object| {
            is_workload(&object.kind)
                && names.contains(&(object.kind.as_str(), object.name.as_str()))
        });
        workloads
            .filter_map(|object| object.component.clone())
            .collect()
    }

    /// Fetches the values of secrets from outside the cluster.
    async fn fetch_secrets(mut self) -> Result<Self, Error> {
        let external = self.external_secrets();
        let external = external.filter(|secret| secret.shared_from.is_none());
        let providers = external.map(|secret| (secret.name.as_str(), &secret.provider));
        let values = Secrets::fetch(providers, self.options).await?;
        self.values = values.and(self.shared_values().await?);
        Ok(self)
    }

    /// Reads the values of the secrets that shared components use, which the target has.
    async fn shared_values(&self) -> Result<BTreeMap<String, String>, Error> {
        let mut values = BTreeMap::new();
        for secret in &self.kube.secrets {
            let Some(namespace) = &secret.shared_from else {
                continue;
            };
            let reference = Reference::core(SECRET, namespace, &secret.name);
            let value = self.client.secret_value(&reference, &secret.key).await?;
            let value = value.and_then(|value| String::from_utf8(value).ok());
            values.extend(value.map(|value| (secret.name.clone(), value)));
        }
        Ok(values)
    }

    /// Fetches the values that can be had, and returns the reasons for the missing ones.
    async fn fetch_available_secrets(mut self) -> (Self, Vec<MissingSecret>) {
        let external = self.external_secrets();
        let external = external.filter(|secret| secret.shared_from.is_none());
        let providers = external.map(|secret| (secret.name.clone(), secret.provider.clone()));
        let providers: BTreeMap<_, _> = providers.collect();
        let names = providers.keys().map(String::as_str);
        let (values, missing) = Secrets::fetch_available(names, &providers, self.options).await;
        // A difference cannot be seen without them, and the target says what it lacks.
        self.values = values.and(self.shared_values().await.unwrap_or_default());
        (self, missing)
    }

    fn external_secrets(&self) -> impl Iterator<Item = &CreatedSecret> {
        let secrets = self.kube.secrets.iter();
        secrets.filter(|secret| secrets::is_external(secret))
    }

    async fn find_recoverable(&self, records: &Records) -> Result<Recoverable, Error> {
        recovery::find(&self.client, &self.scope, self.kube, records).await
    }

    async fn read_records(&self) -> Result<Records, Error> {
        let records: Records = self.record.read().await?.into();
        if records.recorded {
            return Ok(records);
        }
        match self.record.store().legacy().await? {
            Some(legacy) => Records::of_legacy(&legacy),
            None => Ok(records),
        }
    }

    /// Reads the records under the lock. Those that an earlier version of kcc left in the
    /// same `ConfigMap` are converted first.
    async fn take_over(&self) -> Result<Records, Error> {
        let store = self.record.store();
        if let Some(legacy) = store.legacy().await? {
            if self.record.is_absent().await? {
                let records = Records::of_legacy(&legacy)?;
                self.record
                    .adopt(&records.into_snapshot(&self.scope))
                    .await?;
            }
            store.retire_legacy().await?;
        }
        Ok(self.record.read().await?.into())
    }

    async fn observe(
        &self,
        records: &Records,
        before: Option<&Observed>,
    ) -> Result<Observed, Error> {
        let mut observed = observe::observe(
            &self.client,
            &self.scope,
            self.kube,
            records,
            self.options,
            before,
        )
        .await?;
        if let Some(tool) = self.options.take_over {
            self.find_former_secrets(tool, &mut observed).await?;
            let namespace = &self.kube.namespace;
            let (all, _) = self.client.namespace_objects(namespace).await?;
            observed.remains = former::remains(&observed, self.kube, &all, tool);
        }
        if self.options.request.applies() {
            let labels = observe::labels(&self.scope);
            observed.limits = self.client.limits(&self.kube.namespace, &labels).await;
        }
        observed.sharing = sharing::observe(&self.client, self.desired).await?;
        let shared =
            self.kube.secrets.iter().filter(|secret| {
                secret.shared_from.is_some() && self.values.get(&secret.name).is_ok()
            });
        observed.shared_secrets = shared.map(|secret| secret.name.clone()).collect();
        for secret in self.external_secrets() {
            let reference = Reference::core(SECRET, &self.kube.namespace, &secret.name);
            if !observed.objects.contains_key(&reference.key()) {
                continue;
            }
            // A missing one is reported, or has stopped the command already.
            let Ok(value) = self.values.get(&secret.name) else {
                continue;
            };
            for (key, value) in secrets::keys(secret, value) {
                let live = self.client.secret_value(&reference, key).await?;
                if live.as_deref() != Some(value.as_bytes()) {
                    observed.stale.insert(secret.name.clone());
                }
            }
        }
        Ok(observed)
    }

    /// Finds the Secrets of a tool that kcc can go on with: one that it generates only with
    /// the value under its key, which may unlock data.
    async fn find_former_secrets(&self, tool: Tool, observed: &mut Observed) -> Result<(), Error> {
        for secret in &self.kube.secrets {
            let reference = Reference::core(SECRET, &self.kube.namespace, &secret.name);
            let Some(existing) = observed.objects.get_mut(&reference.key()) else {
                continue;
            };
            let foreign = existing.ownership == Ownership::Unmanaged;
            if !foreign || former::maker(&existing.live) != Some(tool) {
                continue;
            }
            let has_value = secrets::is_external(secret)
                || self
                    .client
                    .secret_value(&reference, &secret.key)
                    .await?
                    .is_some();
            if has_value {
                existing.ownership = Ownership::Former;
            }
        }
        Ok(())
    }

    fn driver(&self) -> KubeDriver<'_> {
        KubeDriver::new(&self.client, &self.scope, self.kube, &self.values)
    }

    /// Fails if the user lacks a permission that an apply needs.
    async fn check_permissions(&self) -> Result<(), Error> {
        permissions::check(&self.client, self.desired, self.kube).await
    }

    /// Reads something. If that fails because permissions are missing, names all of them
    /// rather than the first one.
    async fn permitted<T>(&self, read: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let result = read.await;
        if result.is_err() {
            self.check_permissions().await?;
        }
        result
    }

    /// Reports images that run and are not those in `kcc.lock`.
    async fn report_moved_images(&self, reporter: &dyn Reporter) -> Result<(), Error> {
        if self.kube.locked.is_empty() {
            return Ok(());
        }
        let live = self.driver().live(None).await?;
        for moved in images::moved(self.kube, &live) {
            let text = moved.cause.as_str();
            reporter.event(&Event::Note { text });
        }
        Ok(())
    }

    /// Records why an apply without operations failed, or that an earlier failure is
    /// resolved. Another command that has begun meanwhile records its own result.
    async fn record_reasons(&self, before: &Records, report: &ApplyReport) -> Result<(), Error> {
        let mut inventory = before.inventory.clone();
        inventory.unapplied.update(report, false);
        if !before.recorded || inventory == before.inventory {
            return Ok(());
        }
        let (epoch, options) = (before.epoch, self.options);
        self.record.end_unchanged(epoch, &inventory, options).await
    }

    /// Creates the namespace, which has to exist before its lock, and returns the
    /// number of operations performed.
    async fn create_namespace(
        &self,
        plan: &Plan<Payload>,
        reporter: &dyn Reporter,
        cancel: &Cancel,
    ) -> Result<usize, Error> {
        let driver = self.driver();
        let mut created = 0;
        let steps = plan.steps.iter();
        for step in steps.filter(|step| self.is_own_namespace(&step.operation)) {
            let operation = &step.operation;
            let context = Context {
                operation,
                reporter,
                cancel,
            };
            reporter.event(&Event::Started { operation });
            let done = make_calls(&driver, step, &context).await;
            let error = done.as_ref().err();
            reporter.event(&Event::Finished { operation, error });
            done?;
            created += 1;
        }
        Ok(created)
    }

    /// Waits until a namespace that is being removed is gone, as an earlier command that
    /// was killed has asked: nothing can be written to the record in it any more.
    async fn await_removal(&self, reporter: &dyn Reporter, cancel: &Cancel) -> Result<(), Error> {
        let namespace = Reference::namespace(&self.kube.namespace);
        let begin = Instant::now();
        let mut noted = false;
        // Whoever may not read it has not removed it either.
        while let Ok(Some(live)) = self.client.get(&namespace).await {
            if live.pointer("/metadata/deletionTimestamp").is_none() {
                break;
            }
            let stopped = cancel.is_cancelled();
            if stopped || begin.elapsed() > REMOVAL_LIMIT {
                return Err(removal_pending(&namespace, &live, stopped));
            }
            if !noted {
                let text = &format!("waiting until {namespace} is removed");
                reporter.event(&Event::Note { text });
                noted = true;
            }
            pause(cancel).await;
        }
        Ok(())
    }

    fn is_own_namespace(&self, operation: &Operation) -> bool {
        operation.kind == NAMESPACE && operation.name == self.kube.namespace
    }

    /// Plans to take everything down, and returns the observed state.
    async fn tear_down(
        &self,
        records: &Records,
        reporter: &dyn Reporter,
    ) -> Result<(Plan<Payload>, Observed), Error> {
        let mut observed = observe::objects(&self.client, &self.scope, self.kube, records).await?;
        let namespace = Reference::namespace(&self.kube.namespace).key();
        let owned = observed
            .objects
            .get(&namespace)
            .is_some_and(|existing| existing.ownership == Ownership::Owned);
        if self.options.volumes && owned {
            observed.namespace_blockers =
                observe::namespace_blockers(&self.client, &self.scope, self.kube, &observed)
                    .await?;
            if let Some(first) = observed.namespace_blockers.first() {
                reporter.event(&Event::Note {
                    text: &format!("kept namespace `{}`: {first}", self.kube.namespace),
                });
            }
        }
        observed.sharers = sharing::sharers(&self.client, &self.scope, self.kube).await?;
        for object in observed.labelled() {
            object.report_doubt(reporter);
        }
        let order = start_order(self.desired, &records.inventory.after);
        let plan = tear_down(self.desired, &observed, &order, self.options)?;
        Ok((plan, observed))
    }

    async fn perform(
        &self,
        plan: &Plan<Payload>,
        records: Records,
        work: Work,
        observed: &Observed,
        reporter: &dyn Reporter,
        cancel: &Cancel,
    ) -> Result<ApplyReport, Error> {
        let mut writer = RecordWriter {
            client: &self.client,
            scope: &self.scope,
            desired: self.desired,
            kube: self.kube,
            record: &self.record,
            records,
            work,
            partial: self.options.request.components().is_some(),
            options: self.options,
            begun: false,
            addresses: addresses(observed),
        };
        let driver = self.driver();
        let mut report =
            kcc_plan::perform(plan, observed, &driver, &mut writer, reporter, cancel).await?;
        add_addresses(&mut report, writer.addresses);
        Ok(report)
    }
}
