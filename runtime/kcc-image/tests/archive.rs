//! Archives in a real registry on this machine. Needs Debian's `docker-registry`;
//! without it the tests are skipped, unless `KCC_E2E_DOCKER` says that the machine is
//! prepared.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "it is a test")]

use std::{collections::BTreeMap, fs, process::Command};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use kcc_diag::Code;
use kcc_image::RegistryArchive;
use kcc_plan::{ArtifactStore, Blob, Descriptor, Layout, Manifest, Options};
use kcc_test_engines::{
    layout::check_layout,
    registry::{LOGIN, Registry},
};
use serde_json::json;
use tempfile::TempDir;

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

fn address(registry: &Registry) -> String {
    format!("oci://{}/acme/history", registry.host())
}

/// An artifact with a layer for each content, about another one.
fn artifact(config: &str, layers: &[&str], subject: Option<&Manifest>) -> (Manifest, Vec<Blob>) {
    let blob = |content: &str| Blob::new(content.as_bytes().to_vec());
    let mut blobs: Vec<_> = layers.iter().copied().map(blob).collect();
    let layers = blobs
        .iter()
        .map(|blob| Descriptor::of("application/vnd.kcc.test.v1", blob));
    let layers = layers.collect();
    let config = blob(config);
    let descriptor = Descriptor::of("application/vnd.kcc.test.v1+json", &config);
    let mut manifest = Manifest::new("application/vnd.kcc.test.v1", descriptor, layers);
    manifest.subject = subject.map(Manifest::descriptor);
    blobs.push(config);
    (manifest, blobs)
}

/// Checks what every place for artifacts has to do.
async fn check(store: &impl ArtifactStore) {
    assert!(store.names().await.unwrap().is_empty());
    assert_eq!(store.artifact("dev.1").await.unwrap(), None);
    let (first, blobs) = artifact("{\"number\":1}", &["a", "b", ""], None);
    let layer = &first.layers[0];
    assert!(!store.has(layer).await.unwrap());
    assert_eq!(store.get(layer).await.unwrap(), None);
    for _ in 0..2 {
        store.put("dev.1", &first, &blobs).await.unwrap();
    }
    assert!(store.has(layer).await.unwrap());
    // Content that is there already need not be sent again.
    let (second, blobs) = artifact("{\"number\":2}", &["a", "c"], None);
    store.put("dev.2", &second, &blobs[1..]).await.unwrap();
    let (about, blobs) = artifact("{\"outcome\":\"complete\"}", &[], Some(&first));
    store.put("dev.1.outcome", &about, &blobs).await.unwrap();
    let names = ["dev.1", "dev.1.outcome", "dev.2"].map(str::to_owned);
    assert_eq!(store.names().await.unwrap(), names.into());
    for (name, manifest) in [
        ("dev.1", &first),
        ("dev.2", &second),
        ("dev.1.outcome", &about),
    ] {
        let found = store.artifact(name).await.unwrap();
        assert_eq!(found.as_ref(), Some(manifest));
        for content in manifest.content() {
            let blob = store.get(content).await.unwrap().unwrap();
            assert_eq!(blob.digest(), &content.digest);
        }
    }
    let (third, _) = artifact("{\"number\":3}", &["d"], None);
    assert!(store.put("dev.3", &third, &[]).await.is_err());
    assert_eq!(store.artifact("dev.3").await.unwrap(), None);
}

#[tokio::test]
async fn a_registry_keeps_artifacts() {
    let Some(registry) = registry(false) else {
        return;
    };
    let address = address(&registry);
    let options = Options::default();
    let archive = RegistryArchive::connect(&address, true, &options).await;
    let archive = archive.unwrap();
    check(&archive).await;

    // Another tool finds it, and copies it whole.
    let directory = tempfile::tempdir().unwrap();
    let copy = Command::new("skopeo")
        .args(["copy", "--insecure-policy", "--src-tls-verify=false"])
        .arg(format!("docker://{}/acme/history:dev.1", registry.host()))
        .arg(format!("oci:{}:dev.1", directory.path().display()))
        .output();
    match copy {
        Ok(copy) => {
            let output = String::from_utf8_lossy(&copy.stderr);
            assert!(copy.status.success(), "{output}");
            let layout = Layout::new(directory.path());
            let (first, _) = artifact("{\"number\":1}", &["a", "b", ""], None);
            assert_eq!(layout.artifact("dev.1").await.unwrap(), Some(first));
        }
        Err(_) => eprintln!("skopeo is not installed"),
    }

    // Damaged content is an error.
    let (first, _) = artifact("{\"number\":1}", &["a", "b", ""], None);
    let layer = &first.layers[0];
    fs::write(registry.blob(layer.digest.as_str()), "x").unwrap();
    let error = archive.get(layer).await.unwrap_err();
    assert_eq!(error.code, Code::StateDamaged, "{}", error.chain());
    drop(registry);
    let error = archive.names().await.unwrap_err();
    assert_eq!(error.code, Code::PlanRegistryUnreachable);
}

#[tokio::test]
async fn a_directory_keeps_artifacts() {
    let directory = tempfile::tempdir().unwrap();
    let layout = Layout::new(directory.path().join("archive"));
    check(&layout).await;
    check_layout(layout.path(), true);
    layout
        .remove(&["dev.1", "dev.1.outcome"].map(str::to_owned).into())
        .unwrap();
    let names = check_layout(layout.path(), true);
    assert_eq!(names, ["dev.2".to_owned()].into());
}

fn options(registry: &Registry, auth: Option<&str>) -> (Options, TempDir) {
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
}

#[tokio::test]
async fn a_registry_with_logins_gets_that_of_docker() {
    let Some(registry) = registry(true) else {
        return;
    };
    let address = address(&registry);
    let right = format!("{}:{}", LOGIN.0, LOGIN.1);
    let (with, _directory) = options(&registry, Some(&right));
    let archive = RegistryArchive::connect(&address, true, &with).await;
    check(&archive.unwrap()).await;
    for auth in [None, Some("ann:wrong")] {
        let (without, _directory) = options(&registry, auth);
        let connected = RegistryArchive::connect(&address, false, &without).await;
        let error = match connected {
            Ok(archive) => archive.names().await.unwrap_err(),
            Err(error) => error,
        };
        assert_eq!(error.code, Code::StateStore, "{}", error.chain());
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
async fn an_address_names_a_repository() {
    for address in [
        "oci://",
        "oci://host",
        "oci://host/",
        "oci://host/a:1",
        "oci://h/A",
    ] {
        let connected = RegistryArchive::connect(address, false, &Options::default()).await;
        let error = connected.err().unwrap();
        assert_eq!(error.code, Code::StateStore, "{address}: {}", error.message);
    }
}
