//! Compares the desired state and rendered files of one small shop on both engines
//! with golden files. `KCC_UPDATE=1` rewrites them.

use std::path::{Path, PathBuf};

use crate::support::{System, of_docker, of_kubernetes, shop::shop};
use kcc_lower::{Desired, emit};
use kcc_model::SecretProvider;
use kcc_test_support::golden;

fn docker() -> Desired {
    shop(System::docker(), SecretProvider::Env("STRIPE".to_owned())).desired()
}

fn kubernetes() -> Desired {
    let provider = SecretProvider::Kubernetes {
        name: "stripe".to_owned(),
        key: "api".to_owned(),
        encoded_key: None,
    };
    shop(System::kubernetes(), provider).desired()
}

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name)
}

fn expect(name: &str, actual: &str) {
    golden::check(&path(name), actual).unwrap_or_else(|difference| panic!("{difference}"));
}

fn expect_files(folder: &str, files: &[emit::File]) {
    let files = files
        .iter()
        .map(|file| (file.name.clone(), file.content.clone()));
    golden::check_folder(&path(folder), &files.collect())
        .unwrap_or_else(|differences| panic!("{differences}"));
}

fn pretty(value: &impl serde::Serialize) -> String {
    format!("{}\n", serde_json::to_string_pretty(value).expect("JSON"))
}

#[test]
fn docker_desired_state() {
    let desired = docker();
    expect("docker.json", &pretty(of_docker(&desired)));
}

#[test]
fn compose_files() {
    expect_files("compose", &emit::files(&docker(), "..").expect("files"));
}

#[test]
fn manifests() {
    expect_files(
        "kubernetes",
        &emit::files(&kubernetes(), "..").expect("files"),
    );
}

#[test]
fn kubernetes_desired_state_without_objects() {
    let desired = kubernetes();
    let objects = of_kubernetes(&desired);
    let besides = serde_json::json!({
        "components": desired.components,
        "secrets": objects.secrets,
        "builds": objects.builds,
    });
    expect("kubernetes.json", &pretty(&besides));
}

#[test]
fn the_stream_contains_the_same_documents_as_the_files() {
    let stream = emit::stream(&kubernetes()).expect("a stream");
    let documents =
        |text: &str| -> Vec<String> { text.split("---\n").skip(1).map(str::to_owned).collect() };
    let mut of_files: Vec<_> = emit::files(&kubernetes(), ".")
        .expect("files")
        .iter()
        .flat_map(|file| documents(&String::from_utf8_lossy(&file.content)))
        .collect();
    let mut of_stream = documents(&stream);
    assert!(of_stream[0].contains("kind: Namespace"), "{}", of_stream[0]);
    of_files.sort();
    of_stream.sort();
    assert_eq!(of_stream, of_files);
}

#[test]
fn output_is_deterministic() {
    for make in [docker as fn() -> Desired, kubernetes] {
        let (one, other) = (make(), make());
        assert_eq!(emit::stream(&one), emit::stream(&other));
        assert_eq!(emit::files(&one, ".."), emit::files(&other, ".."));
    }
}
