//! [`Client`]: every call that kcc makes to an engine, and the only user of
//! bollard. Calls that may change something are counted.

mod copy;
mod create;
mod exec;
mod fault;
mod image;
mod logs;
mod queries;
mod record;
mod timeline;

pub(crate) use create::Shares;
pub(crate) use exec::RunningCommand;
pub(crate) use image::CHECK_IMAGE;
pub(crate) use logs::LogRange;
pub(crate) use queries::{EngineEvent, EngineHealth, Inspected, Listed, Process};
pub(crate) use timeline::{Life, seen_healthy, seen_running};

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use bollard::{
    API_DEFAULT_VERSION, Docker,
    errors::Error as EngineError,
    models::{NetworkCreateRequest, VolumeCreateRequest},
    query_parameters::{
        RemoveContainerOptions, RemoveVolumeOptions, RenameContainerOptions, StartContainerOptions,
        StopContainerOptions, UploadToContainerOptions,
    },
};
use kcc_diag::Code;
use kcc_plan::{Error, Fence, fail_points};

use crate::{clock::Clock, endpoint::Endpoint, files::Archive};

/// The time limit for the start of a response; stopping a container takes longest.
const RESPONSE_SECONDS: u64 = 600;
/// The time limit for the first response.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// The number of times to check if a container is gone that the engine is removing, and
/// the interval.
const REMOVAL_TRIES: u32 = 100;
const REMOVAL_PAUSE: Duration = Duration::from_millis(100);

/// A connection to an engine.
#[derive(Debug)]
pub struct Client {
    docker: Docker,
    mutations: AtomicU64,
    /// The fence that every changing call passes.
    pub(crate) fence: Fence,
    pub(crate) clock: Clock,
    /// The name of the machine that the engine runs on.
    pub(crate) machine: String,
    /// True if the engine runs in a virtual machine on this machine, so that its
    /// containers' addresses are not reachable from here.
    pub(crate) in_vm: bool,
}

impl Client {
    /// Connects to an engine and waits for its first response.
    pub(crate) async fn connect(endpoint: &Endpoint) -> Result<Self, Error> {
        let (url, version) = (endpoint.url.as_str(), API_DEFAULT_VERSION);
        let docker = match url.split_once("://") {
            #[cfg(unix)]
            Some(("unix", path)) => Docker::connect_with_unix(path, RESPONSE_SECONDS, version),
            #[cfg(windows)]
            Some(("npipe", _)) => Docker::connect_with_named_pipe(url, RESPONSE_SECONDS, version),
            Some(("tcp" | "http", _)) => Docker::connect_with_http(url, RESPONSE_SECONDS, version),
            _ => {
                let message = format!(
                    "cannot connect to `{url}` ({}): unsupported scheme",
                    endpoint.source
                );
                return Err(Error::new(Code::PlanDockerUnreachable, message)
                    .help("use a `unix://`, `npipe://`, `tcp://` or `http://` address; for `ssh://`, forward the socket and set `DOCKER_HOST` to it"));
            }
        };
        let docker = docker.map_err(|error| unreachable(endpoint, error))?;
        match tokio::time::timeout(CONNECT_LIMIT, docker.info()).await {
            Ok(Ok(info)) => Ok(Self {
                docker,
                mutations: AtomicU64::new(0),
                fence: Fence::default(),
                clock: Clock::start(info.system_time.as_deref()),
                machine: info.name.unwrap_or_default(),
                in_vm: info
                    .operating_system
                    .is_some_and(|name| name.contains("Docker Desktop")),
            }),
            Ok(Err(error)) => Err(unreachable(endpoint, error)),
            Err(elapsed) => Err(unreachable(endpoint, elapsed)),
        }
    }

    /// Returns the number of calls so far that may have changed something.
    pub(crate) fn mutations(&self) -> u64 {
        self.mutations.load(Ordering::Relaxed)
    }

