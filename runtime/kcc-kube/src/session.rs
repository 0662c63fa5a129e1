//! The commands: one connection, the state of one target, and the order of
//! observing, deciding, performing and remembering.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use kcc_diag::Code;
use kcc_lower::{
    Desired, EngineDesired,
    kubernetes::{KubernetesDesired, MadeSecret},
};
use kcc_model::Name;
use kcc_plan::{
    ApplyReport, Cancel, Context, Engine, Error, Event, Options, Plan, Recovery, Reporter, Scope,
    Secrets, StatusReport, execute, order_since,
};

use crate::{
    client::Client,
    engine::KubeEngine,
    kept::Kept,
    lease::{self, Lock},
    memory::{self, Memory},
    observe,
    observed::{NAMESPACE, Observed, Ownership, Reference, SECRET},
    place,
    reconcile::{reconcile, tear_down},
    recover::{self, Found},
    secrets,
    status::{addresses, not_ready},
    work::Work,
};

/// What an apply would do. Reads, and changes nothing.
pub async fn plan(desired: &Desired, options: &Options) -> Result<Plan, Error> {
    let session = Session::open(desired, options).await?.fetch().await?;
    let memory = session.remember().await?;
    let observed = session.observe(&memory, None).await?;
    let mut plan = reconcile(desired, &session.kube, &observed, options)?.without_work();
    let live = session.engine().live(None).await?;
    let found = not_ready(&session.kube, &live, &plan);
    plan.findings.extend(found);
    Ok(plan)
}

/// Makes the cluster hold what is desired, and waits until it is ready.
pub async fn apply(
    desired: &Desired,
    options: &Options,
    reporter: &dyn Reporter,
    cancel: &Cancel,
) -> Result<ApplyReport, Error> {
    let session = Session::open(desired, options).await?.fetch().await?;
    lease::refuse_held(&session.client, &session.kube.namespace, &session.scope).await?;
    let memory = session.remember().await?;
    let seen = session.observe(&memory, None).await?;
    let plan = reconcile(desired, &session.kube, &seen, options)?;
    if plan.is_empty() && memory.intent.is_none() {
        // Nothing is written, not even a lock.
        let mut report = execute(&plan, &session.engine(), reporter, cancel).await;
        add_addresses(&mut report, addresses(&seen));
        return Ok(report);
    }
    let made = session.make_namespace(&plan, reporter, cancel).await?;
    let lock = session.lock().await?;
    let work = async {
        // What was seen without the lock may be another's half-done work.
        let memory = session.remember().await?;
        let observed = session.observe(&memory, Some(&seen)).await?;
        let plan = reconcile(desired, &session.kube, &observed, options)?;
        session
            .perform(&plan, memory, &observed, reporter, cancel)
            .await
    };
    let mut report = session.holding(lock, work, reporter, cancel).await?;
    report.performed += made;
    report.planned += made;
    Ok(report)
}

/// What runs, and why what does not.
pub async fn status(desired: &Desired, options: &Options) -> Result<StatusReport, Error> {
    let session = Session::open(desired, options).await?;
    let memory = session.remember().await?;
    let observed =
        observe::objects(&session.client, &session.scope, &session.kube, &memory).await?;
    let live = session.engine().live(None).await?;
    Ok(crate::status::status(
        desired,
        &session.kube,
        &observed,
        &live,
        session.scope.clone(),
    ))
}

/// Removes what kcc made for the target; claims, the generated secrets that
/// open what they hold, and the namespace only with `Options::volumes`.
pub async fn down(
    desired: &Desired,
    options: &Options,
    reporter: &dyn Reporter,
    cancel: &Cancel,
) -> Result<ApplyReport, Error> {
    let session = Session::open(desired, options).await?;
    lease::refuse_held(&session.client, &session.kube.namespace, &session.scope).await?;
    let memory = session.remember().await?;
    let plan = session.tear_down(&memory, reporter).await?.0;
    if plan.is_empty() && memory.intent.is_none() {
        return Ok(execute(&plan, &session.engine(), reporter, cancel).await);
    }
    let lock = session.lock().await?;
    let work = async {
        let memory = session.remember().await?;
        let (plan, observed) = session.tear_down(&memory, &kcc_plan::Silent).await?;
        session
            .perform(&plan, memory, &observed, reporter, cancel)
            .await
    };
    session.holding(lock, work, reporter, cancel).await
}

