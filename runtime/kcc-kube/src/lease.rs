//! [`Lock`]: one apply at a time, for a whole team and its CI: a Lease in the
//! target's namespace. It is renewed while it is held; one that is renewed no
//! more is taken over.
//!
//! Clocks of machines differ. A lease that looks old is watched for as long as
//! its holder may be silent, and taken only if nothing moved.

use std::time::Duration;

use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::MicroTime,
    jiff::Timestamp,
};
use kcc_diag::Code;
use kcc_plan::{Cancel, Error, Event, Options, Reporter, Scope};
use serde_json::{Value, json};

use crate::{
    client::{Client, Written},
    memory,
    observed::Reference,
};

/// How long a holder may be silent, and how often it speaks.
const SILENCE: Duration = Duration::from_secs(15);
const RENEW: Duration = Duration::from_secs(4);
const LOOK: Duration = Duration::from_secs(1);

/// Held until it is released.
pub(crate) struct Lock {
    reference: Reference,
    identity: String,
}

/// Refuses where somebody holds the lock who spoke a moment ago. Changes nothing.
pub(crate) async fn refuse_held(
    client: &Client,
    namespace: &str,
    scope: &Scope,
) -> Result<(), Error> {
    match read(client, &reference(namespace, scope)).await? {
        Some(lease) if speaks(&lease) => Err(held(&lease)),
        _ => Ok(()),
    }
}

impl Lock {
    /// Takes the lock, or names who holds it.
    pub(crate) async fn take(
        client: &Client,
        namespace: &str,
        scope: &Scope,
        options: &Options,
    ) -> Result<Self, Error> {
        let lock = Self {
            reference: reference(namespace, scope),
            identity: identity(options),
        };
        // Lost only to somebody who was faster, and who is then named.
        for _ in 0..3 {
            let written = match read(client, &lock.reference).await? {
                None => {
                    let lease = lock.lease(scope, None);
                    client.create(&lock.reference, &lease).await?
                }
                Some(other) => {
                    silent(client, &lock.reference, &other).await?;
                    let lease = lock.lease(scope, Some(&other));
                    client.replace(&lock.reference, &lease).await?
                }
            };
            if written == Written::Done {
                return Ok(lock);
            }
        }
        match read(client, &lock.reference).await? {
            Some(lease) => Err(held(&lease)),
            None => Err(Error::new(
                Code::ApplyLockHeld,
                "the lock of the target cannot be taken",
            )
            .help("run the command again")),
        }
    }

    /// Renews the lock for ever. Where somebody else has it, nothing new is begun.
    pub(crate) async fn keep(
        &self,
        client: &Client,
        reporter: &dyn Reporter,
        cancel: &Cancel,
    ) -> std::convert::Infallible {
        loop {
            tokio::time::sleep(RENEW).await;
            if let Ok(Some(thief)) = self.renew(client).await {
                reporter.event(&Event::Note {
                    text: &format!("the lock of the target went to {thief}: nothing new is begun"),
                });
                cancel.cancel();
                std::future::pending::<()>().await;
            }
        }
    }

    /// Speaks once; gives who has the lock now, if that is not us. A lease that
    /// is gone went with its namespace.
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

    /// Lets go. What fails here the silence mends.
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
            lease_duration_seconds: i32::try_from(SILENCE.as_secs()).ok(),
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
                "labels": memory::labels(scope),
                "resourceVersion": version,
            },
            "spec": spec,
        })
    }
}

/// Ends once nobody holds a lease; refuses as soon as its holder speaks.
async fn silent(client: &Client, reference: &Reference, first: &Lease) -> Result<(), Error> {
    if holder(first).is_empty() {
        return Ok(());
    }
    if speaks(first) {
        return Err(held(first));
    }
    let begin = tokio::time::Instant::now();
    while begin.elapsed() < SILENCE {
        tokio::time::sleep(LOOK).await;
        match read(client, reference).await? {
            Some(lease) if lease.metadata.resource_version != first.metadata.resource_version => {
                return Err(held(&lease));
            }
            Some(_) => {}
            None => return Ok(()),
        }
    }
    Ok(())
}

/// Whether the holder of a lease spoke a moment ago, by this machine's clock.
fn speaks(lease: &Lease) -> bool {
    let renewed = lease
        .spec
        .as_ref()
        .and_then(|spec| spec.renew_time.as_ref());
    !holder(lease).is_empty()
        && renewed.is_some_and(|time| {
            let silence = Timestamp::now().duration_since(time.0);
            silence.unsigned_abs() < SILENCE
        })
}

fn held(lease: &Lease) -> Error {
    let since = lease
        .spec
        .as_ref()
        .and_then(|spec| spec.acquire_time.as_ref())
        .map(|time| format!(" since {}", time.0.strftime("%Y-%m-%d %H:%M:%S UTC")));
    Error::new(
        Code::ApplyLockHeld,
        format!(
            "another apply to this target is running: {}{}",
            holder(lease),
            since.unwrap_or_default()
        ),
    )
    .help(format!(
        "wait until it ends, then run the command again; the lock of one that was killed ends by itself within {} s",
        SILENCE.as_secs()
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
        name: memory::name(scope),
    }
}

async fn read(client: &Client, reference: &Reference) -> Result<Option<Lease>, Error> {
    let found = client.get(reference).await?;
    found
        .map(|lease| {
            serde_json::from_value(lease).map_err(|error| {
                Error::new(Code::StateStore, format!("cannot understand {reference}"))
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

/// Who takes the lock, for people.
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