    /// Makes a call that may change something, while the lock of the target is certainly
    /// held. Tests kill kcc before and after it, under the name of the call.
    fn mutate<T>(
        &self,
        name: &str,
        call: impl Future<Output = T>,
    ) -> impl Future<Output = Result<T, Error>> {
        // Boxed, because calls are large.
        let call = Box::pin(call);
        async move {
            self.fence.check()?;
            Ok(self.unfenced(name, call).await)
        }
    }

    /// Makes a call that may change the record.
    async fn unfenced<T>(&self, name: &str, call: impl Future<Output = T>) -> T {
        self.mutations.fetch_add(1, Ordering::Relaxed);
        fail_points::around("docker", name, call).await
    }

    /// Creates a network, unless another of kcc's has come first.
    pub(crate) async fn create_network(
        &self,
        name: &str,
        labels: &BTreeMap<String, String>,
    ) -> Result<(), Error> {
        let request = NetworkCreateRequest {
            name: name.to_owned(),
            driver: Some("bridge".to_owned()),
            labels: Some(labels.clone().into_iter().collect()),
            ..NetworkCreateRequest::default()
        };
        let call = self.docker.create_network(request);
        let created = self.mutate("create-network", call).await?;
        let own = created.map_err(|error| refused("create network", name, error))?;
        // Names of networks are not unique. The engine creates one after the other, and
        // goes on with those that a killed command has asked for: they are there by now.
        let networks = self.networks().await?.into_iter();
        let mut others = networks.filter(|other| other.name == name && other.id != own.id);
        if others.any(|other| other.labels == *labels) {
            self.remove_network(name, &own.id).await?;
        }
        Ok(())
    }

    /// Removes a network. An engine may keep counting the endpoint of a container
    /// that is long gone; it then refuses until it is restarted, and the network
    /// is left behind.
    pub(crate) async fn remove_network(&self, name: &str, id: &str) -> Result<(), Error> {
        let call = self.docker.remove_network(id);
        let removed = or_gone(self.mutate("remove-network", call).await?);
        let Err(error) = removed else { return Ok(()) };
        let counted = matches!(&error, EngineError::DockerResponseServerError { message, .. }
            if message.contains("active endpoints"));
        if !counted {
            return Err(refused("remove network", name, error));
        }
        let users = self.users(id).await?;
        if users.is_empty() {
            let message = format!(
                "network `{name}` is left behind: the engine still counts an endpoint of a container that is gone"
            );
            return Err(Error::new(Code::ApplyLeftBehind, message)
                .tolerable()
                .help("restart the engine, then run `kcc down` again"));
        }
        let users: Vec<_> = users.keys().map(|user| format!("`{user}`")).collect();
        let message = format!(
            "network `{name}` is in use by {}, which kcc does not manage",
            users.join(", ")
        );
        Err(Error::new(Code::ApplyRefused, message).help(format!(
            "disconnect them: `docker network disconnect {name} CONTAINER`"
        )))
    }

    pub(crate) async fn create_volume(
        &self,
        name: &str,
        labels: &BTreeMap<String, String>,
    ) -> Result<(), Error> {
        let request = VolumeCreateRequest {
            name: Some(name.to_owned()),
            labels: Some(labels.clone().into_iter().collect()),
            ..VolumeCreateRequest::default()
        };
        let call = self.docker.create_volume(request);
        let created = self.mutate("create-volume", call).await?;
        created
            .map(|_| ())
            .map_err(|error| refused("create volume", name, error))
    }

    pub(crate) async fn remove_volume(&self, name: &str) -> Result<(), Error> {
        let call = self.docker.remove_volume(name, None::<RemoveVolumeOptions>);
        let removed = self.mutate("remove-volume", call).await?;
        or_gone(removed).map_err(|error| refused("remove volume", name, error))
    }

    /// Unpacks an archive inside a container, which need not be running.
    pub(crate) async fn upload(&self, id: &str, name: &str, archive: Archive) -> Result<(), Error> {
        let options = UploadToContainerOptions {
            path: archive.directory,
            ..Default::default()
        };
        let body = bollard::body_full(archive.bytes.into());
        let call = self.docker.upload_to_container(id, Some(options), body);
        let done = self.mutate("upload", call).await?;
        done.map_err(|error| refused("write the files of container", name, error))
    }

