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
use reqwest::{NoProxy, Proxy};
use serde::Deserialize;

use crate::{
    answer,
    config::Config,
    error::{Refusal, damaged, refusal, unreadable},
    identity_token::{Registry, exchange},
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
        let registry = reference.resolve_registry().to_owned();
        let plain = is_loopback(&registry) || self.plain_http.contains(&registry);
        // A client with TLS needs a default provider of cryptography.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let auth = match login {
            Some(RegistryLogin::Password(user, password)) => RegistryAuth::Basic(user, password),
            Some(RegistryLogin::IdentityToken(token)) => {
                let registry = Registry {
                    host: &registry,
                    repository: reference.repository(),
                    plain,
                };
                let client = self.plain_client(name)?;
                let exchanged = exchange(&client, &registry, &token).await?;
                exchanged.map_or(RegistryAuth::Anonymous, RegistryAuth::Bearer)
            }
            None => RegistryAuth::Anonymous,
        };
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

    /// Returns a client for what `oci-client` cannot ask, with the same settings.
    fn plain_client(&self, name: &str) -> Result<reqwest::Client, Refusal> {
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
        built.map_err(|error| Refusal::Failed(unreadable(name, error.to_string())))
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
    use std::io::{BufRead as _, BufReader, Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};

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

    /// Answers like a registry that accepts one identity token, for two requests of the
    /// exchange and one for a digest.
    fn registry_with_tokens(listener: &TcpListener, digest: &str) -> Vec<String> {
        let host = listener.local_addr().unwrap();
        let mut requests = Vec::new();
        for stream in listener.incoming().take(3) {
            let mut stream = stream.unwrap();
            let request = read_request(&mut stream);
            let (line, _) = request.split_once("\r\n").unwrap();
            let answer = if line.starts_with("POST /token") {
                let body = "{\"access_token\": \"abc\"}";
                format!("200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
            } else if request.to_lowercase().contains("authorization: bearer abc") {
                format!(
                    "200 OK\r\nDocker-Content-Digest: {digest}\r\nContent-Length: 2\r\n\r\n{{}}"
                )
            } else {
                format!(
                    "401 Unauthorized\r\nContent-Length: 0\r\nWWW-Authenticate: \
                     Bearer realm=\"http://{host}/token\",service=\"reg\"\r\n\r\n"
                )
            };
            let head = format!("HTTP/1.1 {answer}");
            let head = head.replacen("\r\n", "\r\nConnection: close\r\n", 1);
            stream.write_all(head.as_bytes()).unwrap();
            requests.push(request);
        }
        requests
    }

    /// Reads a request with its body.
    fn read_request(stream: &mut TcpStream) -> String {
        let mut request = String::new();
        let mut reader = BufReader::new(stream);
        let mut length = 0;
        loop {
            let start = request.len();
            reader.read_line(&mut request).unwrap();
            let line = request[start..].to_lowercase();
            if let Some(bytes) = line.strip_prefix("content-length:") {
                length = bytes.trim().parse().unwrap();
            }
            if line.trim().is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        request + &String::from_utf8(body).unwrap()
    }

    #[tokio::test]
    async fn an_identity_token_is_exchanged() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap();
        let digest = format!("sha256:{}", "a".repeat(64));
        let answered = digest.clone();
        let server = std::thread::spawn(move || registry_with_tokens(&listener, &answered));
        let settings = tempfile::tempdir().unwrap();
        let logins = format!("{{\"auths\": {{\"{host}\": {{\"identitytoken\": \"t0/ken\"}}}}}}");
        std::fs::write(settings.path().join("config.json"), logins).unwrap();
        let options = Options {
            env: BTreeMap::from([(
                "DOCKER_CONFIG".to_owned(),
                settings.path().display().to_string(),
            )]),
            ..Options::default()
        };
        let registries = Registries {
            options: &options,
            plain_http: &BTreeSet::new(),
        };
        let found = registries.digest(&format!("{host}/acme/app:1")).await;
        assert_eq!(found.unwrap().to_string(), digest);
        let requests = server.join().unwrap();
        assert!(requests[0].starts_with("GET /v2/ "), "{requests:#?}");
        let body = requests[1].rsplit("\r\n").next().unwrap();
        assert_eq!(
            body,
            "grant_type=refresh_token&client_id=kcc&scope=repository%3Aacme%2Fapp%3Apull\
             &service=reg&refresh_token=t0%2Fken"
        );
    }
}
