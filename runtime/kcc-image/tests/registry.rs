//! Reads images from a real registry on this machine, with names as users, several
//! platforms, logins and damaged content. Needs Debian's `docker-registry`; without
//! it the tests are skipped, unless `KCC_E2E_DOCKER` says that the machine is
//! prepared.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "it is a test")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Write,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use flate2::{Compression, write::GzEncoder};
use kcc_diag::Code;
use kcc_image::{Question, Reader, Source};
use kcc_lock::{Digest, DirectoryFacts, ImageFacts, NoDirectory};
use kcc_plan::{Error, Options};
use kcc_test_engines::registry::{LOGIN, Registry};
use oci_client::{
    Client, Reference,
    client::{ClientConfig, ClientProtocol},
    secrets::RegistryAuth,
};
use serde_json::{Value, json};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

fn registry(login: bool) -> Option<Registry> {
    let found = Registry::start(login);
    if found.is_none() {
        assert!(
            std::env::var_os("KCC_E2E_DOCKER").is_none(),
            "docker-registry is not installed"
        );
        eprintln!("skipped: docker-registry is not installed");
    }
    found
}

/// A client that fills a registry.
struct Pusher {
    client: Client,
    repository: Reference,
}

impl Pusher {
    async fn new(registry: &Registry, login: bool) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::new(ClientConfig {
            protocol: ClientProtocol::Http,
            ..ClientConfig::default()
        });
        let auth = if login {
            RegistryAuth::Basic(LOGIN.0.to_owned(), LOGIN.1.to_owned())
        } else {
            RegistryAuth::Anonymous
        };
        client.store_auth_if_needed(&registry.host(), &auth).await;
        Self {
            client,
            repository: format!("{}/acme/web:1", registry.host()).parse().unwrap(),
        }
    }

    async fn blob(&self, media_type: &str, content: Vec<u8>) -> Value {
        let digest = sha256(&content);
        let size = content.len();
        let pushed = self.client.push_blob(&self.repository, content, &digest);
        pushed.await.unwrap();
        json!({"mediaType": media_type, "digest": digest, "size": size})
    }

    /// Pushes a manifest under a tag or its digest, and returns its descriptor.
    async fn manifest(&self, media_type: &str, document: &Value, tag: Option<&str>) -> Value {
        let bytes = serde_json::to_vec(document).unwrap();
        let digest = sha256(&bytes);
        let size = bytes.len();
        let reference = match tag {
            Some(tag) => format!(
                "{}/{}:{tag}",
                self.repository.registry(),
                self.repository.repository()
            )
            .parse()
            .unwrap(),
            None => self.repository.clone_with_digest(digest.clone()),
        };
        let pushed = self
            .client
            .push_manifest_raw(&reference, bytes, media_type.parse().unwrap());
        pushed.await.unwrap();
        json!({"mediaType": media_type, "digest": digest, "size": size})
    }

    /// Pushes an image with one platform.
    async fn image(
        &self,
        tag: Option<&str>,
        architecture: &str,
        config: Value,
        layers: &[&[Entry<'_>]],
    ) -> Value {
        let mut pushed = Vec::new();
        for layer in layers {
            let media_type = "application/vnd.oci.image.layer.v1.tar+gzip";
            pushed.push(self.blob(media_type, gzip(layer)).await);
        }
        let config = json!({"os": "linux", "architecture": architecture, "config": config});
        let config = serde_json::to_vec(&config).unwrap();
        let config = self
            .blob("application/vnd.oci.image.config.v1+json", config)
            .await;
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": pushed
        });
        self.manifest(MANIFEST, &manifest, tag).await
    }
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    let hash = sha2::Sha256::digest(bytes);
    let digits = hash.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    let hex = digits.filter_map(|digit| char::from_digit(digit.into(), 16));
    format!("sha256:{}", hex.collect::<String>())
}

enum Entry<'a> {
    File(&'a str, &'a str),
    Directory(&'a str, u64),
}

fn gzip(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for entry in entries {
        let mut header = tar::Header::new_gnu();
        let (path, content) = match entry {
            Entry::File(path, content) => {
                header.set_mode(0o644);
                (path, *content)
            }
            Entry::Directory(path, owner) => {
                header.set_entry_type(tar::EntryType::Directory);
                header.set_mode(0o755);
                header.set_uid(*owner);
                header.set_gid(*owner);
                (path, "")
            }
        };
        header.set_size(content.len() as u64);
        let content = content.as_bytes();
        builder.append_data(&mut header, path, content).unwrap();
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&builder.into_inner().unwrap()).unwrap();
    encoder.finish().unwrap()
}