    pub(crate) async fn start(&self, id: &str, name: &str) -> Result<(), Error> {
        let call = self
            .docker
            .start_container(id, None::<StartContainerOptions>);
        let started = self.mutate("start-container", call).await?;
        or_started(started).map_err(|error| refused("start container", name, error))
    }

    pub(crate) async fn unpause(&self, id: &str, name: &str) -> Result<(), Error> {
        let call = self.docker.unpause_container(id);
        let done = self.mutate("unpause-container", call).await?;
        done.map_err(|error| refused("unpause container", name, error))
    }

    /// Stops a container and waits up to its grace period.
    pub(crate) async fn stop(&self, id: &str, name: &str) -> Result<(), Error> {
        self.pre_stop(id).await;
        let call = self.docker.stop_container(id, None::<StopContainerOptions>);
        let stopped = self.mutate("stop-container", call).await?;
        or_gone(stopped).map_err(|error| refused("stop container", name, error))
    }

    /// Removes a container and its anonymous volumes.
    pub(crate) async fn remove(&self, id: &str, name: &str) -> Result<(), Error> {
        let options = RemoveContainerOptions {
            v: true,
            force: true,
            link: false,
        };
        let call = self.docker.remove_container(id, Some(options));
        let removed = self.mutate("remove-container", call).await?;
        match or_gone(removed) {
            // For a command that was killed.
            Err(error) if is_being_removed(&error) => self.await_removal(id, name).await,
            removed => removed.map_err(|error| refused("remove container", name, error)),
        }
    }

    /// Removes a container that is not kcc's, and keeps all of its volumes.
    pub(crate) async fn remove_former(&self, id: &str, name: &str) -> Result<(), Error> {
        let call = self
            .docker
            .remove_container(id, None::<RemoveContainerOptions>);
        let removed = or_gone(self.mutate("remove-former", call).await?);
        removed.map_err(|error| refused("remove container", name, error))
    }

    /// Waits until a container is gone that the engine is removing already.
    async fn await_removal(&self, id: &str, name: &str) -> Result<(), Error> {
        for _ in 0..REMOVAL_TRIES {
            if self.inspect(id).await?.is_none() {
                return Ok(());
            }
            tokio::time::sleep(REMOVAL_PAUSE).await;
        }
        let message = format!("container `{name}` is still being removed");
        Err(Error::new(Code::ApplyIncomplete, message)
            .help("check that the engine responds, then run the command again"))
    }

    pub(crate) async fn rename(&self, id: &str, name: &str) -> Result<(), Error> {
        let options = RenameContainerOptions {
            name: name.to_owned(),
        };
        let call = self.docker.rename_container(id, options);
        let renamed = self.mutate("rename-container", call).await?;
        renamed.map_err(|error| refused("rename container", name, error))
    }
}

/// Treats removing what is gone and stopping what is stopped as success.
fn or_gone(result: Result<(), EngineError>) -> Result<(), EngineError> {
    match result {
        Err(EngineError::DockerResponseServerError {
            status_code: 304 | 404,
            ..
        }) => Ok(()),
        other => other,
    }
}

/// Treats starting what runs as success.
fn or_started(result: Result<(), EngineError>) -> Result<(), EngineError> {
    match result {
        Err(EngineError::DockerResponseServerError {
            status_code: 304, ..
        }) => Ok(()),
        other => other,
    }
}

fn is_missing(error: &EngineError) -> bool {
    matches!(
        error,
        EngineError::DockerResponseServerError {
            status_code: 404,
            ..
        }
    )
}

/// Returns true if the name is taken.
fn is_conflict(error: &EngineError) -> bool {
    matches!(
        error,
        EngineError::DockerResponseServerError {
            status_code: 409,
            ..
        }
    )
}

