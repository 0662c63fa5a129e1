//! Registry logins as the docker command stores them: in its `config.json` or in a
//! credential helper, both read by `docker_credential`.
//!
//! The registry of an image is found here: it is the part before the first slash,
//! and the one crate that parses references (`oci-spec`) brings seventeen others.

use std::fs::File;

use bollard::auth::DockerCredentials;
use docker_credential::{DockerCredential, get_credential_from_reader};
use kcc_plan::Options;

use crate::endpoint::config_directory;

/// The key of Docker Hub's login.
const HUB: &str = "https://index.docker.io/v1/";

/// A login. Has no `Debug`, so that it reaches no message.
pub(crate) struct Credentials {
    login: DockerCredential,
    registry: String,
}

impl Credentials {
    /// Finds the login for an image's registry. Unreadable settings and a failing
    /// helper count as no login: the registry then reports that it requires one.
    pub(crate) async fn find(reference: &str, options: &Options) -> Option<Self> {
        let settings = config_directory(options)?.join("config.json");
        let registry = registry(reference).to_owned();
        // A credential helper is a program that may ask the user.
        let find = move || {
            let login = get_credential_from_reader(File::open(settings).ok()?, &registry).ok()?;
            Some(Self { login, registry })
        };
        tokio::task::spawn_blocking(find).await.ok()?
    }

    pub(crate) fn into_login(self) -> RegistryLogin {
        match self.login {
            DockerCredential::UsernamePassword(username, password) => {
                RegistryLogin::Password(username, password)
            }
            DockerCredential::IdentityToken(token) => RegistryLogin::IdentityToken(token),
        }
    }

    pub(crate) fn into_engine(self) -> DockerCredentials {
        let mut credentials = DockerCredentials {
            serveraddress: Some(self.registry),
            ..DockerCredentials::default()
        };
        match self.login {
            DockerCredential::UsernamePassword(username, password) => {
                credentials.username = Some(username);
                credentials.password = Some(password);
            }
            DockerCredential::IdentityToken(token) => credentials.identitytoken = Some(token),
        }
        credentials
    }
}

/// A login at a registry. Has no `Debug`, so that it reaches no message.
pub enum RegistryLogin {
    /// A user name and a password or access token.
    Password(String, String),
    /// A token to exchange for one that gives access.
    IdentityToken(String),
}

/// Returns the login for an image's registry, as the docker command stores it.
pub async fn registry_login(reference: &str, options: &Options) -> Option<RegistryLogin> {
    let found = Credentials::find(reference, options).await?;
    Some(found.into_login())
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
    use std::collections::BTreeMap;

    use base64::{Engine as _, engine::general_purpose::STANDARD};

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
        let config = tempfile::tempdir().unwrap();
        let auth = STANDARD.encode("ann:se:cret");
        let text = format!(
            r#"{{"auths": {{
                "r.example.com": {{"auth": "{auth}"}},
                "https://t.example.com/v1/": {{"identitytoken": "t0ken"}}
            }}}}"#
        );
        std::fs::write(config.path().join("config.json"), text).unwrap();
        let path = config.path().display().to_string();
        let env = BTreeMap::from([("DOCKER_CONFIG".to_owned(), path)]);
        let options = Options {
            env,
            ..Options::default()
        };
        let find = async |image| {
            let found = Credentials::find(image, &options).await?;
            Some(found.into_engine())
        };
        let found = find("r.example.com/web:1").await.unwrap();
        assert_eq!(found.username.as_deref(), Some("ann"));
        assert_eq!(found.password.as_deref(), Some("se:cret"));
        assert_eq!(found.serveraddress.as_deref(), Some("r.example.com"));
        let found = find("t.example.com/web:1").await.unwrap();
        assert_eq!(found.identitytoken.as_deref(), Some("t0ken"));
        assert_eq!(found.username, None);
        assert!(find("other.example.com/web:1").await.is_none());
    }
}
