//! [`Endpoint`]: the address of the engine, found as the docker command finds it:
//! `DOCKER_HOST`, else the context that `DOCKER_CONTEXT` or docker's settings
//! name, else the default socket.

use std::path::{Path, PathBuf};

use kcc_diag::Code;
use kcc_plan::{Error, Options};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::hex::hex;

/// The address of an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// The URL, such as `unix:///var/run/docker.sock`.
    pub(crate) url: String,
    /// The setting that it comes from, for messages.
    pub(crate) source: String,
}

#[derive(Deserialize)]
struct Settings {
    #[serde(rename = "currentContext")]
    current_context: Option<String>,
}

#[derive(Deserialize)]
struct ContextFile {
    #[serde(rename = "Endpoints")]
    endpoints: Endpoints,
}

#[derive(Deserialize)]
struct Endpoints {
    docker: ContextEndpoint,
}

#[derive(Deserialize)]
struct ContextEndpoint {
    #[serde(rename = "Host")]
    host: String,
}

impl Endpoint {
    /// Finds the engine's address.
    pub(crate) fn of(options: &Options) -> Result<Self, Error> {
        if let Some(url) = options.var("DOCKER_HOST") {
            let url = if url.contains("://") {
                url.to_owned()
            } else {
                format!("tcp://{url}")
            };
            if url.starts_with("tcp://") && options.var("DOCKER_TLS_VERIFY").is_some() {
                let message = format!(
                    "cannot connect to `{url}`: TLS is not supported, but `DOCKER_TLS_VERIFY` is set"
                );
                return Err(Error::new(Code::PlanDockerUnreachable, message)
                    .help("forward the engine's socket through ssh and set `DOCKER_HOST` to it"));
            }
            return Ok(Self {
                url,
                source: "from `DOCKER_HOST`".to_owned(),
            });
        }
        let config = config_directory(options);
        let named = options.var("DOCKER_CONTEXT").map(str::to_owned);
        let context = named.or_else(|| current_context(config.as_deref()?));
        match context.filter(|name| name != "default") {
            Some(name) => Self::of_context(&name, config.as_deref()),
            None => Ok(Self {
                url: DEFAULT.to_owned(),
                source: "default socket".to_owned(),
            }),
        }
    }

    fn of_context(name: &str, config: Option<&Path>) -> Result<Self, Error> {
        let key = hex(&Sha256::digest(name));
        let path = config
            .unwrap_or(Path::new(""))
            .join("contexts/meta")
            .join(key)
            .join("meta.json");
        let fail = || {
            Error::new(
                Code::PlanDockerUnreachable,
                format!("docker context `{name}` not found"),
            )
            .help("set `DOCKER_CONTEXT` to one that `docker context ls` lists")
        };
        let text = std::fs::read(&path).map_err(|error| fail().cause(error))?;
        let file: ContextFile =
            serde_json::from_slice(&text).map_err(|error| fail().cause(error))?;
        let source = format!("from docker context `{name}`");
        Ok(Self {
            url: file.endpoints.docker.host,
            source,
        })
    }

    /// Returns the host at which published ports are reachable from this machine.
    pub(crate) fn host(&self) -> &str {
        let rest = self
            .url
            .strip_prefix("tcp://")
            .or_else(|| self.url.strip_prefix("http://"));
        let host = rest.map(|rest| rest.split('/').next().unwrap_or(rest));
        host.map_or("127.0.0.1", |host| {
            host.rsplit_once(':').map_or(host, |(host, _)| host)
        })
    }

    /// Returns true if the engine publishes ports on this machine, as far as the
    /// address tells.
    pub(crate) fn is_local(&self) -> bool {
        matches!(self.host(), "127.0.0.1" | "localhost" | "[::1]")
    }
}

#[cfg(windows)]
const DEFAULT: &str = "npipe:////./pipe/docker_engine";
#[cfg(not(windows))]
const DEFAULT: &str = "unix:///var/run/docker.sock";

/// Returns the directory of docker's settings.
pub(crate) fn config_directory(options: &Options) -> Option<PathBuf> {
    let own = options.var("DOCKER_CONFIG").map(PathBuf::from);
    own.or_else(|| {
        let home = options.var("HOME").or_else(|| options.var("USERPROFILE"))?;
        Some(Path::new(home).join(".docker"))
    })
}

fn current_context(config: &Path) -> Option<String> {
    let text = std::fs::read(config.join("config.json")).ok()?;
    serde_json::from_slice::<Settings>(&text)
        .ok()?
        .current_context
        .filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(vars: &[(&str, &str)]) -> Options {
        let env = vars
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        Options {
            env,
            ..Options::default()
        }
    }

    #[test]
    fn docker_host_precedes_the_context_and_the_default() {
        let home = tempfile::tempdir().unwrap();
        // The directory of a context is named after the hash of its name.
        let key = hex(&Sha256::digest("box"));
        let metadata = home.path().join(".docker/contexts/meta").join(key);
        std::fs::create_dir_all(&metadata).unwrap();
        let meta = r#"{"Name":"box","Endpoints":{"docker":{"Host":"tcp://box:2375"}}}"#;
        std::fs::write(metadata.join("meta.json"), meta).unwrap();
        let home = home.path().to_str().unwrap();

        let url = |vars: &[(&str, &str)]| Endpoint::of(&options(vars)).unwrap().url;
        assert_eq!(url(&[("HOME", home)]), DEFAULT);
        assert_eq!(
            url(&[("HOME", home), ("DOCKER_CONTEXT", "box")]),
            "tcp://box:2375"
        );
        let both = [
            ("HOME", home),
            ("DOCKER_CONTEXT", "box"),
            ("DOCKER_HOST", "unix:///x.sock"),
        ];
        assert_eq!(url(&both), "unix:///x.sock");

        let settings = Path::new(home).join(".docker/config.json");
        std::fs::write(settings, r#"{"currentContext":"box"}"#).unwrap();
        assert_eq!(url(&[("HOME", home)]), "tcp://box:2375");
        assert_eq!(
            url(&[("HOME", home), ("DOCKER_CONTEXT", "default")]),
            DEFAULT
        );

        let error =
            Endpoint::of(&options(&[("HOME", home), ("DOCKER_CONTEXT", "no")])).unwrap_err();
        assert_eq!(error.code, Code::PlanDockerUnreachable);
        assert_eq!(error.message, "docker context `no` not found");
    }

    #[test]
    fn published_ports_are_on_the_engines_host() {
        let host = |url: &str| {
            let endpoint = Endpoint {
                url: url.to_owned(),
                source: String::new(),
            };
            (endpoint.host().to_owned(), endpoint.is_local())
        };
        assert_eq!(
            host("unix:///var/run/docker.sock"),
            ("127.0.0.1".to_owned(), true)
        );
        assert_eq!(host("tcp://box:2375"), ("box".to_owned(), false));
    }
}