fn add_addresses(report: &mut ApplyReport, all: BTreeMap<Name, Vec<String>>) {
    for (component, addresses) in all {
        if let Some(component) = report.components.get_mut(&component) {
            component.addresses = addresses;
        }
    }
}

/// What carries the target's labels, and whether its record has it. Changes nothing.
pub async fn found(desired: &Desired, options: &Options) -> Result<Recovery, Error> {
    let session = Session::open(desired, options).await?;
    let memory = session.remember().await?;
    Ok(session.find(&memory).await?.recovery)
}

/// Records every object that is provably kcc's own.
pub async fn recover(desired: &Desired, options: &Options) -> Result<Recovery, Error> {
    let session = Session::open(desired, options).await?;
    lease::refuse_held(&session.client, &session.kube.namespace, &session.scope).await?;
    let memory = session.remember().await?;
    let recovery = session.find(&memory).await?.recovery;
    if recovery.taken().next().is_none() {
        return Ok(recovery);
    }
    let lock = session.lock().await?;
    let record = async {
        let memory = session.remember().await?;
        let found = session.find(&memory).await?;
        let inventory = observe::inventory(
            &found.observed,
            &found.memory,
            &BTreeSet::new(),
            session.desired.order(),
        );
        let namespace = &session.kube.namespace;
        memory::end(&session.client, namespace, &session.scope, &inventory).await?;
        Ok(found.recovery)
    };
    let recorded = record.await;
    lock.release(&session.client).await;
    recorded
}

/// A connection to the cluster of a target.
struct Session<'a> {
    desired: &'a Desired,
    kube: Cow<'a, KubernetesDesired>,
    options: &'a Options,
    scope: Scope,
    client: Client,
    /// The values of Secrets that whoever applies has, once they are fetched.
    values: Secrets,
}

impl<'a> Session<'a> {
    async fn open(desired: &'a Desired, options: &'a Options) -> Result<Self, Error> {
        let EngineDesired::Kubernetes(kube) = &desired.engine else {
            let message = format!("target `{}` does not run on kubernetes", desired.target);
            return Err(Error::new(Code::PlanKubeUnreachable, message));
        };
        let client = Client::connect(kube.context.as_deref(), options).await?;
        let scope = options.scope(desired);
        let kube = place::of(kube, &scope);
        Ok(Self {
            desired,
            kube,
            options,
            scope,
            client,
            values: Secrets::default(),
        })
    }

    /// Fetches the values of the Secrets that whoever runs the command has.
    async fn fetch(mut self) -> Result<Self, Error> {
        let brought = self.brought();
        let providers = brought.map(|secret| (secret.name.as_str(), &secret.provider));
        self.values = Secrets::fetch(providers, self.options).await?;
        Ok(self)
    }

    fn brought(&self) -> impl Iterator<Item = &MadeSecret> {
        let secrets = self.kube.secrets.iter();
        secrets.filter(|secret| secrets::is_brought(secret))
    }

    async fn find(&self, memory: &Memory) -> Result<Found, Error> {
        recover::find(&self.client, &self.scope, &self.kube, memory).await
    }

    async fn remember(&self) -> Result<Memory, Error> {
        Memory::read(&self.client, &self.kube.namespace, &self.scope).await
    }