/// Two layers: the lower one has the users, the upper one a directory.
const LAYERS: [&[Entry<'_>]; 2] = [
    &[
        Entry::File("etc/group", "root:x:0:\nstaff:x:50:\n"),
        Entry::File(
            "etc/passwd",
            "root:x:0:0::/:/bin/sh\napp:x:1000:1000::/:/bin/sh\n",
        ),
    ],
    &[Entry::Directory("data", 1000)],
];

async fn read(registry: &Registry, tag: &str, options: &Options) -> Result<ImageFacts, Error> {
    let plain_http = BTreeSet::new();
    let reader = Reader::new(Source::Registry, &plain_http, options);
    let reference = format!("{}/acme/web:{tag}", registry.host());
    let directories = ["/data", "/none"].map(str::to_owned).into();
    let question = Question {
        reference: &reference,
        digest: None,
        directories: &directories,
    };
    reader.read(question).await
}

fn texts<T: ToString>(all: impl IntoIterator<Item = T>) -> Vec<String> {
    all.into_iter().map(|one| one.to_string()).collect()
}

#[tokio::test]
async fn a_name_is_resolved_by_the_files_of_the_image() {
    let Some(registry) = registry(false) else {
        return;
    };
    let pusher = Pusher::new(&registry, false).await;
    let config = json!({
        "User": "app:staff", "ExposedPorts": {"8080/tcp": {}}, "Volumes": {"/data": {}},
        "Entrypoint": ["/app"], "Cmd": ["serve"],
        "Healthcheck": {"Test": ["CMD", "/app", "check"], "Retries": 5},
    });
    let manifest = pusher.image(Some("1"), "amd64", config, &LAYERS).await;
    let facts = read(&registry, "1", &Options::default()).await.unwrap();
    assert_eq!(
        (facts.user.as_deref(), facts.uid, facts.gid),
        (Some("app:staff"), Some(1000), Some(50))
    );
    let digest = Digest::try_from(manifest["digest"].as_str().unwrap().to_owned()).unwrap();
    assert_eq!(facts.digest.as_ref(), Some(&digest));
    let platforms: Vec<_> = facts.platforms.iter().collect();
    assert_eq!(platforms.len(), 1);
    assert_eq!(platforms[0].0.to_string(), "linux/amd64");
    assert_eq!(platforms[0].1.as_ref(), Some(&digest));
    assert_eq!(texts(&facts.ports), ["8080/tcp"]);
    assert_eq!(
        (&*facts.entrypoint[0], &*facts.command[0]),
        ("/app", "serve")
    );
    let health = facts.health.unwrap();
    assert_eq!((health.command.len(), health.retries), (2, 5));
    assert!(matches!(
        facts.directories["/data"],
        DirectoryFacts::Present(directory) if directory.uid == 1000
    ));
    let absent = DirectoryFacts::Other(NoDirectory::Absent);
    assert_eq!(facts.directories["/none"], absent);
}

#[tokio::test]
async fn an_index_has_a_digest_for_each_platform() {
    let Some(registry) = registry(false) else {
        return;
    };
    let pusher = Pusher::new(&registry, false).await;
    let mut entries = Vec::new();
    for (architecture, user) in [("arm64", "1"), ("amd64", "2")] {
        let mut entry = pusher
            .image(None, architecture, json!({"User": user}), &LAYERS)
            .await;
        entry["platform"] = json!({"os": "linux", "architecture": architecture, "variant": "v8"});
        if architecture == "amd64" {
            entry["platform"]["variant"] = Value::Null;
        }
        entries.push(entry);
    }
    let mut attestation = pusher.image(None, "unknown", json!({}), &[]).await;
    attestation["platform"] = json!({"os": "unknown", "architecture": "unknown"});
    entries.push(attestation);
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries});
    let both = pusher.manifest(INDEX, &index, Some("2")).await;
    let facts = read(&registry, "2", &Options::default()).await.unwrap();
    assert_eq!(facts.uid, Some(2), "of linux/amd64");
    assert_eq!(
        texts(facts.platforms.keys()),
        ["linux/amd64", "linux/arm64"]
    );
    let digests: BTreeSet<_> = facts.platforms.values().flatten().collect();
    assert_eq!(digests.len(), 2);
    let digest = facts.digest.unwrap();
    assert_eq!(digest.as_str(), both["digest"]);
    assert!(!digests.contains(&digest));

    // Somebody pushes another image to the tag.
    let options = Options::default();
    let plain_http = BTreeSet::new();
    let reader = Reader::new(Source::Any, &plain_http, &options);
    let reference = format!("{}/acme/web:2", registry.host());
    let moved = reader.moved(vec![(&reference, &digest)]).await;
    assert!(moved.digests.is_empty() && moved.failures.is_empty());
    pusher
        .image(Some("2"), "amd64", json!({"User": "3"}), &[])
        .await;
    let moved = reader.moved(vec![(&reference, &digest)]).await;
    assert!(moved.digests.contains_key(&*reference));
    // The locked one can still be read.
    let question = Question {
        reference: &reference,
        digest: Some(&digest),
        directories: &BTreeSet::new(),
    };
    assert_eq!(reader.read(question).await.unwrap().uid, Some(2));
}

