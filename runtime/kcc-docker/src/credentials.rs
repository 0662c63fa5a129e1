//! Registry logins as the docker command stores them: in its `config.json` or in
//! a credential helper.

use std::{collections::BTreeMap, process::Stdio};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bollard::auth::DockerCredentials;
use kcc_plan::Options;
use serde::Deserialize;
use tokio::io::AsyncWriteExt;

use crate::endpoint::settings_folder;

/// The key of Docker Hub's login.
const HUB: &str = "https://index.docker.io/v1/";

/// A login. Has no `Debug`, so that it reaches no message.
pub(crate) struct Credentials {
    username: String,
    password: String,
    registry: String,
}

#[derive(Deserialize)]
struct Settings {
    #[serde(default)]
    auths: BTreeMap<String, Login>,
    #[serde(default, rename = "credHelpers")]
    helpers: BTreeMap<String, String>,
    #[serde(rename = "credsStore")]
    store: Option<String>,
}

#[derive(Deserialize)]
struct Login {
    auth: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    username: String,
    secret: String,
}

impl Credentials {
    /// Finds the login for an image's registry. Unreadable settings count as no
    /// login: the registry then reports that it requires one.
    pub(crate) async fn find(reference: &str, options: &Options) -> Option<Self> {
        let text = std::fs::read(settings_folder(options)?.join("config.json")).ok()?;
        let settings: Settings = serde_json::from_slice(&text).ok()?;
        let registry = registry(reference);
        let helper = settings.helpers.get(registry).or(settings.store.as_ref());
        if let Some(helper) = helper
            && let Some(found) = ask(helper, registry).await
        {
            return Some(found);
        }
        let text = settings.auths.get(registry)?.auth.as_ref()?;
        let text = String::from_utf8(STANDARD.decode(text).ok()?).ok()?;
        let (username, password) = text.split_once(':')?;
        Some(Self {
            username: username.to_owned(),
            password: password.to_owned(),
            registry: registry.to_owned(),
        })
    }

    pub(crate) fn into_engine(self) -> DockerCredentials {
        DockerCredentials {
            username: Some(self.username),
            password: Some(self.password),
            serveraddress: Some(self.registry),
            ..DockerCredentials::default()
        }
    }
}

/// Runs a credential helper with the docker command's protocol.
async fn ask(helper: &str, registry: &str) -> Option<Credentials> {
    let mut child = tokio::process::Command::new(format!("docker-credential-{helper}"))
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    child
        .stdin
        .take()?
        .write_all(registry.as_bytes())
        .await
        .ok()?;
    let answer: Answer =
        serde_json::from_slice(&child.wait_with_output().await.ok()?.stdout).ok()?;
    Some(Credentials {
        username: answer.username,
        password: answer.secret,
        registry: registry.to_owned(),
    })
}

/// Returns the registry of an image: the part before the first slash if it looks
/// like a host.
fn registry(reference: &str) -> &str {
    match reference.split_once('/') {
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => host,
        _ => HUB,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recognises_registry_hosts() {
        assert_eq!(registry("redis:7"), HUB);
        assert_eq!(registry("acme/web:1"), HUB);
        assert_eq!(registry("registry.acme.io/web"), "registry.acme.io");
        assert_eq!(registry("localhost:5000/web"), "localhost:5000");
    }

    #[tokio::test]
    async fn finds_a_login_in_the_settings() {
        let folder = tempfile::tempdir().unwrap();
        let auth = STANDARD.encode("ann:se:cret");
        let text = format!(r#"{{"auths":{{"r.example.com":{{"auth":"{auth}"}}}}}}"#);
        std::fs::write(folder.path().join("config.json"), text).unwrap();
        let path = folder.path().display().to_string();
        let env = BTreeMap::from([("DOCKER_CONFIG".to_owned(), path)]);
        let options = Options {
            env,
            ..Options::default()
        };
        let found = Credentials::find("r.example.com/web:1", &options)
            .await
            .unwrap();
        assert_eq!(
            (found.username.as_str(), found.password.as_str()),
            ("ann", "se:cret")
        );
        assert!(
            Credentials::find("other.example.com/web:1", &options)
                .await
                .is_none()
        );
    }
}
