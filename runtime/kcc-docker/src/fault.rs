//! Injects faults into the containers of a copy, one call after the other. No record knows
//! of them: once one is over, the containers are what the last apply made.

use std::time::Duration;

use kcc_lower::{Desired, EngineDesired};
use kcc_plan::{Error, FaultAction, Options};

use crate::{client::Client, endpoint::Endpoint};

/// The time that a pause, or a lack of networks, lasts.
const MOMENT: Duration = Duration::from_secs(2);

/// Injects a fault into all containers of a component, sorted by name, and waits until it
/// is over.
pub async fn inject(
    desired: &Desired,
    options: &Options,
    component: &str,
    action: FaultAction,
) -> Result<(), Error> {
    let EngineDesired::Docker(docker) = &desired.engine else {
        return Ok(());
    };
    let client = Client::connect(&Endpoint::of(options)?).await?;
    let containers = docker.containers.iter();
    let own = containers.filter(|(_, one)| one.component == component && !one.on_demand);
    for (name, container) in own {
        match action {
            FaultAction::Kill => {
                client.kill(name).await?;
                client.start(name, name).await?;
            }
            FaultAction::Restart => {
                client.stop(name, name).await?;
                client.start(name, name).await?;
            }
            FaultAction::Pause => {
                if client.pause(name).await? {
                    tokio::time::sleep(MOMENT).await;
                    client.unpause(name, name).await?;
                }
            }
            FaultAction::Disconnect => {
                for network in container.networks.keys() {
                    client.disconnect(network, name).await?;
                }
                tokio::time::sleep(MOMENT).await;
                for (network, aliases) in &container.networks {
                    client.connect_network(network, name, aliases).await?;
                }
            }
        }
    }
    Ok(())
}
