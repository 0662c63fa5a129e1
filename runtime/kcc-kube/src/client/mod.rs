//! [`Client`]: the only user of kube. Takes and returns JSON objects and kcc's own
//! errors, and counts every call that may change something.

mod access;
mod config;
mod errors;
mod exec;
mod forward;
mod kinds;
mod live;
mod logs;
mod mutations;
mod queries;
mod record;
mod watch;

pub(crate) use access::{Access, resource_name};
pub(crate) use exec::{PodExec, RunningCommand};
pub(crate) use logs::{LogRange, LogSince, LogStreams, PodLog};
pub(crate) use watch::Seen;

use std::{
    sync::{
        Once,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use kcc_plan::{Error, Fence, Options, fail_points};
use kube::api::{Api, DynamicObject};

use self::kinds::Kinds;
use crate::observed::Reference;

/// The time limits for a connection and for a response.
const CONNECT: Duration = Duration::from_secs(10);
const ANSWER: Duration = Duration::from_mins(1);

/// A connection to a cluster.
pub(crate) struct Client {
    kube: kube::Client,
    /// The configuration of the connection, for [`Client::streaming`].
    config: Box<kube::Config>,
    /// The server's address, for messages.
    server: String,
    kinds: Kinds,
    mutations: AtomicU64,
    /// The fence that every changing call passes.
    pub(crate) fence: Fence,
}

impl Client {
    /// Connects to the cluster of a context and waits for its first response.
    pub(crate) async fn connect(context: Option<&str>, options: &Options) -> Result<Self, Error> {
        install_provider();
        let mut config = config::find(context, options).await?;
        config.connect_timeout = Some(CONNECT);
        config.read_timeout = Some(ANSWER);
        let server = config.cluster_url.to_string();
        let server = server.trim_end_matches('/').to_owned();
        let kube = kube::Client::try_from(config.clone())
            .map_err(|error| errors::unreachable(&server, &error))?;
        kube.apiserver_version()
            .await
            .map_err(|error| errors::translate(&server, "read its version", &error))?;
        let kinds = Kinds::new(kube.clone(), &server);
        Ok(Self {
            kube,
            config: Box::new(config),
            server,
            kinds,
            mutations: AtomicU64::new(0),
            fence: Fence::default(),
        })
    }

    /// Returns the number of calls so far that may have changed something.
    pub(crate) fn mutations(&self) -> u64 {
        self.mutations.load(Ordering::Relaxed)
    }

    /// Makes a call that may change something, while the lock of the target is certainly
    /// held. Tests kill kcc before and after it, under the name of the call.
    fn mutate<T>(
        &self,
        name: &str,
        call: impl Future<Output = T>,
    ) -> impl Future<Output = Result<T, Error>> {
        // Boxed, because calls are large.
        let call = Box::pin(call);
        async move {
            self.fence.check()?;
            Ok(self.unfenced(name, call).await)
        }
    }

    /// Makes a call that may change the record.
    async fn unfenced<T>(&self, name: &str, call: impl Future<Output = T>) -> T {
        self.mutations.fetch_add(1, Ordering::Relaxed);
        fail_points::around("kubernetes", name, call).await
    }

    /// Returns the API of an object's kind, in its namespace.
    async fn api(&self, reference: &Reference) -> Result<Api<DynamicObject>, Error> {
        let found = self
            .kinds
            .find(&reference.api_version, &reference.kind)
            .await?;
        Ok(match (&reference.namespace, found.namespaced) {
            (Some(namespace), true) => {
                Api::namespaced_with(self.kube.clone(), namespace, &found.resource)
            }
            _ => Api::all_with(self.kube.clone(), &found.resource),
        })
    }

    /// Opens a connection on which a stream may stay silent for any time.
    fn streaming(&self) -> Result<kube::Client, Error> {
        let mut config = (*self.config).clone();
        config.read_timeout = None;
        let kube = kube::Client::try_from(config);
        kube.map_err(|error| errors::unreachable(&self.server, &error))
    }

    fn error(&self, what: &str, error: &kube::Error) -> Error {
        errors::translate(&self.server, what, error)
    }
}

/// Installs the TLS cryptography provider explicitly: with several compiled in,
/// rustls panics instead of choosing.
fn install_provider() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Fails if a provider is already installed, which serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}
