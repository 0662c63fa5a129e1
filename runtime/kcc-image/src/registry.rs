//! [`Registries`]: images in registries, through the distribution API.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    net::IpAddr,
    time::Duration,
};

use futures_util::{StreamExt, TryStreamExt};
use kcc_docker::{RegistryLogin, registry_login};
use kcc_lock::{Digest, ImageFacts, Platform};
use kcc_plan::{Error, Options};
use oci_client::{
    Client, Reference, RegistryOperation,
    client::{ClientConfig, ClientProtocol},
    secrets::RegistryAuth,
};
use serde::Deserialize;

use crate::{
    answer,
    config::Config,
    error::{Refusal, damaged, refusal, unreadable},
    layers::Search,
    stream::read_stream,
};

/// The media types of indexes and manifests.
const MANIFESTS: [&str; 4] = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
];

/// The largest configuration.
const MAX_CONFIG: u64 = 8 * 1024 * 1024;
/// The most that is read of one layer.
const MAX_LAYER: u64 = 1024 * 1024 * 1024;

const CONNECT_LIMIT: Duration = Duration::from_secs(10);
const READ_LIMIT: Duration = Duration::from_secs(30);

/// The hosts that never use a proxy, as for the Docker engine.
const LOOPBACK: &str = "localhost,127.0.0.0/8,::1";

/// An index or a manifest.
#[derive(Deserialize)]
struct Document {
    manifests: Option<Vec<Entry>>,
    config: Option<Blob>,
    #[serde(default)]
    layers: Vec<Blob>,
}

#[derive(Deserialize)]
struct Entry {
    digest: String,
    platform: Option<EntryPlatform>,
}

#[derive(Deserialize)]
struct EntryPlatform {
    os: String,
    architecture: String,
    variant: Option<String>,
}

#[derive(Deserialize)]
struct Blob {
    digest: String,
}

/// The configuration of an image, as far as it is outside of `config`.
#[derive(Deserialize)]
struct ConfigFile {
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
    variant: Option<String>,
    config: Option<Config>,
}

/// Access to registries. Every image gets a client of its own: the protocol and the
/// login depend on its registry.
#[derive(Debug)]
pub(crate) struct Registries<'a> {
    pub(crate) options: &'a Options,
    /// The registries without TLS, besides those of this machine.
    pub(crate) plain_http: &'a BTreeSet<String>,
}

/// An image in its registry.
struct Remote<'a> {
    name: &'a str,
    reference: Reference,
    client: Client,
    auth: RegistryAuth,
}

