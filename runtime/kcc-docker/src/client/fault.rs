//! The calls that disturb a container on purpose.

use bollard::{
    errors::Error as EngineError, models::NetworkDisconnectRequest,
    query_parameters::KillContainerOptions,
};
use kcc_plan::Error;

use super::{Client, is_missing, refused};

impl Client {
    /// Kills a container, unless it does not run.
    pub(crate) async fn kill(&self, name: &str) -> Result<(), Error> {
        let call = self
            .docker
            .kill_container(name, None::<KillContainerOptions>);
        match call.await {
            Err(EngineError::DockerResponseServerError {
                status_code: 409, ..
            }) => Ok(()),
            done => done.map_err(|error| refused("kill container", name, error)),
        }
    }

    /// Pauses a container; returns false if it does not run.
    pub(crate) async fn pause(&self, name: &str) -> Result<bool, Error> {
        match self.docker.pause_container(name).await {
            Err(EngineError::DockerResponseServerError {
                status_code: 409 | 500,
                ..
            }) => Ok(false),
            done => done
                .map(|()| true)
                .map_err(|error| refused("pause container", name, error)),
        }
    }

    /// Takes a container off a network, unless it is not on it.
    pub(crate) async fn disconnect(&self, network: &str, name: &str) -> Result<(), Error> {
        let request = NetworkDisconnectRequest {
            container: name.to_owned(),
            force: Some(true),
        };
        match self.docker.disconnect_network(network, request).await {
            Err(error) if is_missing(&error) => Ok(()),
            done => done.map_err(|error| refused("disconnect container", name, error)),
        }
    }
}