    async fn observe(&self, memory: &Memory, before: Option<&Observed>) -> Result<Observed, Error> {
        let mut observed = observe::observe(
            &self.client,
            &self.scope,
            &self.kube,
            memory,
            self.options,
            before,
        )
        .await?;
        for secret in self.brought() {
            let reference = Reference::core(SECRET, &self.kube.namespace, &secret.name);
            if !observed.objects.contains_key(&reference.key()) {
                continue;
            }
            let value = self.values.get(&secret.name)?;
            for (key, value) in secrets::keys(secret, value) {
                let live = self.client.secret_value(&reference, key).await?;
                if live.as_deref() != Some(value.as_bytes()) {
                    observed.stale.insert(secret.name.clone());
                }
            }
        }
        Ok(observed)
    }

    fn engine(&self) -> KubeEngine<'_> {
        KubeEngine::new(&self.client, &self.scope, &self.kube, &self.values)
    }

    async fn lock(&self) -> Result<Lock, Error> {
        Lock::take(
            &self.client,
            &self.kube.namespace,
            &self.scope,
            self.options,
        )
        .await
    }

    /// Does something under the lock, which is renewed meanwhile and released
    /// however that ends.
    async fn holding(
        &self,
        lock: Lock,
        work: impl Future<Output = Result<ApplyReport, Error>>,
        reporter: &dyn Reporter,
        cancel: &Cancel,
    ) -> Result<ApplyReport, Error> {
        let result = tokio::select! {
            result = work => result,
            never = lock.keep(&self.client, reporter, cancel) => match never {},
        };
        lock.release(&self.client).await;
        let mut report = result?;
        report.mutating_calls = self.client.mutations();
        Ok(report)
    }

    /// Makes the namespace, which has to be there before its lock; the number
    /// of operations that took.
    async fn make_namespace(
        &self,
        plan: &Plan<Work>,
        reporter: &dyn Reporter,
        cancel: &Cancel,
    ) -> Result<usize, Error> {
        let engine = self.engine();
        let mut made = 0;
        for step in plan.steps.iter().filter(|step| {
            step.operation.kind == NAMESPACE && step.operation.name == self.kube.namespace
        }) {
            let operation = &step.operation;
            let context = Context {
                operation,
                reporter,
                cancel,
            };
            reporter.event(&Event::Started { operation });
            let done = engine.perform(step, &context).await;
            let error = done.as_ref().err();
            reporter.event(&Event::Finished { operation, error });
            done?;
            made += 1;
        }
        Ok(made)
    }

    /// The plan that takes everything down, and what is there.
    async fn tear_down(
        &self,
        memory: &Memory,
        reporter: &dyn Reporter,
    ) -> Result<(Plan<Work>, Observed), Error> {
        let mut observed = observe::objects(&self.client, &self.scope, &self.kube, memory).await?;
        let namespace = Reference::namespace(&self.kube.namespace).key();
        let ours = observed
            .objects
            .get(&namespace)
            .is_some_and(|there| there.ownership == Ownership::Ours);
        if self.options.volumes && ours {
            observed.strangers =
                observe::strangers(&self.client, &self.scope, &self.kube, &observed).await?;
            if let Some(first) = observed.strangers.first() {
                reporter.event(&Event::Note {
                    text: &format!("namespace `{}` stays: {first}", self.kube.namespace),
                });
            }
        }
        let order = order_since(self.desired, &memory.inventory.after);
        let plan = tear_down(self.desired, &observed, &order, self.options)?;
        Ok((plan, observed))
    }

    async fn perform(
        &self,
        plan: &Plan<Work>,
        memory: Memory,
        observed: &Observed,
        reporter: &dyn Reporter,
        cancel: &Cancel,
    ) -> Result<ApplyReport, Error> {
        let mut kept = Kept {
            client: &self.client,
            scope: &self.scope,
            desired: self.desired,
            kube: &self.kube,
            memory,
            begun: false,
            addresses: addresses(observed),
        };
        let engine = self.engine();
        let mut report =
            kcc_plan::perform(plan, observed, &engine, &mut kept, reporter, cancel).await?;
        add_addresses(&mut report, kept.addresses);
        Ok(report)
    }
}
