//! [`Lock`]: keeps two applies apart for a whole team and its CI, with a Lease in
//! the target's namespace. It is renewed while it is held; a Lease that is no
//! longer renewed is taken over.
//!
//! Clocks of machines differ. A Lease that looks expired is therefore watched for
//! its full duration and taken over only if it does not change.

use std::time::Duration;

use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::MicroTime,
    jiff::Timestamp,
};
use kcc_diag::Code;
use kcc_plan::{Cancel, Error, Event, Options, Reporter, Scope, lock_held};
use serde_json::{Value, json};

use crate::{
    client::{Client, WriteOutcome},
    observed::Reference,
    records,
};

/// The time without a renewal after which a lock expires, and the intervals of
/// renewing and watching it.
const LEASE_DURATION: Duration = Duration::from_secs(15);
const RENEW_INTERVAL: Duration = Duration::from_secs(4);
const WATCH_INTERVAL: Duration = Duration::from_secs(1);

/// The annotation with the command that holds the lock.
const COMMAND: &str = "kcc.dev/command";

/// The lock held until it is released.
pub(crate) struct Lock {
    reference: Reference,
    identity: String,
    /// The command with its article: `an apply`.
    command: &'static str,
}

/// Fails if the lock is held and was renewed recently. Read-only.
pub(crate) async fn check_unlocked(
    client: &Client,
    namespace: &str,
    scope: &Scope,
) -> Result<(), Error> {
    match read(client, &reference(namespace, scope)).await? {
        Some(lease) if is_renewed(&lease) => Err(held_by(&lease)),
        _ => Ok(()),
    }
}

impl Lock {
    /// Takes the lock for a command, such as `an apply`; fails with the holder's name.
    pub(crate) async fn take(
        client: &Client,
        namespace: &str,
        scope: &Scope,
        options: &Options,
        command: &'static str,
    ) -> Result<Self, Error> {
        let lock = Self {
            reference: reference(namespace, scope),
            identity: identity(options),
            command,
        };
        // Each attempt fails only if another process was faster, which is then named.
        for _ in 0..3 {
            let written = match read(client, &lock.reference).await? {
                None => {
                    let lease = lock.lease(scope, None);
                    client.create(&lock.reference, &lease).await?
                }
                Some(other) => {
                    wait_for_expiry(client, &lock.reference, &other).await?;
                    let lease = lock.lease(scope, Some(&other));
                    client.replace(&lock.reference, &lease).await?
                }
            };
            if written == WriteOutcome::Done {
                return Ok(lock);
            }
        }
        match read(client, &lock.reference).await? {
            Some(lease) => Err(held_by(&lease)),
            None => Err(
                Error::new(Code::ApplyLockHeld, "cannot take the target's lock")
                    .help("run the command again"),
            ),
        }
    }

    /// Renews the lock until dropped. If the lock is lost, cancels the apply.
    pub(crate) async fn renew_forever(
        &self,
        client: &Client,
        reporter: &dyn Reporter,
        cancel: &Cancel,
    ) -> std::convert::Infallible {
        loop {
            tokio::time::sleep(RENEW_INTERVAL).await;
            if let Ok(Some(other)) = self.renew(client).await {
                reporter.event(&Event::Note {
                    text: &format!(
                        "lost the target's lock to {other}: starting no further operations"
                    ),
                });
                cancel.cancel();
                std::future::pending::<()>().await;
            }
        }
    }

    /// Renews the lock once and returns the holder if it is another process. A
    /// missing Lease was removed with its namespace.
    async fn renew(&self, client: &Client) -> Result<Option<String>, Error> {
        let Some(mut lease) = read(client, &self.reference).await? else {
            return Ok(None);
        };
        let holder = holder(&lease).to_owned();
        if holder != self.identity {
            return Ok(Some(holder));
        }
        if let Some(spec) = &mut lease.spec {
            spec.renew_time = Some(MicroTime(Timestamp::now()));
        }
        client.replace(&self.reference, &value(&lease)).await?;
        Ok(None)
    }

    /// Releases the lock. If that fails, the lock expires.
    pub(crate) async fn release(self, client: &Client) {
        if let Ok(Some(lease)) = read(client, &self.reference).await
            && holder(&lease) == self.identity
        {
            let uid = lease.metadata.uid.unwrap_or_default();
            let _ = client.discard(&self.reference, &uid).await;
        }
    }

