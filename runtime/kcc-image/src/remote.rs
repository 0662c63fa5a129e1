//! [`Remote`]: a repository of a registry, reached with the login of the docker command.

use std::{collections::BTreeSet, net::IpAddr, time::Duration};

use futures_util::TryStreamExt;
use kcc_docker::{RegistryLogin, registry_login};
use kcc_lock::Digest;
use kcc_plan::Options;
use oci_client::{
    Client, Reference, RegistryOperation,
    client::{ClientConfig, ClientProtocol},
    errors::OciDistributionError,
    secrets::RegistryAuth,
};
use reqwest::{NoProxy, Proxy};

use crate::{
    error::{Refusal, Subject, refusal},
    identity_token::{Registry, exchange},
};

const CONNECT_LIMIT: Duration = Duration::from_secs(10);
const READ_LIMIT: Duration = Duration::from_secs(30);

/// The hosts that never use a proxy, as for the Docker engine.
const LOOPBACK: &str = "localhost,127.0.0.0/8,::1";

/// Access to registries. Every repository gets a client of its own: the protocol and the
/// login depend on its registry.
#[derive(Debug)]
pub(crate) struct Registries<'a> {
    pub(crate) options: &'a Options,
    /// The registries without TLS, besides those of this machine.
    pub(crate) plain_http: &'a BTreeSet<String>,
}

/// A repository of a registry.
pub(crate) struct Remote<'a> {
    pub(crate) subject: Subject<'a>,
    pub(crate) reference: Reference,
    pub(crate) client: Client,
    pub(crate) auth: RegistryAuth,
}

impl Registries<'_> {
    /// Logs in for an operation on a reference.
    pub(crate) async fn connect<'n>(
        &self,
        subject: Subject<'n>,
        reference: &str,
        operation: RegistryOperation,
    ) -> Result<Remote<'n>, Refusal> {
        let invalid =
            |error: oci_client::ParseError| Refusal::Failed(subject.unusable(error.to_string()));
        let login = registry_login(reference, self.options).await;
        let reference: Reference = reference.parse().map_err(invalid)?;
        let registry = reference.resolve_registry().to_owned();
        let plain = is_loopback(&registry) || self.plain_http.contains(&registry);
        // A client with TLS needs a default provider of cryptography.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let auth = match login {
            Some(RegistryLogin::Password(user, password)) => RegistryAuth::Basic(user, password),
            Some(RegistryLogin::IdentityToken(token)) => {
                let registry = Registry {
                    subject,
                    host: &registry,
                    repository: reference.repository(),
                    actions: match operation {
                        RegistryOperation::Push => "pull,push",
                        RegistryOperation::Pull => "pull",
                    },
                    plain,
                };
                let client = self.plain_client(subject)?;
                let exchanged = exchange(&client, &registry, &token).await?;
                exchanged.map_or(RegistryAuth::Anonymous, RegistryAuth::Bearer)
            }
            None => RegistryAuth::Anonymous,
        };
        let client = Client::try_from(self.config(plain.then(|| registry.clone())))
            .map_err(|error| refusal(subject, &registry, error))?;
        let remote = Remote {
            subject,
            reference,
            client,
            auth,
        };
        let login = remote
            .client
            .auth(&remote.reference, &remote.auth, operation)
            .await;
        login.map_err(|error| remote.refusal(error))?;
        Ok(remote)
    }

    /// Returns a client for what `oci-client` cannot ask, with the same settings.
    fn plain_client(&self, subject: Subject<'_>) -> Result<reqwest::Client, Refusal> {
        let config = self.config(None);
        let no_proxy = config.no_proxy.as_deref().and_then(NoProxy::from_string);
        let mut builder = reqwest::Client::builder()
            .user_agent(config.user_agent)
            .connect_timeout(CONNECT_LIMIT)
            .read_timeout(READ_LIMIT);
        for (proxy, scheme) in [
            (config.https_proxy, Proxy::https as fn(String) -> _),
            (config.http_proxy, Proxy::http),
        ] {
            let proxy = proxy.and_then(|address| scheme(address).ok());
            if let Some(proxy) = proxy {
                builder = builder.proxy(proxy.no_proxy(no_proxy.clone()));
            }
        }
        let built = builder.build();
        built.map_err(|error| Refusal::Failed(subject.unusable(error.to_string())))
    }

    fn config(&self, plain: Option<String>) -> ClientConfig {
        // Some users write the variables in capitals, some do not.
        let proxy = |name: &str| {
            let lower = name.to_lowercase();
            let value = self.options.var(&lower).or_else(|| self.options.var(name));
            value.map(str::to_owned)
        };
        let no_proxy =
            proxy("NO_PROXY").map_or(LOOPBACK.to_owned(), |own| format!("{own},{LOOPBACK}"));
        ClientConfig {
            protocol: match plain {
                Some(registry) => ClientProtocol::HttpsExcept(vec![registry]),
                None => ClientProtocol::Https,
            },
            connect_timeout: Some(CONNECT_LIMIT),
            read_timeout: Some(READ_LIMIT),
            user_agent: concat!("kcc/", env!("CARGO_PKG_VERSION")),
            https_proxy: proxy("HTTPS_PROXY"),
            http_proxy: proxy("HTTP_PROXY"),
            no_proxy: Some(no_proxy),
            ..ClientConfig::default()
        }
    }
}

impl Remote<'_> {
    pub(crate) fn refusal(&self, error: OciDistributionError) -> Refusal {
        refusal(self.subject, self.reference.registry(), error)
    }

    pub(crate) fn failed(&self, why: &str) -> Refusal {
        Refusal::Failed(self.subject.unusable(why))
    }

    pub(crate) fn digest(&self, text: String) -> Result<Digest, Refusal> {
        Digest::try_from(text).map_err(|why| self.failed(&why))
    }

    /// Reads content, which has to match its digest; none if it is larger than a limit.
    pub(crate) async fn content(
        &self,
        digest: &str,
        limit: u64,
    ) -> Result<Option<Vec<u8>>, Refusal> {
        let stream = self.client.pull_blob_stream(&self.reference, digest).await;
        let stream = stream.map_err(|error| self.refusal(error))?.stream;
        let mut pieces = std::pin::pin!(stream);
        let mut bytes = Vec::new();
        loop {
            match pieces.try_next().await {
                Ok(Some(piece)) => bytes.extend_from_slice(&piece),
                Ok(None) => return Ok(Some(bytes)),
                Err(error) => return Err(Refusal::Failed(self.subject.damaged().cause(error))),
            }
            if bytes.len() as u64 > limit {
                return Ok(None);
            }
        }
    }
}

/// Returns true for a registry on this machine.
fn is_loopback(registry: &str) -> bool {
    let host = match registry.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => registry.split(':').next().unwrap_or(registry),
    };
    host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recognises_registries_of_this_machine() {
        for registry in [
            "localhost",
            "localhost:5000",
            "127.0.0.2:5000",
            "[::1]:5000",
        ] {
            assert!(is_loopback(registry), "{registry}");
        }
        for registry in ["index.docker.io", "10.0.0.1:5000", "localhost.example.com"] {
            assert!(!is_loopback(registry), "{registry}");
        }
    }
}