#[tokio::test]
async fn a_registry_with_logins_gets_that_of_docker() {
    let Some(registry) = registry(true) else {
        return;
    };
    let pusher = Pusher::new(&registry, true).await;
    pusher
        .image(Some("1"), "amd64", json!({"User": "7"}), &[])
        .await;
    let options = |auth: Option<&str>| {
        let directory = tempfile::tempdir().unwrap();
        let auths = auth.map(|auth| json!({registry.host(): {"auth": STANDARD.encode(auth)}}));
        let config = json!({"auths": auths.unwrap_or_else(|| json!({}))});
        fs::write(directory.path().join("config.json"), config.to_string()).unwrap();
        let path = directory.path().display().to_string();
        let options = Options {
            env: BTreeMap::from([("DOCKER_CONFIG".to_owned(), path)]),
            ..Options::default()
        };
        (options, directory)
    };
    let right = format!("{}:{}", LOGIN.0, LOGIN.1);
    let (with, _kept) = options(Some(&right));
    assert_eq!(read(&registry, "1", &with).await.unwrap().uid, Some(7));
    for auth in [None, Some("ann:wrong")] {
        let (without, _kept) = options(auth);
        let error = read(&registry, "1", &without).await.unwrap_err();
        assert_eq!(error.code, Code::PlanImageUnreadable);
        assert!(
            error.message.contains("refuses access"),
            "{}",
            error.message
        );
        assert!(!error.chain().contains("wrong"), "{}", error.chain());
        assert!(error.help.unwrap().contains("docker login"));
    }
}

#[tokio::test]
async fn what_is_not_there_is_an_error() {
    let Some(registry) = registry(false) else {
        return;
    };
    let options = Options::default();
    let error = read(&registry, "none", &options).await.unwrap_err();
    assert_eq!(error.code, Code::PlanImageUnreadable);
    assert!(
        error.message.ends_with("its registry does not have it"),
        "{}",
        error.message
    );
    let reference = format!("{}/acme/web:1", registry.host());
    drop(registry);
    let plain_http = BTreeSet::new();
    let reader = Reader::new(Source::Any, &plain_http, &options);
    let question = Question {
        reference: &reference,
        digest: None,
        directories: &BTreeSet::new(),
    };
    let error = reader.read(question).await.unwrap_err();
    assert_eq!(error.code, Code::PlanRegistryUnreachable);
    assert!(
        error.message.ends_with("onnection refused (os error 111)"),
        "{}",
        error.message
    );
}

#[tokio::test]
async fn damaged_content_is_an_error() {
    let Some(registry) = registry(false) else {
        return;
    };
    let pusher = Pusher::new(&registry, false).await;
    let config = json!({"User": "app"});
    pusher
        .image(Some("1"), "amd64", config.clone(), &LAYERS)
        .await;
    let layer = sha256(&gzip(LAYERS[0]));
    let whole = fs::read(registry.blob(&layer)).unwrap();
    fs::write(registry.blob(&layer), &whole[..whole.len() / 2]).unwrap();
    let damaged = async || {
        let error = read(&registry, "1", &Options::default()).await.unwrap_err();
        assert_eq!(error.code, Code::PlanImageUnreadable);
        assert!(
            error
                .message
                .ends_with("its content does not match its digest"),
            "{}",
            error.message
        );
    };
    damaged().await;
    fs::write(registry.blob(&layer), whole).unwrap();
    assert_eq!(
        read(&registry, "1", &Options::default()).await.unwrap().uid,
        Some(1000)
    );
    let file = json!({"os": "linux", "architecture": "amd64", "config": config});
    let config = sha256(&serde_json::to_vec(&file).unwrap());
    fs::write(registry.blob(&config), b"{}").unwrap();
    damaged().await;
}