    fn lease(&self, scope: &Scope, before: Option<&Lease>) -> Value {
        let now = MicroTime(Timestamp::now());
        let spec = LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: i32::try_from(LEASE_DURATION.as_secs()).ok(),
            acquire_time: Some(now.clone()),
            renew_time: Some(now),
            ..LeaseSpec::default()
        };
        let version = before.and_then(|lease| lease.metadata.resource_version.clone());
        json!({
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {
                "name": self.reference.name,
                "namespace": self.reference.namespace,
                "labels": records::labels(scope),
                "annotations": {COMMAND: self.command},
                "resourceVersion": version,
            },
            "spec": spec,
        })
    }
}

/// Waits until a lock has expired; fails as soon as its holder renews it.
async fn wait_for_expiry(
    client: &Client,
    reference: &Reference,
    first: &Lease,
) -> Result<(), Error> {
    if holder(first).is_empty() {
        return Ok(());
    }
    if is_renewed(first) {
        return Err(held_by(first));
    }
    let begin = tokio::time::Instant::now();
    while begin.elapsed() < LEASE_DURATION {
        tokio::time::sleep(WATCH_INTERVAL).await;
        match read(client, reference).await? {
            Some(lease) if lease.metadata.resource_version != first.metadata.resource_version => {
                return Err(held_by(&lease));
            }
            Some(_) => {}
            None => return Ok(()),
        }
    }
    Ok(())
}

/// Returns true if a lock was renewed recently, by this machine's clock.
fn is_renewed(lease: &Lease) -> bool {
    let renewed = lease
        .spec
        .as_ref()
        .and_then(|spec| spec.renew_time.as_ref());
    !holder(lease).is_empty()
        && renewed.is_some_and(|time| {
            let silence = Timestamp::now().duration_since(time.0);
            silence.unsigned_abs() < LEASE_DURATION
        })
}

fn held_by(lease: &Lease) -> Error {
    let annotations = lease.metadata.annotations.as_ref();
    let command = annotations.and_then(|annotations| annotations.get(COMMAND));
    let acquired = lease
        .spec
        .as_ref()
        .and_then(|spec| spec.acquire_time.as_ref());
    lock_held(
        command.map_or("an apply", String::as_str),
        acquired.map(|time| time.0),
        Some(holder(lease)),
    )
    .help(format!(
        "wait until it ends, then run the command again; the lock of a killed apply expires within {} s",
        LEASE_DURATION.as_secs()
    ))
}

fn holder(lease: &Lease) -> &str {
    let spec = lease.spec.as_ref();
    spec.and_then(|spec| spec.holder_identity.as_deref())
        .unwrap_or_default()
}

fn reference(namespace: &str, scope: &Scope) -> Reference {
    Reference {
        api_version: "coordination.k8s.io/v1".to_owned(),
        kind: "Lease".to_owned(),
        namespace: Some(namespace.to_owned()),
        name: records::name(scope),
    }
}

async fn read(client: &Client, reference: &Reference) -> Result<Option<Lease>, Error> {
    let found = client.get(reference).await?;
    found
        .map(|lease| {
            serde_json::from_value(lease).map_err(|error| {
                Error::new(Code::StateStore, format!("cannot parse {reference}"))
                    .help("delete it if no apply is running")
                    .cause(error)
            })
        })
        .transpose()
}

fn value(lease: &Lease) -> Value {
    // A typed object always serialises.
    serde_json::to_value(lease).unwrap_or_default()
}

/// Describes this process as the holder, for people.
fn identity(options: &Options) -> String {
    let user = options.var("USER").or_else(|| options.var("LOGNAME"));
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let host = host
        .as_deref()
        .map(str::trim)
        .filter(|host| !host.is_empty())
        .or_else(|| options.var("HOSTNAME"))
        .or_else(|| options.var("COMPUTERNAME"));
    let mut text = format!("process {}", std::process::id());
    if let Some(user) = user {
        text = format!("{text} of {user}");
    }
    if let Some(host) = host {
        text = format!("{text} on {host}");
    }
    text
}