/// Returns true if the engine is removing the container already.
fn is_being_removed(error: &EngineError) -> bool {
    matches!(
        error,
        EngineError::DockerResponseServerError { status_code: 409, message }
            if message.contains("already in progress")
    )
}

fn unreachable(
    endpoint: &Endpoint,
    error: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> Error {
    let message = format!(
        "cannot reach Docker at `{}` ({})",
        endpoint.url, endpoint.source
    );
    Error::new(Code::PlanDockerUnreachable, message)
        .help("start the engine (`systemctl start docker`, or Docker Desktop), or set `DOCKER_HOST` to another one")
        .cause(error)
}

/// Describes a call that the engine refused or did not answer.
fn refused(verb: &str, name: &str, error: EngineError) -> Error {
    match error {
        EngineError::DockerResponseServerError { message, .. } => {
            let message = message.trim();
            let error = Error::new(
                Code::ApplyRefused,
                format!("cannot {verb} `{name}`: {message}"),
            );
            let port = ["port is already allocated", "address already in use"];
            if port.iter().any(|text| message.contains(text)) {
                return error.help(
                    "stop the program that holds the port, or publish another port (`expose`)",
                );
            }
            if message.contains("address pool") {
                return error.help(
                    "remove unused networks (`docker network prune`), or add address pools \
                     (`default-address-pools` in the engine's configuration)",
                );
            }
            error
        }
        error => {
            let message = format!("cannot {verb} `{name}`: no response from the engine");
            Error::new(Code::PlanDockerUnreachable, message)
                .help("check that the engine is running, then run the command again")
                .cause(error)
        }
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use kcc_plan::Options;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::UnixListener,
    };

    use super::*;

    /// Starts a fake engine that refuses to remove a network with these users.
    async fn refusing(directory: &std::path::Path, users: &'static str) -> Client {
        let socket = directory.join("docker.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    let mut byte = [0; 1];
                    stream.read_exact(&mut byte).await.unwrap();
                    request.push(byte[0]);
                }
                let request = String::from_utf8(request).unwrap();
                let (status, body) = match request.as_str() {
                    info if info.contains("/info ") => ("200 OK", "{}".to_owned()),
                    removal if removal.starts_with("DELETE") => (
                        "403 Forbidden",
                        r#"{"message":"network shop-dev has active endpoints"}"#.to_owned(),
                    ),
                    _ => ("200 OK", format!(r#"{{"Containers":{{{users}}}}}"#)),
                };
                let length = body.len();
                let answer = format!(
                    "HTTP/1.1 {status}\r\nContent-Type: application/json\r\n\
                     Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
                );
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        let host = format!("unix://{}", socket.display());
        let options = Options {
            env: BTreeMap::from([("DOCKER_HOST".to_owned(), host)]),
            ..Options::default()
        };
        let endpoint = Endpoint::of(&options).unwrap();
        Client::connect(&endpoint).await.unwrap()
    }

    #[tokio::test]
    async fn leaves_a_network_with_a_stale_endpoint_behind() {
        let directory = tempfile::tempdir().unwrap();
        let client = refusing(directory.path(), "").await;
        let error = client.remove_network("shop-dev", "1").await.unwrap_err();
        assert_eq!(error.code, Code::ApplyLeftBehind);
        assert!(error.tolerable, "the rest is removed nevertheless");
        assert!(
            error
                .message
                .starts_with("network `shop-dev` is left behind: ")
        );
    }

    #[tokio::test]
    async fn names_the_users_of_a_network_that_cannot_be_removed() {
        let directory = tempfile::tempdir().unwrap();
        let client = refusing(directory.path(), r#""1f":{"Name":"mine"}"#).await;
        let error = client.remove_network("shop-dev", "1").await.unwrap_err();
        assert_eq!(error.code, Code::ApplyRefused);
        assert!(!error.tolerable);
        assert_eq!(
            error.message,
            "network `shop-dev` is in use by `mine`, which kcc does not manage"
        );
    }
}