impl Registries<'_> {
    /// Reads the facts about an image; at `digest`, if there is one.
    pub(crate) async fn read(
        &self,
        name: &str,
        digest: Option<&Digest>,
        directories: &BTreeSet<String>,
    ) -> Result<ImageFacts, Refusal> {
        let remote = self.remote(name, digest).await?;
        let (document, digest) = remote.document(&remote.reference).await?;
        let Some(entries) = document.manifests else {
            let (mut facts, platform) = remote.facts(&document, directories).await?;
            facts.platforms.insert(platform, Some(digest.clone()));
            facts.digest = Some(digest);
            return Ok(facts);
        };
        let platforms = entries.into_iter().filter_map(|entry| {
            let platform = entry.platform?;
            // Attestations are listed like images.
            let known = platform.os != "unknown" && !platform.os.is_empty();
            let variant = platform.variant.as_deref();
            let platform = Platform::new(&platform.os, &platform.architecture, variant);
            known.then_some((platform, entry.digest))
        });
        let mut all = BTreeMap::new();
        for (platform, digest) in platforms {
            all.insert(platform, remote.digest(digest)?);
        }
        let usual = Platform::new("linux", "amd64", None);
        let chosen = all.get(&usual).or_else(|| all.values().next());
        let Some(chosen) = chosen else {
            return Err(remote.failed("its index lists no platform"));
        };
        let chosen = remote.reference.clone_with_digest(chosen.to_string());
        let (manifest, _) = remote.document(&chosen).await?;
        let (mut facts, _) = remote.facts(&manifest, directories).await?;
        facts.platforms = all.into_iter().map(|(key, one)| (key, Some(one))).collect();
        facts.digest = Some(digest);
        Ok(facts)
    }

    /// Returns the digest that an image has now.
    pub(crate) async fn digest(&self, name: &str) -> Result<Digest, Refusal> {
        let remote = self.remote(name, None).await?;
        let found = remote
            .client
            .fetch_manifest_digest(&remote.reference, &remote.auth)
            .await;
        remote.digest(found.map_err(|error| remote.refusal(error))?)
    }

    async fn remote<'n>(
        &self,
        name: &'n str,
        digest: Option<&Digest>,
    ) -> Result<Remote<'n>, Refusal> {
        let invalid =
            |error: oci_client::ParseError| Refusal::Failed(unreadable(name, error.to_string()));
        let mut reference: Reference = name.parse().map_err(invalid)?;
        if let Some(digest) = digest {
            reference = reference.clone_with_digest(digest.to_string());
        }
        let login = registry_login(name, self.options).await;
        let auth = match login {
            Some(RegistryLogin::Password(user, password)) => RegistryAuth::Basic(user, password),
            // Only the engine can use it; the registry may answer without.
            Some(RegistryLogin::IdentityToken) | None => RegistryAuth::Anonymous,
        };
        let registry = reference.resolve_registry().to_owned();
        let plain = is_loopback(&registry) || self.plain_http.contains(&registry);
        // A client with TLS needs a default provider of cryptography.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::try_from(self.config(plain.then(|| registry.clone())))
            .map_err(|error| refusal(name, &registry, error))?;
        let remote = Remote {
            name,
            reference,
            client,
            auth,
        };
        let login = remote
            .client
            .auth(&remote.reference, &remote.auth, RegistryOperation::Pull)
            .await;
        login.map_err(|error| remote.refusal(error))?;
        Ok(remote)
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
    fn refusal(&self, error: oci_client::errors::OciDistributionError) -> Refusal {
        refusal(self.name, self.reference.registry(), error)
    }

    fn failed(&self, why: &str) -> Refusal {
        Refusal::Failed(unreadable(self.name, why))
    }

    fn digest(&self, text: String) -> Result<Digest, Refusal> {
        Digest::try_from(text).map_err(|why| self.failed(&why))
    }

    /// Reads an index or a manifest, with its digest.
    async fn document(&self, reference: &Reference) -> Result<(Document, Digest), Refusal> {
        let read = self
            .client
            .pull_manifest_raw(reference, &self.auth, &MANIFESTS)
            .await;
        let (bytes, digest) = read.map_err(|error| self.refusal(error))?;
        let document = serde_json::from_slice(&bytes)
            .map_err(|error| self.failed(&format!("its manifest is malformed: {error}")))?;
        Ok((document, self.digest(digest)?))
    }

    /// Reads the facts about one platform.
    async fn facts(
        &self,
        manifest: &Document,
        directories: &BTreeSet<String>,
    ) -> Result<(ImageFacts, Platform), Refusal> {
        let Some(config) = &manifest.config else {
            return Err(self.failed("its manifest has no configuration"));
        };
        let bytes = self.blob(config).await?;
        let file: ConfigFile = serde_json::from_slice(&bytes)
            .map_err(|error| self.failed(&format!("its configuration is malformed: {error}")))?;
        let config = file.config.unwrap_or_default();
        let (mut facts, question) = answer::start(&config, directories);
        if let Some(mut search) = question {
            for layer in manifest.layers.iter().rev() {
                if search.is_done() {
                    break;
                }
                search = self.search(search, layer).await?;
            }
            search.finish();
            answer::fill(&mut facts, &config, directories, &search);
        }
        let platform = Platform::new(&file.os, &file.architecture, file.variant.as_deref());
        Ok((facts, platform))
    }

    /// Reads a whole blob, which has to match its digest.
    async fn blob(&self, blob: &Blob) -> Result<Vec<u8>, Refusal> {
        let stream = self
            .client
            .pull_blob_stream(&self.reference, blob.digest.as_str())
            .await;
        let stream = stream.map_err(|error| self.refusal(error))?.stream;
        let read = stream
            .try_fold(Vec::new(), |mut bytes, piece| async move {
                bytes.extend_from_slice(&piece);
                if bytes.len() as u64 > MAX_CONFIG {
                    return Err(io::ErrorKind::QuotaExceeded.into());
                }
                Ok(bytes)
            })
            .await;
        read.map_err(|error| match error.kind() {
            io::ErrorKind::QuotaExceeded => self.failed("its configuration is too large"),
            _ => Refusal::Failed(damaged(self.name).cause(error)),
        })
    }

    /// Goes on with a search in a layer. The rest of a layer is not read once the
    /// search is done, and so its digest not checked.
    async fn search(&self, mut search: Search, layer: &Blob) -> Result<Search, Refusal> {
        let stream = self
            .client
            .pull_blob_stream(&self.reference, layer.digest.as_str())
            .await;
        let stream = stream.map_err(|error| self.refusal(error))?.stream.boxed();
        let read = read_stream(stream, MAX_LAYER, move |pieces| {
            search.layer(pieces).map(|()| search)
        });
        match read.await {
            Ok(Ok(search)) => Ok(search),
            Ok(Err(error)) | Err(error) if error.kind() == io::ErrorKind::QuotaExceeded => {
                Err(self.failed("a layer is too large to look into"))
            }
            Ok(Err(error)) | Err(error) => Err(Refusal::Failed(damaged(self.name).cause(error))),
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

/// Turns the absence of an image into an error.
pub(crate) fn absent(reference: &str, refusal: Refusal, engine: &str) -> Error {
    match refusal {
        Refusal::Failed(error) => error,
        Refusal::Absent => unreadable(reference, format!("its registry does not have it{engine}"))
            .help("check its name and tag"),
        Refusal::Denied(why) => unreadable(
            reference,
            format!("its registry refuses access: {why}{engine}"),
        )
        .help("check its name, or log in with `docker login`"),
    }
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
