//! Reads the facts about images in registries, through the distribution API.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
};

use futures_util::StreamExt;
use kcc_lock::{Digest, ImageFacts, Platform};
use kcc_plan::Error;
use oci_client::{Reference, RegistryOperation};
use serde::Deserialize;

use crate::{
    answer,
    config::Config,
    error::{Refusal, Subject, unreadable},
    layers::Search,
    remote::{Registries, Remote},
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

impl Registries<'_> {
    /// Reads the facts about an image; at `digest`, if there is one.
    pub(crate) async fn read(
        &self,
        name: &str,
        digest: Option<&Digest>,
        directories: &BTreeSet<String>,
    ) -> Result<ImageFacts, Refusal> {
        let remote = self.image(name, digest).await?;
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
        let remote = self.image(name, None).await?;
        let found = remote
            .client
            .fetch_manifest_digest(&remote.reference, &remote.auth)
            .await;
        remote.digest(found.map_err(|error| remote.refusal(error))?)
    }

    /// Logs in to read an image; at `digest`, if there is one.
    async fn image<'n>(
        &self,
        name: &'n str,
        digest: Option<&Digest>,
    ) -> Result<Remote<'n>, Refusal> {
        let subject = Subject::Image(name);
        let mut remote = self.connect(subject, name, RegistryOperation::Pull).await?;
        if let Some(digest) = digest {
            remote.reference = remote.reference.clone_with_digest(digest.to_string());
        }
        Ok(remote)
    }
}

impl Remote<'_> {
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
        let bytes = self.content(&config.digest, MAX_CONFIG).await?;
        let bytes = bytes.ok_or_else(|| self.failed("its configuration is too large"))?;
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
            Ok(Err(error)) | Err(error) => {
                Err(Refusal::Failed(self.subject.damaged().cause(error)))
            }
        }
    }
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

    use kcc_plan::Options;

    use super::*;

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
